"""Named keys: what signs identity tokens, and for how long the public halves stay published.

A key has two private halves: the one that signs, and the one that will sign next, which is published
already so that whoever caches the keys knows it in time. At a rotation the second takes over, a third
is made, and of the first only the public half is kept until no token that it signed can still be valid.

The engine asks to be woken when a rotation is due. Nothing depends on that it is woken in time: what is
published follows from the row and the time alone, and whoever signs first writes the rotation down. So
nothing is ever signed by a key whose time is over.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.crypto import jws
from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest
from strongroom.framework.record import stored
from strongroom.identity.oidc.always import including
from strongroom.logical import SECOND

if TYPE_CHECKING:
    from strongroom.logical import Request

DAY = 86_400
DEFAULT = "default"
"""The key that is always there."""
ALL = "*"
"""In a list of client IDs: every one."""
ROLE, CLIENT = "role", "client"


@dataclass(slots=True)
class Pair:
    """A private key with its ID."""

    kid: str
    algorithm: str
    private: bytes = item(repr=False)

    def public(self) -> bytes:
        """The public half, DER."""
        return jws.public_half(self.private)


@dataclass(slots=True)
class Published:
    """A public key that verifies what was signed once. ``until`` is nanoseconds since the epoch."""

    kid: str
    algorithm: str
    public: bytes
    until: int


@dataclass(slots=True)
class NamedKey:
    """A named key. Durations are seconds, times nanoseconds since the epoch.

    ``signing`` and ``next`` are None as long as nothing refers to the key that is always there.
    """

    algorithm: str = "RS256"
    rotation_period: int = DAY
    verification_ttl: int = DAY
    allowed_client_ids: list[str] = item(default_factory=list)
    signing: Pair | None = None
    next: Pair | None = None
    rotate_at: int = 0
    retired: list[Published] = item(default_factory=list)

    def allows(self, client_id: str) -> bool:
        """Whether the key may sign for a client."""
        return client_id in self.allowed_client_ids or ALL in self.allowed_client_ids

    def due(self, now: int) -> bool:
        """Whether the time of the signing key is over."""
        return self.signing is not None and now >= self.rotate_at

    def published(self, now: int) -> list[Published]:
        """The public keys by which tokens of this key are verified now."""
        if self.signing is None or self.next is None:
            return []
        until = self.rotate_at + self.verification_ttl * SECOND
        current = Published(self.signing.kid, self.signing.algorithm, self.signing.public(), until)
        coming = Published(self.next.kid, self.next.algorithm, self.next.public(), 0)
        old = [one for one in (current, *self.retired) if one.until > now]
        return [coming, *old]

    def rotated(self, fresh: Pair, now: int, verification_ttl: int | None = None) -> NamedKey:
        """The key after a rotation: the one that was next signs, ``fresh`` is next.

        The old one ended when its time was over, or ends now. From then on its public half stays for
        ``verification_ttl`` seconds, those of the key where none are given.
        """
        if self.signing is None:
            raise ValueError("a key without halves cannot be rotated")
        ttl = self.verification_ttl if verification_ttl is None else verification_ttl
        ended = min(now, self.rotate_at)
        old = Published(self.signing.kid, self.signing.algorithm, self.signing.public(), ended + ttl * SECOND)
        return replace(
            self,
            signing=self.next,
            next=fresh,
            rotate_at=now + self.rotation_period * SECOND,
            retired=[one for one in (old, *self.retired) if one.until > now],
        )

    def kids(self) -> dict[str, None]:
        """IDs of all its keys, published or waiting."""
        halves = [pair.kid for pair in (self.signing, self.next) if pair is not None]
        return dict.fromkeys([*halves, *(one.kid for one in self.retired)])


_ROWS = stored(NamedKey, under="oidc/key/")
_KIDS = "oidc/kid/"
_USES = "oidc/key-use/"
WAKE = "oidc-key/"
"""What a wake for the rotation of a key begins with."""


async def make_pair(request: Request, algorithm: str, place: str) -> Pair:
    """A new key, made once for each place however often the request runs; slow ones in a thread."""
    wanted = ("oidc key", algorithm, place)
    if wanted not in request.once:
        slow = jws.is_slow(algorithm)
        private = await asyncio.to_thread(jws.generate, algorithm) if slow else jws.generate(algorithm)
        request.once[wanted] = Pair(uuid4_str(), algorithm, private)
    pair: Pair = request.once[wanted]
    return pair


# -- rows ----------------------------------------------------------------------------------------------


async def find(request: Request, name: str) -> NamedKey | None:
    """The key of a name. The default one is there also before anything is stored of it."""
    found = await _ROWS(request).get(name)
    if found is None and name == DEFAULT:
        return NamedKey(allowed_client_ids=[ALL])
    return found


async def names(request: Request, after: str, limit: int) -> list[str]:
    """Names of the keys, in order."""
    return including(await _ROWS(request).list("", after, limit), DEFAULT, after, limit)


def put(request: Request, name: str, key: NamedKey, before: NamedKey | None) -> None:
    """Store a key, rows that lead to it from the IDs of its keys, and when it wants to be rotated."""
    _ROWS(request).put(name, key)
    old, new = {} if before is None else before.kids(), key.kids()
    for kid in old.keys() - new.keys():
        request.view.delete(_KIDS + kid)
    for kid in new.keys() - old.keys():
        request.view.put(_KIDS + kid, name.encode())
    if before is not None and before.rotate_at and before.rotate_at != key.rotate_at:
        request.let_sleep(before.rotate_at, WAKE + name)
    if key.rotate_at and (before is None or before.rotate_at != key.rotate_at):
        request.wake_at(key.rotate_at, WAKE + name)


def delete(request: Request, name: str, key: NamedKey) -> None:
    """Forget a key: nothing that it signed can be verified any more."""
    _ROWS(request).delete(name)
    for kid in key.kids():
        request.view.delete(_KIDS + kid)
    if key.rotate_at:
        request.let_sleep(key.rotate_at, WAKE + name)


async def woken(request: Request, name: str) -> None:
    """Rotate a key whose time is over, unless that has been done."""
    if await _ROWS(request).get(name) is not None:
        await ready(request, name)


async def ready(request: Request, name: str) -> NamedKey:
    """The key, able to sign: with its halves made, and rotated if its time is over. The request must write.

    Raises BadRequest for a name that no key has.
    """
    before = await find(request, name)
    if before is None:
        raise BadRequest(f'no named key found at "{name}"')
    key = before
    if key.signing is None:
        key = await with_new_halves(request, key)
    elif key.due(request.now):
        key = key.rotated(await make_pair(request, key.algorithm, "next"), request.now)
    if key is not before:
        put(request, name, key, before)
    return key


async def with_new_halves(request: Request, key: NamedKey) -> NamedKey:
    """The key with two new halves; what its old one signed stays verifiable as long as it said."""
    fresh = replace(
        key,
        signing=await make_pair(request, key.algorithm, "signing"),
        next=await make_pair(request, key.algorithm, "next"),
        rotate_at=request.now + key.rotation_period * SECOND,
    )
    if key.signing is not None:
        ended = key.rotated(key.signing, request.now)
        fresh.retired = ended.retired
    return fresh


def sign(key: NamedKey, claims: dict[str, Any]) -> str:
    """Claims as a token of a key that is ready."""
    if key.signing is None:
        raise ValueError("a key without halves cannot sign")
    return jws.sign(key.signing.algorithm, key.signing.kid, key.signing.private, claims)


async def by_kid(request: Request, kid: str) -> Published | None:
    """The published key of an ID, or None."""
    blob = await request.view.get(_KIDS + kid) if kid.isprintable() and 0 < len(kid) <= 64 else None
    key = None if blob is None else await find(request, blob.decode())
    found = [] if key is None else key.published(request.now)
    return next((one for one in found if one.kid == kid), None)


def jwks(keys: list[NamedKey], now: int) -> dict[str, Any]:
    """The document in which others look for the public keys."""
    return {
        "keys": [jws.jwk(one.algorithm, one.kid, one.public) for key in keys for one in key.published(now)]
    }


# -- who refers to a key -------------------------------------------------------------------------------


def use(request: Request, name: str, kind: str, user: str) -> None:
    """Note that a role or a client refers to a key."""
    request.view.mark(f"{_USES}{name}/{kind}/{user}")


def release(request: Request, name: str, kind: str, user: str) -> None:
    """Note that it does so no longer."""
    request.view.delete(f"{_USES}{name}/{kind}/{user}")


async def users(request: Request, name: str, kind: str) -> list[str]:
    """Names of the roles or clients that refer to a key."""
    return await request.view.list(f"{_USES}{name}/{kind}/")


async def used_by(request: Request, kind: str) -> list[str]:
    """Names of the keys that any role, or any client, refers to."""
    folders = [folder.rstrip("/") for folder in await request.view.list(_USES)]
    return [name for name in folders if await request.view.list(f"{_USES}{name}/{kind}/", "", 1)]
