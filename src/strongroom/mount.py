"""Mounts: which engine answers under which prefix, with what settings."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.barrier.view import View
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.errors import BadRequest, Conflict, Internal, UpstreamFailed
from strongroom.framework.backend import Backend, Table
from strongroom.framework.field import field
from strongroom.framework.lease import Terms
from strongroom.framework.path import Path
from strongroom.logical import ROOT, Namespace, Request, Response, SecretLease, prefix_of
from strongroom.registry import backend_class

if TYPE_CHECKING:
    from strongroom.barrier.barrier import Barrier
    from strongroom.metrics.registry import Timing
    from strongroom.storage.store import Store
    from strongroom.storage.transaction import Transaction

DOMAIN = "mounts"
"""The cache domain that every change of a mount touches."""

SECRET, AUTH = "mounts", "auth"
_ROUTES = 4_096
_ROWS = {SECRET: "core/mounts/", AUTH: "core/auth/"}
_TABLES = 4_096
"""Of how many namespaces the mounts are kept; more are read again when they are asked for."""
PERMANENT = frozenset({"sys/", "cubbyhole/", "identity/", "auth/token/"})
CUBBYHOLES = frozenset({"cubbyhole", "ns_cubbyhole"})


@dataclass(slots=True)
class LockoutConfig:
    """When repeated failed logins at this mount lock a name. Seconds; 0 means the server's own."""

    threshold: int = 0
    duration: int = 0
    counter_reset: int = 0
    disable: bool = False


@dataclass(slots=True)
class MountConfig:
    """What can be tuned. TTLs are seconds; 0 means the server's own."""

    default_lease_ttl: int = 0
    max_lease_ttl: int = 0
    force_no_cache: bool = False
    audit_non_hmac_request_keys: list[str] = item(default_factory=list)
    audit_non_hmac_response_keys: list[str] = item(default_factory=list)
    listing_visibility: str = ""
    passthrough_request_headers: list[str] = item(default_factory=list)
    allowed_response_headers: list[str] = item(default_factory=list)
    token_type: str = ""
    user_lockout_config: LockoutConfig | None = None


@dataclass(slots=True)
class MountEntry:
    """The row of a mount. ``path`` is relative to its table and ends in ``/``."""

    uuid: str
    table: str
    path: str
    type: str
    accessor: str
    description: str = ""
    options: dict[str, str] | None = None
    config: MountConfig = item(default_factory=MountConfig)
    local: bool = False
    seal_wrap: bool = False
    external_entropy_access: bool = False
    tainted: bool = False
    namespace_id: str = "root"
    plugin_version: str = ""


class Mount:
    """A mount in service: its row, its engine, and where the engine keeps its rows."""

    __slots__ = (
        "accessor",
        "audit_request_keys",
        "audit_response_keys",
        "backend",
        "entry",
        "namespace",
        "passthrough_headers",
        "prefix",
        "response_headers",
        "storage_prefix",
        "timings",
        "type",
    )

    def __init__(self, entry: MountEntry, namespace: Namespace = ROOT) -> None:
        self.entry = entry
        self.namespace = namespace
        self.type = entry.type
        self.accessor = entry.accessor
        self.prefix = route_prefix(entry)
        self.storage_prefix = storage_prefix(entry)
        self.audit_request_keys = frozenset(entry.config.audit_non_hmac_request_keys)
        self.audit_response_keys = frozenset(entry.config.audit_non_hmac_response_keys)
        self.passthrough_headers = frozenset(
            name.lower() for name in entry.config.passthrough_request_headers
        )
        self.timings: dict[str, Timing] = {}
        self.response_headers = frozenset(name.lower() for name in entry.config.allowed_response_headers)
        self.backend: Backend = _backend(self)


class Degraded(Backend):
    """Stands in for an engine that cannot start, so that one bad mount does not stop the server."""

    def __init__(self, mount: Mount, reason: str) -> None:
        super().__init__(mount)
        self.reason = reason

    async def handle(self, path: Path, request: Request) -> Response:
        """Say why nothing here works."""
        raise Internal(self._sentence())

    def target(self, lease: SecretLease) -> str:
        """The engine itself: its leases wait for it as for a system that does not answer."""
        return "engine"

    async def renew(self, request: Request, lease: SecretLease, terms: Terms) -> SecretLease:
        """Nobody knows whether it may live on."""
        raise UpstreamFailed(self._sentence())

    async def revoke(self, request: Request, lease: SecretLease) -> None:
        """Have the lease wait until the engine is back."""
        raise UpstreamFailed(self._sentence())

    def _sentence(self) -> str:
        return f"the engine at {self.mount.prefix} is not in service: {self.reason}"


class Unavailable(Path):
    """Every path of an engine that cannot start."""

    pattern = "{path*}"
    free_form = True
    path: str = field("Any path.")


Degraded.table = Table((Unavailable,))


def _backend(mount: Mount) -> Backend:
    """The engine of a mount, or what stands in for it."""
    entry = mount.entry
    try:
        return backend_class(entry.table, entry.type, entry.options)(mount)
    except (BadRequest, ImportError) as error:
        return Degraded(mount, str(error))


