"""KV version 2: the metadata of secrets, and the settings they fall back on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, CASMismatch
from strongroom.framework.field import Duration, Mapped, SignedDuration, field
from strongroom.framework.listing import folder
from strongroom.framework.merge import merge
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.kv.custom_metadata import validated
from strongroom.secrets.kv.history import Config, History, describe_history
from strongroom.secrets.kv.v1 import writable

if TYPE_CHECKING:
    from strongroom.secrets.kv.v2 import KV2

_SETTINGS = ("max_versions", "cas_required", "delete_version_after", "metadata_cas_required")


class MetadataPath(Path):
    """The history and the settings of a secret."""

    pattern = "metadata/{path*}"
    reader_safe = True
    path: str = field("Path of the secret.")
    max_versions: int = field("How many versions to keep; 0 is what the mount says.")
    cas_required: bool = field("Refuse writes that do not name the version they are based on.")
    delete_version_after: Duration = field("Delete versions by themselves after this time.")
    custom_metadata: Mapped = field("Strings by key, for people.")
    metadata_cas_required: bool = field("The same for writes to the metadata.")
    metadata_cas: int = field("Write only if this is the current version of the metadata.")
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def exists(self, kv: KV2, request: Request) -> bool:
        """Whether the secret has a history."""
        return await kv.histories(request).get(self.path) is not None

    async def read(self, kv: KV2, request: Request) -> dict[str, Any] | None:
        """The settings and all versions, without their data."""
        history = await kv.histories(request).get(self.path)
        return None if history is None else describe_history(history)

    async def write(self, kv: KV2, request: Request) -> None:
        """Create or change the settings that are given; a write that gives none changes nothing."""
        writable(self.path)
        if not self._changes(request):
            return
        history = await kv.histories(request).get(self.path)
        self._check_cas(history, await kv.config(request))
        if history is None:
            history = History(created=request.now, updated=request.now)
        self._apply(history, request)
        if "custom_metadata" in request.data:
            history.custom_metadata = validated(self.custom_metadata)
        kv.histories(request).put(self.path, history)

    async def patch(self, kv: KV2, request: Request) -> Response | None:
        """Change the settings that are given; null sets one back (RFC 7396)."""
        writable(self.path)
        history = await kv.histories(request).get(self.path)
        if history is None:
            return Response(status=404)
        if not self._changes(request):
            return None
        self._check_cas(history, await kv.config(request))
        for name in _SETTINGS:
            if name in request.data and request.data[name] is None:
                setattr(history, name, type(getattr(history, name))())
        self._apply(history, request)
        if "custom_metadata" in request.data:
            merged = merge(history.custom_metadata, request.data["custom_metadata"])
            history.custom_metadata = validated(merged or {})
        kv.histories(request).put(self.path, history)
        return None

    async def delete(self, kv: KV2, request: Request) -> None:
        """Remove the secret with all its versions, for good."""
        history = await kv.histories(request).get(self.path)
        if history is None:
            return
        for number in history.versions:
            request.view.delete(kv.row(self.path, number))
        kv.histories(request).delete(self.path)

    async def scan(self, kv: KV2, request: Request) -> list[str]:
        """All paths under the path, however deep."""
        return await kv.histories(request).scan(folder(self.path), self.after, self.limit)

    async def list(self, kv: KV2, request: Request) -> list[str]:
        """Names under the path."""
        return await kv.histories(request).list(folder(self.path), self.after, self.limit)

    def _changes(self, request: Request) -> bool:
        """Whether the body names anything that the metadata holds."""
        return "custom_metadata" in request.data or any(name in request.data for name in _SETTINGS)

    def _check_cas(self, history: History | None, config: Config) -> None:
        if "metadata_cas" in self.given:
            if self.metadata_cas != (history.metadata_version if history else 0):
                raise CASMismatch("metadata check-and-set parameter does not match the current version")
        elif config.metadata_cas_required or (history is not None and history.metadata_cas_required):
            raise BadRequest("metadata check-and-set parameter required for this call")

    def _apply(self, history: History, request: Request) -> None:
        if "max_versions" in self.given:
            history.max_versions = counted(self.max_versions)
        if "cas_required" in self.given:
            history.cas_required = self.cas_required
        if "metadata_cas_required" in self.given:
            history.metadata_cas_required = self.metadata_cas_required
        if "delete_version_after" in self.given:
            history.delete_version_after = self.delete_version_after * SECOND
        history.updated = request.now
        history.metadata_version += 1


class DetailedMetadata(Path):
    """Listings with the metadata of each secret."""

    pattern = "detailed-metadata/{path*}"
    reader_safe = True
    path: str = field("Path to list.")
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def scan(self, kv: KV2, request: Request) -> dict[str, Any]:
        """All paths under the path with their metadata."""
        names = await kv.histories(request).scan(folder(self.path), self.after, self.limit)
        return await self._detailed(kv, request, names)

    async def list(self, kv: KV2, request: Request) -> dict[str, Any]:
        """Names under the path with their metadata."""
        names = await kv.histories(request).list(folder(self.path), self.after, self.limit)
        return await self._detailed(kv, request, names)

    async def _detailed(self, kv: KV2, request: Request, names: Any) -> dict[str, Any]:
        info: dict[str, Any] = {}
        for name in names:
            history = (
                None if name.endswith("/") else await kv.histories(request).get(folder(self.path) + name)
            )
            info[name] = {} if history is None else describe_history(history)
        return {"key_info": info, "keys": names} if names else {}


class ConfigPath(Path):
    """Settings of the mount, for secrets that have none of their own."""

    pattern = "config"
    reader_safe = True
    max_versions: int = field("How many versions to keep; 0 is 10.")
    cas_required: bool = field("Refuse writes that do not name the version they are based on.")
    delete_version_after: SignedDuration = field("Delete versions after this time; below 0 none at all.")
    metadata_cas_required: bool = field("The same for writes to the metadata.")

    async def read(self, kv: KV2, request: Request) -> dict[str, Any]:
        """The settings."""
        config = await kv.config(request)
        return {
            "cas_required": config.cas_required,
            "delete_version_after": duration.format_go(config.delete_version_after),
            "max_versions": config.max_versions,
            "metadata_cas_required": config.metadata_cas_required,
        }

    async def write(self, kv: KV2, request: Request) -> None:
        """Change the settings that are given."""
        config = await kv.config(request)
        if "max_versions" in self.given:
            config.max_versions = counted(self.max_versions)
        if "cas_required" in self.given:
            config.cas_required = self.cas_required
        if "metadata_cas_required" in self.given:
            config.metadata_cas_required = self.metadata_cas_required
        if "delete_version_after" in self.given:
            config.delete_version_after = self.delete_version_after * SECOND
        kv.configs(request).put("config", config)


def counted(number: int) -> int:
    """A count of versions. Raises BadRequest below 0."""
    if number < 0:
        raise BadRequest("max_versions cannot be negative")
    return number
