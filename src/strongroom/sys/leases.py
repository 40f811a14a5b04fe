"""Leases: what they are, until when, and ending them before their time.

Source: the ``sys/leases`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.lease import TIDY_NOTE, Lease
from strongroom.logical import SECOND, Namespace, Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


def describe(lease: Lease, request: Request) -> dict[str, Any]:
    """A lease as it stands in a lookup."""
    now, namespace = request.now, request.namespace
    body = {
        "expire_time": rfc3339(lease.expire_time),
        "id": lease.id,
        "issue_time": rfc3339(lease.issue_time),
        "last_renewal": rfc3339(lease.last_renewal) if lease.last_renewal else None,
        "path": lease.path,
        "renewable": lease.renewable and not lease.ending and lease.expire_time > now,
        "ttl": int((lease.expire_time - now) / SECOND),
        **({"namespace_path": namespace.path} if namespace.path else {}),
    }
    if lease.stuck:
        body["revoke_error"] = given_up(lease)
    return body


def given_up(lease: Lease) -> str:
    """Why a lease is irrevocable."""
    return f"out of retries: failed to revoke entry: {lease.error}"


def _done(*, sync: bool) -> Response:
    """The answer to a revocation: done, or queued."""
    return Response() if sync else Response(status=202)


_SYNC = "Answer only when it is done, or has failed; otherwise it is queued, and tried until it succeeds."


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
    """End a lease, and take back what it stands for.

    An irrevocable lease is tried again.
    """

    pattern = "leases/revoke"
    statuses = (("write", 204, "done"), ("write", 202, "queued"))
    lease_id: str = field("ID of the lease.")
    url_lease_id: str = field("ID of the lease.", deprecated=True)
    sync: bool = field(_SYNC, default=True)

    async def write(self, system: System, request: Request) -> Response:
        """Revoke a lease. One that is not there is fine."""
        lease_id = self.lease_id or self.url_lease_id
        if not lease_id:
            raise BadRequest("lease_id must be specified")
        leases = system.core.leases
        lease = await leases.get(request.tx, request.namespace, lease_id)
        if lease is not None and (self.sync or lease.is_token):
            await leases.revoke(request, lease)
        elif lease is not None:
            leases.expire(request, lease)
        return _done(sync=self.sync)


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
    statuses = (("write", 204, "done"), ("write", 202, "queued"))
    prefix: str = field("Beginning of the lease IDs.")
    sync: bool = field(_SYNC, default=True)

    async def write(self, system: System, request: Request) -> Response:
        """Revoke by prefix."""
        await system.core.leases.revoke_prefix(request, self.prefix, sync=self.sync)
        return _done(sync=self.sync)


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


class Retry(Path):
    """Try irrevocable leases again, as if they had just come to their end. Needs sudo."""

    pattern = "leases/retry/{prefix*}"
    root_protected = True
    statuses = (("write", 202, "queued"),)
    prefix: str = field("Beginning of the lease IDs, or a whole one; empty for all.")

    async def write(self, system: System, request: Request) -> Response:
        """Queue the irrevocable leases under a prefix again, at most 10,000 a request."""
        leases, found = system.core.leases, 0
        for lease_id in await leases.stuck(request.tx, request.namespace, self.prefix, LISTED):
            lease = await leases.get(request.tx, request.namespace, lease_id)
            if lease is not None:
                leases.expire(request, lease)
                found += 1
        return Response(data={"lease_count": found}, status=202)


class RetryAll(Retry):
    """Try all irrevocable leases again. Needs sudo."""

    pattern = "leases/retry"


class Leases(Path):
    """The leases that could not be revoked and need attention. Needs sudo."""

    pattern = "leases/?"
    root_protected = True
    type: str = field("Which leases; irrevocable is the only type.", query=True)
    include_child_namespaces: bool = field("List those of namespaces below too.", query=True)
    limit: str = field("At most so many (10,000 when not given), or none for all.", query=True)

    async def read(self, system: System, request: Request) -> Response | None:
        """Irrevocable leases with their mount and last error."""
        if self.type != "irrevocable":
            return None
        limit = self._limit()
        ids = await _stuck(system, request, below=self.include_child_namespaces, limit=limit)
        shown = ids[:limit] if limit > 0 else ids
        found = [await _irrevocable(system, request, *one) for one in shown]
        warnings = [MORE] if len(ids) > len(shown) else []
        return Response(data={"lease_count": len(shown), "leases": found}, warnings=warnings)

    def _limit(self) -> int:
        if self.limit == "none":
            return -1
        if not self.limit:
            return LISTED
        if not self.limit.isascii() or not self.limit.isdigit() or not int(self.limit):
            raise BadRequest("limit must be 'none' or a positive integer")
        return int(self.limit)


LISTED = 10_000
"""How many irrevocable leases a listing shows when it is not told how many."""

MORE = "There are more irrevocable leases than are shown here; ask with limit=none for all of them."
"""What the answer warns of when it is cut short."""


async def _stuck(
    system: System, request: Request, *, below: bool, limit: int = -1
) -> list[tuple[Namespace, str]]:
    """The irrevocable leases of the namespace, and of those below it; one more than wanted tells of more."""
    found: list[tuple[Namespace, str]] = []
    async for each in system.core.namespaces.from_here(request.tx, request.namespace):
        wanted = limit + 1 - len(found) if limit > 0 else -1
        found += [(each, one) for one in await system.core.leases.stuck(request.tx, each, limit=wanted)]
        if not below or 0 < limit < len(found):
            break
    return found


async def _irrevocable(
    system: System, request: Request, namespace: Namespace, lease_id: str
) -> dict[str, Any]:
    lease = await system.core.leases.get(request.tx, namespace, lease_id)
    error = "" if lease is None else given_up(lease)
    return {"lease_id": lease_id, "mount_id": await _accessor(system, namespace, lease_id), "error": error}


async def _accessor(system: System, namespace: Namespace, lease_id: str) -> str:
    mount = (await system.core.mounts.ready(namespace)).find(lease_id)
    return mount.accessor if mount else "deleted"


class Count(Path):
    """How many leases there are of a type."""

    pattern = "leases/count"
    type: str = field("Which leases; irrevocable is the only type.", query=True)
    include_child_namespaces: bool = field("Count those of namespaces below too.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The count, by mount accessor."""
        if self.type != "irrevocable":
            return None
        stuck = await _stuck(system, request, below=self.include_child_namespaces)
        counts = Counter([await _accessor(system, *one) for one in stuck])
        return {"lease_count": counts.total(), "counts": dict(counts)}


class Systems(Path):
    """The systems outside that leases wait for: databases, brokers, clouds. Needs sudo.

    What is to be taken back at one of them is queued there, so that one that does not answer holds up no
    other. It is asked ever less often, at least every five minutes or so; its first answer starts the queue.
    """

    pattern = "leases/systems"
    root_protected = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """For each, how many leases wait (counted up to 10,000), and what is wrong with it."""
        found = []
        view = system.core.leases.view(request.tx)
        mounts = system.core.mounts.of(request.namespace)
        for one, busy in system.core.leases.outside.describe():
            mount, breaker = mounts.by_uuid(one.mount_uuid), one.breaker
            if mount is None:  # gone, or another namespace's
                continue
            found.append(
                {
                    "mount": mount.prefix,
                    "system": one.target,
                    "waiting": len(await view.scan(f"wait/{one.name}/", "", LISTED)),
                    "under_way": busy,
                    "answers": not breaker.open,
                    "silent_seconds": breaker.down,
                    "error": breaker.error,
                    "next_attempt": rfc3339(breaker.probe_at) if breaker.open else None,
                }
            )
        return {"systems": found}


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
    Retry,
    RetryAll,
    Leases,
    Count,
    Systems,
)
