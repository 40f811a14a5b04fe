"""KV version 2: every write makes a version; old ones can be read, deleted, undeleted, destroyed.

Rows of a mount: ``metadata/<path>`` the history, ``versions/<path>/<number>`` one version's data,
``config`` the mount's settings. Source of the behaviour: the KV version 2 part of Vault's HTTP API,
checked against the peer.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from strongroom import codec
from strongroom.clock import rfc3339
from strongroom.errors import BadRequest, CASMismatch, NotFound
from strongroom.framework.backend import Backend
from strongroom.framework.field import Anything, IntList, Mapped, field
from strongroom.framework.listing import folder
from strongroom.framework.merge import merge
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.hcl import duration
from strongroom.logical import Request, Response
from strongroom.secrets.kv.history import Config, History, Version
from strongroom.secrets.kv.v1 import ROWS, KV, writable

if TYPE_CHECKING:
    from strongroom.barrier.view import View

_MAX_CUSTOM_KEYS, _MAX_CUSTOM_KEY, _MAX_CUSTOM_VALUE = 64, 128, 512


# -- the data ----------------------------------------------------------------------------------


class Data(Path):
    """The versions of a secret."""

    pattern = "data/{path*}"
    path: str = field("Path of the secret.")
    version: int = field("Which version to read; 0 is the latest.", query=True)
    data: Mapped = field("The secret: any JSON object.", sensitive=True)
    options: Mapped = field("cas: write only if this is the current version.")

    async def exists(self, kv: KV2, request: Request) -> bool:
        """Whether the secret has a history."""
        return await kv.histories(request).get(self.path) is not None

    async def read(self, kv: KV2, request: Request) -> Response:
        """One version of the secret, and its metadata. 404 with the metadata when it is deleted."""
        history, number, version = await kv.version(request, self.path, self.version)
        if gone(version, request.now):
            body = {"data": None, "metadata": describe(history, number, version)}
            return Response(data=body, status=404)
        blob = await request.view.get(f"versions/{self.path}/{number}")
        data = None if blob is None else codec.decode(blob)
        return Response(data={"data": data, "metadata": describe(history, number, version)})

    async def write(self, kv: KV2, request: Request) -> dict[str, Any]:
        """Store a new version."""
        writable(self.path)
        if "data" not in request.data:
            raise BadRequest("no data provided")
        history = await kv.histories(request).get(self.path)
        config = await kv.config(request)
        check_cas(self.options, history, required=_cas_required(config, history))
        return kv.add(request, self.path, history, config, self.data if "data" in self.given else None)

    async def patch(self, kv: KV2, request: Request) -> Response | dict[str, Any]:
        """Store a new version made by merging into the latest (RFC 7396)."""
        writable(self.path)
        if "data" not in self.given:
            raise BadRequest("no data provided")
        history = await kv.histories(request).get(self.path)
        config = await kv.config(request)
        if history is None or not history.current:
            return Response(status=404)
        check_cas(self.options, history, required=_cas_required(config, history))
        version = history.versions[history.current]
        if gone(version, request.now):
            return Response(data=describe(history, history.current, version), status=404)
        blob = await request.view.get(f"versions/{self.path}/{history.current}")
        before = {} if blob is None else codec.decode(blob) or {}
        return kv.add(request, self.path, history, config, merge(before, self.data))

    async def delete(self, kv: KV2, request: Request) -> None:
        """Mark the latest version as deleted; it can be undeleted."""
        history = await kv.histories(request).get(self.path)
        if history is None or not history.current:
            return
        version = history.versions[history.current]
        if not gone(version, request.now):
            version.deletion = request.now
            kv.histories(request).put(self.path, history)


class Subkeys(Path):
    """The shape of a secret without its values."""

    pattern = "subkeys/{path*}"
    path: str = field("Path of the secret.")
    version: int = field("Which version; 0 is the latest.", query=True)
    depth: int = field("How many levels to show; 0 is all.", query=True)

    async def read(self, kv: KV2, request: Request) -> Response:
        """Keys of the secret, with null in place of values."""
        history, number, version = await kv.version(request, self.path, self.version)
        metadata = describe(history, number, version)
        if gone(version, request.now):
            return Response(data={"metadata": metadata, "subkeys": None}, status=404)
        blob = await request.view.get(f"versions/{self.path}/{number}")
        data = None if blob is None else codec.decode(blob)
        return Response(data={"metadata": metadata, "subkeys": outline(data or {}, self.depth)})


class VersionsFields(Path):
    """Which versions are meant."""

    path: str = field("Path of the secret.")
    versions: IntList = field("Numbers of the versions.")

    async def each(self, kv: KV2, request: Request) -> tuple[History | None, list[Version]]:
        """The history and those of the named versions that exist. Raises BadRequest when none is named."""
        if not self.versions:
            raise BadRequest("No version number provided")
        history = await kv.histories(request).get(self.path)
        if history is None:
            return None, []
        return history, [history.versions[number] for number in self.versions if number in history.versions]


class Delete(VersionsFields):
    """Mark versions as deleted; they can be undeleted."""

    pattern = "delete/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Delete versions."""
        history, versions = await self.each(kv, request)
        for version in versions:
            if not gone(version, request.now):
                version.deletion = request.now
        if history is not None:
            kv.histories(request).put(self.path, history)


