"""Namespaces: every request lives in one, and so does everything that is stored.

Rows, below ``core/namespaces/``: ``id/<id>`` what is known of a namespace, ``path/<path>`` the ID of the
one that has this path now. What belongs to a namespace stands below ``namespaces/<id>/``, and an ID is
never given again: whatever is left of a deleted namespace can be found by nobody, also when another
one takes its path.

A namespace that is deleted loses its path at once, in the transaction of the deletion. What is in it
is ended by the reaper, step by step: tokens, leases, what was left half done outside, data.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec

from strongroom import mount
from strongroom.crypto.entropy import base62, uuid4_str
from strongroom.errors import BadRequest, NotFound, StrongroomError
from strongroom.logical import ROOT, SECOND, Namespace, Request, prefix_of

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

DOMAIN = "namespaces"
"""The cache domain that every new, changed or deleted namespace touches."""

ROWS = "core/namespaces/"
BULK = 128
"""How many tokens or leases of a deleted namespace one transaction ends."""
WAIT = 2
"""Seconds until a deleted namespace is looked at again whose leases are still being revoked."""

_RESERVED = frozenset({"root", "sys", "audit", "auth", "cubbyhole", "identity"})
_WILD = "+*"
_UNLOCKING = "sys/namespaces/api-lock/unlock"
_LONGEST = 400
_CACHE_SIZE = 8_192
_DEFAULT_MOUNTS = (
    (mount.SECRET, "cubbyhole/", "ns_cubbyhole", "per-token private secret storage"),
    (mount.SECRET, "identity/", "ns_identity", "identity store"),
    (mount.SECRET, "sys/", "ns_system", "system endpoints used for control, policy and debugging"),
    (mount.AUTH, "token/", "ns_token", "token based credentials"),
)


@dataclass(slots=True)
class NamespaceRow:
    """The row of a namespace.

    ``tainted`` says that it is deleted and being cleared. ``lock`` is the keyed hash of the key that
    unlocks it, empty while clients may come in.
    """

    id: str
    uuid: str
    path: str
    custom_metadata: dict[str, str] = field(default_factory=dict)
    tainted: bool = False
    lock: str = ""


class NamespaceLocked(StrongroomError):
    """An administrator has closed a namespace to its clients."""

    status = 503

    def __init__(self, path: str) -> None:
        super().__init__(
            "API access to this namespace has been locked by an administrator - "
            f'"{path}" must be unlocked to gain access.'
        )


class UnknownNamespace(NotFound):
    """A request names a namespace that is not there."""

    def __init__(self) -> None:
        super().__init__("namespace not found")


class Namespaces:
    """The rows of all namespaces; what was looked up lately is kept as long as none changes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._decoder = msgspec.json.Decoder(NamespaceRow)
        self.generation = -1
        self.outside: set[str] = set()
        """First segments of paths in root that name no namespace."""
        self._paths: dict[str, Namespace | None] = {}
        self._ids: dict[str, Namespace | None] = {}

    def forget(self) -> None:
        """Drop what is cached."""
        self.generation = -1
        self._clear()

    def follow(self) -> None:
        """Drop what is cached when it no longer holds."""
        generation = self._core.store.generation(DOMAIN)
        if generation != self.generation:
            self._clear()
            self.generation = generation

    def _clear(self) -> None:
        self.outside.clear()
        self._paths.clear()
        self._ids.clear()

    def _durable(self, tx: Transaction) -> bool:
        """Whether what a transaction reads of namespaces is what every later request will read."""
        generation = self._core.store.generation(DOMAIN)
        return tx.clean and not tx.dirty and tx.index >= generation == self.generation

    def _view(self, tx: Transaction) -> View:
        return self._core.view(tx, ROWS)

    # -- finding -----------------------------------------------------------------------------------

    async def by_path(self, tx: Transaction, path: str) -> Namespace | None:
        """The namespace at a path that ends in ``/``, or is empty for root."""
        if not path:
            return ROOT
        self.follow()
        if path in self._paths:
            return self._paths[path]
        row = await self.row(tx, path)
        found = None if row is None else Namespace(row.id, row.path, row.uuid, await self._lock(tx, row))
        return self._keep(tx, self._paths, path, found)

    async def _lock(self, tx: Transaction, row: NamespaceRow) -> str:
        """The path of the nearest namespace that is locked, from a namespace up; empty for none."""
        if row.lock:
            return row.path
        parent, slash, _ = row.path[:-1].rpartition("/")
        above = await self.by_path(tx, parent + slash)
        return "" if above is None else above.locked

    async def by_id(self, tx: Transaction, namespace_id: str) -> Namespace | None:
        """The namespace of an ID, unless it is deleted."""
        if namespace_id == ROOT.id:
            return ROOT
        if not (namespace_id.isascii() and namespace_id.isalnum()):
            return None  # who sends a token chooses its end
        self.follow()
        if namespace_id in self._ids:
            return self._ids[namespace_id]
        row = await self.row_of(tx, namespace_id)
        found = None if row is None or row.tainted else Namespace(row.id, row.path, row.uuid)
        return self._keep(tx, self._ids, namespace_id, found)

    def _keep(
        self, tx: Transaction, cache: dict[str, Namespace | None], key: str, found: Namespace | None
    ) -> Namespace | None:
        if self._durable(tx):
            if len(cache) >= _CACHE_SIZE:
                cache.clear()
            cache[key] = found
        return found

    def note_outside(self, tx: Transaction, segment: str) -> None:
        """Keep that paths in root which begin with this segment lead into no namespace."""
        if self._durable(tx):
            if len(self.outside) >= _CACHE_SIZE:
                self.outside.clear()
            self.outside.add(segment)

    async def row(self, tx: Transaction, path: str) -> NamespaceRow | None:
        """The row of the namespace at a path, as the transaction sees it."""
        if len(path.encode()) > _LONGEST:
            return None
        blob = await self._view(tx).get("path/" + path.rstrip("/"))
        return None if blob is None else await self.row_of(tx, blob.decode())

    async def row_of(self, tx: Transaction, namespace_id: str) -> NamespaceRow | None:
        """The row of an ID, also while what was in the namespace is being cleared."""
        blob = await self._view(tx).get("id/" + namespace_id)
        return None if blob is None else self._decoder.decode(blob)

    async def whatever_is_left_of(self, tx: Transaction, namespace_id: str) -> Namespace | None:
        """The namespace of an ID, deleted or not, as long as there is anything in it."""
        if namespace_id == ROOT.id:
            return ROOT
        row = await self.row_of(tx, namespace_id)
        return None if row is None else Namespace(row.id, row.path, row.uuid)

    async def locate(self, tx: Transaction, namespace: Namespace, path: str) -> tuple[Namespace, str]:
        """The deepest namespace that a path leads into, seen from ``namespace``, and the rest of the path."""
        while True:
            segment, slash, rest = path.partition("/")
            if not slash or not segment or segment in _RESERVED:
                return namespace, path
            child = await self.by_path(tx, f"{namespace.path}{segment}/")
            if child is None:
                return namespace, path
            namespace, path = child, rest

    # -- listing -----------------------------------------------------------------------------------

    async def children(self, tx: Transaction, namespace: Namespace) -> list[str]:
        """Names of the namespaces directly below one, in order."""
        names = await self._view(tx).list("path/" + namespace.path)
        return sorted({name.rstrip("/") for name in names})

    async def from_here(self, tx: Transaction, namespace: Namespace) -> AsyncIterator[Namespace]:
        """A namespace, and all below it."""
        yield namespace
        for relative in await self.descendants(tx, namespace):
            found = await self.by_path(tx, f"{namespace.path}{relative}/")
            if found is not None:
                yield found

    async def prefixes(self, tx: Transaction) -> list[str]:
        """The storage prefixes of all namespaces, root's first, those being cleared too."""
        return ["", *(prefix_of(each) for each in await self._view(tx).list("id/"))]

    async def descendants(self, tx: Transaction, namespace: Namespace) -> list[str]:
        """Paths of all namespaces below one, relative to it, in order."""
        return sorted(await self._view(tx).scan("path/" + namespace.path))

    # -- changing ----------------------------------------------------------------------------------

    async def create(self, request: Request, name: str, metadata: dict[str, str]) -> NamespaceRow:
        """Make a namespace below that of the request, with its default mounts. Raises BadRequest.

        One that is there already gets the metadata.
        """
        check_name(name)
        path = f"{request.namespace.path}{name}/"
        if len(path.encode()) > _LONGEST:
            raise BadRequest("the path of the namespace is too long")
        known = await self.row(request.tx, path)
        if known is not None:
            return self.put(request, replace(known, custom_metadata=metadata))
        await self._core.mounts.of(request.namespace).refuse_namespace(request.tx, f"{name}/")
        row = NamespaceRow(await self._free_id(request.tx), uuid4_str(), path, metadata)
        self._view(request.tx).put("path/" + path.rstrip("/"), row.id.encode())
        for entry in _default_mounts(row.id):
            self._core.mounts.put(request.tx, entry)
        return self.put(request, row)

    async def _free_id(self, tx: Transaction) -> str:
        """An ID that no namespace has, and of which nothing is left."""
        while True:
            found = base62(6)
            if await self.row_of(tx, found) is None and not await tx.scan(f"namespaces/{found}/", "", 1):
                return found

    def put(self, request: Request, row: NamespaceRow) -> NamespaceRow:
        """Store the row of a namespace."""
        self._view(request.tx).put("id/" + row.id, msgspec.json.encode(row))
        request.tx.touch(DOMAIN)
        return row

    async def delete(self, request: Request, path: str) -> bool:
        """Take a namespace away; what is in it is ended in the background. False when there is none.

        Raises BadRequest while there are namespaces below it.
        """
        row = await self.row(request.tx, path)
        if row is None:
            return False
        if await self._view(request.tx).scan("path/" + path, "", 1):
            raise BadRequest("unable to delete namespace containing child namespaces")
        self._view(request.tx).delete("path/" + path.rstrip("/"))
        self.put(request, replace(row, tainted=True))
        request.tx.touch(mount.DOMAIN)
        await self._core.quotas.drop_namespace(request, path)
        self._core.client_trust.forget_namespace(request, row.id)
        self._core.leases.schedule(request.tx, request.now, "n", row.id)
        return True

    def hold(self, tx: Transaction, namespace: Namespace) -> None:
        """Have the commit fail when the namespace is deleted from now on."""
        tx.watch(f"{ROWS}path/{namespace.path.rstrip('/')}")

    # -- ending ------------------------------------------------------------------------------------

    async def end(self, request: Request, due: int, namespace_id: str) -> None:
        """One step of clearing a deleted namespace; the request is in it."""
        leases, tx = self._core.leases, request.tx
        row = await self.row_of(tx, namespace_id)
        if row is None:
            leases.unschedule(tx, due, "n", namespace_id)
        elif await self._end_tokens(request) or await self._end_cubbyholes(request):
            return
        elif await self._end_leases(request) or await self._core.intents.any_in(tx, namespace_id):
            leases.unschedule(tx, due, "n", namespace_id)
            leases.schedule(tx, request.now + WAIT * SECOND, "n", namespace_id)
        elif await leases.clear(tx, request.namespace.prefix):
            self._view(tx).delete("id/" + namespace_id)
            leases.unschedule(tx, due, "n", namespace_id)
            tx.touch(DOMAIN)
            self._core.mounts.drop(request.namespace)

    async def _end_tokens(self, request: Request) -> bool:
        """Revoke some tokens; whether there were any."""
        keys = await request.tx.scan(f"{request.namespace.prefix}sys/token/id/", "", BULK)
        await self._core.tokens.revoke_tree(request, *keys)
        return bool(keys)

    async def _end_cubbyholes(self, request: Request) -> bool:
        """Empty some cubbyholes that tokens of namespaces above have here; whether there were any."""
        tx, here = request.tx, request.namespace.id
        names = await self._core.cubbyhole(tx, here).list("", "", BULK)
        for name in names:
            await self._core.tokens.leave_cubbyhole(tx, name.rstrip("/"), here)
        return bool(names)

    async def _end_leases(self, request: Request) -> bool:
        """Make leases due that are not yet; whether some are left.

        Those whose revocation was given up are forgotten.
        """
        leases = self._core.leases
        stuck = set(await leases.stuck(request.tx, request.namespace))
        waiting = [name for name in await leases.ids(request, "", len(stuck) + BULK) if name not in stuck]
        for name in waiting:
            await leases.hurry(request, name)
        if waiting or not stuck:
            return bool(waiting)
        self._core.log.warning("%d leases of a deleted namespace could not be revoked", len(stuck))
        for name in sorted(stuck)[:BULK]:
            lease = await leases.find(request.tx, name)
            if lease is not None:
                leases.forget(request, lease)
        return True


