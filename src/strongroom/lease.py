"""Leases: what was issued, until when, and how it is taken back.

Every lease is a row, found by ID; a second row, ordered by expiry, says what ends next. Nothing is
held in memory: the cost of a million leases is disk. The reaper reads the expiry index from its
beginning; a revocation that fails stays in the index with a later time and a count of attempts, and
after :data:`MAX_ATTEMPTS` the lease is *irrevocable*: kept, listed, and revoked only on demand.

Rows, below ``sys/expire/`` of the namespace: ``id/<lease>`` the lease, ``token/<key>/<lease>`` the
leases a token made (in the token's namespace), ``stuck/<lease>`` the irrevocable ones. The index is one
for all namespaces and stands in root: ``at/<time>/<kind>/<ref>``. Its kinds: ``l`` a lease, ``t`` a
token, ``k`` the leases of a token that is gone, ``p`` those under a prefix, ``d`` the data of a disabled
mount, ``i`` the aliases at a disabled auth mount, ``n`` a deleted namespace, ``u`` an intent (see
:mod:`strongroom.intent`), ``w`` an engine that wants to be called (see :mod:`strongroom.wake`). Where the
reference does not tell the namespace the kind does: ``p.<id>``, ``i.<id>``, ``w.<id>``.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, Conflict, LeaseNotFound
from strongroom.framework.lease import Terms, effective_ttl
from strongroom.logical import (
    SECOND,
    Namespace,
    Request,
    Response,
    SecretLease,
    home_of,
    prefix_of,
)
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

_INDEX = "sys/expire/at/"
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

    def _view(self, tx: Transaction, home: str) -> View:
        return self._core.view(tx, f"{prefix_of(home)}sys/expire/")

    # -- rows --------------------------------------------------------------------------------

    async def get(self, tx: Transaction, namespace: Namespace, lease_id: str) -> Lease | None:
        """The lease of that ID in the namespace; for a token's lease, with the token's times."""
        return await self._get(tx, namespace.id, lease_id)

    async def _get(self, tx: Transaction, home: str, lease_id: str) -> Lease | None:
        blob = await self._view(tx, home).get("id/" + lease_id)
        if blob is None:
            return None
        lease = self._decoder.decode(blob)
        if lease.is_token:
            entry = await self._core.tokens.row(tx, lease.token_key)
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

    def _put(self, tx: Transaction, lease: Lease) -> None:
        self._view(tx, home_of(lease.id)).put("id/" + lease.id, _encode(lease))

    def _tally(self, tx: Transaction, lease_id: str, by: int) -> None:
        """Tell those who count that there is one lease more, or less."""
        self._core.tallies.changed(tx, prefix_of(home_of(lease_id)), lease_id, by)

    def schedule(self, tx: Transaction, due: int, kind: str, reference: str, cursor: str = "") -> None:
        """Have the reaper do something at a time; a job of several steps keeps where it stands."""
        key = f"{_INDEX}{due:016x}/{kind}/{reference}"
        if cursor:
            self._core.view(tx, "").put(key, cursor.encode())
        else:
            tx.put(key, b"")

    def unschedule(self, tx: Transaction, due: int, kind: str, reference: str) -> None:
        """Take an entry out of the index."""
        tx.delete(f"{_INDEX}{due:016x}/{kind}/{reference}")

    # -- leases of tokens ----------------------------------------------------------------------

    def register_token(self, request: Request, entry: TokenEntry) -> None:
        """Note when a new token ends."""
        self._put(request.tx, Lease(entry.lease_id, path=entry.path, token_key=entry.key, is_token=True))
        self.schedule(request.tx, entry.expire_time, "t", entry.key)
        self._tally(request.tx, entry.lease_id, 1)

    def move_token(self, request: Request, before: TokenEntry, after: TokenEntry) -> None:
        """A token was renewed: it ends at another time."""
        if before.expire_time:
            self.unschedule(request.tx, before.expire_time, "t", before.key)
        self.schedule(request.tx, after.expire_time, "t", after.key)

    def forget_token(self, request: Request, entry: TokenEntry) -> None:
        """A token was revoked: its own lease goes."""
        if entry.expire_time:
            self.unschedule(request.tx, entry.expire_time, "t", entry.key)
            self._view(request.tx, home_of(entry.key)).delete("id/" + entry.lease_id)
            self._tally(request.tx, entry.lease_id, -1)

    async def any_of_token(self, request: Request, key: str) -> bool:
        """Whether there is a lease that the token of this key made."""
        return bool(await self._view(request.tx, home_of(key)).scan(f"token/{key}/", "", 1))

    def end_those_of(self, request: Request, key: str) -> None:
        """Have the reaper end the leases that a token made, however many."""
        self.schedule(request.tx, request.now, "k", key)

    # -- leases of secrets -----------------------------------------------------------------------

    def register(self, request: Request, secret: SecretLease, data: dict[str, Any]) -> Lease:
        """Store a lease for what an engine just issued; gives it an ID."""
        entry = request.entry
        lease = Lease(
            id=f"{request.path}/{base62(24)}{request.namespace.ending}",
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
        self._put(request.tx, lease)
        self.schedule(request.tx, lease.due, "l", lease.id)
        self._tally(request.tx, lease.id, 1)
        if lease.token_key:
            made = self._view(request.tx, home_of(lease.token_key))
            made.mark(f"token/{lease.token_key}/{lease.id}")
        return lease

    def store(self, request: Request, before: Lease, after: Lease) -> None:
        """Store a changed lease and move it in the index."""
        self._put(request.tx, after)
        self.unschedule(request.tx, before.due, "l", before.id)
        self.schedule(request.tx, after.due, "l", after.id)

    async def expire_now(self, request: Request, lease_id: str) -> None:
        """Make a lease due at once; the reaper takes it from there."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is not None and not lease.is_token:
            self._expire(request, lease)

    async def hurry(self, request: Request, lease_id: str) -> None:
        """Make a lease due unless it is, or its revocation is being tried; a token's goes with its token."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            await self._drop(request, lease_id)
        elif lease.is_token:
            await self._core.tokens.revoke_tree(request, lease.token_key)
        elif not lease.attempts:
            self._expire(request, lease)

    def _expire(self, request: Request, lease: Lease) -> None:
        """A lease that is due already stays as it is, unless it was given up."""
        if lease.due <= request.now and not lease.attempts:
            return
        self._view(request.tx, home_of(lease.id)).delete("stuck/" + lease.id)
        fresh = replace(lease, due=request.now, attempts=0, error="")
        fresh.expire_time = min(lease.expire_time, request.now)
        self.store(request, lease, fresh)

    def forget(self, request: Request, lease: Lease) -> None:
        """Remove every row of a lease."""
        view = self._view(request.tx, home_of(lease.id))
        view.delete("id/" + lease.id)
        view.delete("stuck/" + lease.id)
        self.unschedule(request.tx, lease.due, "l", lease.id)
        self._tally(request.tx, lease.id, -1)
        if lease.token_key:
            made = self._view(request.tx, home_of(lease.token_key))
            made.delete(f"token/{lease.token_key}/{lease.id}")

    async def ids(self, request: Request, prefix: str, limit: int = -1) -> list[str]:
        """IDs of all leases that start with ``prefix``, in the namespace of the request."""
        return await self.ids_in(request.tx, request.namespace, prefix, limit)

    async def ids_in(self, tx: Transaction, namespace: Namespace, prefix: str, limit: int = -1) -> list[str]:
        """IDs of all leases of a namespace that start with ``prefix``."""
        view = self._view(tx, namespace.id)
        return [prefix + rest for rest in await view.scan("id/" + prefix, "", limit)]

    async def names(self, request: Request, prefix: str) -> list[str]:
        """Names directly under a prefix of lease IDs."""
        return await self._view(request.tx, request.namespace.id).list("id/" + prefix)

    async def stuck(self, request: Request) -> list[Lease]:
        """The irrevocable leases."""
        view = self._view(request.tx, request.namespace.id)
        leases = [await self.get(request.tx, request.namespace, name) for name in await view.scan("stuck/")]
        return [lease for lease in leases if lease is not None]

    # -- ending ------------------------------------------------------------------------------------

    async def due(self, tx: Transaction, now: int, limit: int) -> list[tuple[int, str, str]]:
        """What has ended by ``now`` in all namespaces: (due, kind, reference), earliest first."""
        found = []
        for row in await tx.scan(_INDEX, "", limit):
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
        mount = (await self._core.mounts.ready(request.namespace)).find(lease.path)
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
        entry = await self._core.tokens.row(request.tx, key)
        if entry is not None and entry.expire_time <= request.now:
            await self._core.tokens.revoke_tree(request, key)
        self.unschedule(request.tx, due, "t", key)

    async def end_lease(self, request: Request, due: int, lease_id: str, failure: str = "") -> None:
        """Revoke a lease that is due, or note why that failed."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None or lease.due != due:
            self.unschedule(request.tx, due, "l", lease_id)
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
            await self._drain(request.namespace, prefix, force=force)
            raise Conflict(cause="leases have been revoked in the meantime")
        else:
            self.schedule(request.tx, request.now, "p" + request.namespace.ending, prefix)

    async def _load(self, request: Request, ids: list[str]) -> list[Lease]:
        """The leases of these IDs; a row whose token is gone is dropped."""
        leases = []
        for lease_id in ids:
            lease = await self._get(request.tx, home_of(lease_id), lease_id)
            if lease is None:
                await self._drop(request, lease_id)
            else:
                leases.append(lease)
        return leases

    async def _drop(self, request: Request, lease_id: str) -> None:
        view = self._view(request.tx, home_of(lease_id))
        if await view.get("id/" + lease_id) is not None:
            view.delete("id/" + lease_id)
            self._tally(request.tx, lease_id, -1)

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

    async def _drain(self, namespace: Namespace, prefix: str, *, force: bool) -> None:
        """Revoke all leases under ``prefix`` but a last few, :data:`BULK` in a transaction."""
        while True:
            request = self._core.internal_request(namespace)
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
        kind = "p" + request.namespace.ending
        cursor = await self._core.view(request.tx, "").get(f"{_INDEX}{due:016x}/{kind}/{prefix}")
        if cursor is None:
            return
        view = self._view(request.tx, request.namespace.id)
        found = await view.scan("id/" + prefix, cursor.decode(), BULK)
        await self._end(request, await self._load(request, [prefix + rest for rest in found]))
        self._continue(request.tx, due, kind, prefix, found)

    async def end_of_token(self, request: Request, due: int, key: str) -> None:
        """One step of ending the leases that a token made."""
        view = self._view(request.tx, home_of(key))
        found = await view.scan(f"token/{key}/", "", BULK)
        for lease in await self._load(request, found):
            self._expire(request, lease)
        for lease_id in found:
            view.delete(f"token/{key}/{lease_id}")
        self._continue(request.tx, due, "k", key, found)

    def _continue(self, tx: Transaction, due: int, kind: str, reference: str, found: list[str]) -> None:
        if len(found) < BULK:
            self.unschedule(tx, due, kind, reference)
        else:
            self.schedule(tx, due, kind, reference, found[-1])

    def schedule_purge(self, request: Request, prefix: str) -> None:
        """Have the reaper delete everything under a storage prefix, piece by piece."""
        self.schedule(request.tx, request.now, "d", prefix)

    async def purge(self, request: Request, due: int, prefix: str) -> None:
        """One step of a purge: delete some rows."""
        if await self.clear(request.tx, prefix):
            self.unschedule(request.tx, due, "d", prefix)

    async def clear(self, tx: Transaction, prefix: str) -> bool:
        """Delete some of the rows under a storage prefix; whether these were all."""
        found = await tx.scan(prefix, "", PURGE)
        for key in found:
            tx.delete(prefix + key)
        return len(found) < PURGE

    async def end_namespace(self, request: Request, due: int, reference: str) -> None:
        """One step of clearing a deleted namespace."""
        await self._core.namespaces.end(request, due, reference)

    async def settle_intent(self, request: Request, due: int, reference: str) -> None:
        """Undo or finish what a request announced and left behind."""
        await self._core.intents.due(request, due, reference)

    def schedule_forgetting(self, request: Request, mount_accessor: str) -> None:
        """Have the reaper remove the aliases at a disabled mount, piece by piece."""
        self.schedule(request.tx, request.now, "i" + request.namespace.ending, mount_accessor)

    async def forget_mount(self, request: Request, due: int, mount_accessor: str) -> None:
        """One step of removing the aliases at a disabled mount."""
        if not await self._core.identity.forget_mount(request, mount_accessor, BULK):
            self.unschedule(request.tx, due, "i" + request.namespace.ending, mount_accessor)

    async def wake(self, request: Request, due: int, reference: str) -> None:
        """Call an engine that asked for it."""
        await self._core.wakes.due(request.namespace, due, reference)

    def postpone(self, request: Request, due: int, kind: str, reference: str) -> None:
        """Try again in a while what cannot even be read, so that it holds nothing else up."""
        self.unschedule(request.tx, due, kind, reference)
        self.schedule(request.tx, request.now + _BACKOFF[1] * SECOND, kind, reference)

    async def renew(self, request: Request, lease_id: str, increment: int) -> Response:
        """Extend a lease through its engine. Raises BadRequest or LeaseNotFound."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            raise LeaseNotFound("lease not found")
        if lease.is_token:
            raise BadRequest("tokens cannot be renewed through this endpoint")
        if not lease.renewable or lease.expire_time <= request.now:
            raise BadRequest("lease is not renewable")
        mount = self._core.mounts.of(request.namespace).find(lease.path)
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
        """Remove rows of the namespace that point at leases or tokens which are gone."""
        tx, here = request.tx, request.namespace.id
        view = self._view(tx, here)
        for row in await tx.scan(_INDEX):
            _, kind, reference = row.split("/", 2)
            if kind != "l" or home_of(reference) != here:
                continue
            if await view.get("id/" + reference) is None:
                tx.delete(_INDEX + row)
        for row in await view.scan("token/"):
            lease_id = row.partition("/")[2]
            if await self._view(tx, home_of(lease_id)).get("id/" + lease_id) is None:
                view.delete("token/" + row)

    def failed(self, request: Request, lease: Lease, reason: str) -> None:
        """Note a failed revocation: try later, or give up and mark the lease as irrevocable."""
        attempts = lease.attempts + 1
        if attempts >= MAX_ATTEMPTS:
            self.unschedule(request.tx, lease.due, "l", lease.id)
            self._view(request.tx, home_of(lease.id)).mark("stuck/" + lease.id)
            self._put(request.tx, replace(lease, attempts=attempts, error=reason))
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
