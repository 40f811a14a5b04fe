"""Tidying: what has ended long enough ago is removed, a page at a time.

A run is a row. Each page is a transaction of its own that asks to be woken for the next one: so a run goes on
after a crash, can be told to stop, and never holds up others. What has ended is found by an index, not by
going through everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import revocation, stored, validity
from strongroom.secrets.pki.acme import tidy as acme_tidy
from strongroom.secrets.pki.counts import CERTIFICATES, REVOKED

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

RUN, AUTO = "tidy", "auto-tidy"
"""What a wake is for."""
_DAY = 86_400
_OPERATIONS = (
    "tidy_cert_store",
    "tidy_revoked_certs",
    "tidy_invalid_certs",
    "tidy_revoked_cert_issuer_associations",
    "tidy_expired_issuers",
    "tidy_move_legacy_ca_bundle",
    "tidy_acme",
)
_ENABLE = f"Enable at least one tidy operation to be run ({' / '.join(_OPERATIONS)})."


@dataclass(slots=True)
class Task:
    """What a run does. Durations are seconds; ``pause_duration`` is a text, as it was given."""

    acme_account_safety_buffer: int = 30 * _DAY
    issuer_safety_buffer: int = 365 * _DAY
    page_size: int = 1000
    pause_duration: str = "0s"
    revoked_safety_buffer: int = 3 * _DAY
    safety_buffer: int = 3 * _DAY
    tidy_acme: bool = False
    tidy_cert_store: bool = False
    tidy_expired_issuers: bool = False
    tidy_invalid_certs: bool = False
    tidy_move_legacy_ca_bundle: bool = False
    tidy_revoked_cert_issuer_associations: bool = False
    tidy_revoked_certs: bool = False

    @property
    def does_anything(self) -> bool:
        """Whether any operation is wanted."""
        return any(getattr(self, name) for name in _OPERATIONS)


@dataclass(slots=True)
class Run:
    """A run, present or past. Times are seconds since the epoch; ``step`` is where it stands."""

    task: Task
    started: int
    state: str = "Running"
    finished: int = 0
    step: int = 0
    after: str = ""
    auto: bool = False
    message: str = ""
    counts: dict[str, int] = item(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many were dealt with."""
        self.counts[what] = self.counts.get(what, 0) + number


@dataclass(slots=True)
class AutoTidy:
    """The runs that begin by themselves. ``next`` is nanoseconds since the epoch, ``last`` seconds."""

    task: Task = item(default_factory=Task)
    enabled: bool = False
    interval_duration: int = 43_200
    maintain_stored_certificate_counts: bool = False
    publish_stored_certificate_count_metrics: bool = False
    next: int = 0
    last: int = 0


# -- running ---------------------------------------------------------------------------------------


