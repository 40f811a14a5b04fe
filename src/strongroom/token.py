"""Tokens: what a caller holds, and the row that stands for it."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom import codec, router
from strongroom.crypto.digest import HmacSha256
from strongroom.crypto.entropy import ORDER, ordered, random_bytes
from strongroom.errors import BadRequest, Internal, PermissionDenied, Sealed, multierror
from strongroom.framework.token_fields import within
from strongroom.logical import ENDING, ROOT, ROOT_ID, SECOND, Request, home_of, prefix_of

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction


@dataclass(slots=True)
class TokenEntry:
    """The row of a token. Times are nanoseconds since the epoch, durations seconds.

    ``key`` is the keyed hash under which the row stands; the token itself is not kept.
    ``expire_time`` 0 means never. ``num_uses`` 0 means unlimited. ``audit`` caches, per audit
    device, the hashes of the token and the accessor that every line of this token carries.
    ``identity_policies`` are those of its entity when it was last looked at; they are not stored.
    """

    key: str
    accessor: str
    policies: list[str]
    path: str
    display_name: str = ""
    meta: dict[str, str] | None = None
    type: str = "service"
    parent: str = ""
    num_uses: int = 0
    creation_time: int = 0
    last_renewal: int = 0
    expire_time: int = 0
    ttl: int = 0
    max_ttl: int = 0
    explicit_max_ttl: int = 0
    period: int = 0
    renewable: bool = True
    role: str = ""
    entity_id: str = ""
    bound_cidrs: list[str] = field(default_factory=list)
    namespace_id: str = "root"
    no_identity_policies: bool = False
    identity_policies: list[str] = field(default_factory=list)
    inline_policy: str = ""
    internal: dict[str, Any] = field(default_factory=dict)
    audit: dict[str, Any] = field(default_factory=dict)

    @property
    def orphan(self) -> bool:
        """Whether no other token's revocation takes this one along."""
        return not self.parent

    @property
    def granted(self) -> int:
        """The seconds that it was given when it was made or last renewed."""
        return max(self.expire_time - (self.last_renewal or self.creation_time), 0) // SECOND

    @property
    def lease_id(self) -> str:
        """The lease that ends this token."""
        return f"{self.path}/{self.key}"


SERVICE_PREFIX, BATCH_PREFIX, RECOVERY_PREFIX = "srs.", "srb.", "srr."
FOREIGN_PREFIXES = ("s.", "b.", "r.", "hvs.", "hvb.", "hvr.", SERVICE_PREFIX, BATCH_PREFIX, RECOVERY_PREFIX)
TOKEN_LENGTH = 28
_TIME = slice(len(SERVICE_PREFIX), len(SERVICE_PREFIX) + ORDER)
DOMAIN = "token"
"""The cache domain that a change of an existing token touches."""

_encode = msgspec.json.Encoder().encode
_BATCH_PLACE = "sys/token/batch"
_CACHE_SIZE = 10_000
_BREATH = 256
"""After how many tokens of a tree that is revoked other requests get their turn."""


