"""What needs no key: random bytes and digests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import digest, entropy
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.code import input_of

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_MOST = 128 * 1024
_SOURCES = frozenset(("platform", "seal", "all"))
_NO_SEAL = "no seal/entropy augmentation available, using platform entropy source"
_SHOWN = 32


class Random(Path):
    """Random bytes."""

    pattern = "random/{source?}/{urlbytes?}"
    looks_up = True
    source: str = field(
        "platform, seal or all, which are the same here; or how many bytes.", default="platform"
    )
    urlbytes: str = field("How many bytes, as part of the path.")
    bytes: int = field("How many bytes.", default=32)
    format: str = field("base64 or hex.", default="base64")

    async def write(self, transit: Transit, request: Request) -> Response:
        """Random bytes, fit for keys."""
        source = request.captures.get("source") or "platform"
        text = self.urlbytes if request.captures.get("urlbytes") else ""
        if source not in _SOURCES and not text:
            source, text = "platform", source
        count = self.bytes
        if text:
            if not (text.isascii() and text.isdigit() and len(text) < 10):
                raise BadRequest("error parsing url-set byte count")
            count = int(text)
        if count < 1:
            raise BadRequest("'bytes' cannot be less than 1")
        if count > _MOST:
            raise BadRequest(f"'bytes' should be less than {_MOST}")
        if self.format not in ("hex", "base64"):
            raise BadRequest(
                f'unsupported encoding format "{self.format[:_SHOWN]}"; must be "hex" or "base64"'
            )
        if source not in _SOURCES:
            raise BadRequest(f'unsupported entropy source "{source[:_SHOWN]}"')
        warnings = [_NO_SEAL] if source == "seal" else []
        made = entropy.random_bytes(count)
        told = made.hex() if self.format == "hex" else wire.encode(made)
        return Response(data={"random_bytes": told}, warnings=warnings)


class Hash(Path):
    """The digest of data."""

    pattern = "hash/{urlalgorithm?}"
    looks_up = True
    input: str = field("Base64 of the data.", sensitive=True)
    algorithm: str = field("sha2-224 to sha2-512, sha3-224 to sha3-512.", default="sha2-256")
    urlalgorithm: str = field("The algorithm, as part of the path.")
    format: str = field("hex or base64.", default="hex")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The digest of the input."""
        if "input" not in self.given:
            raise BadRequest("input missing")
        data = input_of(self.input)
        name = self.urlalgorithm or self.algorithm
        if name not in digest.NAMES:
            raise BadRequest(f"unsupported algorithm {name[:_SHOWN]}")
        if self.format not in ("hex", "base64"):
            raise BadRequest(f'unsupported encoding format {self.format[:_SHOWN]}; must be "hex" or "base64"')
        made = digest.digest(name, data)
        return {"sum": made.hex() if self.format == "hex" else wire.encode(made)}


PATHS: tuple[type[Path], ...] = (Random, Hash)
