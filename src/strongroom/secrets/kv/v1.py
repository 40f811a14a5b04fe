"""KV version 1: one value per path, the last one written.

Source of the behaviour: the KV version 1 part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import builtins
from typing import Any, ClassVar

from strongroom import codec
from strongroom.errors import BadRequest
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.listing import folder, page
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import Request, Response

ROWS = "v1/"


def writable(path: str) -> str:
    """``path`` if a secret can stand there. Raises BadRequest."""
    if not path or path.endswith("/"):
        raise BadRequest("cannot write to a path ending in '/'")
    return path


class Secret(Path):
    """A secret: a JSON object at a path."""

    pattern = "{path*}"
    reader_safe = True
    free_form = True
    path: str = field("Path of the secret.")

    async def exists(self, kv: KV, request: Request) -> bool:
        """Whether there is a secret at the path."""
        return await request.view.get(ROWS + self.path) is not None

    async def read(self, kv: KV, request: Request) -> Response | None:
        """The secret; its ``ttl`` or ``lease`` key tells clients when to look again."""
        blob = await request.view.get(ROWS + self.path)
        if blob is None:
            return None
        data = codec.decode(blob)
        return Response(data=data, lease_duration=_refresh(kv, data))

    async def write(self, kv: KV, request: Request) -> None:
        """Store the body as the secret."""
        writable(self.path)
        if not request.data:
            raise BadRequest("missing data fields")
        request.view.put(ROWS + self.path, codec.encode(request.data))

    async def delete(self, kv: KV, request: Request) -> None:
        """Remove the secret for good."""
        request.view.delete(ROWS + self.path)

    async def scan(self, kv: KV, request: Request) -> list[str]:
        """All paths under the path, however deep."""
        return await request.view.scan(ROWS + folder(self.path), *page(request))

    async def list(self, kv: KV, request: Request) -> list[str]:
        """Names under the path."""
        return await request.view.list(ROWS + folder(self.path), *page(request))


def _refresh(kv: KV, data: dict[str, Any]) -> int:
    """Seconds after which a client should read again: what the secret says, or the mount's default."""
    default: int = kv.core.ttls(kv.mount)[0]
    for name in ("ttl", "lease"):
        if name in data:
            try:
                return duration.parse(data[name]) or default
            except (BadRequest, TypeError):
                return default
    return default


class KV(Backend):
    """A store for secrets of any shape, by path.

    Mounted with option ``version=2`` it keeps versions of each secret, can undelete them, and
    refuses writes that are based on an old one.
    """

    type: ClassVar[str] = "kv"
    paths: ClassVar[tuple[builtins.type[Path], ...]] = (Secret,)

    @classmethod
    def variant(cls, options: dict[str, str]) -> builtins.type[Backend]:
        """Version 1 or 2, by the mount's option ``version``. Raises BadRequest for another."""
        version = options.get("version", "1")
        if version == "2":
            from strongroom.secrets.kv.v2 import KV2  # noqa: PLC0415  v2 is built upon this module

            return KV2
        if version not in {"", "1"}:
            raise BadRequest("the version of a kv mount is 1 or 2")
        return cls

    async def retuned(self, request: Request, before: dict[str, str], after: dict[str, str]) -> None:
        """Turn every secret into the first version of itself when the mount becomes version 2."""
        if after.get("version") == "2":
            from strongroom.secrets.kv.v2 import upgrade  # noqa: PLC0415  v2 is built upon this module

            view = self.core.view(request.tx, self.mount.storage_prefix)
            await upgrade(view, request.now)