class Tokens:
    """Makes, finds, renews and revokes tokens. IDs are stored only as keyed hashes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._cache: dict[str, tuple[bytes, TokenEntry]] = {}
        self._generation = -1
        self._hash: HmacSha256 | None = None
        self._decoder = msgspec.json.Decoder(TokenEntry)

    async def unsealed(self, tx: Transaction) -> None:
        """Read the salt, making it on the first unseal."""
        view = self._core.view(tx, "sys/token/")
        salt = await view.get("salt")
        if salt is None:
            salt = random_bytes(32)
            view.put("salt", salt)
        self._hash = HmacSha256(salt)

    def sealed(self) -> None:
        """Forget the salt and all that is cached."""
        self._hash = None
        self._cache.clear()

    def key(self, token: str) -> str:
        """The name under which the row of a token stands.

        It ends as the token does, so that it tells the namespace. That of a token made here begins with
        the token's time, so that the rows of tokens of one time stand together.
        """
        key = self.digest(token)
        if token.startswith(SERVICE_PREFIX) and token[_TIME].isalnum():
            key = token[_TIME] + key
        return key + token[ENDING.start :] if token[ENDING] == "." else key

    def _accessor_row(self, accessor: str) -> str:
        time = accessor[:ORDER]
        return f"accessor/{time if time.isalnum() else ''}{self.key(accessor)}"

    def digest(self, text: str) -> str:
        """The keyed hash of something that is not kept as it is."""
        if self._hash is None:
            raise Sealed
        return "h" + self._hash.hexdigest(text.encode())

    def _view(self, tx: Transaction, home: str) -> View:
        return self._core.view(tx, f"{prefix_of(home)}sys/token/")

    # -- finding ---------------------------------------------------------------------------

    async def lookup(self, request: Request, token: str) -> TokenEntry | None:
        """The live entry of a token, or None. It may be of any namespace that is not deleted."""
        if not token:
            return None
        if token[ENDING] == "." and not await self._core.namespaces.by_id(request.tx, home_of(token)):
            return None
        started = perf_counter()
        if token.startswith(BATCH_PREFIX):
            entry = await self._open_batch(request, token)
        else:
            entry = _live(await self._service(request, self.key(token)), request.now)
        self._core.measures.lookups.add((perf_counter() - started) * 1000)
        return entry

    async def _service(self, request: Request, key: str) -> TokenEntry | None:
        """The entry under a key, expired or not, from the cache where it still holds.

        A request that writes watches the row in any case: then its commit fails when the token was
        revoked meanwhile, and nothing it made (a child, a lease) can outlive the token.
        """
        tx, core = request.tx, self._core
        generation = core.store.generation(DOMAIN)
        if generation != self._generation:
            self._cache.clear()
            self._generation = generation
        kept = self._cache.get(key)
        if kept is not None and not tx.writable:
            return kept[1]
        place = f"{prefix_of(home_of(key))}sys/token/id/{key}"
        if kept is not None and not core.store.pending(DOMAIN):
            tx.watch(place)
            return kept[1]
        row = await tx.get(place)
        if row is None:
            return None
        if kept is not None and kept[0] == row:
            return kept[1]
        entry = self._decoder.decode(core.barrier.decrypt(place, row))
        if not entry.num_uses and tx.clean and tx.index >= core.store.generation(DOMAIN):
            self._remember(key, row, entry)
        return entry

    def _remember(self, key: str, row: bytes, entry: TokenEntry) -> None:
        if len(self._cache) >= _CACHE_SIZE:
            self._cache.clear()
        self._cache[key] = row, entry

    async def row(self, tx: Transaction, key: str) -> TokenEntry | None:
        """The stored entry under a key, expired or not."""
        blob = await self._view(tx, home_of(key)).get("id/" + key)
        return None if blob is None else self._decoder.decode(blob)

    async def by_accessor(self, request: Request, accessor: str) -> TokenEntry | None:
        """The live entry whose accessor this is. Raises BadRequest for one of another namespace."""
        if home_of(accessor) != request.namespace.id:
            raise BadRequest(multierror("cannot lookup token in different namespace"))
        view = self._view(request.tx, request.namespace.id)
        blob = await view.get(self._accessor_row(accessor))
        if blob is None:
            return None
        return _live(await self.row(request.tx, codec.decode(blob)["key"]), request.now)

    async def accessors(self, request: Request) -> list[str]:
        """All accessors of the namespace."""
        view = self._view(request.tx, request.namespace.id)
        blobs = [await view.get("accessor/" + name) for name in await view.list("accessor/")]
        return [codec.decode(blob)["accessor"] for blob in blobs if blob is not None]

    async def of_entity(self, request: Request, entity_id: str, limit: int = -1) -> list[str]:
        """Keys of the service tokens that were issued to an entity."""
        return await self._view(request.tx, request.namespace.id).list(f"entity/{entity_id}/", "", limit)

    # -- making ----------------------------------------------------------------------------

    def issue(self, request: Request, entry: TokenEntry, token: str = "") -> str:
        """Store a new token of the request's namespace and everything that indexes it; gives the token.

        ``token`` is a custom ID. A batch token is not stored: it carries its entry, sealed.
        """
        home = request.namespace
        if entry.type == "batch":
            return self._seal_batch(entry) + home.ending
        fresh = ordered(request.now, TOKEN_LENGTH - len(SERVICE_PREFIX))
        token = token or SERVICE_PREFIX + fresh + home.ending
        entry.key = self.key(token)
        entry.accessor = entry.accessor or ordered(request.now, 24) + home.ending
        view = self._view(request.tx, home.id)
        self._put(view, entry)
        accessor_row = {"accessor": entry.accessor, "key": entry.key}
        view.put(self._accessor_row(entry.accessor), codec.encode(accessor_row))
        if entry.parent:
            self._view(request.tx, home_of(entry.parent)).mark(f"parent/{entry.parent}/{entry.key}")
        if entry.entity_id:
            view.mark(f"entity/{entry.entity_id}/{entry.key}")
        if entry.expire_time:
            self._core.leases.register_token(request, entry)
        return token

    def _put(self, view: View, entry: TokenEntry) -> None:
        if entry.audit or entry.identity_policies:
            entry = replace(entry, audit={}, identity_policies=[])
        view.put("id/" + entry.key, _encode(entry))

    def update(self, request: Request, entry: TokenEntry) -> None:
        """Store a changed entry of an existing token."""
        self._put(self._view(request.tx, home_of(entry.key)), entry)
        if not entry.num_uses:  # those with a count are never cached
            request.tx.touch(DOMAIN)

    def _seal_batch(self, entry: TokenEntry) -> str:
        sealed = self._core.barrier.encrypt(_BATCH_PLACE, msgspec.json.encode(entry))
        return BATCH_PREFIX + urlsafe_b64encode(sealed).rstrip(b"=").decode()

    async def _open_batch(self, request: Request, token: str) -> TokenEntry | None:
        """What a batch token carries, unless it has ended or the token that made it is gone."""
        text, _, home = token.removeprefix(BATCH_PREFIX).partition(".")
        try:
            blob = self._core.barrier.decrypt(_BATCH_PLACE, urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        except (ValueError, Internal):
            return None
        entry = _live(self._decoder.decode(blob), request.now)
        if entry is None or entry.namespace_id != (home or ROOT.id):
            return None
        if not entry.parent:
            return entry
        parent = _live(await self._service(request, entry.parent), request.now)
        return None if parent is None else entry

    # -- changing --------------------------------------------------------------------------

    def renewed(self, request: Request, entry: TokenEntry, ttl: int) -> TokenEntry:
        """Give a token ``ttl`` more seconds from now; stores it and moves its lease."""
        fresh = replace(entry, last_renewal=request.now, expire_time=request.now + ttl * SECOND, audit={})
        self._core.leases.move_token(request, entry, fresh)
        self.update(request, fresh)
        return fresh

    async def revoke_tree(self, request: Request, *keys: str, ended: bool = False) -> int:
        """Revoke tokens and all their descendants, with their leases; gives how many went.

        With ``ended`` those of ``keys`` that live on are left alone. Everything is read before the first row
        is deleted, since a listing costs more the more its transaction has written.
        """
        doomed: dict[str, _Remains] = {}
        waiting = list(keys)
        spared = set(keys) if ended else set()
        while waiting:
            key = waiting.pop()
            if key in doomed:
                continue
            remains = await self._remains(request, key)
            if key in spared and _live(remains.entry, request.now) is not None:
                continue
            doomed[key] = remains
            spared.difference_update(remains.children)
            waiting.extend(remains.children)
            if not len(doomed) % _BREATH:
                await asyncio.sleep(0)
        for key, remains in doomed.items():
            self._remove(request, key, remains)
        return sum(remains.entry is not None for remains in doomed.values())

    async def revoke_orphan(self, request: Request, key: str) -> None:
        """Revoke one token; its children live on without a parent."""
        view = self._view(request.tx, home_of(key))
        for child_key in await view.list(f"parent/{key}/"):
            child = await self.row(request.tx, child_key)
            if child is not None:
                self.update(request, replace(child, parent=""))
        self._remove(request, key, await self._remains(request, key))

    async def tidy(self, request: Request) -> None:
        """Remove accessor and parent rows whose token is gone."""
        view = self._view(request.tx, request.namespace.id)
        for name in await view.list("accessor/"):
            blob = await view.get("accessor/" + name)
            if blob is not None and await view.get("id/" + codec.decode(blob)["key"]) is None:
                view.delete("accessor/" + name)
        for row in await view.scan("parent/"):
            if await self.row(request.tx, row.partition("/")[2]) is None:
                view.delete("parent/" + row)

    def note_cubbyhole(self, request: Request) -> None:
        """Note that a token keeps something in the cubbyhole of another namespace than its own."""
        key, here = request.entry.key, request.namespace.id
        if home_of(key) != here:
            self._view(request.tx, home_of(key)).mark(f"hole/{key}/{here}")

    async def leave_cubbyhole(self, tx: Transaction, key: str, where: str) -> None:
        """Delete what a token keeps in the cubbyhole of a namespace."""
        cubbyhole = self._core.cubbyhole(tx, where)
        for name in await cubbyhole.scan(f"{key}/"):
            cubbyhole.delete(f"{key}/{name}")
        self._view(tx, home_of(key)).delete(f"hole/{key}/{where}")

    async def _remains(self, request: Request, key: str) -> _Remains:
        view = self._view(request.tx, home_of(key))
        holes = [home_of(key), *await view.list(f"hole/{key}/")]
        return _Remains(
            entry=await self.row(request.tx, key),
            children=await view.list(f"parent/{key}/"),
            leases=await self._core.leases.any_of_token(request, key),
            secrets={where: await self._core.cubbyhole(request.tx, where).scan(f"{key}/") for where in holes},
        )

    def _remove(self, request: Request, key: str, remains: _Remains) -> None:
        home = home_of(key)
        view = self._view(request.tx, home)
        for child in remains.children:
            view.delete(f"parent/{key}/{child}")
        for where, names in remains.secrets.items():
            cubbyhole = self._core.cubbyhole(request.tx, where)
            for name in names:
                cubbyhole.delete(f"{key}/{name}")
            if where != home:
                view.delete(f"hole/{key}/{where}")
        if remains.leases:
            self._core.leases.end_those_of(request, key)
        entry = remains.entry
        if entry is None:
            return
        view.delete("id/" + key)
        view.delete(self._accessor_row(entry.accessor))
        if entry.parent:
            self._view(request.tx, home_of(entry.parent)).delete(f"parent/{entry.parent}/{key}")
        if entry.entity_id:
            view.delete(f"entity/{entry.entity_id}/{key}")
        self._core.leases.forget_token(request, entry)
        if not entry.num_uses:
            request.tx.touch(DOMAIN)


@dataclass(slots=True)
class _Remains:
    """What stands because of a token.

    Its row, its children's keys, whether it has leases, and what is in its cubbyholes, by namespace.
    """

    entry: TokenEntry | None
    children: list[str]
    leases: bool
    secrets: dict[str, list[str]]


def _live(entry: TokenEntry | None, now: int) -> TokenEntry | None:
    """The entry, unless its time is over."""
    return None if entry is None or 0 < entry.expire_time <= now else entry


# -- the stage ---------------------------------------------------------------------------------


async def authenticate(core: Core, request: Request) -> None:
    """Stage: find out whose token this is, and take one of its uses.

    Raises PermissionDenied, in the same words whatever is wrong: the token, or its entity, which may
    be disabled. A path that needs no token runs without one, and then any that came along is ignored.
    """
    if request.unauthenticated:
        return
    entry = await core.tokens.lookup(request, request.token)
    if entry is None or entry.num_uses < 0:
        raise PermissionDenied
    if entry.bound_cidrs and not within(request.remote_address, entry.bound_cidrs):
        raise PermissionDenied
    if request.namespace is not ROOT or entry.namespace_id != ROOT_ID:
        await _enter(core, request, entry)
    if entry.num_uses:
        entry = await _take_use(core, request)
    standing = await core.identity.stand(request, entry) if entry.entity_id else None
    if standing is not None and standing.refused:
        raise PermissionDenied
    request.entry = entry
    request.acl = core.policies.acl(entry, standing)
    if request.acl is None:
        request.acl = await core.policies.load_acl(request, entry)
    if request.writes:
        request.savepoint = request.tx.savepoint()


_OWN = frozenset({"auth/token/lookup-self", "auth/token/renew-self", "auth/token/revoke-self"})
"""What a token does about itself: that happens in its own namespace, whichever the request names."""


async def _enter(core: Core, request: Request, entry: TokenEntry) -> None:
    """Raise PermissionDenied unless a token is of any use in the namespace of the request."""
    opens = entry.policies == ["response-wrapping"] and request.path == "sys/wrapping/unwrap"
    if entry.namespace_id != request.namespace.id and (request.path in _OWN or opens):
        request.namespace = await core.namespaces.by_id(request.tx, entry.namespace_id) or ROOT
        resolving = router.resolve(core, request)
        if resolving is not None:
            await resolving
    if not await reaches(core, request, entry):
        raise PermissionDenied(multierror("permission denied"))


async def reaches(core: Core, request: Request, entry: TokenEntry) -> bool:
    """Whether the namespace of the request is a token's own, or one below it; notes the way there."""
    home = await core.namespaces.by_id(request.tx, entry.namespace_id)
    if home is None or not request.namespace.path.startswith(home.path):
        return False
    request.home, request.outer = home, request.namespace.path[len(home.path) :]
    return True


async def _take_use(core: Core, request: Request) -> TokenEntry:
    """Count one use in the request's own transaction; the last one marks the entry as spent."""
    if not request.writes:
        request.tx.close()
        request.tx, request.writes = core.store.begin(write=True), True
    entry = await core.tokens.lookup(request, request.token)
    if entry is None or entry.num_uses < 0:
        raise PermissionDenied
    left = entry.num_uses - 1
    entry = replace(entry, num_uses=left or -1)
    core.tokens.update(request, entry)
    return entry


def retire(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: revoke a token whose last use this was, with all it made meanwhile."""
    entry = request.entry
    if entry is None or entry.num_uses >= 0 or entry.type == "batch":
        return None
    return _revoke_spent(core, request, entry)


async def _revoke_spent(core: Core, request: Request, entry: TokenEntry) -> None:
    response = request.response
    if response is not None and response.secret is not None:
        response.secret = None
        raise BadRequest(
            "Secret cannot be returned; token had one use left, "
            "so leased credentials were immediately revoked."
        )
    await core.tokens.revoke_tree(request, entry.key)
