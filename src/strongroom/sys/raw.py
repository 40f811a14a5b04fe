"""The storage itself, entry by entry, for repairs. Only where ``raw_storage_endpoint`` is on.

Values are shown in clear. Source: the ``sys/raw`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import zlib
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, Internal, NotFound, UnsupportedPath
from strongroom.framework.field import field
from strongroom.framework.path import UNAVAILABLE, Path
from strongroom.logical import Request
from strongroom.seal.config import CONFIG_PATH, RECOVERY_CONFIG_PATH

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.sys.system import System

PROTECTED = (
    "core/keyring",
    "core/cluster/local/info",
    "core/root-key",
    "core/shamir-kek",
    "core/recovery-key",
    "core/wraps/",
    "core/index",
)
"""Prefixes of entries that only the server itself may touch: with them a mistake is the end."""

PLAIN = frozenset({CONFIG_PATH, RECOVERY_CONFIG_PATH})
"""Entries that can be read while sealed, and so are not encrypted."""

_LARGEST = 1 << 25
"""Bytes that a compressed value may have unpacked."""


class Raw(Path):
    """An entry of the storage. Needs sudo."""

    pattern = "raw/{path*}"
    root_namespace_only = UNAVAILABLE
    root_protected = True
    path: str = field("Key of the entry.")
    value: str = field("What to store.", sensitive=True)
    encoding: str = field("base64 for values that are not text.", query=True)
    compression_type: str = field("gzip to pack the value, if it is a new one.")
    compressed: bool = field("Unpack the value.", default=True, query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The entry's value."""
        key = self._key()
        blob = await self._entry(system, request, key)
        if blob is None:
            return None
        value = unpacked(blob) if self.compressed else blob
        if self.encoding == "base64":
            return {"value": base64.b64encode(value).decode()}
        _known(self.encoding)
        return {"value": value.decode(errors="replace")}

    async def write(self, system: System, request: Request) -> None:
        """Store a value as it is. Caches do not notice: seal and unseal afterwards."""
        view, key = self._view(system, request), self._key()
        value = self.value.encode()
        if self.encoding == "base64":
            value = decoded(self.value)
        else:
            _known(self.encoding)
        if self.compression_type not in {"", "gzip"}:
            raise BadRequest(f'invalid compression type "{self.compression_type}"')
        if self.compression_type:
            before = await view.get(key)
            if before is not None and before[:2] != _GZIP:
                raise BadRequest("the entry uses a different compression scheme then compression_type")
            value = gzip.compress(value, mtime=0)
        (request.tx if key in PLAIN else view).put(key, value)

    async def delete(self, system: System, request: Request) -> None:
        """Remove the entry."""
        self._view(system, request).delete(self._key())

    async def list(self, system: System, request: Request) -> list[str]:
        """Keys below a prefix; folders end in a slash."""
        prefix = self.path.strip("/")
        return await self._view(system, request).list(prefix + "/" if prefix else "")

    async def _entry(self, system: System, request: Request, key: str) -> bytes | None:
        view = self._view(system, request)
        try:
            return await (request.tx if key in PLAIN else view).get(key)
        except Internal as error:
            raise BadRequest("the entry cannot be decrypted", cause=error.cause) from None

    def _key(self) -> str:
        if self.path.startswith(PROTECTED):
            raise BadRequest(f'cannot access "{self.path}"')
        if not self.path or self.path.endswith("/"):
            raise NotFound
        return self.path

    def _view(self, system: System, request: Request) -> View:
        config = system.core.config
        if not (config.raw_storage_endpoint or config.dev):
            raise UnsupportedPath
        return system.core.view(request.tx, "")


class RawRoot(Raw):
    """The storage's first level. Needs sudo."""

    pattern = "raw/?"


_GZIP = b"\x1f\x8b"


def unpacked(blob: bytes) -> bytes:
    """What a value holds, unpacked when it is gzip. Raises BadRequest for one too large."""
    if blob[:2] != _GZIP:
        return blob
    unpacker = zlib.decompressobj(wbits=31)
    try:
        value = unpacker.decompress(blob, _LARGEST)
    except zlib.error:
        return blob
    if unpacker.unconsumed_tail:
        raise BadRequest("the entry is too large unpacked")
    return value


def decoded(text: str) -> bytes:
    """The bytes of a base64 text. Raises BadRequest."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise BadRequest("illegal base64 data") from None


def _known(encoding: str) -> None:
    if encoding:
        raise BadRequest(f'invalid encoding "{encoding}"')


PATHS: tuple[type[Path], ...] = (RawRoot, Raw)
