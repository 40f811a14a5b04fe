"""What all endpoints share: where they stand, who signed the request, and what every answer carries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from strongroom.crypto import jwk
from strongroom.crypto.jwk import Jwk
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki.acme import config as configs
from strongroom.secrets.pki.acme import directory as directories
from strongroom.secrets.pki.acme import message as messages
from strongroom.secrets.pki.acme import nonce, records
from strongroom.secrets.pki.acme.directory import Directory
from strongroom.secrets.pki.acme.message import Message
from strongroom.secrets.pki.acme.problem import Problem, malformed
from strongroom.secrets.pki.acme.records import Account

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

JSON = "application/json"
SOON = ("Retry-After", "1")
"""The header that tells a client when to ask again for what is still under way."""
_UNSIGNED = frozenset({"header", "signatures"})


class Endpoint(Path):
    """A resource of a directory. Who may use it is decided by the protocol, not by a token."""

    unauthenticated = True
    sets_headers = frozenset({"replay-nonce", "link", "location", "retry-after"})
    issuer_ref: str = ""
    role: str = ""

    async def directory(self, pki: Pki, request: Request) -> Directory:
        """The directory that the resource belongs to."""
        return await directories.opened(pki, request, self.issuer_ref, self.role)


class Signed(Endpoint):
    """A resource that is asked for by a signed message."""

    signer: ClassVar[str] = "account"
    """Who signs: an ``account``, a ``key`` that comes along, or ``either``."""
    statuses: ClassVar[tuple[tuple[str, int, str], ...]] = (
        ("write", 400, "A problem document says what is wrong."),
    )

    protected: str = field("Protected header of the message, base64url.")
    payload: str = field("What is asked, base64url of JSON. Empty where something is only fetched.")
    signature: str = field("Signature of header and payload, base64url.")

    async def serve(
        self, pki: Pki, request: Request, act: Callable[[Caller], Awaitable[Response]]
    ) -> Response:
        """Answer a message, or the problem with it. A refused one leaves nothing but its nonce used."""
        directory: Directory | None = None
        try:
            directory = await self.directory(pki, request)
            response = await self._judged(pki, request, directory, act)
        except Problem as problem:
            response = problem.response
        if directory is not None:
            response.headers += [("Replay-Nonce", await nonce.fresh(request)), directory.index]
        return response

    async def _judged(
        self,
        pki: Pki,
        request: Request,
        directory: Directory,
        act: Callable[[Caller], Awaitable[Response]],
    ) -> Response:
        if not _UNSIGNED.isdisjoint(self.unknown):
            raise malformed("a message has one signature, and no header that it does not protect")
        message = messages.parse(self.protected, self.payload, self.signature)
        if message.url != f"{directory.base}/{request.relative}":
            raise Problem("unauthorized", "the url in the protected header is not that of the request")
        bad_nonce = Problem("badNonce", "invalid or reused nonce")
        accepted = await nonce.accept(request, pki.remembered, message.nonce)
        if accepted is None:
            raise bad_nonce
        key, account = await self._signer(request, directory, message)
        message.check(key)
        if not await nonce.use(request, pki.remembered, accepted):
            raise bad_nonce
        before = request.tx.savepoint()
        try:
            return await act(Caller(request, pki, directory, message, key, account))
        except Problem:
            request.tx.rollback(before)
            raise
        except BadRequest as error:
            request.tx.rollback(before)
            raise malformed(error.public) from None

    async def _signer(
        self, request: Request, directory: Directory, message: Message
    ) -> tuple[Jwk, Account | None]:
        if message.key is not None:
            if self.signer == "account":
                raise malformed("this resource is asked for by the kid of an account")
            return message.key, None
        if self.signer == "key":
            raise malformed("this resource is asked for by a jwk")
        account = await account_of(request, directory, message.kid)
        return jwk.restored(account.key), account


@dataclass(frozen=True, slots=True)
class Caller:
    """A request whose signature is good. ``account`` is None where only a key signed."""

    request: Request
    pki: Pki
    directory: Directory
    message: Message
    key: Jwk
    account: Account | None

    @property
    def known(self) -> Account:
        """The account that signed."""
        if self.account is None:
            raise AssertionError("an endpoint for accounts was reached by a key")
        return self.account

    def answer(self, document: dict[str, Any], *headers: tuple[str, str], status: int = 200) -> Response:
        """A document."""
        body = orjson.dumps(document)
        return Response(raw=body, content_type=JSON, status=status, headers=list(headers))


async def account_of(request: Request, directory: Directory, kid: str) -> Account:
    """The account of that address, in good standing. Raises Problem."""
    prefix, _, name = kid.rpartition("/")
    account = await records.accounts(request).get(name) if f"{prefix}/" == directory.account_url("") else None
    if account is None or account.directory != directory.path:
        raise Problem("accountDoesNotExist", "this directory has no account of that address")
    if account.status != records.VALID:
        raise Problem("unauthorized", f"the account is {account.status}")
    if directory.config.eab_policy == configs.ALWAYS_REQUIRED and not account.binding:
        raise Problem("externalAccountRequired", "accounts need an external account binding, this has none")
    return account


def everywhere(*paths: type[Endpoint]) -> tuple[type[Path], ...]:
    """Each of these paths, in every kind of directory."""
    return tuple(made for path in paths for made in below(path))


def below(path: type[Path]) -> tuple[type[Path], ...]:
    """A path and the same below a role, an issuer, and both."""
    return (path, *(_below(path, place) for place in _PLACES))


class OfRole(Path):
    """Below a role."""

    role: str = field("Name of the role that the directory goes by.")


class OfIssuer(Path):
    """Below an issuer."""

    issuer_ref: str = field("Name or ID of the issuer that signs, or 'default'.")


class OfIssuerAndRole(OfIssuer, OfRole):
    """Below a role of an issuer."""


_PLACES: tuple[tuple[str, type[Path]], ...] = (
    ("roles/{role}/", OfRole),
    ("issuer/{issuer_ref}/", OfIssuer),
    ("issuer/{issuer_ref}/roles/{role}/", OfIssuerAndRole),
)


def _below(path: type[Path], place: tuple[str, type[Path]]) -> type[Path]:
    prefix, fields = place
    about = {"pattern": prefix + path.pattern, "__doc__": path.__doc__, "__module__": path.__module__}
    return type(path.__name__ + fields.__name__, (fields, path), about)
