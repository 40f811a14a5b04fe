"""The SSH engine: its paths, and what it knows of callers."""

from __future__ import annotations

from typing import ClassVar

from strongroom.framework.backend import Backend
from strongroom.framework.record import stored
from strongroom.logical import Request
from strongroom.mount import Mount
from strongroom.secrets.ssh import issuer_paths, otp, signing
from strongroom.secrets.ssh.issuer import Signers
from strongroom.secrets.ssh.role import Role
from strongroom.secrets.ssh.role_paths import RolePath, Roles
from strongroom.secrets.ssh.ruling import Caller


class SSH(Backend):
    """Certificates for SSH users and hosts, and passwords that are good for one login."""

    type: ClassVar[str] = "ssh"
    paths = (
        issuer_paths.ConfigCA,
        issuer_paths.ConfigIssuers,
        otp.ZeroAddress,
        otp.Creds,
        signing.Issue,
        issuer_paths.IssuerPublicKey,
        issuer_paths.IssuerPath,
        issuer_paths.Issuers,
        issuer_paths.ImportIssuer,
        issuer_paths.ImportNamedIssuer,
        otp.Lookup,
        issuer_paths.PublicKey,
        Roles,
        RolePath,
        signing.Sign,
        otp.TidyDynamicKeys,
        otp.Verify,
    )
    leases = (otp.Unused,)
    roles = stored(Role, under="role/")

    def __init__(self, mount: Mount) -> None:
        super().__init__(mount)
        self.signers = Signers()

    async def caller(self, request: Request) -> Caller:
        """Who asks: the name of the token, and its entity."""
        entry = request.entry
        if entry is None or not entry.entity_id:
            return Caller("" if entry is None else entry.display_name)
        standing = await self.core.identity.standing(request, entry.entity_id)
        return Caller(entry.display_name, standing.identity or None)

    async def rest(self) -> None:
        """Let go of the keys that were read."""
        self.signers.forget()
