"""Leases: what was issued, until when, and how it is taken back.

Every lease is a row, found by ID; a second row, ordered by expiry, says what ends next. Nothing is
held in memory: the cost of a million leases is disk. The reaper reads the expiry index from its
beginning. What has no system outside ends in the reaper's own transaction; the rest moves to the queue
of its system (:mod:`strongroom.outside`). A revocation that is refused goes back into the index with a
later time and a count of attempts; after too many the lease is *irrevocable*: kept, listed, and
revoked only on demand.

Rows, below ``sys/expire/`` of the namespace: ``id/<lease>`` the lease (empty for a token, whose own row
says it all), ``token/<key>/<lease>`` the leases a token made (in the token's namespace), ``stuck/<lease>``
the irrevocable ones. What follows is one for all namespaces and stands in root: the index,
``at/<time>/<kind>/<ref>``, and the queues and breakers of systems outside,
``wait/<system>/<down>/<time>/<lease>`` and ``target/<system>``. The kinds of the index: ``l`` a lease,
``t`` a token, ``k`` the leases of a token that is gone, ``p`` those under a prefix, ``d`` the data of a
disabled mount, ``i`` the aliases at a disabled auth mount, ``n`` a deleted namespace, ``u`` an intent (see
:mod:`strongroom.intent`), ``w`` an engine that wants to be called (see :mod:`strongroom.wake`). Where the
reference does not tell the namespace the kind does: ``p.<id>``, ``i.<id>``, ``w.<id>``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import field
from msgspec.structs import replace

from strongroom.breaker import MAX_ATTEMPTS, PATIENCE, backoff
from strongroom.crypto.entropy import ordered
from strongroom.errors import BadRequest, Conflict, LeaseNotFound, StrongroomError
from strongroom.framework.lease import Terms, effective_ttl
from strongroom.logical import (
    ROOT_ID,
    SECOND,
    Namespace,
    Request,
    Response,
    SecretLease,
    home_of,
    prefix_of,
)
from strongroom.outside import Outside, lost
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.mount import Mount
    from strongroom.storage.transaction import Transaction

TIDY_NOTE = (
    "Tidy operation successfully started. Any information from the operation "
    "will be printed to Strongroom's server logs."
)
"""What the answer to a tidy says."""

BULK = 256
"""How many leases one transaction ends at most where more are waiting."""

PURGE = 4_096
"""How many rows of a disabled mount one transaction deletes."""

_INDEX = "sys/expire/at/"
_encode = msgspec.json.Encoder().encode
_BREATH = 64
"""After how many leases that end together other requests get their turn."""

_POSTPONED = 2
"""What cannot even be read is put off as after so many failures."""


class Lease(msgspec.Struct, omit_defaults=True):
    """The row of a lease. Times are nanoseconds since the epoch, durations seconds.

    ``token_key`` is the token that made it; for the lease of a token itself ``is_token`` holds
    and the token's own row carries the times. ``ending`` says that it is being taken back, or that this
    was tried: it can no longer be renewed. ``queue`` is its place among those that wait for a system
    outside, empty while it stands in the expiry index. ``misses`` counts the times that system did not
    answer, since ``silent_since``; ``attempts`` those when it refused. ``limit`` is how old it may become,
    whatever its engine says, where it was made by a batch token; 0 is without limit.
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
    ending: bool = False
    queue: str = ""
    misses: int = 0
    silent_since: int = 0
    stuck: bool = False
    limit: int = 0

    def secret(self) -> SecretLease:
        """The part of the lease that its engine knows."""
        return SecretLease(self.kind, self.ttl, self.max_ttl, self.renewable, dict(self.internal), self.id)


