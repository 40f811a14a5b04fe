"""What operators set for all requests: CORS and the interface's headers; and the configuration in force.

Source: the ``sys/config`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.config.sanitized import sanitized
from strongroom.errors import BadRequest, UnsupportedPath, multierror
from strongroom.framework.field import CommaList, StringList, field
from strongroom.framework.path import ROOT_ONLY, Path
from strongroom.logical import Request, Response
from strongroom.sys.cors import SAFE_HEADERS

if TYPE_CHECKING:
    from strongroom.sys.system import System

SUBSYSTEMS = frozenset({"license"})
"""What sys/config/reload takes; there is no licence, so nothing has to be read again."""


class CorsPath(Path):
    """Which web pages may talk to the server. Needs sudo."""

    pattern = "config/cors"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    enable: bool = field("Allow the origins that are named.", default=True)
    allowed_origins: CommaList = field("Origins, or * alone for all.")
    allowed_headers: CommaList = field("Request headers allowed besides the standard ones.")
    allow_credentials: bool = field("Let browsers send credentials along.")

    async def read(self, system: System, request: Request) -> Response:
        """The settings; of disabled CORS no more than that."""
        cors = system.core.cors
        body: dict[str, Any] = {"enabled": cors.enabled}
        if cors.enabled:
            body["allowed_origins"] = cors.origins
            body["allowed_headers"] = cors.allowed_headers
            body["allow_credentials"] = cors.credentials
        return Response(data=body, flat=True)

    async def write(self, system: System, request: Request) -> None:
        """Allow these origins from now on. Refuses a wildcard that is not alone."""
        if not self.allowed_origins:
            raise BadRequest(multierror("at least one origin or the wildcard must be provided"))
        if "*" in self.allowed_origins and len(self.allowed_origins) > 1:
            sentence = "to allow all origins the '*' must be the only value for allowed_origins"
            raise BadRequest(multierror(sentence))
        settings = {
            "enabled": self.enable,
            "allowed_origins": self.allowed_origins,
            "allowed_headers": self.allowed_headers,
            "allow_credentials": self.allow_credentials,
        }
        system.core.settings.put(request, "cors", settings)

    async def delete(self, system: System, request: Request) -> None:
        """Answer no foreign page any more."""
        system.core.settings.put(request, "cors", {})


class InterfaceHeaders(Path):
    """The headers that the web interface is served with. Needs sudo."""

    pattern = "config/ui/headers/?"
    root_namespace_only = ROOT_ONLY
    root_protected = True

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the headers."""
        return sorted(system.core.settings.get("ui-headers"))


class InterfaceHeader(Path):
    """One header that the web interface is served with. Needs sudo."""

    pattern = "config/ui/headers/{header}"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    header: str = field("Name of the header; the same in any case.")
    values: StringList = field("Its values, one line each.")
    multivalue: bool = field("Answer all values, not only the first.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The header's value, or all of them."""
        values = system.core.settings.get("ui-headers").get(canonical(self.header))
        if values is None:
            return None
        return {"values": values} if self.multivalue else {"value": values[0]}

    async def write(self, system: System, request: Request) -> Response:
        """Send the header from now on. The server's own names cannot be taken."""
        name = canonical(self.header)
        if not self.values or not any(self.values):
            raise BadRequest("header and values must be specified")
        if name.startswith("X-Vault-"):
            raise BadRequest("X-Vault headers cannot be set")
        if any(not (name + value).isprintable() for value in self.values):
            raise BadRequest("a header cannot hold characters that are not printable")
        headers = {**system.core.settings.get("ui-headers"), name: self.values}
        system.core.settings.put(request, "ui-headers", headers)
        warning = f"overriding default {name} which is secure by default, proceed with caution"
        return Response(data=None, warnings=[warning] if name in SAFE_HEADERS else [], status=200)

    async def delete(self, system: System, request: Request) -> None:
        """Do not send the header any more."""
        headers = dict(system.core.settings.get("ui-headers"))
        headers.pop(canonical(self.header), None)
        system.core.settings.put(request, "ui-headers", headers)


def canonical(header: str) -> str:
    """A header's name as HTTP writes it: ``x-own-name`` is ``X-Own-Name``."""
    return "-".join(word[:1].upper() + word[1:].lower() for word in header.split("-"))


class State(Path):
    """The configuration that the server runs with."""

    pattern = "config/state/sanitized"
    root_namespace_only = ROOT_ONLY

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The configuration without its secrets."""
        return sanitized(system.core.config)


class Reload(Path):
    """Reading a part of the configuration again. Needs sudo."""

    pattern = "config/reload/{subsystem}"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    subsystem: str = field("Which part.")

    async def write(self, system: System, request: Request) -> None:
        """Read the part again. Raises NotFound for one that there is not."""
        if self.subsystem not in SUBSYSTEMS:
            raise UnsupportedPath


PATHS: tuple[type[Path], ...] = (CorsPath, InterfaceHeaders, InterfaceHeader, State, Reload)
