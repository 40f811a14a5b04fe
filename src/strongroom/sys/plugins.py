"""The catalogue of engines. All of them ship with the server or are installed as Python packages.

Source: the ``sys/plugins`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Any

from strongroom import __version__, registry
from strongroom.errors import BadRequest, UnsupportedOperation, multierror
from strongroom.framework.field import CommaList, StringList, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.mount import AUTH, SECRET

if TYPE_CHECKING:
    from strongroom.mount import Mount, MountTable
    from strongroom.sys.system import System

VERSION = f"v{__version__}+builtin.strongroom"
"""What stands as the version of an engine that ships with the server."""

KINDS = ("auth", "database", "secret")
_TABLES = {"auth": AUTH, "secret": SECRET}


def names(kind: str) -> list[str]:
    """The engines of a kind, sorted."""
    if kind == "database":
        return registry.database_plugins()
    table = _TABLES.get(kind)
    return registry.names(table) if table else []


def _builtin(kind: str, name: str) -> bool:
    return kind == "database" or registry.is_builtin(_TABLES[kind], name)


def describe(kind: str, name: str) -> dict[str, Any]:
    """An engine as it stands in the detailed listing."""
    builtin = _builtin(kind, name)
    body: dict[str, Any] = {
        "builtin": builtin,
        "name": name,
        "type": kind,
        "version": VERSION if builtin else "",
    }
    if builtin:
        body["deprecation_status"] = "supported"
    return body


class Catalog(Path):
    """All engines."""

    pattern = "plugins/catalog/?"

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Names by kind, and each with its version."""
        found: dict[str, Any] = {kind: names(kind) for kind in KINDS}
        return found | {"detailed": [describe(kind, name) for kind in KINDS for name in names(kind)]}


class CatalogKind(Path):
    """The engines of a kind."""

    pattern = "plugins/catalog/{type}/?"
    type: str = field("auth, database or secret.")

    async def read(self, system: System, request: Request) -> Response:
        """Older form that named no kind; there is nothing to find with it."""
        return _nothing(self.type)

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the engines."""
        if self.type not in KINDS:
            raise UnsupportedOperation
        return names(self.type)


class CatalogEntry(Path):
    """One engine of the catalogue. Needs sudo."""

    pattern = "plugins/catalog/{type}/{name}"
    root_protected = True
    type: str = field("auth, database or secret.")
    name: str = field("Name of the engine.")
    version: str = field("Its version; empty for the one that ships with the server.", query=True)
    sha256: str = field("SHA-256 of a program, hex.", name="sha256")
    sha_256: str = field("Older name of sha256.", deprecated=True)
    command: str = field("Program to start.")
    args: StringList = field("Its arguments.")
    env: StringList = field("Its environment, KEY=value.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | Response | None:
        """What is known of the engine."""
        if self.type not in KINDS:
            return _nothing(f"{self.type}/{self.name}")
        if self.name not in names(self.type) or self.version not in {"", VERSION}:
            return None
        return {
            **{key: value for key, value in describe(self.type, self.name).items() if key != "type"},
            "args": None,
            "command": "",
            "declarative": False,
            "oci": False,
            "sha256": "",
        }

    async def write(self, system: System, request: Request) -> None:
        """Always refused: engines are Python packages and join when they are installed."""
        checksum = self.sha256 or self.sha_256
        if not checksum:
            raise BadRequest("missing SHA-256 value")
        try:
            binascii.unhexlify(checksum)
        except ValueError:
            raise BadRequest("Could not decode SHA-256 value from Hex") from None
        raise BadRequest("programs cannot be registered: install the engine as a Python package")

    async def delete(self, system: System, request: Request) -> None:
        """Nothing to do: nothing can be registered either."""


class Reload(Path):
    """Starting engines anew. Needs sudo."""

    pattern = "plugins/reload/backend"
    root_protected = True
    plugin: str = field("Reload every mount of this engine.")
    mounts: CommaList = field("Reload these mounts.")
    scope: str = field("global for all nodes of a cluster; there is but one.")

    async def write(self, system: System, request: Request) -> Response:
        """Make the engines' objects anew; what they keep in memory is gone, their rows stay."""
        if self.plugin and self.mounts:
            raise BadRequest("plugin and mounts cannot be set at the same time")
        if not self.plugin and not self.mounts:
            raise BadRequest("plugin or mounts must be provided")
        table = system.core.mounts.of(request.namespace)
        for prefix in self._prefixes(table):
            restart(table.by_prefix[prefix])
        return Response(data={"reload_id": request.id})

    def _prefixes(self, table: MountTable) -> list[str]:
        if self.plugin:
            if self.plugin not in {*names("auth"), *names("secret")}:
                raise BadRequest(f'plugin not found in the catalog: "{self.plugin}"')
            return [prefix for prefix, mount in table.by_prefix.items() if mount.type == self.plugin]
        unknown = [path for path in self.mounts if _slashed(path) not in table.by_prefix]
        if unknown:
            raise BadRequest(multierror(*(f'cannot fetch mount entry on "{path}"' for path in unknown)))
        return [_slashed(path) for path in self.mounts]


def restart(mount: Mount) -> None:
    """Give a mount a new engine object."""
    entry, core = mount.entry, mount.backend.core
    mount.backend = registry.backend_class(entry.table, entry.type, entry.options)(mount)
    mount.backend.core = core


def _nothing(name: str) -> Response:
    warning = f'Deprecated API endpoint, cannot read plugin information from catalog for "{name}"'
    return Response(warnings=[warning])


def _slashed(path: str) -> str:
    return path.strip("/") + "/"


PATHS: tuple[type[Path], ...] = (Catalog, CatalogKind, CatalogEntry, Reload)
