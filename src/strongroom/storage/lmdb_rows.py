"""How keys of any length become rows of LMDB, whose own keys end at 511 bytes.

Up to :data:`INLINE` bytes a key is its own row key. A longer one stands under its first
:data:`INLINE` bytes, a byte that no UTF-8 text contains, and a digest of the whole; the value then
begins with the whole key. So keys that share those first bytes form one group at the right
place in the order, and the group is put in order when it is read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import lmdb

INLINE = 400
MARK = b"\xff"


def row_key(key: bytes) -> bytes:
    """Where the value of ``key`` stands."""
    if len(key) <= INLINE:
        return key
    return key[:INLINE] + MARK + hashlib.sha256(key).digest()


def row_value(key: bytes, value: bytes) -> bytes:
    """What stands there."""
    if len(key) <= INLINE:
        return value
    return len(key).to_bytes(4, "big") + key + value


def get(txn: lmdb.Transaction[bytes], key: bytes) -> bytes | None:
    """The value of ``key``, or None."""
    if len(key) <= INLINE:
        return txn.get(key) if key else None
    stored = txn.get(row_key(key))
    return None if stored is None else stored[4 + len(key) :]


def names(cursor: lmdb.Cursor[bytes], prefix: bytes, after: bytes, limit: int, *, fold: bool) -> list[bytes]:
    """Keys under ``prefix`` relative to it; folders folded into one name each when ``fold``.

    A folder within the first :data:`INLINE` bytes costs one seek, whatever lies under it.
    """
    found: list[bytes] = []
    start = len(prefix)
    within = prefix[:INLINE]
    more = cursor.set_range((prefix + after)[:INLINE]) if prefix or after else cursor.first()
    while more and (limit <= 0 or len(found) < limit):
        row = cursor.key()
        if not row.startswith(within):
            break
        cut = row.find(b"/", start, INLINE) if fold else -1
        if cut >= 0:
            if row[start : cut + 1] > after:
                found.append(row[start : cut + 1])
            more = cursor.set_range(row[:cut] + b"0")  # "0" follows "/": past the folder
        elif len(row) <= INLINE:
            if row[start:] > after:
                found.append(row[start:])
            more = cursor.next()
        else:
            found += _long_names(sorted(_group(cursor)), prefix, after, fold=fold)
            more = cursor.set_range(row[:INLINE] + MARK + MARK * 32)
    return found[:limit] if limit > 0 else found


def delete_prefix(cursor: lmdb.Cursor[bytes], prefix: bytes) -> None:
    """Delete every key that starts with ``prefix``, one by one, so that none are held in memory."""
    more = cursor.set_range(prefix[:INLINE]) if prefix else cursor.first()
    while more and (row := cursor.key()).startswith(prefix[:INLINE]):
        if row.startswith(prefix) or (len(row) > INLINE and _whole_key(cursor).startswith(prefix)):
            more = cursor.delete() and bool(cursor.key())
        else:
            more = cursor.next()


def _whole_key(cursor: lmdb.Cursor[bytes]) -> bytes:
    stored = cursor.value()
    return stored[4 : 4 + int.from_bytes(stored[:4], "big")]


def _group(cursor: lmdb.Cursor[bytes]) -> Iterator[bytes]:
    """The whole keys of the group the cursor stands in."""
    shared = cursor.key()[: INLINE + 1]
    more = True
    while more and cursor.key().startswith(shared):
        yield _whole_key(cursor)
        more = cursor.next()


def _long_names(keys: list[bytes], prefix: bytes, after: bytes, *, fold: bool) -> list[bytes]:
    found: list[bytes] = []
    for key in keys:
        if not key.startswith(prefix):
            continue
        name = key[len(prefix) :]
        if fold:
            head, slash, _ = name.partition(b"/")
            name = head + slash
        if name > after and found[-1:] != [name]:
            found.append(name)
    return found