def _default_mounts(namespace_id: str) -> list[mount.MountEntry]:
    """What is mounted in a new namespace."""
    entries = []
    for table, path, type_, about in _DEFAULT_MOUNTS:
        entry = mount.new_entry(table, path, type_, description=about, namespace_id=namespace_id)
        entry.seal_wrap, entry.local = type_ == "ns_system", type_ == "ns_cubbyhole"
        entry.config.token_type = "default" if type_ == "ns_token" else ""
        entries.append(entry)
    return entries


def check_name(name: str) -> None:
    """Raise BadRequest for what cannot be the name of a namespace."""
    if "/" in name:
        raise BadRequest("namespace name cannot contain /")
    if not name or name in {".", ".."}:
        raise BadRequest("the name of a namespace is missing")
    if name in _RESERVED:
        raise BadRequest(f'"{name}/" is a reserved path and cannot be used as a namespace name')
    if any(char.isspace() for char in name):
        raise BadRequest(f'"{name}" contains space characters that cannot be used in a namespace name')
    wild = next((char for char in name if char in _WILD), "")
    if wild:
        raise BadRequest(
            f"\"{name}\" contains wildcard characters that cannot be used in a namespace name: '{wild}'"
        )
    if not name.isprintable():
        raise BadRequest("the name of a namespace can have printable characters only")


