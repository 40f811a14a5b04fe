"""Rows with unique indexes: a record under its ID, and rows that lead to it by name or alias.

Below ``sys/identity/`` of the namespace: ``entity/<id>`` and ``group/<id>`` hold the records;
``<kind>-name/<name>`` their names in lower case; ``<kind>-alias/<id>`` and
``<kind>-factor/<accessor>/<hash>`` lead from an alias to them; ``merged/<id>`` from an entity that went into
another. ``member/<group>/<entity>`` and ``joined/<entity>/<group>`` say who belongs to a group,
``child/<group>/<group>`` and ``parent/<group>/<group>`` which groups do.

Whoever creates looks for the index row first. A commit fails when a row that was looked for has come
in between, so that no two records ever share a name or an alias.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import msgspec

from strongroom.crypto.digest import digest
from strongroom.crypto.entropy import random_bytes

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.identity.record import Alias
    from strongroom.logical import Namespace, Request
    from strongroom.storage.transaction import Transaction


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)

PAGE = 4_096
"""How many names are held at once where rows are counted."""

_LONGEST = 160
_encode = msgspec.json.Encoder().encode
_decode_name = msgspec.json.Decoder(tuple[str, str]).decode


def name_key(name: str) -> str:
    """A name as a key: the same in any case, in the order of the names as far as they are short.

    A long one ends in a digest, and is longer than any short one.
    """
    whole = name.lower().replace("%", "%25").replace("/", "%2F").encode(errors="surrogatepass")
    if len(whole) <= _LONGEST:
        return whole.decode(errors="surrogatepass")
    return f"{whole[:_LONGEST].decode(errors='ignore')}~{digest('sha2-256', whole).hex()}"


class Rows(Generic[T]):
    """The records of one kind, ``entity`` or ``group``, with their indexes."""

    def __init__(self, core: Core, kind: str, record: type[T]) -> None:
        self._core, self._kind = core, kind
        self._decoder = msgspec.json.Decoder(record)

    def view(self, tx: Transaction, namespace: Namespace) -> View:
        """Where the identities of a namespace stand."""
        return self._core.view(tx, f"{namespace.prefix}sys/identity/")

    def _here(self, request: Request) -> View:
        return self.view(request.tx, request.namespace)

    def place(self, request: Request, record_id: str) -> str:
        """The storage key of a record, for watching it."""
        return f"{request.namespace.prefix}sys/identity/{self._kind}/{record_id}"

    def factor(self, mount_accessor: str, name: str) -> str:
        """The index row of an alias: user names stand there as keyed hashes, the same in any case."""
        return f"{self._kind}-factor/{mount_accessor}/{self._core.tokens.digest('identity:' + name.lower())}"

    # -- finding -----------------------------------------------------------------------------

    async def get(self, request: Request, record_id: str) -> T | None:
        """The record of an ID, or None."""
        if not _is_id(record_id):
            return None
        blob = await self._here(request).get(f"{self._kind}/{record_id}")
        return None if blob is None else self._decoder.decode(blob)

    async def by_name(self, request: Request, name: str) -> T | None:
        """The record of a name, in any case, or None."""
        blob = await self._here(request).get(f"{self._kind}-name/{name_key(name)}")
        return None if blob is None else await self.get(request, _decode_name(blob)[0])

    async def by_alias(self, request: Request, mount_accessor: str, name: str) -> T | None:
        """The record that a mount knows by a name, in any case, or None."""
        return await self._led_to(request, self.factor(mount_accessor, name))

    async def of_alias(self, request: Request, alias_id: str) -> T | None:
        """The record that the alias of an ID belongs to, or None."""
        if not _is_id(alias_id):
            return None
        return await self._led_to(request, f"{self._kind}-alias/{alias_id}")

    async def _led_to(self, request: Request, key: str) -> T | None:
        blob = await self._here(request).get(key)
        return None if blob is None else await self.get(request, blob.decode())

    # -- listing -----------------------------------------------------------------------------

    async def page(self, request: Request, after: str = "", limit: int = -1) -> list[T]:
        """Records in the order of their IDs."""
        ids = await self._here(request).list(f"{self._kind}/", after, limit)
        records = [await self.get(request, one) for one in ids]
        return [record for record in records if record is not None]

    async def names(self, request: Request, after: str = "", limit: int = -1) -> list[str]:
        """Names in order, each as it was written last."""
        view, under = self._here(request), f"{self._kind}-name/"
        keys = await view.list(under, name_key(after) if after else "", limit)
        blobs = [await view.get(under + key) for key in keys]
        return [_decode_name(blob)[1] for blob in blobs if blob is not None]

    async def alias_ids(self, request: Request, after: str = "", limit: int = -1) -> list[str]:
        """IDs of aliases in order."""
        return await self._here(request).list(f"{self._kind}-alias/", after, limit)

    async def of_mount(self, request: Request, mount_accessor: str, limit: int) -> list[T]:
        """Some of the records that a mount knows."""
        view, under = self._here(request), f"{self._kind}-factor/{mount_accessor}/"
        records = [await self._led_to(request, under + key) for key in await view.list(under, "", limit)]
        return [record for record in records if record is not None]

    async def count(self, request: Request) -> int:
        """How many records there are."""
        view, total, after = self._here(request), 0, ""
        while True:
            ids = await view.list(f"{self._kind}/", after, PAGE)
            total += len(ids)
            if len(ids) < PAGE:
                return total
            after = ids[-1]

    # -- changing ----------------------------------------------------------------------------

    def indexes(self, record: T) -> dict[str, bytes]:
        """The rows that lead to a record, and what they hold."""
        raise NotImplementedError

    def put(self, request: Request, record: T, before: T | None = None) -> None:
        """Store a record. ``before`` is what stood there: of its index rows those go that no longer hold."""
        view = self._here(request)
        old, new = {} if before is None else self.indexes(before), self.indexes(record)
        for key in old.keys() - new.keys():
            view.delete(key)
        view.put(f"{self._kind}/{record.id}", _encode(record))
        for key, value in new.items():
            if old.get(key) != value:
                view.put(key, value)

    def delete(self, request: Request, record: T) -> None:
        """Remove a record and what leads to it."""
        view = self._here(request)
        view.delete(f"{self._kind}/{record.id}")
        for key in self.indexes(record):
            view.delete(key)

    def name_row(self, record_id: str, name: str) -> tuple[str, bytes]:
        """The index row of a name: where it leads, and how the name is written."""
        return f"{self._kind}-name/{name_key(name)}", _encode((record_id, name))

    def alias_rows(self, record_id: str, alias: Alias) -> dict[str, bytes]:
        """The index rows of an alias."""
        leads = record_id.encode()
        return {
            f"{self._kind}-alias/{alias.id}": leads,
            self.factor(alias.mount_accessor, alias.name): leads,
        }


def _is_id(text: str) -> bool:
    """Whether a text may be an ID, so that it can be part of a key."""
    return 0 < len(text) <= _LONGEST and text.isascii() and text.isprintable() and "/" not in text


def new_name(kind: str, namespace: Namespace) -> str:
    """A name for what was created without one; random enough that millions share none."""
    return f"{kind}_{random_bytes(8).hex()}.{namespace.id}"