async def begin(pki: Pki, request: Request, task: Task, *, auto: bool = False) -> bool:
    """Begin a run; False where one is under way."""
    current = await pki.tidy_runs(request).get(RUN)
    if current is not None and current.state in ("Running", "Cancelling"):
        return False
    pki.tidy_runs(request).put(RUN, Run(task, request.now // SECOND, auto=auto))
    request.wake_at(request.now, RUN)
    return True


async def woken(pki: Pki, request: Request, reference: str) -> None:
    """Go on with a run, or begin one whose time has come."""
    if reference == AUTO:
        await _begin_auto(pki, request)
        return
    run = await pki.tidy_runs(request).get(RUN)
    if run is None or run.state not in ("Running", "Cancelling"):
        return
    if run.state == "Cancelling":
        _end(pki, request, run, "Cancelled")
        return
    await _page(pki, request, run)
    if run.step >= len(STEPS):
        _end(pki, request, run, "Finished")
        await _note_auto(pki, request)
        return
    pki.tidy_runs(request).put(RUN, run)
    request.wake_at(request.now + duration.parse(run.task.pause_duration) * SECOND, RUN)


def _end(pki: Pki, request: Request, run: Run, state: str) -> None:
    run.state, run.finished, run.message = state, request.now // SECOND, ""
    pki.tidy_runs(request).put(RUN, run)


async def _page(pki: Pki, request: Request, run: Run) -> None:
    """Do one page of the step the run stands at; steps that are not wanted are passed over."""
    while run.step < len(STEPS):
        name, act = STEPS[run.step]
        if getattr(run.task, name) and not await act(pki, request, run):
            run.message = f"Tidying: {name}"
            return
        run.step, run.after = run.step + 1, ""


async def _begin_auto(pki: Pki, request: Request) -> None:
    auto = await pki.auto_tidies(request).get(AUTO)
    if auto is None or not auto.enabled:
        return
    await begin(pki, request, auto.task, auto=True)
    auto.next = request.now + auto.interval_duration * SECOND
    request.wake_at(auto.next, AUTO)
    pki.auto_tidies(request).put(AUTO, auto)


async def _note_auto(pki: Pki, request: Request) -> None:
    auto = await pki.auto_tidies(request).get(AUTO) or AutoTidy()
    auto.last = request.now // SECOND
    pki.counts.publish(request, wanted=auto.publish_stored_certificate_count_metrics)
    pki.auto_tidies(request).put(AUTO, auto)


# -- steps: each does a page, and says whether it is through ------------------------------------------


async def _ended(request: Request, run: Run, index: str, buffer: int) -> list[tuple[int, str]]:
    """A page of serial numbers that ended long enough ago, with their ends, by an index ordered by those."""
    limit = request.now // SECOND - buffer
    rows = await request.view.scan(index, run.after, run.task.page_size)
    found = []
    for row in rows:
        end, _, serial = row.partition("/")
        if int(end, 16) >= limit:
            break
        found.append((int(end, 16), serial))
    return found


async def _cert_store(pki: Pki, request: Request, run: Run) -> bool:
    found = await _ended(request, run, "expiry/", run.task.safety_buffer)
    for end, serial in found:
        await stored.forget(pki, request, serial, end)
    run.count("cert_store_deleted_count", len(found))
    return len(found) < run.task.page_size


async def _revoked_certs(pki: Pki, request: Request, run: Run) -> bool:
    found = await _ended(request, run, "revoked-expiry/", run.task.revoked_safety_buffer)
    for end, serial in found:
        record = await pki.revocations(request).get(serial)
        if record is not None:
            revocation.forget(pki, request, serial, record)
        await stored.forget(pki, request, serial, end)
    run.count("revoked_cert_deleted_count", len(found))
    return len(found) < run.task.page_size


async def _associations(pki: Pki, request: Request, run: Run) -> bool:
    rows = await request.view.scan("orphans/", run.after, run.task.page_size)
    for serial in rows:
        run.after = serial
        one, record = await stored.find(request, serial), await pki.revocations(request).get(serial)
        issuer = await revocation.issuer_of(pki, request, one) if one is not None else None
        if record is not None and issuer is not None:
            revocation.assign(pki, request, serial, record, issuer)
        elif record is not None:
            run.count("missing_issuer_cert_count")
    return len(rows) < run.task.page_size


async def _expired_issuers(pki: Pki, request: Request, run: Run) -> bool:
    limit = request.now // SECOND - run.task.issuer_safety_buffer
    default = (await pki.config(request)).default_issuer
    for issuer in await pki.all_issuers(request):
        if issuer.certificate.not_after < limit and issuer.id != default:
            await pki.forget_issuer(request, issuer)
    return True


async def _acme(pki: Pki, request: Request, run: Run) -> bool:
    task = run.task
    return await acme_tidy.page(
        request,
        run,
        page_size=task.page_size,
        safety_buffer=task.safety_buffer,
        account_safety_buffer=task.acme_account_safety_buffer,
    )


Step = Callable[["Pki", Request, Run], Awaitable[bool]]
STEPS: list[tuple[str, Step]] = [
    ("tidy_cert_store", _cert_store),
    ("tidy_revoked_certs", _revoked_certs),
    ("tidy_revoked_cert_issuer_associations", _associations),
    ("tidy_expired_issuers", _expired_issuers),
    ("tidy_acme", _acme),
]
"""What a run does, in this order: the field that wants it, and what does a page of it."""


# -- paths -----------------------------------------------------------------------------------------


_BUFFERS = ("safety_buffer", "revoked_safety_buffer", "issuer_safety_buffer", "acme_account_safety_buffer")


class _TaskFields(Path):
    """What a run does."""

    tidy_cert_store: bool = field("Remove certificates that have ended.")
    tidy_revoked_certs: bool = field("Remove revoked certificates that have ended, also from CRLs.")
    tidy_revocation_list: bool = field("The same as tidy_revoked_certs.", deprecated=True)
    tidy_invalid_certs: bool = field("Has nothing to do: certificates that cannot be read are never stored.")
    tidy_revoked_cert_issuer_associations: bool = field(
        "Find the issuers of revoked certificates that have none."
    )
    tidy_expired_issuers: bool = field("Remove issuers that have ended, but for the default one.")
    tidy_move_legacy_ca_bundle: bool = field("Has nothing to do: there is no older form of issuers here.")
    tidy_acme: bool = field("Remove ACME orders and accounts that are no longer in use.")
    safety_buffer: Duration = field("How long ago certificates have to have ended.", default=3 * _DAY)
    revoked_safety_buffer: Duration = field("The same for revoked ones; safety_buffer where not given.")
    issuer_safety_buffer: Duration = field("The same for issuers.", default=365 * _DAY)
    acme_account_safety_buffer: Duration = field("The same for ACME accounts.", default=30 * _DAY)
    page_size: int = field("How many certificates one transaction deals with.", default=1000)
    pause_duration: str = field("Rest between two pages, as 2s.", default="0s")

    def change(self, task: Task) -> Task:
        """The task with what is given. Raises BadRequest."""
        names = {*asdict(task)} & self.given
        for name in names:
            setattr(task, name, getattr(self, name))
        if "tidy_revocation_list" in self.given:
            task.tidy_revoked_certs = task.tidy_revoked_certs or self.tidy_revocation_list
        if "safety_buffer" in names and "revoked_safety_buffer" not in names:
            task.revoked_safety_buffer = task.safety_buffer
        for name in _BUFFERS:
            if getattr(task, name) < 1:
                raise BadRequest(f"{name} must be greater than zero")
        try:
            pause = duration.parse(task.pause_duration)
        except duration.InvalidDuration as error:
            raise BadRequest(f"Error parsing pause_duration: {error.reason}") from None
        if pause < 0:
            raise BadRequest("received invalid, negative pause_duration")
        if not 1 <= task.page_size <= 10_000:
            task.page_size = 1000
        return task


class Tidy(_TaskFields):
    """Remove what has ended long enough ago."""

    pattern = "tidy"
    statuses = (("write", 202, "the run begins"),)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Begin a run; tidy-status tells how far it is."""
        task = self.change(Task())
        if not task.does_anything:
            note = f"Manual tidy requested but no tidy operations were set. {_ENABLE}"
            return Response(status=202, warnings=[note])
        if not await begin(pki, request, task):
            return Response(status=202, warnings=["Tidy operation already in progress."])
        note = (
            "Tidy operation successfully started. Any information from the operation will be printed to "
            "Strongroom's server logs."
        )
        return Response(status=202, warnings=[note])


class TidyCancel(Path):
    """Stop the run that is under way."""

    pattern = "tidy-cancel"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Have it stop after the page it is at; answers how far it is."""
        run = await pki.tidy_runs(request).get(RUN)
        if run is None or run.state != "Running":
            note = "Tidy operation cannot be cancelled as none is currently running."
            return Response(status=200, warnings=[note])
        run.state = "Cancelling"
        pki.tidy_runs(request).put(RUN, run)
        return Response(data=await _status(pki, request, run))


class TidyStatus(Path):
    """How far the run is that is under way, or how the last one ended."""

    pattern = "tidy-status"

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """State, times, and what was removed."""
        return await _status(pki, request, await pki.tidy_runs(request).get(RUN))


_COUNTS = (
    "acme_account_deleted_count",
    "acme_account_revoked_count",
    "acme_orders_deleted_count",
    "cert_store_deleted_count",
    "missing_issuer_cert_count",
    "revoked_cert_deleted_count",
    "total_acme_account_count",
)


async def _status(pki: Pki, request: Request, run: Run | None) -> dict[str, Any]:
    data: dict[str, Any] = dict.fromkeys((*_COUNTS, *asdict(Task()), "message", "error"))
    data |= {"current_cert_store_count": None, "current_revoked_cert_count": None}
    data |= {"time_started": None, "time_finished": None, "state": "Inactive"}
    data["internal_backend_uuid"] = request.mount.entry.uuid
    auto = await pki.auto_tidies(request).get(AUTO)
    if auto is not None and auto.last:
        data["last_auto_tidy_finished"] = validity.written(auto.last)
    if auto is not None and auto.maintain_stored_certificate_counts:
        pki.counts.publish(request, wanted=auto.publish_stored_certificate_count_metrics)
        data["current_cert_store_count"] = await pki.counts.of(request, CERTIFICATES)
        data["current_revoked_cert_count"] = await pki.counts.of(request, REVOKED)
    if run is None:
        return data
    data |= {name: run.counts.get(name, 0) for name in _COUNTS} | asdict(run.task)
    data["state"], data["message"] = run.state, run.message or None
    data["time_started"] = validity.written(run.started)
    data["time_finished"] = validity.written(run.finished) if run.finished else None
    return data


class ConfigAutoTidy(_TaskFields):
    """The runs of tidying that begin by themselves."""

    pattern = "config/auto-tidy"
    enabled: bool = field("Whether they begin.")
    interval_duration: Duration = field(
        "Time between the beginnings of two runs, in seconds.", default=43_200
    )
    maintain_stored_certificate_counts: bool = field(
        "Have tidy-status tell how many certificates are kept, and how many of them are revoked."
    )
    publish_stored_certificate_count_metrics: bool = field(
        "Have these numbers be metrics as well; only together with them."
    )

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The settings."""
        return _described(await pki.auto_tidies(request).get(AUTO) or AutoTidy())

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Change the settings that are given."""
        auto = await pki.auto_tidies(request).get(AUTO) or AutoTidy()
        self.change(auto.task)
        for name in _AUTO_FIELDS:
            if name in self.given:
                setattr(auto, name, getattr(self, name))
        if auto.enabled and not auto.task.does_anything:
            raise BadRequest(f"Auto-tidy enabled but no tidy operations were requested. {_ENABLE}")
        if auto.enabled and auto.interval_duration < 1:
            raise BadRequest("interval_duration must be greater than zero")
        if auto.publish_stored_certificate_count_metrics and not auto.maintain_stored_certificate_counts:
            raise BadRequest(
                "Can not publish a running storage metrics count to metrics without first maintaining that "
                "count.  Enable `maintain_stored_certificate_counts` to enable "
                "`publish_stored_certificate_count_metrics`."
            )
        if auto.next:
            request.let_sleep(auto.next, AUTO)
        auto.next = request.now + auto.interval_duration * SECOND if auto.enabled else 0
        if auto.next:
            request.wake_at(auto.next, AUTO)
        pki.auto_tidies(request).put(AUTO, auto)
        pki.counts.publish(request, wanted=auto.publish_stored_certificate_count_metrics)
        return _described(auto)


_AUTO_FIELDS = (
    "enabled",
    "interval_duration",
    "maintain_stored_certificate_counts",
    "publish_stored_certificate_count_metrics",
)


def _described(auto: AutoTidy) -> dict[str, Any]:
    return asdict(auto.task) | {name: getattr(auto, name) for name in _AUTO_FIELDS}
