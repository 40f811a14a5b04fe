"""Certificates of keys: requests for them, and the chains that were issued."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate_chain
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import key as rows
from strongroom.secrets.transit.key import Key, Version
from strongroom.secrets.transit.ready import Ready

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit


class _Certified(Path):
    """A key that has certificates."""

    name: str = field("Name of the key.")
    version: int = field("Which version; 0 is the latest.")

    async def found(self, request: Request, what: str) -> tuple[Key, int, Version]:
        """The key, the number of the version that is meant, and its material. Raises BadRequest."""
        key = await rows.find(request, self.name)
        if key is None:
            raise BadRequest(f"key with provided name '{self.name}' not found")
        if key.kind.family not in ("rsa", "ec", "ed25519"):
            raise BadRequest(f"key type '{key.type}' does not support signing")
        if key.derived:
            raise BadRequest("operation not supported for keys with derivation enabled")
        number = self.version or key.latest
        if not max(key.min_decryption, key.oldest) <= number <= key.usable().latest:
            raise BadRequest(f"could not {what}: no such key version")
        return key, number, await rows.version(request, self.name, key, number)


class Csr(_Certified):
    """A request for a certificate."""

    pattern = "keys/{name}/csr"
    csr: str = field(
        "A request, PEM, from which subject and extensions are taken; without it there are none."
    )

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The request, signed by the key, PEM."""
        key, _, material = await self.found(request, "create the csr")
        private = Ready(key, material).private()
        if private is None:
            raise BadRequest("this version of the key has no private part")
        try:
            made = certificate_chain.request(private, self.csr)  # type: ignore[arg-type]  # one that can
        except ValueError as error:
            raise BadRequest(str(error)) from None
        return {"name": self.name, "type": key.type, "csr": made}


class SetCertificate(_Certified):
    """The certificates of a key."""

    pattern = "keys/{name}/set-certificate"
    certificate_chain: str = field("The certificate of the key, and behind it those that issued it, PEM.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """Keep certificates, of which the first is one of this key and each was issued by the next."""
        key, number, material = await self.found(request, "set the certificate chain")
        try:
            chain = certificate_chain.chain(self.certificate_chain)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        if not certificate_chain.certifies(chain[0], Ready(key, material).public()):  # type: ignore[arg-type]
            raise BadRequest("the first certificate of the chain is not one of this key")
        if not certificate_chain.linked(chain):
            raise BadRequest("the certificates of the chain were not issued each by the next")
        rows.put_changed(request, self.name, key, number, replace(material, chain=chain))
        return {"name": self.name, "type": key.type, "certificate_chain": self.certificate_chain}


PATHS: tuple[type[Path], ...] = (Csr, SetCertificate)