class Leases:
    """The rows of all leases, and the queue that ends them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._decoder = msgspec.json.Decoder(Lease)
        self.chance: Callable[[], float] = SystemRandom().random
        self.outside = Outside(core)

    def view(self, tx: Transaction, home: str = ROOT_ID) -> View:
        """The rows of the namespace of an ID."""
        return self._core.view(tx, f"{prefix_of(home)}sys/expire/")

    # -- rows --------------------------------------------------------------------------------

    async def get(self, tx: Transaction, namespace: Namespace, lease_id: str) -> Lease | None:
        """The lease of that ID in the namespace; for a token's lease, with the token's times."""
        return await self._get(tx, namespace.id, lease_id)

    async def find(self, tx: Transaction, lease_id: str) -> Lease | None:
        """The lease of that ID in the namespace that its end names."""
        return await self._get(tx, home_of(lease_id), lease_id)

    async def _get(self, tx: Transaction, home: str, lease_id: str) -> Lease | None:
        blob = await self.view(tx, home).get("id/" + lease_id)
        if blob is None:
            return None
        if blob:
            return self._decoder.decode(blob)
        entry = await self._core.tokens.row(tx, lease_id.rpartition("/")[2])
        return None if entry is None else _token_lease(entry)

    async def require(self, request: Request, lease_id: str) -> Lease:
        """The lease, or LeaseNotFound."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            raise LeaseNotFound("invalid lease")
        return lease

    def _put(self, tx: Transaction, lease: Lease) -> None:
        self.view(tx, home_of(lease.id)).put("id/" + lease.id, _encode(lease))

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
        self.view(request.tx, home_of(entry.key)).mark("id/" + entry.lease_id)
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
            self.view(request.tx, home_of(entry.key)).delete("id/" + entry.lease_id)
            self._tally(request.tx, entry.lease_id, -1)

    async def any_of_token(self, request: Request, key: str) -> bool:
        """Whether there is a lease that the token of this key made."""
        return bool(await self.view(request.tx, home_of(key)).scan(f"token/{key}/", "", 1))

    def end_those_of(self, request: Request, key: str) -> None:
        """Have the reaper end the leases that a token made, however many."""
        self.schedule(request.tx, request.now, "k", key)

    # -- leases of secrets -----------------------------------------------------------------------

    def register(self, request: Request, secret: SecretLease, data: dict[str, Any]) -> Lease:
        """Store a lease for what an engine just issued; gives it an ID."""
        entry = request.entry
        lease = Lease(
            id=f"{request.path}/{ordered(request.now, 24)}{request.namespace.ending}",
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
            limit=_left(request),
            data=data,
            namespace_id=request.namespace.id,
        )
        self._put(request.tx, lease)
        self.schedule(request.tx, lease.due, "l", lease.id)
        self._tally(request.tx, lease.id, 1)
        if lease.token_key:
            made = self.view(request.tx, home_of(lease.token_key))
            made.mark(f"token/{lease.token_key}/{lease.id}")
        return lease

    def store(self, request: Request, before: Lease, after: Lease) -> None:
        """Store a changed lease and move it in the index."""
        self._leave(request.tx, before)
        self._put(request.tx, after)
        if after.stuck:
            self.view(request.tx, home_of(after.id)).mark("stuck/" + after.id)
        elif after.queue:
            self.view(request.tx).mark(_waiting(after))
        else:
            self.schedule(request.tx, after.due, "l", after.id)

    def _leave(self, tx: Transaction, lease: Lease) -> None:
        """Remove the row that says when a lease ends, wherever it stands."""
        if lease.stuck:
            self.view(tx, home_of(lease.id)).delete("stuck/" + lease.id)
        elif lease.queue:
            self.view(tx).delete(_waiting(lease))
        else:
            self.unschedule(tx, lease.due, "l", lease.id)

    async def hurry(self, request: Request, lease_id: str) -> None:
        """Make a lease due unless it is being taken back or given up; a token's goes with its token."""
        lease = await self.find(request.tx, lease_id)
        if lease is None:
            await self._drop(request, lease_id)
        elif lease.is_token:
            await self._core.tokens.revoke_tree(request, lease.token_key)
        elif not lease.ending:
            self.expire(request, lease)

    def expire(self, request: Request, lease: Lease) -> Lease:
        """Make a lease due at once, also one that was given up; the reaper takes it from there."""
        if lease.queue or (lease.ending and lease.due <= request.now and not lease.stuck):
            return lease
        fresh = replace(lease, due=request.now, attempts=0, misses=0, silent_since=0, error="")
        fresh.ending, fresh.stuck = True, False
        fresh.expire_time = min(lease.expire_time, request.now)
        self.store(request, lease, fresh)
        return fresh

    def forget(self, request: Request, lease: Lease) -> None:
        """Remove every row of a lease."""
        self.view(request.tx, home_of(lease.id)).delete("id/" + lease.id)
        self._leave(request.tx, lease)
        self._tally(request.tx, lease.id, -1)
        if lease.token_key:
            made = self.view(request.tx, home_of(lease.token_key))
            made.delete(f"token/{lease.token_key}/{lease.id}")

    async def ids(self, request: Request, prefix: str, limit: int = -1) -> list[str]:
        """IDs of all leases that start with ``prefix``, in the namespace of the request."""
        return await self.ids_in(request.tx, request.namespace, prefix, limit)

    async def ids_in(self, tx: Transaction, namespace: Namespace, prefix: str, limit: int = -1) -> list[str]:
        """IDs of all leases of a namespace that start with ``prefix``."""
        view = self.view(tx, namespace.id)
        return [prefix + rest for rest in await view.scan("id/" + prefix, "", limit)]

    async def names(self, request: Request, prefix: str) -> list[str]:
        """Names directly under a prefix of lease IDs."""
        return await self.view(request.tx, request.namespace.id).list("id/" + prefix)

    async def stuck(
        self, tx: Transaction, namespace: Namespace, prefix: str = "", limit: int = -1
    ) -> list[str]:
        """IDs of the irrevocable leases of a namespace that start with ``prefix``."""
        view = self.view(tx, namespace.id)
        whole = [prefix] if prefix and await view.get("stuck/" + prefix) is not None else []
        return whole + [prefix + rest for rest in await view.scan("stuck/" + prefix, "", limit)]

    # -- ending ------------------------------------------------------------------------------------

    async def due(self, tx: Transaction, now: int, limit: int, after: str = "") -> list[tuple[int, str, str]]:
        """What has ended by ``now`` in all namespaces: (due, kind, reference), earliest first.

        From behind the row ``after``.
        """
        found = []
        for row in await tx.scan(_INDEX, after, limit):
            at, kind, reference = row.split("/", 2)
            when = int(at, 16)
            if when > now:
                break
            found.append((when, kind, reference))
        return found

    async def first(self, tx: Transaction) -> int:
        """When the first entry of the index is due; 0 when there is none."""
        rows = await tx.scan(_INDEX, "", 1)
        return int(rows[0].partition("/")[0], 16) if rows else 0

    async def mount_of(self, namespace: Namespace, lease: Lease) -> Mount | None:
        """The mount whose engine takes a lease back; None when it is gone.

        Nobody may have asked for anything since the unseal, so the mounts may have to be read.
        """
        return (await self._core.mounts.ready(namespace)).find(lease.path)

    async def system_of(self, namespace: Namespace, lease: Lease) -> str:
        """The system outside that takes part in a revocation; empty when there is none."""
        mount = None if lease.is_token else await self.mount_of(namespace, lease)
        return "" if mount is None else self.outside.name(mount, mount.backend.target(lease.secret()))

    async def revoke(self, request: Request, lease: Lease, *, force: bool = False) -> None:
        """Take back what a lease stands for, now, and forget it. Raises BadRequest when that fails.

        With ``force`` an engine's failure is noted in the log and the lease forgotten all the same.
        """
        try:
            if await self.system_of(request.namespace, lease):
                await self.outside.revoke(request.namespace, lease)
            else:
                await self._revoke_inside(request, lease)
        except Conflict:
            raise
        except Exception as error:
            if not force:
                raise refusal(error) from error
            self._core.log.warning("lease revoked by force in spite of %s", type(error).__name__)
            self.forget(request, lease)

    async def _revoke_inside(self, request: Request, lease: Lease) -> None:
        if lease.is_token:
            await self._core.tokens.revoke_tree(request, lease.token_key)
            return
        mount = await self.mount_of(request.namespace, lease)
        if mount is not None:
            inner = self._core.inner_request(request, mount, lease.path)
            await mount.backend.revoke(inner, lease.secret())
        self.forget(request, lease)

    async def end_token(self, request: Request, due: int, key: str) -> None:
        """Revoke a token that has expired, unless it was renewed meanwhile."""
        await self.end_tokens(request, [(due, key)])

    async def end_tokens(self, request: Request, ended: list[tuple[int, str]]) -> None:
        """Revoke those of the tokens that have expired, with all that descends from them."""
        await self._core.tokens.revoke_tree(request, *[key for _, key in ended], ended=True)
        for due, key in ended:
            self.unschedule(request.tx, due, "t", key)
            self._core.measures.expired(request.namespace, request.now - due)

    async def end_lease(self, request: Request, due: int, lease_id: str) -> None:
        """Take back a lease that is due, or have it wait for its system. Raises what the engine raises."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None or lease.due != due or lease.queue or lease.stuck:
            self.unschedule(request.tx, due, "l", lease_id)
        elif system := await self.system_of(request.namespace, lease):
            await self._enqueue(request, lease, system)
        else:
            await self._revoke_inside(request, lease)
            self._core.measures.expired(request.namespace, request.now - due)

    async def end_leases(self, request: Request, ended: list[tuple[int, str]]) -> None:
        """The same for many; a failure is noted with its lease and stops no other."""
        for number, (due, lease_id) in enumerate(ended, 1):
            if not number % _BREATH:
                await asyncio.sleep(0)
            before = request.tx.savepoint()
            try:
                await self.end_lease(request, due, lease_id)
            except Conflict:
                raise
            except Exception as error:  # noqa: BLE001  an engine may fail in any way
                request.tx.rollback(before)
                await self.note_failure(request, due, lease_id, error)

    async def note_failure(self, request: Request, due: int, lease_id: str, error: Exception) -> None:
        """Keep with a lease why it could not be taken back. Raises Internal when its row is damaged."""
        lease = await self.find(request.tx, lease_id)
        if lease is not None and lease.due == due:
            self.failed(request, lease, error)

    async def _enqueue(self, request: Request, lease: Lease, system: str) -> None:
        """Have a lease wait for its system. From here on it cannot be renewed."""
        down = await self.outside.down(request, system)
        self.store(request, lease, replace(lease, ending=True, queue=f"{system}/{down:08x}"))

    async def revoke_prefix(
        self, request: Request, prefix: str, *, sync: bool = False, force: bool = False
    ) -> None:
        """End every lease under ``prefix``; one without a slash at its end may be a lease itself.

        Tokens are revoked at once. Of leases a few are made due; many become a job of the reaper's,
        which survives a crash. ``sync`` ends all of them before the request is answered: many, and those
        of systems outside, in transactions of their own, after which the request begins again.
        """
        if not prefix.endswith("/"):
            if (lease := await self.get(request.tx, request.namespace, prefix)) is not None:
                await self._end(request, [lease], sync=sync, force=force)
                return
            prefix += "/"
        if prefix.startswith("auth/"):
            await self._end(request, await self._load(request, await self.ids(request, prefix)), sync=sync)
            return
        ids = await self.ids(request, prefix, BULK + 1)
        found = await self._load(request, ids)
        if len(ids) <= BULK and not (
            sync and [1 for lease in found if await self.system_of(request.namespace, lease)]
        ):
            await self._end(request, found, sync=sync, force=force)
        elif sync:
            await self._drain(request.namespace, prefix, force=force)
            raise Conflict(cause="leases have been revoked in the meantime")
        else:
            self.schedule(request.tx, request.now, "p" + request.namespace.ending, prefix)

    async def _load(self, request: Request, ids: list[str]) -> list[Lease]:
        """The leases of these IDs; a row whose token is gone is dropped."""
        leases = []
        for lease_id in ids:
            lease = await self.find(request.tx, lease_id)
            if lease is None:
                await self._drop(request, lease_id)
            else:
                leases.append(lease)
        return leases

    async def _drop(self, request: Request, lease_id: str) -> None:
        view = self.view(request.tx, home_of(lease_id))
        if await view.get("id/" + lease_id) is not None:
            view.delete("id/" + lease_id)
            self._tally(request.tx, lease_id, -1)

    async def _end(
        self, request: Request, leases: list[Lease], *, sync: bool = False, force: bool = False
    ) -> None:
        await self._core.tokens.revoke_tree(request, *[lease.token_key for lease in leases if lease.is_token])
        for number, lease in enumerate(leases, 1):
            if lease.is_token:
                continue
            if not sync:
                self.expire(request, lease)
                continue
            try:
                await self.revoke(request, lease, force=force)
            except BadRequest as error:
                raise _at(lease, number, len(leases), error) from error

    async def _drain(self, namespace: Namespace, prefix: str, *, force: bool) -> None:
        """Revoke all leases under ``prefix``, :data:`BULK` in a transaction; those outside side by side."""
        while True:
            request = self._core.internal_request(namespace)
            try:
                ids = await self.ids(request, prefix, BULK)
                found = await self._load(request, ids)
                apart = [lease for lease in found if await self.system_of(request.namespace, lease)]
                waiting = {lease.id for lease in apart}
                inside = [lease for lease in found if lease.id not in waiting]
                await self._end(request, inside, sync=True, force=force)
                await self._core.store.commit(request.tx)
            finally:
                request.tx.close()
            await self._drain_outside(namespace, apart, force=force)
            if len(ids) < BULK:
                return

    async def _drain_outside(self, namespace: Namespace, leases: list[Lease], *, force: bool) -> None:
        failures = await self.outside.revoke_all(namespace, leases)
        for number, (lease, error) in enumerate(zip(leases, failures, strict=True), 1):
            if error is None:
                continue
            if not force:
                raise _at(lease, number, len(leases), refusal(error)) from error
            self._core.log.warning("lease revoked by force in spite of %s", type(error).__name__)
            await self.outside.drop(lease)

    # -- jobs of the reaper's, step by step --------------------------------------------------------

    async def end_prefix(self, request: Request, due: int, prefix: str) -> None:
        """One step of a prefix job: end some leases; the job's row holds how far it has come."""
        kind = "p" + request.namespace.ending
        cursor = await self._core.view(request.tx, "").get(f"{_INDEX}{due:016x}/{kind}/{prefix}")
        if cursor is None:
            return
        view = self.view(request.tx, request.namespace.id)
        found = await view.scan("id/" + prefix, cursor.decode(), BULK)
        await self._take_back(request, await self._load(request, [prefix + rest for rest in found]))
        self._continue(request.tx, due, kind, prefix, found)

    async def end_of_token(self, request: Request, due: int, key: str) -> None:
        """One step of ending the leases that a token made."""
        view = self.view(request.tx, home_of(key))
        found = await view.scan(f"token/{key}/", "", BULK)
        await self._take_back(request, await self._load(request, found))
        for lease_id in found:
            view.delete(f"token/{key}/{lease_id}")
        self._continue(request.tx, due, "k", key, found)

    async def _take_back(self, request: Request, leases: list[Lease]) -> None:
        """End leases before their time: each is made due, and those of this namespace are ended at once."""
        await self._core.tokens.revoke_tree(request, *[lease.token_key for lease in leases if lease.is_token])
        expired = [self.expire(request, lease) for lease in leases if not lease.is_token]
        here = [lease for lease in expired if home_of(lease.id) == request.namespace.id]
        await self.end_leases(request, [(lease.due, lease.id) for lease in here if not lease.queue])

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
        self.schedule(request.tx, request.now + backoff(_POSTPONED, self.chance()), kind, reference)

    async def renew(self, request: Request, lease_id: str, increment: int) -> Response:
        """Extend a lease through its engine. Raises BadRequest or LeaseNotFound."""
        lease = await self.get(request.tx, request.namespace, lease_id)
        if lease is None:
            raise LeaseNotFound("lease not found")
        if lease.is_token:
            raise BadRequest("tokens cannot be renewed through this endpoint")
        if not lease.renewable:
            raise BadRequest("lease is not renewable")
        if lease.stuck:
            raise BadRequest("lease is expired and has failed previous revocation attempts")
        if lease.ending or lease.expire_time <= request.now or not await self._has_owner(request, lease):
            raise BadRequest("lease expired")
        mount = await self.mount_of(request.namespace, lease)
        if mount is None:
            raise BadRequest("lease is not renewable")
        inner = self._core.inner_request(request, mount, lease.path)
        default, longest = self._core.ttls(mount)
        age = (request.now - lease.issue_time) // SECOND
        longest = min(longest, lease.limit or longest)
        terms = Terms(increment, lease.ttl, lease.max_ttl, default, longest, age)
        try:
            secret = await mount.backend.renew(inner, lease.secret(), terms)
        except BadRequest as error:
            raise refusal(error, "renew") from None
        ttl, warnings = terms.grant()
        expire = request.now + ttl * SECOND
        fresh = replace(lease, expire_time=expire, due=expire, last_renewal=request.now)
        fresh.internal, fresh.ttl, fresh.max_ttl = secret.internal, secret.ttl, secret.max_ttl
        self.store(request, lease, fresh)
        secret.ttl, secret.lease_id = ttl, lease_id
        return Response(secret=secret, warnings=warnings)

    async def _has_owner(self, request: Request, lease: Lease) -> bool:
        """Whether the token lives that made a lease: with its end the lease's has come, done or not."""
        if not lease.token_key:
            return True
        entry = await self._core.tokens.row(request.tx, lease.token_key)
        return entry is not None and not 0 < entry.expire_time <= request.now

    async def tidy(self, request: Request) -> None:
        """Remove rows of the namespace that point at leases or tokens which are gone."""
        tx, here = request.tx, request.namespace.id
        view = self.view(tx, here)
        for row in await tx.scan(_INDEX):
            _, kind, reference = row.split("/", 2)
            if kind != "l" or home_of(reference) != here:
                continue
            if await view.get("id/" + reference) is None:
                tx.delete(_INDEX + row)
        for row in await view.scan("token/"):
            lease_id = row.partition("/")[2]
            if await self.view(tx, home_of(lease_id)).get("id/" + lease_id) is None:
                view.delete("token/" + row)

    def failed(self, request: Request, lease: Lease, error: Exception) -> None:
        """Note a failed revocation: try later, or give up and mark the lease as irrevocable.

        A system that does not answer is given time, not attempts.
        """
        reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
        fresh = replace(lease, error=reason, queue="", ending=True, stuck=False)
        if lost(error):
            fresh.misses += 1
            fresh.silent_since = lease.silent_since or request.now
            tired = fresh.misses >= MAX_ATTEMPTS and request.now - fresh.silent_since >= PATIENCE * SECOND
        else:
            fresh.attempts += 1
            fresh.misses = fresh.silent_since = 0
            tired = fresh.attempts >= MAX_ATTEMPTS
        if tired:
            self.give_up(request, lease, reason, attempts=fresh.attempts)
            return
        fresh.due = request.now + backoff(fresh.attempts + fresh.misses, self.chance())
        self.store(request, lease, fresh)

    def give_up(self, request: Request, lease: Lease, reason: str, *, attempts: int) -> None:
        """Mark a lease as irrevocable: from now on it is for people to look at."""
        fresh = replace(lease, error=reason, queue="", ending=True, stuck=True, attempts=attempts)
        self.store(request, lease, fresh)
        self._core.log.error("a lease under %s cannot be revoked and needs attention: %s", lease.path, reason)
        self._core.measures.metrics.counter("expire.lease_expiration.error").add()


