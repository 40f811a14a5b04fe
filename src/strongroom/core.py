"""The core: an ordered tuple of stages that every request passes, and the nouns they work with.

Read :data:`STAGES` and you know the system. A request runs in one transaction; what it wrote is
committed at once, and only then is it answered. When another request got in between, it runs
again from the first stage.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom import (
    admission,
    clock,
    codec,
    handler,
    lease,
    lockout,
    login,
    measures,
    namespace,
    policies,
    router,
    token,
    well_known,
    wrapping,
)
from strongroom.admission import Quotas
from strongroom.audit.broker import Broker
from strongroom.audit.table import AuditTable
from strongroom.barrier.barrier import Barrier
from strongroom.barrier.keyring import Keyring
from strongroom.barrier.view import View
from strongroom.client_trust import ClientTrust
from strongroom.cluster.contract import Alone, Followers, LeaderNeeded
from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.jwt import SigningKey
from strongroom.errors import (
    AuditFailed,
    BadRequest,
    Conflict,
    Internal,
    InvalidCredentials,
    RateLimited,
    Sealed,
    StrongroomError,
    UnsupportedOperation,
    Waited,
)
from strongroom.framework.help import help_of
from strongroom.framework.path import Path
from strongroom.identity.identities import Identities
from strongroom.intent import Intents
from strongroom.lease import Leases
from strongroom.lifecycle import Lifecycle
from strongroom.log import Logs
from strongroom.logical import ROOT, SECOND, Auth, Namespace, Operation, Request, Response
from strongroom.measures import Measures
from strongroom.mount import Mount, MountTable, cubbyhole_prefix
from strongroom.namespace import Namespaces
from strongroom.policies import Policies
from strongroom.policy.acl import ACL
from strongroom.reaper import Reaper
from strongroom.seal import seal
from strongroom.seal.wraps import Sealer
from strongroom.settings import Settings
from strongroom.storage.store import Store
from strongroom.storage.transaction import Transaction
from strongroom.sys import policies as policy_paths
from strongroom.sys import seal as seal_paths
from strongroom.sys.cors import Cors
from strongroom.sys.system import System
from strongroom.tally import Tallies
from strongroom.token import TokenEntry, Tokens
from strongroom.wake import Wakes

if TYPE_CHECKING:
    from strongroom.config.stanza import ServerConfig
    from strongroom.storage.physical import Physical

BUILD_DATE = "2026-11-22T00:00:00Z"
"""What seal-status reports as the date of this version."""

Stage = Callable[["Core", Request], Awaitable[None] | None]


def audit_request(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: at least one audit device has the request before anything is done about it."""
    if request.audited:
        return None
    request.audited = True
    return core.audit.log_request(request)


def begin(core: Core, request: Request) -> None:
    """Stage: open the one transaction in which the request reads and writes."""
    request.writes = request.operation not in _READS or request.wrap_ttl > 0 or request.reads_write
    request.tx = core.store.begin(write=request.writes)
    if request.writes:
        request.savepoint = request.tx.savepoint()


STAGES: tuple[Stage, ...] = (
    well_known.arrive,
    namespace.enter,
    router.resolve,
    admission.admit,
    begin,
    wrapping.unwrap,
    token.authenticate,
    measures.authenticated,
    router.bind,
    policies.authorize,
    measures.authorized,
    audit_request,
    lockout.refuse,
    router.dispatch,
    lockout.forgive,
    policies.conceal,
    measures.routed,
    admission.bound,
    lease.register,
    token.retire,
    wrapping.wrap,
)
"""What happens to a request between its arrival and the commit, in order."""

ATTEMPTS = 8
"""How often a request runs that keeps losing races before it is refused."""

_READS = frozenset({Operation.READ, Operation.LIST, Operation.SCAN, Operation.HELP})


