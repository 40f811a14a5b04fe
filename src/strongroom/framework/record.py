"""Stored records: a dataclass per row, under a prefix of the mount's storage."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.logical import Request

T = TypeVar("T")


class Records(Generic[T]):
    """The rows of one kind, within one request's transaction."""

    __slots__ = ("_decoder", "_encode", "_prefix", "_view")

    def __init__(
        self, view: View, prefix: str, encoder: msgspec.json.Encoder, decoder: msgspec.json.Decoder[T]
    ) -> None:
        self._view, self._prefix = view, prefix
        self._encode, self._decoder = encoder.encode, decoder

    async def get(self, name: str) -> T | None:
        """The record of that name, or None."""
        blob = await self._view.get(self._prefix + name)
        return None if blob is None else self._decoder.decode(blob)

    def put(self, name: str, record: T) -> None:
        """Store the record; it is durable when the request is answered."""
        self._view.put(self._prefix + name, self._encode(record))

    def delete(self, name: str) -> None:
        """Forget the record, if there is one."""
        self._view.delete(self._prefix + name)

    async def list(self, under: str = "", after: str = "", limit: int = -1) -> list[str]:
        """Names directly under ``under``, folders with a trailing slash."""
        return await self._view.list(self._prefix + under, after, limit)

    async def scan(self, under: str = "", after: str = "", limit: int = -1) -> builtins.list[str]:
        """All names under ``under``, however deep."""
        return await self._view.scan(self._prefix + under, after, limit)


class stored(Generic[T]):  # noqa: N801  reads as a declaration: ``keys = stored(Key, under="key/")``
    """Declares the records of a kind on an engine: ``totp.keys(request).get(name)``."""

    def __init__(self, record: type[T], *, under: str) -> None:
        self._prefix = under
        self._encoder = msgspec.json.Encoder()
        self._decoder = msgspec.json.Decoder(record)

    def __call__(self, request: Request) -> Records[T]:
        return Records(request.view, self._prefix, self._encoder, self._decoder)

    def within(self, view: View) -> Records[T]:
        """The records in a view of one's own, outside a request."""
        return Records(view, self._prefix, self._encoder, self._decoder)