def refusal(error: Exception, attempt: str = "revoke") -> BadRequest:
    """What a caller is told who attempted in vain to revoke or renew."""
    reason = error.public if isinstance(error, StrongroomError) else type(error).__name__
    return BadRequest(f"failed to {attempt} entry: {reason}", cause=repr(error))


def _at(lease: Lease, number: int, total: int, error: BadRequest) -> BadRequest:
    """The same where there are many: which one it was."""
    sentence = f'failed to revoke "{lease.id}" ({number} / {total}): {error.public}'
    return BadRequest(sentence, cause=error.cause)


def _waiting(lease: Lease) -> str:
    """The row by which a lease waits for its system outside."""
    return f"wait/{lease.queue}/{lease.due:016x}/{lease.id}"


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
    default, longest = core.ttls(request.mount)
    if left := _left(request):
        secret.max_ttl = min(secret.max_ttl or left, left)
    secret.ttl, warnings = effective_ttl(
        default=default, longest=longest, wanted=secret.ttl, backend_max=secret.max_ttl
    )
    response.warnings.extend(warnings)
    secret.lease_id = core.leases.register(request, secret, response.data or {}).id


def _left(request: Request) -> int:
    """Seconds that a batch token has left, which what it makes cannot outlive; 0 for any other token."""
    entry = request.entry
    if entry is None or entry.type != "batch" or not entry.expire_time:
        return 0
    return int(max((entry.expire_time - request.now) // SECOND, 1))
