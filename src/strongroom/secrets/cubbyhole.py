"""Cubbyhole: a store of each token's own, gone when the token is.

Use it to leave something where nobody but the holder of one token can find it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom import codec
from strongroom.errors import BadRequest, PermissionDenied
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.listing import folder, page
from strongroom.framework.path import Path
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.barrier.view import View


class Hole(Path):
    """A secret in the calling token's cubbyhole."""

    pattern = "{path*}"
    reader_safe = True
    free_form = True
    path: str = field("Path of the secret.")

    async def exists(self, cubbyhole: Cubbyhole, request: Request) -> bool:
        """Whether there is a secret at the path."""
        return await own(request).get(self.path) is not None

    async def read(self, cubbyhole: Cubbyhole, request: Request) -> dict[str, Any] | None:
        """The secret at the path."""
        blob = await own(request).get(self.path)
        return None if blob is None else codec.decode(blob)

    async def write(self, cubbyhole: Cubbyhole, request: Request) -> None:
        """Store the body as the secret at the path."""
        if not request.data:
            raise BadRequest("missing data fields")
        own(request).put(_named(self.path), codec.encode(request.data))
        request.core.tokens.note_cubbyhole(request)

    async def delete(self, cubbyhole: Cubbyhole, request: Request) -> None:
        """Remove the secret at the path."""
        own(request).delete(self.path)

    async def scan(self, cubbyhole: Cubbyhole, request: Request) -> list[str]:
        """All names under the path, however deep."""
        return await own(request).scan(folder(self.path), *page(request))

    async def list(self, cubbyhole: Cubbyhole, request: Request) -> list[str]:
        """Names under the path."""
        return await own(request).list(folder(self.path), *page(request))


def own(request: Request) -> View:
    """The calling token's part of the store. Batch tokens have none."""
    if request.entry is None:
        raise PermissionDenied
    if request.entry.type == "batch":
        raise BadRequest("cubbyhole operations are only supported by 'service' type tokens")
    view: View = request.view.sub(request.entry.key + "/")
    return view


def _named(path: str) -> str:
    if not path or path.endswith("/"):
        raise BadRequest("cannot write to a path ending in '/'")
    return path


class Cubbyhole(Backend):
    """A store of each token's own: no other token can read it, and it goes when the token goes."""

    type: ClassVar[str] = "cubbyhole"
    paths = (Hole,)
