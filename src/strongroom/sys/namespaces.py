"""Namespaces: places of their own for teams and tenants, with mounts, tokens, policies and leases.

What is in one namespace is not seen from another, and is not reached with a token of another, unless
that is the token of a namespace above whose policies say so: they name paths from where the token
belongs, ``team/secret/*``. Requests name a namespace by the header X-Vault-Namespace, by the
beginning of their path, or half by each.

Source: the ``sys/namespaces`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, NotFound, PermissionDenied
from strongroom.framework.field import Anything, Mapped, StringList, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.namespace import NamespaceRow, check_name

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.sys.system import System


def describe(row: NamespaceRow) -> dict[str, Any]:
    """A namespace as it stands in an answer."""
    return {
        "custom_metadata": row.custom_metadata,
        "id": row.id,
        "locked": bool(row.lock),
        "path": row.path,
        "tainted": row.tainted,
        "uuid": row.uuid,
    }


class Namespaces(Path):
    """The namespaces below this one."""

    pattern = "namespaces/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, system: System, request: Request) -> dict[str, Any]:
        """Names of the namespaces directly below, and what is known of each."""
        return await self._described(
            system.core, request, await system.core.namespaces.children(request.tx, request.namespace)
        )

    async def scan(self, system: System, request: Request) -> dict[str, Any]:
        """Paths of the namespaces on all levels below, and what is known of each."""
        return await self._described(
            system.core, request, await system.core.namespaces.descendants(request.tx, request.namespace)
        )

    async def _described(self, core: Core, request: Request, names: builtin_list[str]) -> dict[str, Any]:
        shown = [f"{name}/" for name in names if f"{name}/" > self.after]
        known = {}
        for name in shown[: self.limit] if self.limit > 0 else shown:
            row = await core.namespaces.row(request.tx, request.namespace.path + name)
            if row is not None:
                known[name] = describe(row)
        return {"keys": [*known], "key_info": known} if known else {}


builtin_list = list  # the method of that name hides it in the class


class NamespacePath(Path):
    """One namespace directly below this one."""

    pattern = "namespaces/{path*}"
    reader_safe = True
    path: str = field("Name of the namespace.")
    custom_metadata: Mapped = field("Metadata for people, strings by name.")
    seal: Anything = field("A seal of the namespace's own, which is not available.")
    pgp_keys: StringList = field("Keys to encrypt the shares of such a seal to.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """What is known of the namespace."""
        row = await system.core.namespaces.row(request.tx, self._place(request))
        return None if row is None else describe(row)

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """Create the namespace; of one that is there already the metadata is replaced."""
        if self.seal or self.pgp_keys:
            raise BadRequest("namespaces with a seal of their own are not available")
        metadata = self.custom_metadata or {}
        if not all(isinstance(value, str) for value in metadata.values()):
            raise BadRequest("custom_metadata values must be strings")
        return describe(await system.core.namespaces.create(request, self.path, metadata))

    async def patch(self, system: System, request: Request) -> dict[str, Any]:
        """Change some of the metadata: null takes a name away, or all of it; what is not given stays."""
        namespaces = system.core.namespaces
        row = await namespaces.row(request.tx, self._place(request))
        if row is None:
            raise BadRequest("namespace not found")
        if "custom_metadata" in request.data and request.data["custom_metadata"] is None:
            row.custom_metadata.clear()
        for name, value in (self.custom_metadata or {}).items():
            if value is None:
                row.custom_metadata.pop(name, None)
            elif isinstance(value, str):
                row.custom_metadata[name] = value
            else:
                raise BadRequest("metadata patch can only have string or null values")
        return describe(namespaces.put(request, row))

    async def delete(self, system: System, request: Request) -> Response:
        """Delete the namespace with all that is in it, for good.

        It is out of reach at once; leases are revoked and data deleted in the background. Raises
        BadRequest while there are namespaces below it.
        """
        if not await system.core.namespaces.delete(request, self._place(request)):
            return Response(warnings=["requested namespace does not exist"])
        return Response(data={"status": "in-progress"})

    def _place(self, request: Request) -> str:
        name = self.path.rstrip("/")
        check_name(name)
        return f"{request.namespace.path}{name}/"


class Visible(Path):
    """The namespaces that an interface may show to the calling token."""

    pattern = "internal/ui/namespaces"
    reader_safe = True
    unauthenticated = True

    async def read(self, system: System, request: Request) -> Response:
        """Names of those directly below that hold anything the token may use, or the token itself."""
        core, here = system.core, request.namespace
        entry = await core.tokens.lookup(request, request.token)
        if entry is None:
            raise PermissionDenied
        acl = await core.policies.load_acl(request, entry)
        home = await core.namespaces.by_id(request.tx, entry.namespace_id)
        if home is None:
            raise NotFound
        shown = []
        for name in await core.namespaces.children(request.tx, here):
            place = f"{here.path}{name}/"
            inside = place.startswith(home.path) and place != home.path
            if home.path.startswith(place) or (inside and acl.reaches(place.removeprefix(home.path))):
                shown.append(f"{name}/")
        return Response(data={"keys": shown} if shown else {})


PATHS: tuple[type[Path], ...] = (Namespaces, NamespacePath, Visible)
