"""Who is locked out after failed logins, and letting them in again.

Source: the ``sys/locked-users`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import lockout
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Namespace, Request

if TYPE_CHECKING:
    from strongroom.sys.system import System


class LockedUsers(Path):
    """The users who are locked out at present, by namespace and auth method."""

    pattern = "locked-users/?"
    reader_safe = True
    mount_accessor: str = field("Show only the users of the auth method with this accessor.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Numbers and names. A namespace is there once somebody in it is locked; the caller's own always."""
        found: dict[Namespace, list[dict[str, Any]]] = {request.namespace: []}
        async for mount in lockout.mounts(system.core, request):
            if self.mount_accessor not in {"", mount.accessor}:
                continue
            names = await lockout.locked(system.core, request, mount)
            if names:
                found.setdefault(mount.namespace, []).append(_of_mount(mount.accessor, names))
        if self.mount_accessor and not any(found.values()):
            found[request.namespace].append(_of_mount(self.mount_accessor, []))
        places = [_of_namespace(namespace, mounts) for namespace, mounts in found.items()]
        places.sort(key=lambda place: -place["counts"])
        return {"by_namespace": places, "total": sum(place["counts"] for place in places)}


def _of_mount(accessor: str, names: list[str]) -> dict[str, Any]:
    return {"mount_accessor": accessor, "counts": len(names), "alias_identifiers": names or None}


def _of_namespace(namespace: Namespace, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "namespace_id": namespace.id,
        "namespace_path": namespace.path,
        "counts": sum(mount["counts"] for mount in mounts),
        "mount_accessors": sorted(mounts, key=lambda mount: -mount["counts"]),
    }


class Unlock(Path):
    """Let a locked-out user in again."""

    pattern = "locked-users/{mount_accessor}/unlock/{alias_identifier*}"
    mount_accessor: str = field("Accessor of the auth method.")
    alias_identifier: str = field("The user's name there, as the list of locked users spells it.")

    async def write(self, system: System, request: Request) -> None:
        """Forget the user's failed logins. One that is not locked is fine."""
        async for mount in lockout.mounts(system.core, request):
            if mount.accessor == self.mount_accessor:
                lockout.unlock(system.core, request, mount, self.alias_identifier)


PATHS: tuple[type[Path], ...] = (Unlock, LockedUsers)
