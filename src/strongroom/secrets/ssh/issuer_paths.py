"""The paths of issuers, and of the older form in which there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import ssh_key
from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.ssh import issuer as issuers
from strongroom.secrets.ssh.issuer import DEFAULT, Issuer, Submission

if TYPE_CHECKING:
    from strongroom.secrets.ssh.engine import SSH

_KNOWN = "There is an issuer with this key; nothing was changed."


class IssuerFields(Path):
    """A key that signs: given as a pair, or generated here."""

    public_key: str = field("Public half of a key of one's own, as OpenSSH writes it, one line.")
    private_key: str = field(
        "The key itself, in the form of OpenSSH or PEM, without a passphrase.", sensitive=True
    )
    generate_signing_key: bool = field("Generate the key; so it is where none is given.", default=True)
    key_type: str = field(
        "Type of a generated key: ssh-rsa, ec, ecdsa-sha2-nistp256, -nistp384, -nistp521 or ed25519.",
        default="ssh-rsa",
    )
    key_bits: int = field("Bits of a generated key: of RSA 2048, 3072 or 4096, of EC 256, 384 or 521.")

    async def _submit(self, request: Request, name: str, *, default: bool) -> Response:
        """Store what was submitted; a key that is known already stays as it is."""
        generate = self.generate_signing_key if "generate_signing_key" in self.given else None
        submitted = Submission(self.public_key, self.private_key, generate, self.key_type, self.key_bits)
        key, line = await submitted.key(request)
        known = await issuers.by_key(request, ssh_key.public_of(key))
        if known is not None:
            return Response(data=known.described(), warnings=[_KNOWN])
        issuer = await issuers.add(request, name, key, line)
        if default:
            issuers.set_default(request, issuer)
        return Response(data=issuer.described())


class ConfigCA(IssuerFields):
    """The default issuer, in the form from before there could be several."""

    pattern = "config/ca"
    reader_safe = True
    issuer_name: str = field("Name for the new issuer.")

    async def read(self, engine: SSH, request: Request) -> dict[str, Any]:
        """The default issuer."""
        return (await issuers.find(request, DEFAULT)).described()

    async def write(self, engine: SSH, request: Request) -> Response:
        """Add an issuer and make it the default one. Others stay."""
        return await self._submit(request, self.issuer_name, default=True)

    async def delete(self, engine: SSH, request: Request) -> Response:
        """Delete all issuers with their keys. What they signed stays valid until it ends."""
        names = await issuers.issuers(request).list()
        for name in names:
            await issuers.remove(request, await issuers.find(request, name))
        told = f"{len(names)} issuers were deleted; there is no default one any more."
        return Response(warnings=[told] if names else [])


class ConfigIssuers(Path):
    """Which issuer signs where a role names none."""

    pattern = "config/issuers"
    reader_safe = True
    default: str = field("ID or name of the issuer.")

    async def read(self, engine: SSH, request: Request) -> dict[str, str]:
        """The ID of the default issuer."""
        return {"default": await issuers.default_id(request)}

    async def write(self, engine: SSH, request: Request) -> Response:
        """Set the default issuer."""
        if self.default in {"", DEFAULT}:
            raise BadRequest("invalid issuer specification; must be non-empty and can't be 'default'.")
        try:
            issuer = await issuers.find(request, self.default)
        except BadRequest as error:
            raise BadRequest(multierror(f"error resolving issuer reference: {error.public}")) from None
        try:
            before = await issuers.default_id(request)
        except BadRequest:
            before = ""
        issuers.set_default(request, issuer)
        told = f"The default issuer is now {issuer.id}; it was {before}."
        return Response(data={"default": issuer.id}, warnings=[told] if before not in {"", issuer.id} else [])


class Issuers(Path):
    """The issuers there are."""

    pattern = "issuers/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True)

    async def list(self, engine: SSH, request: Request) -> dict[str, Any] | None:
        """IDs, and in ``key_info`` name, public key, and whether it is the default."""
        ids = await issuers.issuers(request).list("", self.after, self.limit)
        if not ids:
            return None
        try:
            default = await issuers.default_id(request)
        except BadRequest:
            default = ""
        found = [await issuers.find(request, one) for one in ids]
        return {"keys": ids, "key_info": {issuer.id: _told(issuer, default) for issuer in found}}


def _told(issuer: Issuer, default: str) -> dict[str, Any]:
    shown = issuer.described()
    del shown["issuer_id"]
    return shown | {"is_default": issuer.id == default}


class ImportIssuer(IssuerFields):
    """A further issuer."""

    pattern = "issuers/import"
    issuer_name: str = field("Name for the issuer.")
    set_default: bool = field("Make it the default one.")

    async def write(self, engine: SSH, request: Request) -> Response:
        """Add an issuer, given or generated."""
        return await self._submit(request, self.issuer_name, default=self.set_default)


class ImportNamedIssuer(IssuerFields):
    """A further issuer, with its name."""

    pattern = "issuers/import/{issuer_name}"
    issuer_name: str = field("Name for the issuer.")
    set_default: bool = field("Make it the default one.")

    async def write(self, engine: SSH, request: Request) -> Response:
        """Add an issuer, given or generated, under a name."""
        return await self._submit(request, self.issuer_name, default=self.set_default)


class IssuerPath(Path):
    """An issuer."""

    pattern = "issuer/{issuer_ref}"
    reader_safe = True
    issuer_ref: str = field("ID or name of the issuer, or default.")
    issuer_name: str = field("Another name for it; left out, the name is taken away.")

    async def read(self, engine: SSH, request: Request) -> dict[str, Any]:
        """ID, name and public key."""
        return (await issuers.find(request, self.issuer_ref)).described()

    async def write(self, engine: SSH, request: Request) -> dict[str, Any]:
        """Set the name."""
        issuer = await issuers.find(request, self.issuer_ref)
        if "issuer_name" in self.given and not self.issuer_name:
            raise BadRequest("expected non-empty issuer name")
        await issuers.rename(request, issuer, self.issuer_name)
        return issuer.described()

    async def delete(self, engine: SSH, request: Request) -> Response:
        """Delete the issuer with its key. What it signed stays valid until it ends."""
        try:
            issuer = await issuers.find(request, self.issuer_ref)
        except BadRequest:
            return Response()
        was_default = await issuers.remove(request, issuer)
        told = f"Issuer {issuer.id} was the default one; there is none now, until one is set."
        return Response(warnings=[told] if was_default else [])


def _raw(issuer: Issuer) -> Response:
    return Response(raw=issuer.public_key.encode(), content_type="text/plain")


class IssuerPublicKey(Path):
    """The public key of an issuer, for machines that are to trust it. Needs no token."""

    pattern = "issuer/{issuer_ref}/public_key"
    unauthenticated = True
    reader_safe = True
    issuer_ref: str = field("ID or name of the issuer, or default.")

    async def read(self, engine: SSH, request: Request) -> Response:
        """The key as one line of text."""
        return _raw(await issuers.find(request, self.issuer_ref))


class PublicKey(Path):
    """The public key of the default issuer, for machines that are to trust it. Needs no token."""

    pattern = "public_key"
    unauthenticated = True
    reader_safe = True

    async def read(self, engine: SSH, request: Request) -> Response:
        """The key as one line of text."""
        return _raw(await issuers.find(request, DEFAULT))
