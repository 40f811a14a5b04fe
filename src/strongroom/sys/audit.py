"""Audit devices, the hashes they write, and the request headers they show.

Source: the ``sys/audit``, ``sys/audit-hash`` and ``sys/config/auditing`` parts of Vault's HTTP API,
checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import KVPairs, field
from strongroom.framework.path import ROOT_ONLY, Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


class Devices(Path):
    """The audit devices. Needs sudo."""

    pattern = "audit/?"
    root_namespace_only = ROOT_ONLY
    root_protected = True

    async def read(self, system: System, request: Request) -> Response:
        """All devices by path."""
        devices = system.core.audit.devices
        listing = {path: describe(device.config) for path, device in sorted(devices.items())}
        return Response(data=listing, flat=True)


def describe(config: Any) -> dict[str, Any]:
    """A device as it stands in the listing."""
    return {
        "description": config.description,
        "local": config.local,
        "options": dict(config.options),
        "path": config.path,
        "type": config.type,
    }


class DevicePath(Path):
    """Enable or disable an audit device. Needs sudo."""

    pattern = "audit/{path*}"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    path: str = field("Name of the device.")
    type: str = field("file, syslog or socket.")
    description: str = field("For people.")
    options: KVPairs = field("Options of the device, such as file_path.")
    local: bool = field("Keep out of replication.")

    async def write(self, system: System, request: Request) -> None:
        """Enable a device; it must take a test line first.

        Refused where the configuration says ``unsafe_allow_api_audit_creation = false``.
        """
        config = system.core.config
        if "unsafe_allow_api_audit_creation" in config.given and not config.unsafe_allow_api_audit_creation:
            raise BadRequest("cannot enable audit device via API: the configuration does not allow it")
        if not self.type:
            raise BadRequest("audit device type must be specified")
        await system.core.audit_table.enable(
            request, self.path, self.type, dict(self.options), self.description, local=self.local
        )

    async def delete(self, system: System, request: Request) -> None:
        """Disable the device. Lines already queued are still written."""
        await system.core.audit_table.disable(request, self.path)


class Hash(Path):
    """What stands for a value in the lines of a device."""

    pattern = "audit-hash/{path*}"
    root_namespace_only = ROOT_ONLY
    path: str = field("Name of the device.")
    input: str = field("The value.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """The hash of a value."""
        if not self.input:
            raise BadRequest('the "input" parameter is empty')
        hashed = system.core.audit.hash(self.path.strip("/") + "/", self.input)
        return Response(data={"hash": hashed}, flat=True)


class RequestHeaders(Path):
    """The request headers that the audit log shows. Needs sudo."""

    pattern = "config/auditing/request-headers/?"
    root_namespace_only = ROOT_ONLY
    root_protected = True

    async def read(self, system: System, request: Request) -> Response:
        """All such headers, and whether each is hashed."""
        headers = {name: {"hmac": hmac} for name, hmac in system.core.audit.headers.items()}
        return Response(data={"headers": headers}, flat=True)


class RequestHeader(Path):
    """One request header that the audit log shows. Needs sudo."""

    pattern = "config/auditing/request-headers/{header}"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    header: str = field("Name of the header.")
    hmac: bool = field("Show a hash in place of the value.")

    async def read(self, system: System, request: Request) -> Response:
        """How the header is shown."""
        name = self.header.lower()
        if name not in system.core.audit.headers:
            raise BadRequest("Could not find header in config")
        return Response(data={self.header: {"hmac": system.core.audit.headers[name]}}, flat=True)

    async def write(self, system: System, request: Request) -> None:
        """Show the header from now on."""
        headers = {**system.core.settings.get("audit-headers"), self.header.lower(): self.hmac}
        system.core.settings.put(request, "audit-headers", headers)

    async def delete(self, system: System, request: Request) -> None:
        """Do not show the header any more."""
        headers = dict(system.core.settings.get("audit-headers"))
        headers.pop(self.header.lower(), None)
        system.core.settings.put(request, "audit-headers", headers)


PATHS: tuple[type[Path], ...] = (Devices, DevicePath, Hash, RequestHeaders, RequestHeader)
