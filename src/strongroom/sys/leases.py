"""Leases: what they are, until when, and ending them before their time.

Source: the ``sys/leases`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.lease import TIDY_NOTE, Lease
from strongroom.logical import SECOND, Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


def describe(lease: Lease, request: Request) -> dict[str, Any]:
    """A lease as it stands in a lookup."""
    namespace = request.namespace
    return {
        "expire_time": rfc3339(lease.expire_time),
        "id": lease.id,
        "issue_time": rfc3339(lease.issue_time),
        "last_renewal": rfc3339(lease.last_renewal) if lease.last_renewal else None,
        "path": lease.path,
        "renewable": lease.renewable,
        "ttl": max((lease.expire_time - request.now) // SECOND, 0),
        **({"namespace_path": namespace.path} if namespace.path else {}),
    }


class Lookup(Path):
    """What is known of a lease."""

    pattern = "leases/lookup"
    reader_safe = True
    looks_up = True
    lease_id: str = field("ID of the lease.")

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """Times and path of a lease."""
        if not self.lease_id:
            raise BadRequest("lease_id must be specified")
        return describe(await system.core.leases.require(request, self.lease_id), request)


class LookupPrefix(Path):
    """The leases under a prefix. Needs sudo."""

    pattern = "leases/lookup/{prefix*}"
    reader_safe = True
    root_protected = True
    prefix: str = field("Beginning of the lease IDs.")

    async def list(self, system: System, request: Request) -> list[str]:
        """Names directly under the prefix."""
        prefix = self.prefix if not self.prefix or self.prefix.endswith("/") else self.prefix + "/"
        return await system.core.leases.names(request, prefix)


class Renew(Path):
    """Extend a lease."""

    pattern = "leases/renew"
    lease_id: str = field("ID of the lease.")
    url_lease_id: str = field("ID of the lease.", deprecated=True)
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, system: System, request: Request) -> Response:
        """Renew a lease."""
        lease_id = self.lease_id or self.url_lease_id
        if not lease_id:
            raise BadRequest("lease_id must be specified")
        return await system.core.leases.renew(request, lease_id, self.increment)


class RenewAt(Renew):
    """Extend the lease that the path names."""

    pattern = "leases/renew/{url_lease_id*}"


class OldRenew(Renew):
    """Older path of leases/renew."""

    pattern = "renew"


class OldRenewAt(Renew):
    """Older path of leases/renew."""

    pattern = "renew/{url_lease_id*}"


class Revoke(Path):
    """End a lease, and take back what it stands for."""

    pattern = "leases/revoke"
    lease_id: str = field("ID of the lease.")
    url_lease_id: str = field("ID of the lease.", deprecated=True)
    sync: bool = field("Answer only when it is done.")

    async def write(self, system: System, request: Request) -> None:
        """Revoke a lease. One that is not there is fine."""
        lease_id = self.lease_id or self.url_lease_id
        if not lease_id:
            raise BadRequest("lease_id must be specified")
        leases = system.core.leases
        lease = await leases.get(request.tx, request.namespace, lease_id)
        if lease is None:
            return
        if self.sync or lease.is_token:
            await leases.revoke(request, lease)
        else:
            await leases.expire_now(request, lease_id)


class RevokeAt(Revoke):
    """End the lease that the path names."""

    pattern = "leases/revoke/{url_lease_id*}"


class OldRevoke(Revoke):
    """Older path of leases/revoke."""

    pattern = "revoke"


class OldRevokeAt(Revoke):
    """Older path of leases/revoke."""

    pattern = "revoke/{url_lease_id*}"


class RevokePrefix(Path):
    """End all leases under a prefix. Needs sudo."""

    pattern = "leases/revoke-prefix/{prefix*}"
    root_protected = True
    prefix: str = field("Beginning of the lease IDs.")
    sync: bool = field("Answer only when it is done.")

    async def write(self, system: System, request: Request) -> None:
        """Revoke by prefix."""
        await system.core.leases.revoke_prefix(request, self.prefix, sync=self.sync)


class OldRevokePrefix(RevokePrefix):
    """Older path of leases/revoke-prefix."""

    pattern = "revoke-prefix/{prefix*}"


class RevokeForce(Path):
    """End all leases under a prefix, whatever their engines say. Needs sudo.

    For when what they stand for is gone for good; what is still there stays there.
    """

    pattern = "leases/revoke-force/{prefix*}"
    root_protected = True
    prefix: str = field("Beginning of the lease IDs.")

    async def write(self, system: System, request: Request) -> None:
        """Forget leases by prefix, trying to revoke each once."""
        await system.core.leases.revoke_prefix(request, self.prefix, sync=True, force=True)


class OldRevokeForce(RevokeForce):
    """Older path of leases/revoke-force."""

    pattern = "revoke-force/{prefix*}"


class Tidy(Path):
    """Remove what a crash of an older version, or a restored backup, may have left of leases."""

    pattern = "leases/tidy"
    statuses = (("write", 202, "done"),)

    async def write(self, system: System, request: Request) -> Response:
        """Remove index rows whose lease is gone."""
        await system.core.leases.tidy(request)
        return Response(status=202, warnings=[TIDY_NOTE])


class Leases(Path):
    """The leases that could not be revoked and need attention. Needs sudo."""

    pattern = "leases/?"
    root_protected = True
    type: str = field("Which leases; irrevocable is the only type.", query=True)
    include_child_namespaces: bool = field("Count those of namespaces below too.", query=True)
    limit: str = field("At most so many, or none for all.", query=True)
    force: bool = field("Accepted for older callers.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """Irrevocable leases with their last error."""
        if self.type != "irrevocable":
            return None
        stuck = await system.core.leases.stuck(request)
        shown = stuck if self.limit in {"", "none"} else stuck[: self._limit()]
        return {
            "lease_count": len(stuck),
            "leases": [{"lease_id": lease.id, "error": lease.error} for lease in shown],
        }

    def _limit(self) -> int:
        if not self.limit.isascii() or not self.limit.isdigit():
            raise BadRequest("invalid 'limit' provided")
        return int(self.limit)


class Count(Path):
    """How many leases there are of a type."""

    pattern = "leases/count"
    type: str = field("Which leases; irrevocable is the only type.", query=True)
    include_child_namespaces: bool = field("Count those of namespaces below too.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The count, by mount accessor."""
        if self.type != "irrevocable":
            return None
        counts: dict[str, int] = {}
        stuck = await system.core.leases.stuck(request)
        for lease in stuck:
            mount = system.core.mounts.of(request.namespace).find(lease.path)
            accessor = mount.accessor if mount else "deleted"
            counts[accessor] = counts.get(accessor, 0) + 1
        return {"lease_count": len(stuck), "counts": counts}


PATHS: tuple[type[Path], ...] = (
    Lookup,
    LookupPrefix,
    Renew,
    RenewAt,
    OldRenew,
    OldRenewAt,
    Revoke,
    RevokeAt,
    OldRevoke,
    OldRevokeAt,
    RevokePrefix,
    OldRevokePrefix,
    RevokeForce,
    OldRevokeForce,
    Tidy,
    Leases,
    Count,
)
