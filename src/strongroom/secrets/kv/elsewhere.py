"""KV version 2: answers for paths that only version 1 has, which say how version 2 is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.secrets.kv.v2 import KV2

_ROOTS = frozenset({"data", "metadata", "delete", "undelete", "destroy"})


class Elsewhere(Path):
    """Paths that version 1 would have; the answer says how version 2 is used."""

    pattern = "{path*}"
    free_form = True
    path: str = field("Any other path.")

    async def read(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("get")

    async def write(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("put")

    async def patch(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("patch")

    async def delete(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("delete")

    async def scan(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("scan")

    async def list(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return self._hint("list")

    def _hint(self, verb: str) -> Response:
        if self.path in _ROOTS:
            hint = "Non-listing operations on the root of a K/V v2 mount are not supported."
        else:
            hint = (
                "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
                f"endpoints to use. If using the command line, use 'strongroom kv {verb}' for this operation."
            )
        return Response(status=404, warnings=[hint])
