"""What a token may do on a path.

Source: the ``sys/capabilities`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, PermissionDenied, multierror
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.logical import Operation, Request, Response
from strongroom.policy.acl import ACL
from strongroom.policy.decision import Decision, Reason
from strongroom.policy.explain import explain

if TYPE_CHECKING:
    from strongroom.sys.system import System
    from strongroom.token import TokenEntry


class CapabilityFields(Path):
    """Which paths are asked about."""

    reader_safe = True
    looks_up = True
    paths: CommaList = field("Paths to judge.")
    path: CommaList = field("Older name of paths.", deprecated=True)

    async def answer(self, system: System, request: Request, entry: TokenEntry | None) -> Response:
        """Capabilities by path. Raises BadRequest."""
        wanted = self.paths or self.path
        if not wanted:
            raise BadRequest("paths must be supplied")
        if entry is None:
            raise BadRequest(multierror("invalid token"))
        acl = await system.core.policies.load_acl(request, entry)
        home = await system.core.namespaces.by_id(request.tx, entry.namespace_id) or request.namespace
        body: dict[str, Any] = {}
        for path in wanted:
            place = request.namespace.path + path.lstrip("/")
            inside = place.startswith(home.path)
            body[path] = acl.capabilities(place.removeprefix(home.path)) if inside else ["deny"]
        if len(wanted) == 1:
            body["capabilities"] = body[wanted[0]]
        return Response(data=body, flat=True)


class Capabilities(CapabilityFields):
    """What a token may do on paths."""

    pattern = "capabilities"
    token: str = field("The token.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """Capabilities of a token."""
        return await self.answer(system, request, await system.core.tokens.lookup(request, self.token))


class CapabilitiesSelf(CapabilityFields):
    """What the calling token may do on paths."""

    pattern = "capabilities-self"
    token: str = field("Ignored; the calling token is judged.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """Capabilities of the calling token."""
        return await self.answer(system, request, request.entry)


class CapabilitiesAccessor(CapabilityFields):
    """What the token of an accessor may do on paths."""

    pattern = "capabilities-accessor"
    accessor: str = field("Accessor of the token.")

    async def write(self, system: System, request: Request) -> Response:
        """Capabilities of a token by its accessor."""
        if not self.accessor:
            raise BadRequest("missing accessor")
        entry = await system.core.tokens.by_accessor(request, self.accessor)
        if entry is None:
            raise BadRequest(multierror("invalid accessor"))
        return await self.answer(system, request, entry)


class Explain(Path):
    """Why an operation on a path is allowed or denied, for the calling token or one it may look up."""

    pattern = "internal/explain"
    path: str = field("Path of the operation.", required=True)
    operation: str = field("read, list, scan, create, update, patch or delete.", default="read")
    token: str = field("Another token; needs the right to look it up.", sensitive=True)
    accessor: str = field("Accessor of another token; needs the right to look it up.")

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """The decision: rule, policies, capability wanted and held, nearest miss."""
        entry = await self._subject(system, request)
        core = system.core
        acl = await core.policies.load_acl(request, entry)
        home = await core.namespaces.by_id(request.tx, entry.namespace_id)
        path = self.path.lstrip("/")
        if home is None or not (request.namespace.path + path).startswith(home.path):
            raise BadRequest("the token is of no use in this namespace")
        namespace, rest = await core.namespaces.locate(request.tx, request.namespace, path)
        mount = (await core.mounts.ready(namespace)).find(rest)
        found = mount.backend.table.match(rest[len(mount.prefix) :]) if mount else None
        protected = found is not None and found[0].root_protected
        place = (request.namespace.path + path).removeprefix(home.path)
        decision = self._decide(request, acl, place, protected=protected)
        standing = await core.identity.stand(request, entry)
        if standing is not None and standing.refused:  # whatever the policies say
            decision = replace(decision, reason=Reason.ENTITY_REFUSED)
        return explain(decision)

    def _decide(self, request: Request, acl: ACL, path: str, *, protected: bool) -> Decision:
        """What the ACL would say to such a request, without sending one."""
        try:
            operation = Operation(self.operation)
        except ValueError:
            raise BadRequest(
                "operation must be one of read, list, scan, create, update, patch, delete"
            ) from None
        return acl.decide(operation, path, {}, root_protected=protected, now=request.now)

    async def _subject(self, system: System, request: Request) -> TokenEntry:
        tokens = system.core.tokens
        if self.token and self.token != request.token:
            self._entitled(request, "auth/token/lookup")
            entry = await tokens.lookup(request, self.token)
        elif self.accessor:
            self._entitled(request, "auth/token/lookup-accessor")
            entry = await tokens.by_accessor(request, self.accessor)
        else:
            entry = request.entry
        if entry is None:
            raise BadRequest("no such token")
        return entry

    def _entitled(self, request: Request, path: str) -> None:
        if not {"update", "root"} & set(request.acl.capabilities(request.outer + path)):
            raise PermissionDenied


PATHS: tuple[type[Path], ...] = (Capabilities, CapabilitiesSelf, CapabilitiesAccessor, Explain)