# -- the stage ---------------------------------------------------------------------------------------


def enter(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: find the namespace a request names, by header, by path, or half by each.

    Every spelling of root (empty, ``/``, ``root``) is root itself, never a parent of anything.
    """
    namespaces = core.namespaces
    if (
        namespaces.generation == core.store.generation(DOMAIN)
        and "x-vault-namespace" not in request.received
        and request.path.partition("/")[0] in namespaces.outside
    ):
        return None
    return _enter(core, request)


async def _enter(core: Core, request: Request) -> None:
    namespaces, tx = core.namespaces, core.store.begin(write=False)
    namespaces.follow()
    try:
        start = await namespaces.by_path(tx, _clean(request.received.get("x-vault-namespace", "")))
        if start is None:
            raise UnknownNamespace
        path = request.path
        request.namespace, request.path = await namespaces.locate(tx, start, path)
        locked = request.namespace.locked
        if locked and not request.path.startswith(_UNLOCKING):
            raise NamespaceLocked(locked)
        if len(request.path) < len(path):
            request.addressed = path
        elif start is ROOT and "/" in path:
            namespaces.note_outside(tx, path.partition("/")[0])
    finally:
        tx.close()


def named(request: Request) -> bool:
    """Whether the header of a request names anything but root."""
    return _clean(request.received.get("x-vault-namespace", "")) != ""


def _clean(name: str) -> str:
    """The path that a header names, in its one spelling. Raises NotFound for relative segments."""
    segments = [segment for segment in name.strip().split("/") if segment]
    if segments in ([], ["root"]):
        return ""
    if not {".", "..", "root"}.isdisjoint(segments):
        raise UnknownNamespace
    return "/".join(segments) + "/"
