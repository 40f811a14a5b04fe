"""Namespaces. Only root exists so far; what would make another says so.

Source: the ``sys/namespaces`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import KVPairs, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


class NotYet(BadRequest):
    """Something that only further namespaces make sense of."""

    def __init__(self) -> None:
        super().__init__("namespaces are not available yet")


class Namespaces(Path):
    """The namespaces below this one."""

    pattern = "namespaces/?"

    async def list(self, system: System, request: Request) -> list[str]:
        """Their names; there are none."""
        return []

    async def scan(self, system: System, request: Request) -> Response:
        """Names of all below; there are none."""
        return Response(data={})


class NamespacePath(Path):
    """One namespace."""

    pattern = "namespaces/{path*}"
    path: str = field("Path of the namespace.")
    custom_metadata: KVPairs = field("For people.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """What is known of it. Raises NotFound: there is none."""
        raise NotFound

    async def write(self, system: System, request: Request) -> None:
        """Not available yet."""
        raise NotYet

    async def patch(self, system: System, request: Request) -> None:
        """Not available yet."""
        raise NotYet

    async def delete(self, system: System, request: Request) -> Response:
        """Nothing to do."""
        return Response(warnings=["requested namespace does not exist"])


class Visible(Path):
    """The namespaces that an interface may show to the calling token."""

    pattern = "internal/ui/namespaces"

    async def read(self, system: System, request: Request) -> Response:
        """Their names; there are none."""
        return Response(data={})


PATHS: tuple[type[Path], ...] = (Namespaces, NamespacePath, Visible)
