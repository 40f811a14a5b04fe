"""Signing certificates: for a key of the caller's, or for one that is made with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from strongroom.crypto import ssh_key
from strongroom.crypto.entropy import random_bytes
from strongroom.crypto.ssh_certificate import Certificate
from strongroom.crypto.ssh_key import BadKey
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, Mapped, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.ssh import issuer as issuers
from strongroom.secrets.ssh.role import Role, options
from strongroom.secrets.ssh.ruling import Bounds, Wish, rule

if TYPE_CHECKING:
    from strongroom.secrets.ssh.engine import SSH


class CertificateFields(Path):
    """What may be asked of a certificate."""

    ttl: Duration = field("How long it is valid, in seconds or as 1h.")
    valid_principals: str = field(
        "The users or hosts that it is for, with commas; where nothing is said, the role's default users."
    )
    cert_type: str = field("user or host.", default="user")
    key_id: str = field("What servers show of it in their logs, where the role allows a choice.")
    critical_options: Mapped = field("Critical options: what the certificate forbids.")
    extensions: Mapped = field("Extensions: what the certificate allows.")

    def _wish(self, key: ssh_key.PublicKey) -> Wish:
        return Wish(
            key,
            self.cert_type,
            self.valid_principals,
            self.key_id,
            self.ttl if "ttl" in self.given else None,
            options(self.critical_options, "critical_options"),
            options(self.extensions, "extensions"),
        )

    async def _signed(
        self, engine: SSH, request: Request, name: str, role: Role, key: ssh_key.PublicKey
    ) -> tuple[dict[str, Any], list[str]]:
        """The certificate as it is answered, and warnings. Raises BadRequest."""
        caller = await engine.caller(request)
        bounds = Bounds(*engine.core.ttls(engine.mount))
        serial = int.from_bytes(random_bytes(8), "big")
        certificate, warnings = rule(
            role, self._wish(key), caller, bounds, name=name, now=request.now, serial=serial
        )
        issuer = await issuers.find(request, role.issuer_ref)
        line = await _sign(engine, issuer, certificate, role)
        data = {"issuer_id": issuer.id, "serial_number": f"{serial:x}", "signed_key": line + "\n"}
        return data, warnings


async def _sign(engine: SSH, issuer: issuers.Issuer, certificate: Certificate, role: Role) -> str:
    """RSA takes milliseconds and lets others run meanwhile; other keys are as fast as a thread is."""
    algorithm = "" if role.algorithm_signer == "default" else role.algorithm_signer
    key = engine.signers.of(issuer)
    try:
        if issuer.public_key.startswith("ssh-rsa"):
            return await asyncio.to_thread(certificate.sign, key, algorithm)
        return certificate.sign(key, algorithm)
    except ValueError:
        raise BadRequest(f"the key of the issuer does not sign by {algorithm}") from None


class Sign(CertificateFields):
    """A certificate for a key that the caller has."""

    pattern = "sign/{role@}"
    looks_up = True
    role: str = field("Name of the role.")
    public_key: str = field("The public key, as in id_ed25519.pub.")

    async def write(self, engine: SSH, request: Request) -> Response:
        """Sign. Answers ``signed_key``, a line for a file beside the key, and ``serial_number``."""
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest(f"Unknown role: {self.role}")
        if not self.public_key.strip():
            raise BadRequest("missing public_key")
        try:
            key = ssh_key.read_public(self.public_key)
        except BadKey as error:
            raise BadRequest(f"failed to parse public_key as SSH key: {error}") from None
        data, warnings = await self._signed(engine, request, self.role, role, key)
        return Response(data=data, warnings=warnings)


class Issue(CertificateFields):
    """A certificate with a new key."""

    pattern = "issue/{role@}"
    looks_up = True
    role: str = field("Name of the role.")
    key_type: str = field("Type of the key: rsa, ec or ed25519.", default="rsa")
    key_bits: int = field("Bits of the key: of RSA 2048, 3072 or 4096, of EC 256, 384 or 521.")

    async def write(self, engine: SSH, request: Request) -> Response:
        """Make a key and sign it. The key is nowhere but in the answer."""
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest(f"unknown role: {self.role}")
        if role.key_type != "ca":
            raise BadRequest(f"role key type '{role.key_type}' not allowed to issue key pairs")
        try:
            private = await issuers.drawn(request, self.key_type, self.key_bits)
        except BadKey as error:
            raise BadRequest(str(error)) from None
        key = ssh_key.public_of(private)
        data, warnings = await self._signed(engine, request, self.role, role, key)
        data |= {"private_key": ssh_key.handed_out(private), "private_key_type": self.key_type}
        return Response(data=data, warnings=warnings)
