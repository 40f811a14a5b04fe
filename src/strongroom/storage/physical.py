"""The storage contract: a transactional, ordered key-value store of opaque bytes.

Keys are ``/``-separated UTF-8 strings without a leading slash, up to 32,768 bytes encoded;
their order is the order of their UTF-8 bytes. Values are bytes (already encrypted by the
barrier, apart from a handful of plain rows such as the seal configuration).

A store promises three things, and one conformance suite (tests/storage/test_conformance.py)
checks them for every store:

* a :class:`Snapshot` sees one state: no batch is seen in part, or appears half-way;
* :meth:`Physical.commit` applies a :class:`Batch` whole or not at all, and returns only when it
  would survive a power cut;
* a batch whose ``compare`` does not hold changes nothing and raises :class:`CompareFailed`.

Conflicts between requests of the active process are found above, in ``store.py``; ``compare``
exists for the fence between processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from strongroom.errors import StorageFailed

MAX_KEY_BYTES = 32_768

Names = list[str]


class CompareFailed(StorageFailed):
    """A row that a batch compared has another value: another process took over."""


class InvalidKey(StorageFailed):
    """A key that no store can hold: empty, or not encodable as UTF-8."""

    status = 400


class KeyTooLong(InvalidKey):
    """A key longer than :data:`MAX_KEY_BYTES`."""


def encode_key(key: str) -> bytes:
    """The bytes of ``key``; raises :class:`InvalidKey` or :class:`KeyTooLong`."""
    try:
        encoded = key.encode()
    except UnicodeEncodeError:
        raise InvalidKey("the path is not valid UTF-8") from None
    if not encoded:
        raise InvalidKey("the path is empty")
    if len(encoded) > MAX_KEY_BYTES:
        raise KeyTooLong(f"the path is longer than {MAX_KEY_BYTES} bytes")
    return encoded


@dataclass(slots=True)
class Batch:
    """What one commit changes.

    Order of application: ``compare`` is checked, ``ranges`` (prefixes, every key that starts
    with one) are deleted, then ``writes`` are applied; ``None`` deletes the key.
    """

    writes: dict[str, bytes | None] = field(default_factory=dict)
    ranges: list[str] = field(default_factory=list)
    compare: dict[str, bytes | None] = field(default_factory=dict)


class Snapshot(Protocol):
    """One state of the store, for reading. Close it soon: it may pin old pages."""

    async def get(self, key: str) -> bytes | None:
        """The value of ``key``, or None.

        Every read may raise :class:`~strongroom.errors.Conflict` when the store had to let go of
        an old state; the caller begins again.
        """

    async def list(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """Names directly under ``prefix`` (empty or ending in ``/``), in order, relative to it.

        Names are never empty: a key equal to ``prefix`` itself is not listed.
        A name with further segments below appears once, with a trailing ``/``; a name that is
        both a key and a folder appears as both, ``a`` before ``a/``. Only names greater than
        ``after`` (by bytes), at most ``limit`` of them when it is above 0. The cost does not
        depend on how many keys lie under the folders that are listed.
        """

    async def scan(self, prefix: str, after: str = "", limit: int = -1) -> Names:
        """All keys that start with ``prefix`` (any string) and are longer, in order, relative to it.

        ``after`` and ``limit`` as in :meth:`list`.
        """

    def close(self) -> None:
        """Let go of the state; calling again is harmless."""


class Physical(Protocol):
    """A store. Reads come through snapshots, writes through :meth:`commit`."""

    def snapshot(self) -> Snapshot:
        """The newest durable state. Cheap: one is taken for every request."""

    async def commit(self, batch: Batch) -> None:
        """Apply ``batch`` atomically and durably. One call at a time (the store above queues).

        Raises :class:`CompareFailed`, :class:`KeyTooLong`, or
        :class:`~strongroom.errors.StorageFailed` (disk full, I/O error); then nothing changed.
        """

    async def close(self) -> None:
        """Release files, threads and connections; nothing committed is lost."""
