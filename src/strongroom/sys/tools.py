"""Random bytes and digests.

Source: the ``sys/tools`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from strongroom.crypto import digest, entropy
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System

_MOST = 128 * 1024
_SOURCES = frozenset({"", "platform", "seal", "all"})
_NO_SEAL_ENTROPY = "no seal/entropy augmentation available, using platform entropy source"


class Random(Path):
    """Random bytes."""

    pattern = "tools/random/{source?}/{urlbytes?}"
    format: str = field("base64 or hex.", default="base64")
    bytes: int = field("How many bytes.", default=32)
    urlbytes: str = field("How many bytes.")
    source: str = field("platform, seal or all; or how many bytes.")

    async def write(self, system: System, request: Request) -> Response:
        """High-quality random bytes."""
        count = self.bytes
        source = self.source
        text = self.urlbytes
        if source not in _SOURCES and not text:
            source, text = "", source
        if text:
            if not text.isdigit():
                raise BadRequest("error parsing url-set byte count")
            count = int(text)
        if source not in _SOURCES:
            raise BadRequest(f'unsupported entropy source "{source}"; must be "platform" or "seal", or "all"')
        if count < 1:
            raise BadRequest("'bytes' cannot be less than 1")
        if count > _MOST:
            raise BadRequest(f"'bytes' should be less than {_MOST}")
        warnings = [_NO_SEAL_ENTROPY] if source == "seal" else []
        random = _formatted(entropy.random_bytes(count), self.format)
        return Response(data={"random_bytes": random}, warnings=warnings)


def _formatted(value: bytes, form: str) -> str:
    if form == "hex":
        return value.hex()
    if form == "base64":
        return base64.b64encode(value).decode()
    raise BadRequest(f'unsupported encoding format {form}; must be "hex" or "base64"')


class Hash(Path):
    """The digest of data."""

    pattern = "tools/hash/{urlalgorithm?}"
    input: str = field("Base64 of the data.", sensitive=True)
    algorithm: str = field("sha2-224 to sha2-512, sha3-224 to sha3-512.", default="sha2-256")
    urlalgorithm: str = field("The algorithm, as part of the path.")
    format: str = field("hex or base64.", default="hex")

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """The digest of the input."""
        algorithm = self.urlalgorithm or self.algorithm
        if algorithm not in digest.NAMES:
            raise BadRequest(f"unsupported algorithm {algorithm}")
        try:
            data = base64.b64decode(self.input, validate=True)
        except (binascii.Error, ValueError):
            raise BadRequest("unable to decode input as base64") from None
        return {"sum": _formatted(digest.digest(algorithm, data), self.format)}


PATHS: tuple[type[Path], ...] = (Random, Hash)
