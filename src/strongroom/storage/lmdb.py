"""The default storage: LMDB, embedded and memory-mapped.

Reads are inline: a snapshot with one get costs about a microsecond. Writes go through one thread,
and return when data and metadata are on the disk. Other processes may read the same files
(``readonly``), a second writer is refused.
"""

from __future__ import annotations

import asyncio
import mmap
import os
from pathlib import Path

import lmdb

from strongroom.errors import Conflict, StorageFailed
from strongroom.storage import directory, lmdb_rows
from strongroom.storage.lmdb_rows import INLINE
from strongroom.storage.physical import Batch, CompareFailed, InvalidKey, Names, Snapshot, encode_key
from strongroom.storage.writer import Writer

MAP_SIZE = 64 << 30  # address space, not disk or memory: so large that growing it online is rare
READERS = 16_384
SPARE = 256
GRACE = 2.0  # seconds that growth waits for readers of old states


class LMDB:
    """Storage in the directory ``path``; ``map_size`` is what is mapped at first, in bytes.

    Raises StorageFailed when the files cannot be opened or another process writes to them.
    """

    def __init__(self, path: str | Path, *, readonly: bool = False, map_size: int = MAP_SIZE) -> None:
        self._path = Path(path)
        self._lock = -1
        if not readonly:
            directory.create(self._path)
            self._lock = directory.hold(self._path)
        try:
            self._env = self._open(readonly=readonly, map_size=map_size)
        except (lmdb.Error, OSError) as error:
            self._release()
            raise StorageFailed(f"cannot open the storage at {self._path}", cause=str(error)) from error
        self._writer = Writer("lmdb-writer")
        self._open_snapshots: set[_Snapshot] = set()

    def snapshot(self) -> Snapshot:
        """The newest durable state."""
        try:
            txn = self._env.begin()
        except lmdb.Error as error:
            txn = self._begin_after(error)
        return _Snapshot(txn, self._open_snapshots)

    async def commit(self, batch: Batch) -> None:
        """Apply ``batch`` in the writer's thread; the map grows as often as it takes."""
        while True:
            try:
                return await self._writer.run(self._apply, batch)
            except lmdb.MapFullError:
                await self._grow()
            except lmdb.Error as error:
                raise self._failure(error) from error

    async def close(self) -> None:
        """Finish the commit under way, then close the files."""
        self._writer.close()
        for snapshot in list(self._open_snapshots):
            snapshot.close()
        self._env.close()
        self._release()

    def _begin_after(self, error: lmdb.Error) -> lmdb.Transaction[bytes]:
        if not isinstance(error, lmdb.MapResizedError):
            raise StorageFailed(cause=str(error)) from error
        self._remap(0, keep=[])  # the writing process grew the map
        return self._env.begin()

    def _open(self, *, readonly: bool, map_size: int) -> lmdb.Environment:
        env = lmdb.open(
            str(self._path),
            map_size=map_size,
            readonly=readonly,
            create=not readonly,
            mode=0o600,
            max_readers=READERS,
            max_spare_txns=SPARE,
        )
        env.reader_check()  # slots of processes that died would pin old pages for ever
        if not readonly:
            directory.sync(self._path)
        return env

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _apply(self, batch: Batch) -> None:
        with self._env.begin(write=True) as txn:
            for key, expected in batch.compare.items():
                if lmdb_rows.get(txn, encode_key(key)) != expected:
                    raise CompareFailed(cause=f"{key} was changed by another process")
            for prefix in batch.ranges:
                with txn.cursor() as cursor:
                    lmdb_rows.delete_prefix(cursor, prefix.encode())
            for key, value in batch.writes.items():
                encoded = encode_key(key)
                row = lmdb_rows.row_key(encoded)
                if value is None:
                    txn.delete(row)
                else:
                    txn.put(row, lmdb_rows.row_value(encoded, value))

    async def _grow(self) -> None:
        """Double the map.

        LMDB must have no transaction open meanwhile. No commit can come between, so snapshots of
        the newest state are simply taken again; older ones get a moment to finish first.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + GRACE
        newest = self._env.info()["last_txnid"]
        while self._old(newest) and loop.time() < deadline:  # noqa: ASYNC110  # an event would tax every snapshot
            await asyncio.sleep(0.01)
        size = self._env.info()["map_size"] * 2
        try:
            # Remapping cannot be undone when it fails, so it is tried out beside the old map.
            mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ).close()
        except OSError as error:
            raise StorageFailed("the storage cannot grow: no address space left", cause=str(error)) from error
        self._remap(size, keep=[snapshot for snapshot in self._open_snapshots if snapshot.id == newest])

    def _old(self, newest: int) -> bool:
        return any(snapshot.id not in (newest, -1) for snapshot in self._open_snapshots)

    def _remap(self, size: int, *, keep: list[_Snapshot]) -> None:
        for snapshot in self._open_snapshots:
            snapshot.suspend()
        self._env.set_mapsize(size)
        for snapshot in keep:
            snapshot.resume(self._env.begin())

    def _failure(self, error: lmdb.Error) -> StorageFailed:
        # LMDB reports a write that was cut short by a full disk as an input/output error.
        space = os.statvfs(self._path)
        if getattr(error, "code", 0) in directory.FULL or space.f_bavail == 0:
            return StorageFailed("the storage is full: nothing was written", cause=str(error))
        return StorageFailed("the storage could not be written", cause=str(error))


class _Snapshot:
    """A read transaction."""

    __slots__ = ("_open", "_txn")

    def __init__(self, txn: lmdb.Transaction[bytes], opened: set[_Snapshot]) -> None:
        self._txn: lmdb.Transaction[bytes] | None = txn
        self._open = opened
        opened.add(self)

    async def get(self, key: str) -> bytes | None:
        try:
            encoded = key.encode()
            if 0 < len(encoded) <= INLINE:
                return self._txn.get(encoded)  # type: ignore[union-attr]  # None ends in AttributeError
            return lmdb_rows.get(self._transaction(), encoded)
        except (lmdb.Error, AttributeError, UnicodeEncodeError) as error:
            raise self._failure(error) from error

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        return self._names(prefix, after, limit, fold=True)

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        return self._names(prefix, after, limit, fold=False)

    def close(self) -> None:
        self._open.discard(self)
        if self._txn is not None:
            self._txn.abort()
            self._txn = None

    @property
    def id(self) -> int:
        """Numbers the state that is seen; -1 when it is gone."""
        return -1 if self._txn is None else self._txn.id()

    def suspend(self) -> None:
        """Let go of the state, which can no longer be read; growth still knows of the snapshot."""
        if self._txn is not None:
            self._txn.abort()
            self._txn = None

    def resume(self, txn: lmdb.Transaction[bytes]) -> None:
        """Go on reading, from a transaction on the same state."""
        self._txn = txn

    def _names(self, prefix: str, after: str, limit: int, *, fold: bool) -> Names:
        try:
            with self._transaction().cursor() as cursor:
                found = lmdb_rows.names(cursor, prefix.encode(), after.encode(), limit, fold=fold)
        except (lmdb.Error, UnicodeEncodeError) as error:
            raise self._failure(error) from error
        return [name.decode() for name in found]

    def _transaction(self) -> lmdb.Transaction[bytes]:
        if self._txn is None:
            raise Conflict("the state being read is gone: try again", cause="the storage's map grew")
        return self._txn

    def _failure(self, error: Exception) -> Exception:
        if isinstance(error, UnicodeEncodeError):
            return InvalidKey("the path is not valid UTF-8")
        if isinstance(error, AttributeError):
            self._transaction()
        return StorageFailed(cause=str(error))
