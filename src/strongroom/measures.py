"""What the core measures: its series, held ready, and the gauges over its state.

A request costs a few readings of the clock and as many additions; names are looked up once.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from strongroom.logical import SECOND, Namespace, Request
from strongroom.metrics import Metrics, Timing, Together, process
from strongroom.mount import AUTH, SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator

    from strongroom.config.stanza import TelemetryStanza
    from strongroom.core import Core
    from strongroom.mount import Mount
    from strongroom.storage.transaction import Transaction
    from strongroom.token import TokenEntry

_FEW = 10_000
"""Leases that are counted again whenever somebody looks; more are counted once per gauge period."""
_FRESH = 10
_PAGE = 10_000
_CREATION_TTLS = (
    (60, "1m"),
    (600, "10m"),
    (1_200, "20m"),
    (3_600, "1h"),
    (7_200, "2h"),
    (86_400, "1d"),
    (172_800, "2d"),
    (604_800, "7d"),
    (2_592_000, "30d"),
)


def registry(telemetry: TelemetryStanza, hostname: str) -> Metrics:
    """The metrics that a telemetry stanza describes."""
    return Metrics(
        telemetry.metrics_prefix,
        hostname="" if telemetry.disable_hostname else hostname,
        max_cardinality=telemetry.maximum_gauge_cardinality,
        filters=telemetry.prefix_filter,
        filter_default=telemetry.filter_default,
    )


class Measures:
    """The series of one core."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self.metrics = metrics = registry(core.config.telemetry, core.hostname)
        self.requests = metrics.timing("core.handle_request")
        self.logins = metrics.timing("core.handle_login_request")
        self.authentication = metrics.timing("core.fetch_acl_and_token")
        self.authorization = metrics.timing("core.check_token")
        self.creation = metrics.timing("token.create")
        self.lookups = metrics.timing("token.lookup")
        self.policy_reads = metrics.timing("policy.get_policy")
        self.policy_listings = metrics.timing("policy.list_policies")
        self.policy_writes = metrics.timing("policy.set_policy")
        self.policy_deletions = metrics.timing("policy.delete_policy")
        self.leases = self.irrevocable = 0
        self._counted = 0
        self._tallied = {"log_request": 0, "log_response": 0}
        self._gauges()
        self._barrier()
        process.register(metrics)

    def _barrier(self) -> None:
        """Have the views time what they do."""
        barrier, timing = self._core.barrier, self.metrics.timing
        barrier.got = timing("barrier.get").add
        barrier.put = timing("barrier.put").add
        barrier.deleted = timing("barrier.delete").add
        barrier.listed = timing("barrier.list").add

    def _gauges(self) -> None:
        core, gauge = self._core, self.metrics.gauge
        gauge("core.unsealed", lambda: 0 if core.barrier.sealed else 1)
        gauge("core.active", lambda: 0 if core.barrier.sealed else 1)
        gauge("core.in_flight_requests", lambda: len(core.in_flight))
        gauge("core.mount_table.num_entries", lambda: list(self._tables(sizes=False)))
        gauge("core.mount_table.size", lambda: list(self._tables(sizes=True)))
        gauge("barrier.estimated_encryptions", lambda: list(self._encryptions()))
        gauge("expire.num_leases", lambda: self.leases)
        gauge("expire.num_irrevocable_leases", lambda: self.irrevocable)

    def _tables(self, *, sizes: bool) -> Iterator[tuple[dict[str, str], float]]:
        """Mounts by table and locality: their number, or the size of their rows."""
        for table, kind in ((AUTH, "auth"), (SECRET, "logical")):
            for local in (False, True):
                mounts = [
                    mount.entry
                    for mount in self._core.mounts.by_prefix.values()
                    if mount.entry.table == table and mount.entry.local is local
                ]
                value = sum(len(msgspec.json.encode(each)) for each in mounts) if sizes else len(mounts)
                yield {"local": str(local).lower(), "type": kind}, value

    def _encryptions(self) -> Iterator[tuple[dict[str, str], float]]:
        """How often the active key has encrypted, by its term."""
        barrier = self._core.barrier
        if not barrier.sealed:
            status = barrier.status()
            yield {"term": str(status["term"])}, status["encryptions"]

    # -- what happens ------------------------------------------------------------------------------

    def finished(self, request: Request, started: float) -> None:
        """Note how long a request took; ``started`` is a reading of ``perf_counter``."""
        login = request.unauthenticated and request.mount_class == "auth"
        (self.logins if login else self.requests).add((perf_counter() - started) * 1000)

    def route(self, operation: str, mount: Mount) -> Timing:
        """The timing of an operation on a mount; kept with the mount."""
        place = (mount.namespace.path + mount.prefix).replace("/", "-")
        mount.timings[operation] = found = self.metrics.timing(f"route.{operation}.{place}")
        return found

    def violated(self, kind: str, rule: str) -> None:
        """A quota of kind ``rate_limit`` or ``lease_count`` refused a request."""
        self.metrics.counter(f"quota.{kind}.violation", {"name": rule}).add()

    def created(self, request: Request, entry: TokenEntry) -> None:
        """A token was made, and is durable."""
        labels = {
            "auth_method": request.mount_type or "token",
            "mount_point": request.mount_point,
            "namespace": request.namespace.path or "root",
            "token_type": entry.type,
            "creation_ttl": _ttl_bucket(entry.ttl),
        }
        self.metrics.counter("token.creation", labels).add()
        self.creation.add((perf_counter() - request.routed) * 1000)

    def expired(self, namespace: Namespace, waited: int) -> None:
        """Something came to its end, and ``waited`` nanoseconds for its turn."""
        labels = {"namespace": namespace.path or "root"}
        self.metrics.counter("expire.lease_expiration", labels).add()
        self.metrics.timing("expire.lease_expiration.time_in_queue", labels).add(waited / 1_000_000)

    # -- what is counted now and then ----------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Take over what others count, and close the windows; ``now`` in seconds since the epoch."""
        for name, tally in (
            ("log_request", self._core.audit.requests),
            ("log_response", self._core.audit.responses),
        ):
            fresh, self._tallied[name] = tally.taken - self._tallied[name], tally.taken
            if fresh:
                self.metrics.counter(f"audit.{name}").add(fresh)
            failed = self.metrics.counter(f"audit.{name}_failure")
            behind = tally.failed - failed.lifetime()[1]
            if behind:
                failed.add(behind)
        self.metrics.roll(now)

    async def everyones(self, now: float) -> Metrics:
        """The metrics with those of the followers; ``now`` in seconds since the epoch."""
        self.metrics.roll(now)
        others = await self._core.followers.measured()
        return Together(self.metrics, others) if others else self.metrics

    async def count(self, now: int) -> None:
        """Count the leases, unless that was done lately; ``now`` in nanoseconds since the epoch."""
        core = self._core
        period = _FRESH if self.leases < _FEW else core.config.telemetry.usage_gauge_period
        if core.barrier.sealed or now - self._counted < period * SECOND:
            return
        self._counted = now
        tx = core.store.begin(write=False)
        try:
            leases = irrevocable = 0
            for prefix in await core.namespaces.prefixes(tx):
                leases += await _entries(core, tx, f"{prefix}sys/expire/id/")
                irrevocable += await _entries(core, tx, f"{prefix}sys/expire/stuck/")
            self.leases, self.irrevocable = leases, irrevocable
        finally:
            tx.close()


async def _entries(core: Core, tx: Transaction, prefix: str) -> int:
    """How many entries stand below a prefix, page by page."""
    view, found, after = core.view(tx, prefix), 0, ""
    while page := await view.scan("", after, _PAGE):
        found += len(page)
        after = page[-1]
    return found


def _ttl_bucket(ttl: int) -> str:
    return next((word for most, word in _CREATION_TTLS if 0 < ttl <= most), "+Inf")


# -- the stages ------------------------------------------------------------------------------------


def authenticated(core: Core, request: Request) -> None:
    """Stage: note how long it took to find the token and what it may do."""
    core.measures.authentication.add((perf_counter() - request.started) * 1000)


def authorized(core: Core, request: Request) -> None:
    """Stage: note how long it took to decide, and when the engine's time begins."""
    now = perf_counter()
    core.measures.authorization.add((now - request.started) * 1000)
    request.routed = now


def routed(core: Core, request: Request) -> None:
    """Stage: note how long the engine took."""
    mount = request.mount
    series = mount.timings.get(request.operation) or core.measures.route(request.operation, mount)
    series.add((perf_counter() - request.routed) * 1000)