def route_prefix(entry: MountEntry) -> str:
    """The part of a request's path that the mount owns."""
    return f"auth/{entry.path}" if entry.table == AUTH else entry.path


def storage_prefix(entry: MountEntry) -> str:
    """Where the engine of a mount keeps its rows."""
    if entry.type in CUBBYHOLES:
        return cubbyhole_prefix(entry.namespace_id)
    kind = "auth" if entry.table == AUTH else "logical"
    return f"{prefix_of(entry.namespace_id)}{kind}/{entry.uuid}/"


def cubbyhole_prefix(namespace_id: str) -> str:
    """Where the cubbyholes in a namespace stand; its one cubbyhole mount never moves."""
    return f"{prefix_of(namespace_id)}logical/cubbyhole/"


def new_entry(table: str, path: str, type_: str, **settings: Any) -> MountEntry:
    """A row for a mount yet to be stored, with a fresh UUID and accessor."""
    accessor = f"{'auth_' if table == AUTH else ''}{type_.removeprefix('ns_')}_{random_bytes(4).hex()}"
    return MountEntry(uuid=uuid4_str(), table=table, path=path, type=type_, accessor=accessor, **settings)


Route = tuple[Mount, tuple[type[Path], dict[str, str | None]] | None]
"""Where a path leads: the mount, and the declared path with what its holes hold."""


