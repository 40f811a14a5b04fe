"""The OpenAPI document of what is mounted.

Source: the ``sys/internal/specs/openapi`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom import codec
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.openapi import document
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


class OpenApi(Path):
    """The OpenAPI document of the mounts that the caller may use; without a token, of none."""

    pattern = "internal/specs/openapi"
    unauthenticated = True
    generic_mount_paths: bool = field("Parameters in place of the prefixes of mounts.", query=True)

    async def read(self, system: System, request: Request) -> Response:
        """The document, without an envelope."""
        core = system.core
        acl = await core.acl_of(request)
        visible: dict[str, Backend] = {}
        if acl is not None:
            mounts = core.mounts.of(request.namespace).by_prefix
            outer = request.outer
            visible = {at: mount.backend for at, mount in mounts.items() if acl.reaches(outer + at)}
        return Response(raw=codec.encode(document(visible, generic=self.generic_mount_paths)))

    async def write(self, system: System, request: Request) -> Response:
        """The same, for clients that cannot send parameters otherwise."""
        return await self.read(system, request)


PATHS: tuple[type[Path], ...] = (OpenApi,)
