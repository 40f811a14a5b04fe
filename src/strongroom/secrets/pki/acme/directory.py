"""Directories: each is an ACME server of its own, for a role, an issuer, both or what is the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.crypto import base64url
from strongroom.errors import NotFound
from strongroom.secrets.pki.acme import config as configs
from strongroom.secrets.pki.acme.config import ANY, FORBID, AcmeConfig
from strongroom.secrets.pki.acme.problem import Problem, malformed
from strongroom.secrets.pki.reference import DEFAULT

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.pki.engine import Pki


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory that is open. ``role`` is the one it goes by, empty for what is asked for verbatim.

    ``issuer`` is the one that its address names, if it does. ``base`` is the mount's address.
    """

    base: str
    path: str
    issuer: str
    role: str
    config: AcmeConfig

    def url(self, rest: str) -> str:
        """The address of a resource below the directory."""
        return f"{self.base}/{self.path}/{rest}"

    @property
    def index(self) -> tuple[str, str]:
        """The header that leads back to the directory."""
        return ("Link", f'<{self.url("directory")}>;rel="index"')

    @property
    def key(self) -> str:
        """The name of the directory in keys of rows."""
        return base64url.encode(self.path.encode())

    def account_url(self, account: str) -> str:
        """The address of an account, by which it is known."""
        return self.url(f"account/{account}")

    def document(self) -> dict[str, Any]:
        """What clients read first."""
        return {
            "keyChange": self.url("key-change"),
            "meta": {"externalAccountRequired": self.config.eab_policy != configs.NOT_REQUIRED},
            "newAccount": self.url("new-account"),
            "newNonce": self.url("new-nonce"),
            "newOrder": self.url("new-order"),
            "revokeCert": self.url("revoke-cert"),
        }


def path_of(issuer: str, role: str) -> str:
    """The path, inside the mount, of the directory of an issuer and a role; empty where none is named."""
    return "/".join(
        part for part in (f"issuer/{issuer}" * bool(issuer), f"roles/{role}" * bool(role), "acme") if part
    )


async def opened(pki: Pki, request: Request, issuer: str, role: str) -> Directory:
    """The directory of an issuer and a role.

    Raises NotFound while ACME is off, and Problem for a directory that there is not or that is closed.
    """
    config = await configs.read(request)
    base = (await pki.config(request)).path
    if not config.enabled or not base:
        raise NotFound
    if not role and config.default_directory_policy == FORBID:
        raise Problem("serverInternal", "the default directory is closed; use that of a role", status=403)
    await _check(pki, request, config, issuer, role)
    return Directory(base.rstrip("/"), path_of(issuer, role), issuer, role or config.default_role, config)


async def _check(pki: Pki, request: Request, config: AcmeConfig, issuer: str, role: str) -> None:
    governing = role or config.default_role
    found = await pki.roles(request).get(governing) if governing else None
    if governing and found is None:
        raise malformed("role does not exist")
    if role and config.allowed_roles != [ANY] and role not in config.allowed_roles:
        raise malformed("the role is not one that ACME is allowed for")
    wanted = issuer or (found.issuer_ref if found is not None else DEFAULT)
    known = await pki.issuer_or_none(request, wanted)
    if known is None:
        raise malformed("issuer does not exist")
    if config.allowed_issuers != [ANY]:
        allowed = [await pki.issuer_or_none(request, name) for name in config.allowed_issuers]
        if known.id not in {one.id for one in allowed if one is not None}:
            raise malformed("the issuer is not one that ACME is allowed for")