class MountTable:
    """The mounts of a namespace, read from their rows; a cache that follows the storage index.

    That of root gives those of the other namespaces, which are read when first asked for.
    """

    def __init__(self, store: Store, barrier: Barrier, backends: Any, namespace: Namespace = ROOT) -> None:
        self._store, self._barrier = store, barrier
        self.namespace = namespace
        self._tables: dict[str, MountTable] = {}
        self._generation = -1
        self._decoder = msgspec.json.Decoder(MountEntry)
        self._core = backends
        self.by_prefix: dict[str, Mount] = {}
        self.depths: tuple[int, ...] = ()
        self._routes: dict[str, Route] = {}

    @property
    def stale(self) -> bool:
        """Whether the rows have moved on since they were read."""
        return self._generation != self._store.generation(DOMAIN)

    def of(self, namespace: Namespace) -> MountTable:
        """The mounts of a namespace, which may be stale."""
        if namespace.id == self.namespace.id:
            return self
        table = self._tables.get(namespace.id)
        if table is None:
            if len(self._tables) >= _TABLES:
                self.drop(next(iter(self._tables.values())).namespace)
            table = self._tables[namespace.id] = MountTable(self._store, self._barrier, self._core, namespace)
        return table

    async def ready(self, namespace: Namespace) -> MountTable:
        """The mounts of a namespace as they are now."""
        table = self.of(namespace)
        if table.stale:
            await table.load()
        return table

    def drop(self, namespace: Namespace) -> None:
        """Forget the mounts of a namespace, whose engines let go of what they hold open."""
        table = self._tables.pop(namespace.id, None)
        if table is not None:
            self._core.after_reply(table.rest)

    def forget(self) -> None:
        """Drop what is cached; the next request reads the rows again."""
        self._generation = -1
        self._tables.clear()

    async def load(self) -> None:
        """Read the rows again, keeping the engines of mounts that did not change."""
        generation = self._store.generation(DOMAIN)
        tx = self._store.begin(write=False)
        try:
            entries = [entry for table in (SECRET, AUTH) for entry in await self._read(tx, table)]
        finally:
            tx.close()
        known = {mount.entry.uuid: mount for mount in self.by_prefix.values()}
        mounts = {}
        for entry in entries:
            mount = known.get(entry.uuid)
            if mount is None or mount.entry != entry:
                mount = self._build(entry, mount)
            mounts[mount.prefix] = mount
        self._put_to_rest(mounts)
        self.by_prefix = mounts
        self.depths = tuple(sorted({prefix.count("/") for prefix in mounts}, reverse=True))
        self._routes = {}
        self._generation = generation

    async def rest(self) -> None:
        """Have every engine let go of what it holds open outside."""
        for mount in self.by_prefix.values():
            await mount.backend.rest()
        for table in self._tables.values():
            await table.rest()

    def _put_to_rest(self, mounts: dict[str, Mount]) -> None:
        """Have engines let go that no longer serve."""
        kept = {id(mount.backend) for mount in mounts.values()}
        for mount in self.by_prefix.values():
            if id(mount.backend) not in kept:
                self._core.after_reply(mount.backend.rest)

    def _build(self, entry: MountEntry, previous: Mount | None) -> Mount:
        mount = Mount(entry, self.namespace)
        if previous is not None and type(previous.backend) is type(mount.backend):
            mount.backend = previous.backend
            mount.backend.mount = mount
        mount.backend.core = self._core
        return mount

    async def _read(self, tx: Transaction, table: str) -> list[MountEntry]:
        view = View(tx, self._barrier, self._rows(table))
        rows = [await view.get(name) for name in await view.list()]
        return [self._decoder.decode(row) for row in rows if row is not None]

    def route(self, path: str) -> Route | None:
        """The mount of a path and the declared path in it; the last few thousand are remembered."""
        route = self._routes.get(path)
        if route is None:
            mount = self.find(path)
            if mount is None:
                return None
            if len(self._routes) >= _ROUTES:
                self._routes.clear()
            route = self._routes[path] = (mount, mount.backend.table.match(path[len(mount.prefix) :]))
        return route

    def find(self, path: str) -> Mount | None:
        """The mount with the longest prefix of ``path``, or None."""
        by_prefix = self.by_prefix
        for depth in self.depths:
            end = -1
            for _ in range(depth):
                end = path.find("/", end + 1)
                if end < 0:
                    break
            else:
                mount = by_prefix.get(path[: end + 1])
                if mount is not None:
                    return mount
        return None

    def _rows(self, table: str) -> str:
        return self.namespace.prefix + _ROWS[table]

    def hold(self, tx: Transaction, mount: Mount) -> None:
        """Have the commit fail when the mount is changed or disabled from now on, or its namespace deleted.

        Raises Conflict when that has happened already, so that the request begins again.
        """
        if mount.namespace.id != self.namespace.id:
            self.of(mount.namespace).hold(tx, mount)
            self._core.namespaces.hold(tx, mount.namespace)
            return
        if self.stale or self._store.pending(DOMAIN):
            raise Conflict(cause="the mounts have changed")
        tx.watch(self._rows(mount.entry.table) + mount.entry.uuid)

    def put(self, tx: Transaction, entry: MountEntry) -> None:
        """Store the row of a mount, new or changed."""
        rows = prefix_of(entry.namespace_id) + _ROWS[entry.table]
        View(tx, self._barrier, rows).put(entry.uuid, msgspec.json.encode(entry))
        tx.touch(DOMAIN)

    async def claim(self, tx: Transaction, entry: MountEntry) -> None:
        """Store the row of a new mount; of two requests for overlapping paths one runs again.

        The rows are listed first, so the commit notices a mount that came in between.
        """
        for table in _ROWS:
            known = {m.entry.uuid for m in self.by_prefix.values() if m.entry.table == table}
            if set(await tx.list(self._rows(table))) - known:
                raise Conflict
        self.put(tx, entry)

    def delete(self, tx: Transaction, entry: MountEntry) -> None:
        """Forget the row of a mount; its data is for the caller to clear."""
        View(tx, self._barrier, prefix_of(entry.namespace_id) + _ROWS[entry.table]).delete(entry.uuid)
        tx.touch(DOMAIN)

    def named(self, table: str, path: str) -> Mount | None:
        """The mount at exactly this path of a table."""
        prefix = f"auth/{path}" if table == AUTH else path
        mount = self.by_prefix.get(prefix)
        return mount if mount is not None and mount.entry.table == table else None

    def by_uuid(self, uuid: str) -> Mount | None:
        """The mount of that UUID, wherever it has been moved to."""
        return next((mount for mount in self.by_prefix.values() if mount.entry.uuid == uuid), None)

    def refuse_overlap(self, prefix: str, *, moving: str = "") -> None:
        """Raise BadRequest when another mount owns ``prefix`` or part of it."""
        for other in self.by_prefix:
            if other != moving and (other.startswith(prefix) or prefix.startswith(other)):
                raise BadRequest(f"path is already in use at {other.removeprefix('auth/')}")

    async def refuse_inside(self, tx: Transaction, prefix: str) -> None:
        """Raise BadRequest when ``prefix`` leads into a namespace below this one."""
        child = f"{self.namespace.path}{prefix.partition('/')[0]}/"
        if await self._core.namespaces.row(tx, child) is not None:
            raise BadRequest(f"existing mount at {child.removeprefix(self.namespace.path)}")

    async def refuse_namespace(self, tx: Transaction, prefix: str) -> None:
        """Raise BadRequest when a mount stands at or below the place of a new namespace.

        The rows are listed, so the commit notices a mount that came in between.
        """
        known = {mount.entry.uuid for mount in self.by_prefix.values() if mount.entry.table == SECRET}
        if set(await tx.list(self._rows(SECRET))) != known:
            raise Conflict
        for other in self.by_prefix:
            if other.startswith(prefix):
                raise BadRequest(f"new namespace conflicts with existing mount: {other}")


def clean_path(path: str, table: str) -> str:
    """A mount path in its one spelling, ending in ``/``. Raises BadRequest for what cannot be one."""
    cleaned = path.strip("/")
    segments = cleaned.split("/")
    if not cleaned or any(segment in {"", ".", ".."} for segment in segments):
        raise BadRequest("path must be specified and may not contain empty or relative segments")
    if any(not char.isprintable() or char in "*+?#%" for char in cleaned) or cleaned != cleaned.strip():
        raise BadRequest("path cannot contain non-printable, wildcard or reserved characters")
    first = segments[0]
    if table == SECRET and first in {"sys", "auth", "cubbyhole", "identity", "audit"}:
        raise BadRequest(f'cannot mount "{cleaned}/"')
    if table == AUTH and first == "token":
        raise BadRequest(f"path is already in use at {cleaned}/")
    return cleaned + "/"
