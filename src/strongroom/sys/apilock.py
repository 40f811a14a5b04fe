"""Locking a namespace: nobody gets in, with whatever token, until it is unlocked.

Use it to stop all clients of a team at once, while something is looked into. What is there stays, leases
go on and end at their time.

Source: the ``sys/namespaces/api-lock`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from dataclasses import replace
from hmac import compare_digest
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.namespace import NamespaceRow

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.sys.system import System


async def _target(core: Core, request: Request, path: str) -> NamespaceRow:
    """The namespace that is meant: one below, or that of the request. Raises BadRequest."""
    below = path.strip("/")
    place = f"{request.namespace.path}{below}/" if below else request.namespace.path
    if not place:
        raise BadRequest("root namespace cannot be locked/unlocked")
    row = await core.namespaces.row(request.tx, place)
    if row is None:
        raise BadRequest("requested namespace does not exist")
    return row


class Lock(Path):
    """Close the namespace of the request, and all below it, until it is unlocked."""

    pattern = "namespaces/api-lock/lock"

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """Lock it. The answer has the key that unlocks it, which is shown this once."""
        return await self.lock(system.core, request, "")

    async def lock(self, core: Core, request: Request, path: str) -> dict[str, Any]:
        """Lock a namespace."""
        row = await _target(core, request, path)
        if row.lock:
            raise BadRequest(f'cannot lock namespace "{row.path}": is already locked')
        key = base62(24)
        core.namespaces.put(request, replace(row, lock=core.tokens.digest(key)))
        return {"unlock_key": key}


class LockBelow(Lock):
    """Close a namespace below that of the request, and all below it, until it is unlocked."""

    pattern = "namespaces/api-lock/lock/{path*}"
    path: str = field("Path of the namespace.")

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """Lock it. The answer has the key that unlocks it, which is shown this once."""
        return await self.lock(system.core, request, self.path)


class Unlock(Path):
    """Open the namespace of the request again."""

    pattern = "namespaces/api-lock/unlock"
    unlock_key: str = field("The key from when it was locked; with sudo it can be left out.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """Unlock it. Raises BadRequest for a wrong key."""
        return await self.unlock(system.core, request, "")

    async def unlock(self, core: Core, request: Request, path: str) -> Response:
        """Unlock a namespace."""
        row = await _target(core, request, path)
        if not row.lock:
            raise BadRequest(f'namespace "{row.path}" is not locked')
        if self.unlock_key:
            if not compare_digest(core.tokens.digest(self.unlock_key), row.lock):
                raise BadRequest("incorrect unlock key")
        elif not {"root", "sudo"} & set(request.acl.capabilities(request.judged)):
            raise BadRequest(multierror("provided empty key"))
        core.namespaces.put(request, replace(row, lock=""))
        return Response(warnings=[] if self.unlock_key else ["Namespace unlocked using sudo capabilities"])


class UnlockBelow(Unlock):
    """Open a namespace below that of the request again."""

    pattern = "namespaces/api-lock/unlock/{path*}"
    path: str = field("Path of the namespace.")

    async def write(self, system: System, request: Request) -> Response:
        """Unlock it. Raises BadRequest for a wrong key."""
        return await self.unlock(system.core, request, self.path)


PATHS: tuple[type[Path], ...] = (Lock, LockBelow, Unlock, UnlockBelow)
