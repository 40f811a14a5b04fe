"""The persistent cache: a file of sealed entries that a later process takes over.

SQLite from the standard library. A row is one sealed entry under a keyed digest of its identity, since an
identity in clear would let guesses at a password in a login be tried. What a row is about, how old it is and
whose it is cannot be read from the file; how many rows there are can.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from strongroom.agent.cache.entry import Entry
from strongroom.agent.cache.key import KeyUnusable, TokenFile, new_key, unwrap, wrap
from strongroom.crypto.aead import Cipher, Unopenable, zeroize
from strongroom.crypto.derivation import derive
from strongroom.crypto.digest import HmacSha256
from strongroom.errors import StrongroomError

_log = logging.getLogger("cache.book")

NAME = "strongroom-agent-cache.db"
_FORMAT = "1"
_OWN = "token/"

_encode = msgspec.msgpack.Encoder().encode
_entry = msgspec.msgpack.Decoder(Entry).decode
_pair = msgspec.msgpack.Decoder(tuple[str, str]).decode


class BookUnusable(StrongroomError):
    """The file is none of ours, or cannot be read or written."""


class Book:
    """An open file. Values are bound to their rows, so that rows cannot be exchanged for each other."""

    def __init__(self, path: Path, token: TokenFile) -> None:
        self._path = path
        self._token = token
        self._db = _opened(path)
        try:
            self._key = self._unlocked()
        except BaseException:
            self._db.close()
            raise
        self._cipher = Cipher(derive(bytes(self._key), info=b"entries"))
        self._names = HmacSha256(derive(bytes(self._key), info=b"names"))
        self._behind: dict[bytes, bytes | None] = {}
        """Rows that could not be written, None for deleted ones: a full disk has room again some day."""

    @classmethod
    def open(cls, folder: str, token: TokenFile) -> Self:
        """The file in a folder, made if there is none. Raises BookUnusable, KeyUnusable."""
        path = Path(folder) / NAME
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(path, token)
        except (OSError, sqlite3.Error) as error:
            raise BookUnusable(f"the persistent cache cannot be used: {_reason(error)}") from None

    # -- entries -----------------------------------------------------------------------------------

    def write(self, entry: Entry) -> None:
        """Keep an entry, in place of an older form of it. A file that cannot be written ends no request."""
        self._put(entry.id, _encode(entry))

    def erase(self, entries: Iterable[Entry]) -> None:
        """Forget entries."""
        self._change({self._name(entry.id): None for entry in entries})

    def entries(self) -> list[Entry]:
        """All entries. Raises BookUnusable when one of them was changed."""
        return [_entry(value) for kind, value in self._rows() if kind == "entry"]

    # -- the agent's own token ---------------------------------------------------------------------

    def write_token(self, token: str, accessor: str) -> None:
        """Keep the token that the agent has logged in for, in place of the one before."""
        self._put(_OWN, _encode((token, accessor)))

    def token(self) -> tuple[str, str] | None:
        """The token that was kept, and its accessor. Raises BookUnusable."""
        return next((_pair(value) for kind, value in self._rows() if kind == "token"), None)

    def tend(self) -> None:
        """Write what could not be written, and follow the service account's token."""
        if self._behind or self._token.changed():
            self._change({})

    # -- the file ----------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the file."""
        self._db.close()
        zeroize(self._key)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def _put(self, id_: str, value: bytes) -> None:
        name = self._name(id_)
        kind = b"token\0" if id_ == _OWN else b"entry\0"
        self._change({name: self._cipher.seal(kind + value, name)})

    def _change(self, rows: Mapping[bytes, bytes | None]) -> None:
        """Write rows, and those that could not be written before."""
        before = len(self._behind)
        self._behind |= rows
        try:
            self._follow_token()
            with self._db:
                self._db.executemany("REPLACE INTO rows VALUES (?, ?)", _put(self._behind))
                self._db.executemany("DELETE FROM rows WHERE name = ?", _deleted(self._behind))
        except sqlite3.Error as error:
            if not before:
                reason = {"reason": _reason(error)}
                _log.warning("the persistent cache cannot be written", extra={"fields": reason})
            return
        self._behind.clear()
        if before:
            _log.info("the persistent cache is written again")

    def _follow_token(self) -> None:
        """Seal the key anew when the service account's token was replaced; half a token is left for later."""
        if self._token.changed():
            with contextlib.suppress(KeyUnusable):
                token = self._token.read()
                try:
                    self._lock(token)
                except BaseException:
                    self._token.forget()
                    raise

    def _rows(self) -> list[tuple[str, bytes]]:
        try:
            opened = [
                self._cipher.open(value, name)
                for name, value in self._db.execute("SELECT name, value FROM rows")
            ]
        except (sqlite3.Error, Unopenable):
            raise BookUnusable("the persistent cache was changed or is damaged") from None
        return [(kind.decode(), value) for kind, _, value in (each.partition(b"\0") for each in opened)]

    def _name(self, id_: str) -> bytes:
        return self._names.digest(id_.encode())

    def _unlocked(self) -> bytearray:
        row = self._db.execute("SELECT value FROM facts WHERE name = 'key'").fetchone()
        token = self._token.read()
        if row is not None:
            return unwrap(row[0], token)
        self._key = new_key()
        self._lock(token)
        return self._key

    def _lock(self, token: bytes) -> None:
        with self._db:
            self._db.execute("REPLACE INTO facts VALUES ('key', ?)", (wrap(self._key, token),))


def _put(rows: Mapping[bytes, bytes | None]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in rows.items() if value is not None]


def _deleted(rows: Mapping[bytes, bytes | None]) -> list[tuple[bytes]]:
    return [(name,) for name, value in rows.items() if value is None]


def _opened(path: Path) -> sqlite3.Connection:
    """The database, readable by its owner only."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    db = sqlite3.connect(path, timeout=5, isolation_level="DEFERRED")
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        with db:
            db.execute("CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID")
            db.execute("CREATE TABLE IF NOT EXISTS rows (name BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
            db.execute("INSERT OR IGNORE INTO facts VALUES ('format', ?)", (_FORMAT,))
        _check_format(db)
    except BaseException:
        db.close()
        raise
    return db


def _check_format(db: sqlite3.Connection) -> None:
    found = db.execute("SELECT value FROM facts WHERE name = 'format'").fetchone()
    if found != (_FORMAT,):
        raise BookUnusable("the persistent cache is of another version")


def _reason(error: Exception) -> str:
    if isinstance(error, StrongroomError):
        return error.public
    return getattr(error, "strerror", None) or getattr(error, "sqlite_errorname", "") or type(error).__name__
