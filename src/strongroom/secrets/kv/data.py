"""KV version 2: the data of a secret's versions, and its outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, CASMismatch
from strongroom.framework.field import Mapped, field
from strongroom.framework.merge import merge
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.kv.history import Config, History, describe
from strongroom.secrets.kv.v1 import writable

if TYPE_CHECKING:
    from strongroom.secrets.kv.v2 import KV2


class Data(Path):
    """The versions of a secret."""

    pattern = "data/{path*}"
    reader_safe = True
    path: str = field("Path of the secret.")
    version: int = field("Which version to read; 0 is the latest.", query=True)
    data: Mapped = field("The secret: any JSON object.", sensitive=True)
    options: Mapped = field("cas: write only if this is the current version.")

    async def exists(self, kv: KV2, request: Request) -> bool:
        """Whether the secret has a history."""
        return await kv.history(request, self.path) is not None

    async def read(self, kv: KV2, request: Request) -> Response:
        """One version of the secret, and its metadata. 404 with the metadata when it is deleted."""
        history, number, version = await kv.version(request, self.path, self.version)
        metadata = describe(history, number, version)
        if version.gone(request.now):
            return Response(data={"data": None, "metadata": metadata}, status=404)
        return Response(data={"data": await kv.data(request, self.path, number), "metadata": metadata})

    async def write(self, kv: KV2, request: Request) -> dict[str, Any]:
        """Store a new version."""
        writable(self.path)
        if "data" not in request.data:
            raise BadRequest("no data provided")
        history = await kv.history(request, self.path)
        config = await kv.config(request)
        check_cas(self.options, history, config)
        return kv.add(request, self.path, history, config, self.data if "data" in self.given else None)

    async def patch(self, kv: KV2, request: Request) -> Response | dict[str, Any]:
        """Store a new version made by merging into the latest (RFC 7396)."""
        writable(self.path)
        if "data" not in self.given:
            raise BadRequest("no data provided")
        history = await kv.history(request, self.path)
        if history is None or not history.current:
            return Response(status=404)
        config = await kv.config(request)
        check_cas(self.options, history, config)
        version = history.versions[history.current]
        if version.gone(request.now):
            return Response(data=describe(history, history.current, version), status=404)
        before = await kv.data(request, self.path, history.current)
        return kv.add(request, self.path, history, config, merge(before, self.data))

    async def delete(self, kv: KV2, request: Request) -> None:
        """Mark the latest version as deleted; it can be undeleted."""
        history = await kv.history(request, self.path)
        if history is not None and history.current:
            history.versions[history.current].delete(request.now)
            kv.histories(request).put(self.path, history)


class Subkeys(Path):
    """The shape of a secret without its values."""

    pattern = "subkeys/{path*}"
    reader_safe = True
    path: str = field("Path of the secret.")
    version: int = field("Which version; 0 is the latest.", query=True)
    depth: int = field("How many levels to show; 0 is all.", query=True)

    async def read(self, kv: KV2, request: Request) -> Response:
        """Keys of the secret, with null in place of values."""
        history, number, version = await kv.version(request, self.path, self.version)
        metadata = describe(history, number, version)
        if version.gone(request.now):
            return Response(data={"metadata": metadata, "subkeys": None}, status=404)
        data = await kv.data(request, self.path, number)
        return Response(data={"metadata": metadata, "subkeys": outline(data or {}, self.depth)})


def check_cas(options: dict[str, Any], history: History | None, config: Config) -> None:
    """Raise unless the write is based on the current version, where it says or must say so."""
    if "cas" not in options:
        if config.cas_required or (history is not None and history.cas_required):
            raise BadRequest("check-and-set parameter required for this call")
        return
    if _number(options["cas"]) != (history.current if history else 0):
        raise CASMismatch("check-and-set parameter did not match the current version")


def _number(cas: Any) -> int:
    """The version that ``cas`` names; null and an empty string are 0, as the peer has it."""
    try:
        if isinstance(cas, str):
            return int(cas or "0", 0)
        if cas is None or isinstance(cas, int):
            return cas or 0
    except ValueError:
        pass
    raise BadRequest("error parsing check-and-set parameter")


def outline(value: dict[str, Any], depth: int) -> dict[str, Any]:
    """The keys of an object, ``depth`` levels deep (0: all), null in place of values."""
    deeper = depth == 0 or depth > 1
    return {
        key: outline(item, max(depth - 1, 0)) if deeper and item and isinstance(item, dict) else None
        for key, item in value.items()
    }