class Undelete(VersionsFields):
    """Bring deleted versions back."""

    pattern = "undelete/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Undelete versions."""
        history, versions = await self.each(kv, request)
        for version in versions:
            if not version.destroyed:
                version.deletion = 0
        if history is not None:
            kv.histories(request).put(self.path, history)


class Destroy(VersionsFields):
    """Remove the data of versions for good."""

    pattern = "destroy/{path*}"

    async def write(self, kv: KV2, request: Request) -> None:
        """Destroy versions."""
        history, versions = await self.each(kv, request)
        if history is None:
            return
        for version in versions:
            version.destroyed = True
        for number in self.versions:
            request.view.delete(f"versions/{self.path}/{number}")
        kv.histories(request).put(self.path, history)


# -- the metadata ------------------------------------------------------------------------------


class MetadataPath(Path):
    """The history and the settings of a secret."""

    pattern = "metadata/{path*}"
    path: str = field("Path of the secret.")
    max_versions: int = field("How many versions to keep; 0 is what the mount says.")
    cas_required: bool = field("Refuse writes that do not name the version they are based on.")
    delete_version_after: Anything = field("Delete versions by themselves after this time.")
    custom_metadata: Anything = field("Strings by key, for people.")
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
        """Create or change the settings that are given."""
        writable(self.path)
        history = await kv.histories(request).get(self.path)
        config = await kv.config(request)
        self._check_cas(history, config)
        if history is None:
            history = History(created=request.now, updated=request.now)
        self._apply(history, request)
        if "custom_metadata" in self.given:
            history.custom_metadata = custom(self.custom_metadata)
        kv.histories(request).put(self.path, history)

    async def patch(self, kv: KV2, request: Request) -> Response | None:
        """Change the settings that are given; null sets one back (RFC 7396)."""
        history = await kv.histories(request).get(self.path)
        if history is None:
            return Response(status=404)
        self._check_cas(history, await kv.config(request))
        for name in ("max_versions", "cas_required", "delete_version_after", "metadata_cas_required"):
            if name in request.data and request.data[name] is None:
                setattr(history, name, type(getattr(history, name))())
        self._apply(history, request)
        if "custom_metadata" in request.data:
            history.custom_metadata = custom(merge(history.custom_metadata, self.custom_metadata)) or None
        kv.histories(request).put(self.path, history)
        return None

    def _check_cas(self, history: History | None, config: Config) -> None:
        required = config.metadata_cas_required or (history is not None and history.metadata_cas_required)
        if "metadata_cas" in self.given:
            if self.metadata_cas != (history.metadata_version if history else 0):
                raise CASMismatch("metadata check-and-set parameter did not match the current version")
        elif required:
            raise BadRequest("metadata check-and-set parameter required for this call")

    def _apply(self, history: History, request: Request) -> None:
        if "max_versions" in self.given:
            history.max_versions = counted(self.max_versions)
        if "cas_required" in self.given:
            history.cas_required = self.cas_required
        if "metadata_cas_required" in self.given:
            history.metadata_cas_required = self.metadata_cas_required
        if "delete_version_after" in self.given:
            history.delete_version_after = max(span(self.delete_version_after), 0)
        history.updated = request.now
        history.metadata_version += 1

    async def delete(self, kv: KV2, request: Request) -> None:
        """Remove the secret with all its versions, for good."""
        history = await kv.histories(request).get(self.path)
        if history is None:
            return
        for number in history.versions:
            request.view.delete(f"versions/{self.path}/{number}")
        kv.histories(request).delete(self.path)

    async def scan(self, kv: KV2, request: Request) -> list[str]:
        """All paths under the path, however deep."""
        return await kv.histories(request).scan(folder(self.path), self.after, self.limit)

    async def list(self, kv: KV2, request: Request) -> list[str]:
        """Names under the path."""
        return await kv.histories(request).list(folder(self.path), self.after, self.limit)


