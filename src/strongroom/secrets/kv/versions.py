"""KV version 2: deleting, undeleting and destroying versions by number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.errors import BadRequest
from strongroom.framework.field import IntList, field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.kv.history import History, Version

if TYPE_CHECKING:
    from strongroom.secrets.kv.v2 import KV2


class VersionsFields(Path):
    """Which versions are meant."""

    path: str = field("Path of the secret.")
    versions: IntList = field("Numbers of the versions.")

    async def named(self, kv: KV2, request: Request) -> tuple[History, list[Version]] | None:
        """The history and those of the named versions that exist; None where there is no secret."""
        history = await kv.histories(request).get(self.path)
        if history is None:
            return None
        return history, [history.versions[number] for number in self.versions if number in history.versions]


class Delete(VersionsFields):
    """Mark versions as deleted; they can be undeleted."""

    pattern = "delete/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Delete versions."""
        if not self.versions:
            raise BadRequest("No version number provided")
        found = await self.named(kv, request)
        if found is None:
            return
        history, versions = found
        for version in versions:
            version.delete(request.now)
        kv.histories(request).put(self.path, history)


class Undelete(VersionsFields):
    """Bring deleted versions back."""

    pattern = "undelete/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Undelete versions."""
        if not self.versions:
            raise BadRequest("No version number provided")
        found = await self.named(kv, request)
        if found is None:
            return
        history, versions = found
        config = await kv.config(request)
        for version in versions:
            history.undelete(version, config, request.now)
        kv.histories(request).put(self.path, history)


class Destroy(VersionsFields):
    """Remove the data of versions for good."""

    pattern = "destroy/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Destroy versions."""
        if not self.versions:
            raise BadRequest("no version number provided")
        found = await self.named(kv, request)
        if found is None:
            return
        history, versions = found
        for version in versions:
            version.destroyed = True
        for number in self.versions:
            if number in history.versions:
                request.view.delete(kv.row(self.path, number))
        kv.histories(request).put(self.path, history)
