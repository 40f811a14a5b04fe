"""What the server tells about itself and its machine.

Source: the ``sys/in-flight-req``, ``sys/host-info``, ``sys/version-history``, ``sys/internal``,
``sys/locked-users`` and ``sys/replication`` parts of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from strongroom import codec, eager, host, versions
from strongroom.clock import rfc3339
from strongroom.errors import NotFound, UnsupportedPath
from strongroom.framework.field import field
from strongroom.framework.path import ROOT_ONLY, UNAVAILABLE, Path
from strongroom.logical import Request, Response
from strongroom.mount import AUTH

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.mount import Mount
    from strongroom.sys.system import System

TAGS = ("accessor", "root", "storage", "uuid")
"""The routing tables that can be looked at."""


class InFlight(Path):
    """The requests that are being answered. Needs sudo."""

    pattern = "in-flight-req"
    root_namespace_only = UNAVAILABLE
    root_protected = True

    @classmethod
    def needs_token(cls, request: Request) -> bool:
        """Where the listener opens it, everybody may look."""
        message = request.message
        return message is None or not message.listener.unauthenticated_in_flight_requests_access

    async def read(self, system: System, request: Request) -> Response:
        """Who asks for what, and since when, by request ID."""
        core = system.core
        return Response(raw=codec.encode(under_way(core) | await core.followers.under_way()))


def under_way(core: Core) -> dict[str, Any]:
    """The requests that a process is answering, described, by ID."""
    return {one.id: _in_flight(one) for one in core.in_flight.values()}


def _in_flight(request: Request) -> dict[str, Any]:
    body = {
        "start_time": rfc3339(request.now),
        "client_remote_address": f"{request.remote_address}:{request.remote_port}",
        "request_path": f"/v1/{request.path}",
        "request_method": request.message.method if request.message is not None else "",
    }
    if request.client_id:
        body["client_id"] = request.client_id
    return body


class HostInfo(Path):
    """The machine: processors, memory, disks. Needs sudo."""

    pattern = "host-info"
    root_namespace_only = ROOT_ONLY
    root_protected = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """What the machine has, and how much of it is used."""
        await eager.settle()
        return await asyncio.to_thread(host.describe, request.now)


class VersionHistory(Path):
    """The versions that have served this storage."""

    pattern = "version-history/?"

    async def list(self, system: System, request: Request) -> dict[str, Any]:
        """Versions in the order they came, and when each did."""
        found = await versions.history(system.core, request.tx)
        return {"keys": list(found), "key_info": found}


# -- internal/ -------------------------------------------------------------------------------------


class TokenCounter(Path):
    """How many tokens there are."""

    pattern = "internal/counters/tokens"

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Number of service tokens that are stored."""
        view = system.core.view(request.tx, f"{request.namespace.prefix}sys/token/")
        return {"counters": {"service_tokens": {"total": len(await view.scan("id/"))}}}


class EntityCounter(Path):
    """How many identities there are."""

    pattern = "internal/counters/entities"

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Number of entities."""
        total = await system.core.identity.entities.count(request)
        return {"counters": {"entities": {"total": total}}}


class RequestCounter(Path):
    """Once the number of requests."""

    pattern = "internal/counters/requests"

    async def read(self, system: System, request: Request) -> None:
        """Removed long ago. Raises NotFound saying so."""
        raise NotFound("The functionality has been removed on this path")


class RouterTable(Path):
    """What the router knows. Needs sudo and ``introspection_endpoint``."""

    pattern = "internal/inspect/router/{tag}"
    root_namespace_only = ROOT_ONLY
    root_protected = True
    tag: str = field("accessor, root, storage or uuid: the table to show.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The mounts as the table has them."""
        config = system.core.config
        if self.tag not in TAGS or not (config.introspection_endpoint or config.dev):
            raise UnsupportedPath
        mounts = sorted(system.core.mounts.by_prefix.values(), key=lambda each: each.accessor)
        return {self.tag: [_routed(mount, self.tag) for mount in mounts]}


def _routed(mount: Mount, tag: str) -> dict[str, Any]:
    prefix = "auth/" if mount.entry.table == AUTH else ""
    body: dict[str, Any] = {
        "accessor": mount.accessor,
        "mount_namespace": mount.namespace.path,
        "mount_path": mount.prefix.removeprefix(prefix),
        "mount_type": mount.type,
        "uuid": mount.entry.uuid,
    }
    if tag in {"root", "storage"}:
        body |= {"storage_prefix": mount.storage_prefix, "tainted": mount.entry.tainted}
    return body


# -- what there is nothing of ------------------------------------------------------------------------


class ReplicationStatus(Path):
    """Whether other clusters follow this one."""

    pattern = "replication/status"
    root_namespace_only = ROOT_ONLY
    unauthenticated = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """They do not: there is no replication."""
        return {"dr": {"mode": "disabled"}, "performance": {"mode": "disabled"}}


PATHS: tuple[type[Path], ...] = (
    InFlight,
    HostInfo,
    VersionHistory,
    TokenCounter,
    EntityCounter,
    RequestCounter,
    RouterTable,
    ReplicationStatus,
)
