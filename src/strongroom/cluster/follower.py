"""A follower: a core that reads the storage which another process writes.

Every request is answered from one snapshot, taken when the request is here: its index row says
which caches still hold (invariants 3 and 10), so what was acknowledged before is always seen.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar

import orjson

from strongroom import admission, policies
from strongroom.audit import table as audit_table
from strongroom.barrier.barrier import WrongRootKey
from strongroom.barrier.keyring import KEYRING_PATH, ROOT_KEY_PATH
from strongroom.cluster.contract import Leader, LeaderNeeded
from strongroom.core import STAGES, Core, Stage, begin
from strongroom.errors import Internal
from strongroom.logical import Operation, Request, Response
from strongroom.seal.seal import KEYRING_DOMAIN
from strongroom.storage.physical import Snapshot
from strongroom.storage.store import INDEX_ROW, Store
from strongroom.storage.transaction import Transaction

if TYPE_CHECKING:
    from strongroom.config.stanza import ServerConfig
    from strongroom.framework.path import Path
    from strongroom.log import Logs
    from strongroom.storage.physical import Physical

_READS = frozenset({Operation.READ, Operation.LIST, Operation.SCAN, Operation.HELP})


class FollowedStore(Store):
    """Storage that another process writes. Its snapshots answer without waiting, as LMDB's do."""

    _row: bytes | None = None
    _ready: Transaction | None = None

    def begin(self, *, write: bool) -> Transaction:
        """A transaction on the newest durable state. Raises LeaderNeeded for one that writes."""
        if write:
            raise LeaderNeeded
        return FollowedTransaction(self)

    def follow(self) -> None:
        """Find out which state is the newest, and keep it for the request that is about to be handled."""
        self.release()
        self._ready = self.begin(write=False)

    def take(self) -> Transaction:
        """A transaction on the state kept by :meth:`follow`, or else on the newest."""
        kept, self._ready = self._ready, None
        return self.begin(write=False) if kept is None else kept

    def release(self) -> None:
        """Let go of a kept state that nobody took: it ages."""
        if self._ready is not None:
            self.take().close()

    def read(self, snapshot: Snapshot) -> int:
        """The index of a snapshot, the newest one; from here on caches are judged by its generations."""
        try:
            snapshot.get(INDEX_ROW).send(None)  # a coroutine that never waits
        except StopIteration as found:
            row: bytes | None = found.value
        if row != self._row and row is not None:
            content = orjson.loads(row)
            self.index, self._generations, self._row = content["index"], content["generations"], row
        return self.index


class FollowedTransaction(Transaction):
    """Reads one state, whose index the store knows by the time it begins."""

    __slots__ = ()

    def __init__(self, store: FollowedStore) -> None:
        super().__init__(store)
        self._snapshot = store.physical.snapshot()
        self._durable = store.read(self._snapshot)


def may_answer(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: whether a follower answers this. Raises LeaderNeeded.

    It does not where something would be written or counted: a wrapped answer, a rate limit.
    """
    path = request.path_class
    if path is None or request.wrap_ttl:
        raise LeaderNeeded
    if not (path.reader_safe if request.operation in _READS else path.looks_up):
        raise LeaderNeeded
    quotas = core.quotas
    if quotas.generation != core.store.generation(admission.DOMAIN):
        return _load_quotas(core, request)
    if quotas.limits:
        _refuse_limited(core, request)
    return None


async def _load_quotas(core: Core, request: Request) -> None:
    await core.quotas.load()
    _refuse_limited(core, request)


def _refuse_limited(core: Core, request: Request) -> None:
    """Raise LeaderNeeded when a rate limit counts such requests: it can be counted in one place only."""
    if core.quotas.rates.rules.find(request.namespace.path, request.mount_point, request.path) is not None:
        raise LeaderNeeded


def resume(core: Core, request: Request) -> None:
    """Stage: the transaction is there already, but for a request that runs again."""
    if request.tx is None or request.tx.closed:
        request.tx = core.store.begin(write=False)
    request.savepoint = request.tx.savepoint()


async def authorize(core: Core, request: Request) -> None:
    """Stage: whether the token's policies allow this. Raises LeaderNeeded where something would be made.

    A write that only looks something up makes it first, on some paths, when it is not there.
    """
    await policies.authorize(core, request)
    if request.operation is Operation.CREATE:
        raise LeaderNeeded


_OWN: dict[Stage, Stage] = {admission.admit: may_answer, begin: resume, policies.authorize: authorize}


class Follower(Core):
    """A core that never writes. What it may not answer raises LeaderNeeded."""

    stages: ClassVar[tuple[Stage, ...]] = tuple(_OWN.get(stage, stage) for stage in STAGES)
    store_class: ClassVar[type[Store]] = FollowedStore
    store: FollowedStore

    def __init__(self, config: ServerConfig, physical: Physical, leader: Leader, logs: Logs) -> None:
        super().__init__(config, physical, logs=logs)
        self._leader = leader
        self._keyring = self._devices = self._seen = -1

    async def unlock(self, root_key: bytes | bytearray) -> bool:
        """Serve with this root key; False when it is not the one of the stored keyring."""
        tx = self.store.begin(write=False)
        try:
            self.barrier.unlock(root_key, await tx.get(KEYRING_PATH) or b"")
            self._keyring = self.store.generation(KEYRING_DOMAIN)
            await self.lifecycle.read_state(tx)
            await self._follow_devices(tx)
        except WrongRootKey:
            return False
        finally:
            tx.close()
        return True

    async def handle(self, request: Request) -> Response:
        """Answer a request from one snapshot. Raises LeaderNeeded besides the errors of the tree."""
        if self.barrier.sealed:
            raise LeaderNeeded
        request.tx = self.store.take()
        try:
            await self.follow(request.tx)
            return await super().handle(request)
        finally:
            if request.tx is not None:
                request.tx.close()

    async def follow(self, tx: Transaction) -> None:
        """Be able to read the state of ``tx``. Raises LeaderNeeded where a key is missing."""
        if self.store.index != self._seen:
            await self._catch_up(tx)

    async def _catch_up(self, tx: Transaction) -> None:
        """Follow the keyring and the audit devices, if they have moved."""
        store = self.store
        seen = store.index
        if store.generation(KEYRING_DOMAIN) != self._keyring:
            await self._follow_keyring(tx)
        if store.generation(audit_table.DOMAIN) != self._devices:
            await self._follow_devices(tx)
        self._seen = seen

    async def _follow_keyring(self, tx: Transaction) -> None:
        generation = self.store.generation(KEYRING_DOMAIN)
        try:
            self.barrier.follow(await tx.get(KEYRING_PATH) or b"", await tx.get(ROOT_KEY_PATH) or b"")
        except Internal:  # it moved by more than one step since this process looked
            self._leader.want_keys()
            raise LeaderNeeded from None
        self._keyring = generation

    async def _follow_devices(self, tx: Transaction) -> None:
        generation = self.store.generation(audit_table.DOMAIN)
        await self.audit_table.follow(tx)
        self._devices = generation

    async def _outside(self, request: Request, path: type[Path], captures: dict[str, str | None]) -> Response:
        if not path.reader_safe or request.operation is not Operation.READ:
            raise LeaderNeeded
        return await super()._outside(request, path, captures)
