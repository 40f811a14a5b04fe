"""Message authentication codes: HMAC by every key, CMAC by keys that are made for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import cmac as block_cmac
from strongroom.crypto import digest
from strongroom.crypto.signature import NONE
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import batch, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.secrets.transit.engine import Transit
    from strongroom.secrets.transit.key import Key
    from strongroom.secrets.transit.ready import Ready

NO_KEY = "encryption key not found"
NO_HASH = "algorithm cannot be none"
_SHOWN = 32


def input_of(text: Any) -> bytes:
    """The data of an input. Raises BadRequest."""
    try:
        return wire.decode(text)
    except BadRequest as refusal:
        raise BadRequest(f"unable to decode input as base64: {refusal.public}") from None


def context_of(text: str) -> bytes:
    """The context of an input, none where there is none. Raises BadRequest."""
    if not text:
        return b""
    try:
        return wire.decode(text)
    except BadRequest:
        raise BadRequest("failed to base64-decode context") from None


def check_cmac(key: Key, length: int) -> None:
    """Raise BadRequest unless the key makes CMACs of that length."""
    if key.kind.family != "cmac":
        raise BadRequest(f"key type {key.type} does not support CMAC")
    if length and not block_cmac.SHORTEST <= length <= block_cmac.LONGEST:
        raise BadRequest(
            f"mac_length must be 0 or between {block_cmac.SHORTEST} and {block_cmac.LONGEST} bytes"
        )


def cmac(ready: Ready, data: bytes, length: int) -> bytes:
    """The CMAC of data, cut to a length where one is given."""
    return block_cmac.digest(ready.material.key, data)[: length or block_cmac.LONGEST]


class _Code(Path):
    """What codes have in common."""

    name: str = field("Name of the key.")
    input: str = field("Base64 of the data.", sensitive=True)
    key_version: int = field("Version of the key that makes the code; 0 is the latest.")
    batch_input: Anything = field(
        "Inputs to be processed in one request: objects with `input`, and a `reference` that is repeated in"
        " the result. `input` beside it is then ignored."
    )

    async def ready(self, transit: Transit, request: Request, key: Key) -> tuple[int, Ready]:
        """The version of the key that makes the code, and its number. Raises BadRequest."""
        number = self.key_version or key.latest
        if number > key.latest:
            raise BadRequest(f"key version does not exist; latest key version is {key.latest}")
        oldest = max(key.min_encryption, key.min_available)
        if oldest and number < oldest:
            raise BadRequest("cannot generate HMAC: version is too old (disallowed by policy)")
        if number < 0:
            raise BadRequest("key version does not exist (cannot be negative)")
        return number, await transit.rings.version(request, self.name, key, number)

    async def found(self, transit: Transit, request: Request) -> Key:
        """The key. Raises BadRequest where there is none."""
        key = await transit.rings.find(request, self.name)
        if key is None:
            raise BadRequest(NO_KEY)
        return key.usable()

    def results(self, what: str, number: int, make: Callable[[bytes], bytes]) -> dict[str, Any]:
        """The code of the input, or those of the batch."""

        def one(text: Any) -> str:
            if text is None:
                raise BadRequest(f"missing input for {what.upper()}")
            return f"{wire.PREFIX}{number}:{wire.encode(make(input_of(text)))}"

        if "batch_input" not in self.given:
            return {what: one(self.input if "input" in self.given else None)}
        results = []
        for entry in batch.texts(self.batch_input, ignored="key_version"):
            try:
                result = {what: one(entry.get("input"))}
            except BadRequest as refusal:
                result = {"error": refusal.public}
            result["reference"] = entry.get("reference") or ""
            results.append(result)
        return {"batch_results": results}


class Hmac(_Code):
    """Make a code by which data are recognised as unchanged: HMAC."""

    pattern = "hmac/{name}/{urlalgorithm?}"
    looks_up = True
    urlalgorithm: str = field("The hash algorithm, as part of the path.")
    algorithm: str = field(
        "Hash of the HMAC: sha1, sha2-224 to sha2-512, sha3-224 to sha3-512.", default="sha2-256"
    )

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The code, with the version of the key in front."""
        name = self.urlalgorithm or self.algorithm
        key = await self.found(transit, request)
        number, ready = await self.ready(transit, request, key)
        if name == NONE:
            raise BadRequest(NO_HASH)
        if name not in digest.KEYED:
            raise BadRequest(f'invalid hash algorithm "{name[:_SHOWN]}"')
        secret = ready.material.hmac_key
        if not secret:
            raise BadRequest("this version of the key has no HMAC key")
        return self.results("hmac", number, lambda data: digest.hmac(name, secret, data))


class Cmac(_Code):
    """Make a code by which data are recognised as unchanged: CMAC, by a key of a type made for it."""

    pattern = "cmac/{name}/{url_mac_length?}"
    looks_up = True
    url_mac_length: int = field("Bytes of the code, as part of the path.")
    mac_length: int = field("Bytes of the code; 0 is all 16.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The code, with the version of the key in front."""
        length = self.url_mac_length or self.mac_length
        key = await self.found(transit, request)
        check_cmac(key, length)
        number, ready = await self.ready(transit, request, key)
        return self.results("cmac", number, lambda data: cmac(ready, data, length))


PATHS: tuple[type[Path], ...] = (Hmac, Cmac)