class Core:
    """Everything a running server knows. One instance serves one process."""

    stages: ClassVar[tuple[Stage, ...]] = STAGES
    store_class: ClassVar[type[Store]] = Store

    def __init__(
        self,
        config: ServerConfig,
        physical: Physical,
        sealer: Sealer | None = None,
        logs: Logs | None = None,
    ) -> None:
        self.config = config
        self.logs = logs or Logs(config.log_level)
        self.log = logging.getLogger("core")
        self.clock = clock.now
        self.store = self.store_class(physical)
        self.followers: Followers = Alone()
        self.barrier = Barrier()
        self.audit = Broker()
        self.audit_table = AuditTable(self)
        self.namespaces = Namespaces(self)
        self.mounts = MountTable(self.store, self.barrier, self)
        self.tokens = Tokens(self)
        self.leases = Leases(self)
        self.reaper = Reaper(self)
        self.intents = Intents(self)
        self.wakes = Wakes(self)
        self.policies = Policies(self)
        self.identity = Identities(self)
        self.settings = Settings(self)
        self.tallies = Tallies(self)
        self.quotas = Quotas(self)
        self.cors = Cors()
        self.client_trust = ClientTrust(self)
        self.lifecycle = Lifecycle(self, sealer)
        self.wrapping_key: SigningKey = None  # type: ignore[assignment]  # read at unseal
        self.in_flight: dict[str, Request] = {}
        self.hostname = socket.gethostname()
        self.measures = Measures(self)
        self.api_address = config.api_addr
        self.build_date = BUILD_DATE
        self.moves: dict[str, dict[str, str]] = {}
        self._health: tuple[int, bytes] = (0, b"")
        self._background: set[asyncio.Task[None]] = set()
        self._system = System(None)  # type: ignore[arg-type]  # serves what must work while sealed
        self._system.core = self

    # -- requests ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Open the storage, and unseal where a seal does it by itself."""
        await self.store.open()
        if self.lifecycle.sealer is not None and await self.lifecycle.config() is not None:
            await self.lifecycle.unseal(self.lifecycle.sealer)

    async def stop(self) -> None:
        """Seal, and close what is open; what was acknowledged is on disk already."""
        await self.lifecycle.seal()
        await self.audit.close()
        await self.store.close()

    async def handle(self, request: Request) -> Response:
        """Answer a request. Raises one of the errors of the tree, never anything else."""
        if request.path.startswith("sys/") and request.operation is not Operation.HELP:
            found = System.table.match(request.path[4:])
            if found is not None and found[0].while_sealed:
                return await self._outside(request, *found)
        if self.barrier.sealed:
            if request.path == "sys/seal" and request.operation is Operation.UPDATE:
                return Response()  # done already
            raise Sealed
        self.in_flight[request.id] = request
        request.started = perf_counter()
        try:
            lost = 0
            while lost < ATTEMPTS:
                try:
                    return await self._attempt(request)
                except Conflict as conflict:
                    lost += not isinstance(conflict, Waited)
                    request.rewind()
                    await self.store.settled()
            raise Conflict("the request kept colliding with others; nothing was changed")
        except LeaderNeeded:
            request.started = 0.0  # who answers it measures it
            raise
        finally:
            del self.in_flight[request.id]
            if request.started:
                self.measures.finished(request, request.started)

    async def _attempt(self, request: Request) -> Response:
        """Run the stages once, commit what they wrote, and note the answer."""
        request.asked = request.operation
        try:
            error = await self._run(request)
            if request.tx is not None:
                await self.store.commit(request.tx)
            for take_over in request.on_commit:
                take_over()
        except BaseException as failure:
            if request.intents:
                await self._settle(request, failure)
            raise
        finally:
            if request.tx is not None:
                request.tx.close()
        if error is not None and request.intents:
            await self.intents.settle(request)
        if isinstance(error, RateLimited) and not self.quotas.audits:
            raise error
        logged = self.audit.log_response(request, request.response, error.public if error else "")
        if logged is not None:
            await logged
        if error is not None:
            raise error
        return request.response or Response()

    async def _settle(self, request: Request, failure: BaseException) -> None:
        """Undo what the request did outside; one that is interrupted does not wait for it."""
        if isinstance(failure, Exception):
            await self.intents.settle(request)
        else:
            self.after_reply(lambda: self.intents.settle(request))

    async def _run(self, request: Request) -> StrongroomError | None:
        """Pass the stages. An error undoes the operation's writes, but not the use of the token."""
        try:
            for stage in self.stages:
                pending = stage(self, request)
                if pending is not None:
                    await pending
        except (Conflict, AuditFailed, LeaderNeeded):
            raise  # to run again, to leave nothing behind, or to be answered elsewhere
        except StrongroomError as failure:
            error: StrongroomError = failure
        except Exception as failure:
            self.log.exception("request %s failed", request.id, exc_info=failure)
            error = Internal()
        else:
            return None
        await self._fail(request, error)
        return error

    async def _fail(self, request: Request, error: StrongroomError) -> None:
        request.response = None
        if request.savepoint is not None:
            request.tx.rollback(request.savepoint)
            spent = token.retire(self, request)
            if spent is not None:
                await spent
            if isinstance(error, InvalidCredentials):
                lockout.count(self, request)
            for keep in request.on_failure:
                keep()
        unlogged = isinstance(error, RateLimited) and not self.quotas.audits
        if not request.audited and not unlogged:
            request.audited = True
            logged = self.audit.log_request(request, error.public)
            if logged is not None:
                await logged

    async def _outside(self, request: Request, path: type[Path], captures: dict[str, str | None]) -> Response:
        """Run a path that works while sealed: no token, no transaction, no audit to write to."""
        if path.root_namespace_only and namespace.named(request):
            raise BadRequest(path.root_namespace_only)
        if request.operation not in path.operations:
            raise Unsupported
        return await self._system.handle(path.bind(captures, request.data), request)

    # -- what stages and engines ask for -------------------------------------------------------

    def view(self, tx: Transaction, prefix: str) -> View:
        """A prefix of the storage, in clear, within a transaction."""
        return View(tx, self.barrier, prefix)

    def cubbyhole(self, tx: Transaction, namespace_id: str) -> View:
        """Where the cubbyholes in a namespace stand, one folder a token."""
        return self.view(tx, cubbyhole_prefix(namespace_id))

    def ttls(self, mount: Mount | None) -> tuple[int, int]:
        """Default and longest TTL of a mount, in seconds."""
        default, longest = self.config.default_lease_ttl, self.config.max_lease_ttl
        if mount is not None:
            longest = mount.entry.config.max_lease_ttl or longest
            default = mount.entry.config.default_lease_ttl or default
        return min(default, longest), longest

    async def login(self, request: Request, auth: Auth, response: Response) -> None:
        """Issue the token that an auth method or the token store decided on."""
        await login.complete(self, request, auth, response)

    async def vouch(self, request: Request, accessor: str, path: str, data: dict[str, Any]) -> None:
        """Have a request be of whoever logs in at an auth mount, and may do what it is about to do."""
        await login.vouch(self, request, accessor, path, data)

    async def claim_well_known(self, request: Request, protocol: str, paths: dict[str, str]) -> None:
        """Have the mount of a request own addresses below ``/.well-known/``. Raises BadRequest."""
        await well_known.claim(self, request, protocol, paths)

    def inner_request(self, request: Request, mount: Mount, path: str) -> Request:
        """A request of the core's own to an engine, in the transaction of another."""
        inner = Request(id=request.id, operation=Operation.REVOKE, path=path, now=request.now)
        inner.tx, inner.core, inner.mount = request.tx, self, mount
        inner.namespace, inner.mount_point = mount.namespace, mount.prefix
        inner.mount_type, inner.mount_accessor = mount.type, mount.accessor
        inner.remote_address = request.remote_address
        inner.certificate, inner.certificate_chain = request.certificate, request.certificate_chain
        inner.view = self.view(request.tx, mount.storage_prefix)
        return inner

    def internal_request(self, namespace: Namespace = ROOT) -> Request:
        """A request that nobody sent: for the reaper and for start-up. The caller commits it."""
        request = Request(id=uuid4_str(), operation=Operation.UPDATE, path="", now=self.clock())
        request.core, request.namespace = self, namespace
        request.tx = self.store.begin(write=True)
        return request

    def envelope(self, request: Request, response: Response) -> dict[str, Any]:
        """The answer as the client would see it, for putting into a wrapping token."""
        return handler.envelope(request, response)

    async def new_password(self, request: Request, policy: str) -> str:
        """A fresh password that follows a password policy. Raises BadRequest where there is none."""
        return await policy_paths.new_password(self, request, policy)

    async def acl_of(self, request: Request) -> ACL | None:
        """The ACL of whoever sent a request to a path that needs no token; None for nobody.

        Paths are judged by it with the request's ``outer`` before them.
        """
        entry = await self.tokens.lookup(request, request.token)
        if entry is None or not await token.reaches(self, request, entry):
            return None
        return await self.policies.load_acl(request, entry)

    def help(self, request: Request) -> Response:
        """What the path of a request is for."""
        return help_of(request)

    def after_commit(self, request: Request, work: Callable[[], Awaitable[None]]) -> None:
        """Do something outside the storage once what the request wrote is durable."""
        request.on_commit.append(lambda: self.after_reply(work))

    def after_reply(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something once the present request has been answered."""
        task = asyncio.get_running_loop().create_task(_later(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def follow(self, tx: Transaction) -> None:
        """Be able to read the state of ``tx``; a core that writes it always is."""

    def settings_changed(self) -> None:
        """Take over settings that were read again."""
        self.cors.configure(self.settings.get("cors"))
        self.audit.headers.clear()
        self.audit.headers.update(self.settings.get("audit-headers"))

    def health(self, now: int) -> bytes:
        """The answer of sys/health while unsealed; made anew once a second."""
        second = now // SECOND
        if self._health[0] != second:
            body = seal_paths.health_body(self, now, initialized=True)
            self._health = (second, codec.encode(body) + b"\n")
        return self._health[1]

    def moved(self, request: Request, source: str, target: str) -> str:
        """Note a move that this request makes, under a new ID."""
        migration = uuid4_str()
        self.moves[migration] = {"source_mount": source, "target_mount": target, "status": "success"}
        return migration

    def token_created(self, request: Request, entry: TokenEntry) -> None:
        """Count a new token once it is there."""
        request.on_commit.append(lambda: self.measures.created(request, entry))

    # -- the keyring -----------------------------------------------------------------------------

    async def rotate_keyring(self, request: Request) -> None:
        """Install a new data key once the request has committed."""
        ring = await seal.stored_keyring(request.tx, self.barrier)
        await self._adopt(request, ring.rotated(request.now))

    async def tune_rotation(self, request: Request, changes: dict[str, Any]) -> None:
        """Change when data keys retire by themselves. Raises BadRequest."""
        ring = await seal.stored_keyring(request.tx, self.barrier)
        await self._adopt(request, ring.configured(replace(ring.rotation, **changes)))

    async def _adopt(self, request: Request, ring: Keyring) -> None:
        await seal.stage_keyring(request.tx, ring)
        request.on_commit.append(lambda: self.barrier.succeed(ring))

    async def keep_keyring(self) -> None:
        """Store the count of encryptions now and then, and rotate when it is time."""
        now = self.clock()
        due = self.barrier.should_rotate(now)
        if not due and not self.barrier.should_persist(now):
            return
        request = self.internal_request()
        try:
            ring = await seal.stored_keyring(request.tx, self.barrier)
            ring = ring.rotated(now) if due else ring
            await seal.stage_keyring(request.tx, ring)
            await self.store.commit(request.tx)
            self.barrier.succeed(ring)
            self.barrier.persisted(ring, now)
        finally:
            request.tx.close()


class Unsupported(UnsupportedOperation):
    """A verb that a path outside the barrier does not have."""

    def sentences(self) -> list[str]:
        """Nothing, as the peer."""
        return []


async def _later(work: Callable[[], Awaitable[None]]) -> None:
    await asyncio.sleep(0.05)
    await work()