class DetailedMetadata(Path):
    """Listings with the metadata of each secret."""

    pattern = "detailed-metadata/{path*}"
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
        if not names:
            raise NotFound
        info: dict[str, Any] = {}
        for name in names:
            history = None if name.endswith("/") else await kv.histories(request).get(folder(self.path) + name)
            info[name] = {} if history is None else describe_history(history)
        return {"key_info": info, "keys": names}


class ConfigPath(Path):
    """Settings of the mount, for secrets that have none of their own."""

    pattern = "config"
    max_versions: int = field("How many versions to keep; 0 is 10.")
    cas_required: bool = field("Refuse writes that do not name the version they are based on.")
    delete_version_after: Anything = field("Delete versions by themselves after this time.")
    metadata_cas_required: bool = field("The same for writes to the metadata.")

    async def read(self, kv: KV2, request: Request) -> dict[str, Any]:
        """The settings."""
        config = await kv.config(request)
        return {
            "cas_required": config.cas_required,
            "delete_version_after": duration.format_go(max(config.delete_version_after, 0)),
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
            config.delete_version_after = span(self.delete_version_after)
        kv.configs(request).put("config", config)


class Elsewhere(Path):
    """Paths that version 1 would have; the answer says how version 2 is used."""

    pattern = "{path*}"
    free_form = True
    path: str = field("Any other path.")

    async def read(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return _hint("get")

    async def write(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return _hint("put")

    async def delete(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return _hint("delete")

    async def scan(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return _hint("scan")

    async def list(self, kv: KV2, request: Request) -> Response:
        """Not found, with a hint."""
        return _hint("list")


def _hint(verb: str) -> Response:
    return Response(
        status=404,
        warnings=[
            "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
            f"endpoints to use. If using the command line, use 'strongroom kv {verb}' for this operation."
        ],
    )


# -- rules -------------------------------------------------------------------------------------


def gone(version: Version, now: int) -> bool:
    """Whether a version cannot be read any more."""
    return version.destroyed or version.deleted(now)


def _cas_required(config: Config, history: History | None) -> bool:
    return config.cas_required or (history is not None and history.cas_required)


def check_cas(options: dict[str, Any], history: History | None, *, required: bool) -> None:
    """Raise unless the write is based on the current version, where it says or must say so."""
    if "cas" not in options:
        if required:
            raise BadRequest("check-and-set parameter required for this call")
        return
    cas = options["cas"]
    if isinstance(cas, str) and cas.isdigit():
        cas = int(cas)
    if not isinstance(cas, int) or isinstance(cas, bool):
        raise BadRequest("error parsing check-and-set parameter")
    if cas != (history.current if history else 0):
        raise CASMismatch("check-and-set parameter did not match the current version")


def counted(number: int) -> int:
    """A count of versions. Raises BadRequest below 0."""
    if number < 0:
        raise BadRequest("max_versions cannot be negative")
    return number


def span(value: Any) -> int:
    """A time in nanoseconds. Raises BadRequest."""
    try:
        return duration.parse_nanoseconds(value)
    except BadRequest as error:
        raise BadRequest(f'error converting input for field "delete_version_after": {error.public}') from None
    except TypeError:
        raise BadRequest('error converting input for field "delete_version_after"') from None


def custom(value: Any) -> dict[str, str] | None:
    """Custom metadata as strings by key, within the format's limits. Raises BadRequest."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise BadRequest("custom_metadata validation failed: expected an object of strings")
    if len(value) > _MAX_CUSTOM_KEYS:
        raise BadRequest(f"custom_metadata validation failed: at most {_MAX_CUSTOM_KEYS} keys")
    cleaned = {}
    for key, item in value.items():
        text = str(int(item)) if isinstance(item, bool) else item
        text = str(text) if isinstance(text, int) else text
        if not isinstance(text, str):
            raise BadRequest("custom_metadata validation failed: values must be strings")
        if not 0 < len(key) <= _MAX_CUSTOM_KEY or not 0 < len(text) <= _MAX_CUSTOM_VALUE:
            raise BadRequest("custom_metadata validation failed: a key or value is empty or too long")
        if not key.isprintable() or not text.isprintable():
            raise BadRequest("custom_metadata validation failed: a key or value cannot be printed")
        cleaned[key] = text
    return cleaned


def outline(value: dict[str, Any], depth: int) -> dict[str, Any]:
    """The keys of an object, ``depth`` levels deep (0: all), null in place of values."""
    return {
        key: outline(item, depth - 1) if isinstance(item, dict) and item and depth != 1 else None
        for key, item in value.items()
    }


def _time(nanoseconds: int) -> str:
    return rfc3339(nanoseconds) if nanoseconds else ""


def describe(history: History, number: int, version: Version) -> dict[str, Any]:
    """A version as it stands beside its data."""
    return {
        "created_time": rfc3339(version.created),
        "custom_metadata": history.custom_metadata,
        "deletion_time": _time(version.deletion),
        "destroyed": version.destroyed,
        "version": number,
    }


def describe_history(history: History) -> dict[str, Any]:
    """The answer for a secret's metadata."""
    return {
        "cas_required": history.cas_required,
        "created_time": rfc3339(history.created),
        "current_metadata_version": history.metadata_version,
        "current_version": history.current,
        "custom_metadata": history.custom_metadata,
        "delete_version_after": duration.format_go(history.delete_version_after),
        "max_versions": history.max_versions,
        "metadata_cas_required": history.metadata_cas_required,
        "oldest_version": history.oldest,
        "updated_time": rfc3339(history.updated),
        "versions": {
            str(number): {
                "created_time": rfc3339(version.created),
                "deletion_time": _time(version.deletion),
                "destroyed": version.destroyed,
            }
            for number, version in history.versions.items()
        },
    }


# -- the engine --------------------------------------------------------------------------------


class KV2(KV):
    """A store for secrets of any shape, by path, that keeps versions."""

    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        Data,
        Subkeys,
        Delete,
        Undelete,
        Destroy,
        MetadataPath,
        DetailedMetadata,
        ConfigPath,
        Elsewhere,
    )
    histories = stored(History, under="metadata/")
    configs = stored(Config, under="")

    @classmethod
    def variant(cls, options: dict[str, str]) -> builtins.type[Backend]:
        """Decided by version 1's class."""
        return KV.variant(options)

    async def config(self, request: Request) -> Config:
        """The mount's settings."""
        return await self.configs(request).get("config") or Config()

    async def version(self, request: Request, path: str, number: int) -> tuple[History, int, Version]:
        """A version of a secret by number, or the latest. Raises NotFound."""
        history = await self.histories(request).get(path)
        if history is None:
            raise NotFound
        number = number if number > 0 else history.current
        version = history.versions.get(number)
        if version is None:
            raise NotFound
        return history, number, version

    def add(
        self, request: Request, path: str, history: History | None, config: Config, data: Any
    ) -> dict[str, Any]:
        """Store a new version, and drop those that fall out of the history."""
        history = history or History(created=request.now, updated=request.now)
        version, dropped = history.add(config, request.now)
        for number in dropped:
            request.view.delete(f"versions/{path}/{number}")
        request.view.put(f"versions/{path}/{history.current}", codec.encode(data))
        self.histories(request).put(path, history)
        return describe(history, history.current, version)

    async def retuned(self, request: Request, before: dict[str, str], after: dict[str, str]) -> None:
        """A mount that keeps versions cannot forget how."""
        if after.get("version") != "2":
            raise BadRequest("cannot downgrade mount from version 2")


async def upgrade(view: View, now: int) -> None:
    """Turn version 1 rows into first versions, within one transaction."""
    encode = msgspec.json.encode
    for path in await view.scan(ROWS):
        blob = await view.get(ROWS + path)
        if blob is None:
            continue
        history = History(created=now, updated=now, current=1, versions={1: Version(created=now)})
        view.put("metadata/" + path, encode(history))
        view.put(f"versions/{path}/1", blob)
    view.delete_prefix(ROWS)
