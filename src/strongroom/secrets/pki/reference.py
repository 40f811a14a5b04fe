"""References: how requests name an issuer or a key, by its ID, by its name, or as the default."""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from strongroom.errors import BadRequest
from strongroom.logical import Request

DEFAULT = "default"
_NAME = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class _Named(Protocol):
    id: str
    name: str


def fingerprint(data: bytes) -> str:
    """What stands for so many octets in the key of a row."""
    return hashlib.sha256(data).hexdigest()[:40]


class NameIndex:
    """The names of one kind of record: each belongs to at most one of them."""

    def __init__(self, what: str, prefix: str) -> None:
        self._what, self._prefix = what, prefix

    async def id_of(self, request: Request, name: str) -> str | None:
        """The ID of the record of that name."""
        row = await request.view.get(self._prefix + name)
        return None if row is None else row.decode()

    async def set(self, request: Request, record: _Named, name: str) -> None:
        """Give a record a name, or none. Raises BadRequest for one that is taken, or can be none."""
        if name == record.name:
            return
        if name:
            await self._check(request, record, name)
            request.view.put(self._prefix + name, record.id.encode())
        self.unset(request, record)
        record.name = name

    async def _check(self, request: Request, record: _Named, name: str) -> None:
        if name == DEFAULT:
            raise BadRequest(f"reserved keyword 'default' can not be used as {self._what} name")
        if _NAME.fullmatch(name) is None or _ID.fullmatch(name):
            raise BadRequest(f"{self._what} name contained invalid characters")
        holder = await self.id_of(request, name)
        if holder not in (None, record.id):
            raise BadRequest(f"{self._what} name already in use")

    def unset(self, request: Request, record: _Named) -> None:
        """Free the name of a record."""
        if record.name:
            request.view.delete(self._prefix + record.name)
