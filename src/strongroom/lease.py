"""Leases: what was issued, until when, and how it is taken back.

Every lease is a row, found by ID; a second row, ordered by expiry, says what ends next. Nothing is
held in memory: the cost of a million leases is disk. The reaper reads the expiry index from its
beginning; a revocation that fails stays in the index with a later time and a count of attempts, and
after :data:`MAX_ATTEMPTS` the lease is *irrevocable*: kept, listed, and revoked only on demand.

Rows, below ``sys/expire/`` of the namespace: ``id/<lease>`` the lease, ``at/<time>/<kind>/<ref>`` the
index, ``token/<key>/<lease>`` the leases a token made, ``stuck/<lease>`` the irrevocable ones. The
kinds of the index: ``l`` a lease, ``t`` a token, ``k`` the leases of a token that is gone, ``p`` those
under a prefix, ``d`` the data of a disabled mount, ``u`` an intent (see :mod:`strongroom.intent`),
``i`` the aliases at a disabled auth mount, ``w`` an engine that wants to be called (see
:mod:`strongroom.wake`).
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, Conflict, LeaseNotFound
from strongroom.framework.lease import Terms, effective_ttl
from strongroom.logical import SECOND, Namespace, Request, Response, SecretLease
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

TIDY_NOTE = (
    "Tidy operation successfully started. Any information from the operation "
    "will be printed to Strongroom's server logs."
)
"""What the answer to a tidy says."""

MAX_ATTEMPTS = 6
"""Failed revocations after which a lease needs attention."""

BULK = 256
"""How many leases one transaction ends at most where more are waiting."""

PURGE = 4_096
"""How many rows of a disabled mount one transaction deletes."""

_encode = msgspec.json.Encoder().encode
_BACKOFF = (10, 30, 90, 270, 810)
"""Seconds until the next attempt, by number of failures."""


@dataclass(slots=True)
class Lease:
    """The row of a lease. Times are nanoseconds since the epoch, durations seconds.

    ``token_key`` is the token that made it; for the lease of a token itself ``is_token`` holds
    and the token's own row carries the times.
    """

    id: str
    path: str = ""
    token_key: str = ""
    is_token: bool = False
    issue_time: int = 0
    expire_time: int = 0
    last_renewal: int = 0
    due: int = 0
    ttl: int = 0
    max_ttl: int = 0
    renewable: bool = False
    kind: str = ""
    internal: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    attempts: int = 0
    error: str = ""
    namespace_id: str = "root"

    def secret(self) -> SecretLease:
        """The part of the lease that its engine knows."""
        return SecretLease(self.kind, self.ttl, self.max_ttl, self.renewable, dict(self.internal), self.id)


class Leases:
    """The rows of all leases, and the queue that ends them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._decoder = msgspec.json.Decoder(Lease)

    def _view(self, tx: Transaction, namespace: Namespace) -> View:
        return self._core.view(tx, f"{namespace.prefix}sys/expire/")

    # -- rows --------------------------------------------------------------------------------

    async def get(self, tx: Transaction, namespace: Namespace, lease_id: str) -> Lease | None:
        """The lease of that ID in the namespace; for a token's lease, with the token's times."""
        blob = await self._view(tx, namespace).get("id/" + lease_id)
        if blob is None:
            return None
        lease = self._decoder.decode(blob)
        if lease.is_token:
            entry = await self._core.tokens.row(tx, namespace, lease.token_key)
            if entry is None:
                return None
            return _token_lease(entry)
        return lease

    async def require(self, request: Request, lease_id: str) -> Lease:
        """The lease, or LeaseNotFound."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            raise LeaseNotFound("invalid lease")
        return lease

    def _put(self, view: View, lease: Lease) -> None:
        view.put("id/" + lease.id, _encode(lease))

    def _schedule(self, view: View, due: int, kind: str, reference: str, cursor: str = "") -> None:
        key = f"at/{due:016x}/{kind}/{reference}"
        if cursor:
            view.put(key, cursor.encode())
        else:
            view.mark(key)

    def _unschedule(self, view: View, due: int, kind: str, reference: str) -> None:
        view.delete(f"at/{due:016x}/{kind}/{reference}")

    # -- leases of tokens ----------------------------------------------------------------------

    def register_token(self, request: Request, entry: TokenEntry) -> None:
        """Note when a new token ends."""
        view = self._view(request.tx, request.namespace)
        self._put(view, Lease(entry.lease_id, path=entry.path, token_key=entry.key, is_token=True))
        self._schedule(view, entry.expire_time, "t", entry.key)
        self._core.tallies.changed(request.tx, request.namespace.prefix, entry.lease_id, 1)

    def move_token(self, request: Request, before: TokenEntry, after: TokenEntry) -> None:
        """A token was renewed: it ends at another time."""
        view = self._view(request.tx, request.namespace)
        if before.expire_time:
            self._unschedule(view, before.expire_time, "t", before.key)
        self._schedule(view, after.expire_time, "t", after.key)

    def forget_token(self, request: Request, entry: TokenEntry) -> None:
        """A token was revoked: its own lease goes."""
        if entry.expire_time:
            view = self._view(request.tx, request.namespace)
            self._unschedule(view, entry.expire_time, "t", entry.key)
            view.delete("id/" + entry.lease_id)
            self._core.tallies.changed(request.tx, request.namespace.prefix, entry.lease_id, -1)

    async def any_of_token(self, request: Request, key: str) -> bool:
        """Whether there is a lease that the token of this key made."""
        return bool(await self._view(request.tx, request.namespace).scan(f"token/{key}/", "", 1))

    def end_those_of(self, request: Request, key: str) -> None:
        """Have the reaper end the leases that a token made, however many."""
        self._schedule(self._view(request.tx, request.namespace), request.now, "k", key)

    # -- leases of secrets -----------------------------------------------------------------------

    def register(self, request: Request, secret: SecretLease, data: dict[str, Any]) -> Lease:
        """Store a lease for what an engine just issued; gives it an ID."""
        entry = request.entry
        lease = Lease(
            id=f"{request.path}/{base62(24)}",
            path=request.path,
            token_key="" if entry is None else entry.key or entry.parent,
            issue_time=request.now,
            expire_time=request.now + secret.ttl * SECOND,
            due=request.now + secret.ttl * SECOND,
            ttl=secret.ttl,
            max_ttl=secret.max_ttl,
            renewable=secret.renewable,
            kind=secret.kind,
            internal=secret.internal,
            data=data,
            namespace_id=request.namespace.id,
        )
        view = self._view(request.tx, request.namespace)
        self._put(view, lease)
        self._schedule(view, lease.due, "l", lease.id)
        self._core.tallies.changed(request.tx, request.namespace.prefix, lease.id, 1)
        if lease.token_key:
            view.mark(f"token/{lease.token_key}/{lease.id}")
        return lease

    def store(self, request: Request, before: Lease, after: Lease) -> None:
        """Store a changed lease and move it in the index."""
        view = self._view(request.tx, request.namespace)
        self._put(view, after)
        self._unschedule(view, before.due, "l", before.id)
        self._schedule(view, after.due, "l", after.id)

    async def expire_now(self, request: Request, lease_id: str) -> None:
        """Make a lease due at once; the reaper takes it from there."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is not None and not lease.is_token:
            self._expire(request, lease)

    def _expire(self, request: Request, lease: Lease) -> None:
        """A lease that is due already stays as it is, unless it was given up."""
        if lease.due <= request.now and not lease.attempts:
            return
        self._view(request.tx, request.namespace).delete("stuck/" + lease.id)
        fresh = replace(lease, due=request.now, attempts=0, error="")
        fresh.expire_time = min(lease.expire_time, request.now)
        self.store(request, lease, fresh)

    def forget(self, request: Request, lease: Lease) -> None:
        """Remove every row of a lease."""
        view = self._view(request.tx, request.namespace)
        view.delete("id/" + lease.id)
        view.delete("stuck/" + lease.id)
        self._unschedule(view, lease.due, "l", lease.id)
        self._core.tallies.changed(request.tx, request.namespace.prefix, lease.id, -1)
        if lease.token_key:
            view.delete(f"token/{lease.token_key}/{lease.id}")

    async def ids(self, request: Request, prefix: str, limit: int = -1) -> list[str]:
        """IDs of all leases that start with ``prefix``."""
        view = self._view(request.tx, request.namespace)
        return [prefix + rest for rest in await view.scan("id/" + prefix, "", limit)]

    async def names(self, request: Request, prefix: str) -> list[str]:
        """Names directly under a prefix of lease IDs."""
        return await self._view(request.tx, request.namespace).list("id/" + prefix)

    async def stuck(self, request: Request) -> list[Lease]:
        """The irrevocable leases."""
        view = self._view(request.tx, request.namespace)
        leases = [await self.get(request.tx, request.namespace, name) for name in await view.scan("stuck/")]
        return [lease for lease in leases if lease is not None]

    # -- ending ------------------------------------------------------------------------------------

    async def due(
        self, tx: Transaction, namespace: Namespace, now: int, limit: int
    ) -> list[tuple[int, str, str]]:
        """What has ended by ``now``: (due, kind, reference), earliest first."""
        found = []
        for row in await self._view(tx, namespace).scan("at/", "", limit):
            at, kind, reference = row.split("/", 2)
            when = int(at, 16)
            if when > now:
                break
            found.append((when, kind, reference))
        return found

    async def revoke(self, request: Request, lease: Lease, *, force: bool = False) -> None:
        """Take back what a lease stands for, now, and forget it.

        With ``force`` an engine's failure is noted in the log and the lease forgotten all the same.
        """
        if lease.is_token:
            await self._core.tokens.revoke_tree(request, lease.token_key)
            return
        mount = self._core.mounts.find(lease.path)
        if mount is not None:
            inner = self._core.inner_request(request, mount, lease.path)
            try:
                await mount.backend.revoke(inner, lease.secret())
            except Exception as error:
                if not force:
                    raise
                self._core.log.warning("lease revoked by force in spite of %s", type(error).__name__)
        self.forget(request, lease)

    async def end_token(self, request: Request, due: int, key: str) -> None:
        """Revoke a token that has expired, unless it was renewed meanwhile."""
        entry = await self._core.tokens.row(request.tx, request.namespace, key)
        if entry is not None and entry.expire_time <= request.now:
            await self._core.tokens.revoke_tree(request, key)
        self._unschedule(self._view(request.tx, request.namespace), due, "t", key)

    async def end_lease(self, request: Request, due: int, lease_id: str, failure: str = "") -> None:
        """Revoke a lease that is due, or note why that failed."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None or lease.due != due:
            self._unschedule(self._view(request.tx, request.namespace), due, "l", lease_id)
        elif failure:
            self.failed(request, lease, failure)
        else:
            await self.revoke(request, lease)

    async def revoke_prefix(
        self, request: Request, prefix: str, *, sync: bool = False, force: bool = False
    ) -> None:
        """End every lease under ``prefix``; one without a slash at its end may be a lease itself.

        Tokens are revoked at once. Of leases a few are made due; many become a job of the reaper's,
        which survives a crash. ``sync`` ends all of them before the request is answered: many in
        transactions of their own, after which the request begins again.
        """
        if not prefix.endswith("/"):
            if (lease := await self.get(request.tx, request.namespace, prefix)) is not None:
                await self._end(request, [lease], sync=sync, force=force)
                return
            prefix += "/"
        if prefix.startswith("auth/"):
            await self._end(request, await self._load(request, await self.ids(request, prefix)), sync=sync)
            return
        found = await self.ids(request, prefix, BULK + 1)
        if len(found) <= BULK:
            await self._end(request, await self._load(request, found), sync=sync, force=force)
        elif sync:
            await self._drain(prefix, force=force)
            raise Conflict(cause="leases have been revoked in the meantime")
        else:
            self._schedule(self._view(request.tx, request.namespace), request.now, "p", prefix)

    async def _load(self, request: Request, ids: list[str]) -> list[Lease]:
        """The leases of these IDs; a row whose token is gone is dropped."""
        leases = []
        for lease_id in ids:
            lease = await self.get(request.tx, request.namespace, lease_id)
            if lease is None:
                await self._drop(request, lease_id)
            else:
                leases.append(lease)
        return leases

    async def _drop(self, request: Request, lease_id: str) -> None:
        view = self._view(request.tx, request.namespace)
        if await view.get("id/" + lease_id) is not None:
            view.delete("id/" + lease_id)
            self._core.tallies.changed(request.tx, request.namespace.prefix, lease_id, -1)

    async def _end(
        self, request: Request, leases: list[Lease], *, sync: bool = False, force: bool = False
    ) -> None:
        await self._core.tokens.revoke_tree(request, *[lease.token_key for lease in leases if lease.is_token])
        for lease in leases:
            if lease.is_token:
                continue
            if sync:
                await self.revoke(request, lease, force=force)
            else:
                self._expire(request, lease)

    async def _drain(self, prefix: str, *, force: bool) -> None:
        """Revoke all leases under ``prefix`` but a last few, :data:`BULK` in a transaction."""
        while True:
            request = self._core.internal_request()
            try:
                found = await self.ids(request, prefix, BULK)
                await self._end(request, await self._load(request, found), sync=True, force=force)
                await self._core.store.commit(request.tx)
            finally:
                request.tx.close()
            if len(found) < BULK:
                return

    # -- jobs of the reaper's, step by step --------------------------------------------------------

    async def end_prefix(self, request: Request, due: int, prefix: str) -> None:
        """One step of a prefix job: make some leases due; the job's row holds how far it has come."""
        view = self._view(request.tx, request.namespace)
        cursor = await view.get(f"at/{due:016x}/p/{prefix}")
        if cursor is None:
            return
        found = await view.scan("id/" + prefix, cursor.decode(), BULK)
        await self._end(request, await self._load(request, [prefix + rest for rest in found]))
        self._continue(view, due, "p", prefix, found)

    async def end_of_token(self, request: Request, due: int, key: str) -> None:
        """One step of ending the leases that a token made."""
        view = self._view(request.tx, request.namespace)
        found = await view.scan(f"token/{key}/", "", BULK)
        for lease in await self._load(request, found):
            self._expire(request, lease)
        for lease_id in found:
            view.delete(f"token/{key}/{lease_id}")
        self._continue(view, due, "k", key, found)

    def _continue(self, view: View, due: int, kind: str, reference: str, found: list[str]) -> None:
        if len(found) < BULK:
            self._unschedule(view, due, kind, reference)
        else:
            self._schedule(view, due, kind, reference, found[-1])

    def schedule_purge(self, request: Request, prefix: str) -> None:
        """Have the reaper delete everything under a storage prefix, piece by piece."""
        self._schedule(self._view(request.tx, request.namespace), request.now, "d", prefix)

    async def purge(self, request: Request, due: int, prefix: str) -> None:
        """One step of a purge: delete some rows."""
        view = self._core.view(request.tx, prefix)
        found = await view.scan("", "", PURGE)
        for key in found:
            view.delete(key)
        if len(found) < PURGE:
            self._unschedule(self._view(request.tx, request.namespace), due, "d", prefix)

    async def settle_intent(self, request: Request, due: int, reference: str) -> None:
        """Undo or finish what a request announced and left behind."""
        await self._core.intents.due(request, due, reference)

    def schedule_forgetting(self, request: Request, mount_accessor: str) -> None:
        """Have the reaper remove the aliases at a disabled mount, piece by piece."""
        self._schedule(self._view(request.tx, request.namespace), request.now, "i", mount_accessor)

    async def forget_mount(self, request: Request, due: int, mount_accessor: str) -> None:
        """One step of removing the aliases at a disabled mount."""
        if not await self._core.identity.forget_mount(request, mount_accessor, BULK):
            self._unschedule(self._view(request.tx, request.namespace), due, "i", mount_accessor)

    async def wake(self, request: Request, due: int, reference: str) -> None:
        """Call an engine that asked for it."""
        await self._core.wakes.due(due, reference)

    def postpone(self, request: Request, due: int, kind: str, reference: str) -> None:
        """Try again in a while what cannot even be read, so that it holds nothing else up."""
        view = self._view(request.tx, request.namespace)
        self._unschedule(view, due, kind, reference)
        self._schedule(view, request.now + _BACKOFF[1] * SECOND, kind, reference)

    async def renew(self, request: Request, lease_id: str, increment: int) -> Response:
        """Extend a lease through its engine. Raises BadRequest or LeaseNotFound."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            raise LeaseNotFound("lease not found")
        if lease.is_token:
            raise BadRequest("tokens cannot be renewed through this endpoint")
        if not lease.renewable or lease.expire_time <= request.now:
            raise BadRequest("lease is not renewable")
        mount = self._core.mounts.find(lease.path)
        if mount is None:
            raise BadRequest("lease is not renewable")
        inner = self._core.inner_request(request, mount, lease.path)
        default, longest = self._core.ttls(mount)
        age = (request.now - lease.issue_time) // SECOND
        terms = Terms(increment, lease.ttl, lease.max_ttl, default, longest, age)
        secret = await mount.backend.renew(inner, lease.secret(), terms)
        ttl, warnings = terms.grant()
        expire = request.now + ttl * SECOND
        fresh = replace(lease, expire_time=expire, due=expire, last_renewal=request.now)
        fresh.internal, fresh.ttl, fresh.max_ttl = secret.internal, secret.ttl, secret.max_ttl
        self.store(request, lease, fresh)
        secret.ttl, secret.lease_id = ttl, lease_id
        return Response(data={}, secret=secret, warnings=warnings)

    async def tidy(self, request: Request) -> None:
        """Remove rows that point at leases or tokens which are gone."""
        view = self._view(request.tx, request.namespace)
        for row in await view.scan("at/"):
            _, kind, reference = row.split("/", 2)
            if kind == "l" and await view.get("id/" + reference) is None:
                view.delete("at/" + row)
        for row in await view.scan("token/"):
            if await view.get("id/" + row.partition("/")[2]) is None:
                view.delete("token/" + row)

    def failed(self, request: Request, lease: Lease, reason: str) -> None:
        """Note a failed revocation: try later, or give up and mark the lease as irrevocable."""
        attempts = lease.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            view = self._view(request.tx, request.namespace)
            self._unschedule(view, lease.due, "l", lease.id)
            view.mark("stuck/" + lease.id)
            self._put(view, replace(lease, attempts=attempts, error=reason))
            return
        due = request.now + _BACKOFF[min(attempts - 1, len(_BACKOFF) - 1)] * SECOND
        self.store(request, lease, replace(lease, attempts=attempts, error=reason, due=due))


def _token_lease(entry: TokenEntry) -> Lease:
    return Lease(
        id=entry.lease_id,
        path=entry.path,
        token_key=entry.key,
        is_token=True,
        issue_time=entry.creation_time,
        expire_time=entry.expire_time,
        last_renewal=entry.last_renewal,
        ttl=entry.ttl,
        renewable=entry.renewable,
    )


def register(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: give what was issued its lease, and who logged in a token."""
    response = request.response
    if response is None:
        return None
    if response.secret is not None and not response.secret.lease_id:
        _give_lease(core, request, response, response.secret)
    if response.auth is not None and not response.auth.accessor:
        return core.login(request, response.auth, response)
    return None


def _give_lease(core: Core, request: Request, response: Response, secret: SecretLease) -> None:
    """A lease within the bounds of mount and engine; what a batch token makes ends with it."""
    entry, (default, longest) = request.entry, core.ttls(request.mount)
    if entry is not None and entry.type == "batch" and entry.expire_time:
        left = max((entry.expire_time - request.now) // SECOND, 1)
        secret.max_ttl = min(secret.max_ttl or left, left)
    secret.ttl, warnings = effective_ttl(
        default=default, longest=longest, wanted=secret.ttl, backend_max=secret.max_ttl
    )
    response.warnings.extend(warnings)
    secret.lease_id = core.leases.register(request, secret, response.data or {}).id
