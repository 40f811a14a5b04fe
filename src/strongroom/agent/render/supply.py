"""Everything templates depend on: fetched once for all of them, renewed by one schedule, kept while needed.

A value that was once there stays until a newer one has come: while the server is away, files and services are
left alone, and every attempt comes later than the one before, up to a limit.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Hashable, Iterable
from time import monotonic
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from strongroom.agent.exit import Exit
from strongroom.agent.render.lease import Held, Plan, Rules, plan_held, plan_unleased
from strongroom.agent.render.reading import Missing, Reading
from strongroom.agent.render.schedule import Schedule
from strongroom.agent.state import State
from strongroom.agent.upstream import Refused, backoff, retry_after
from strongroom.errors import StrongroomError
from strongroom.template import UNKNOWN, Certificate, Dependency, Secret

_log = logging.getLogger("agent.template")
SOON = 5.0
"""Seconds within which the lease of a secret that the cache had kept is renewed."""


class Persistence(Struct, frozen=True):
    """How failures are met. ``attempts`` 0 is no end; ``fatal`` ends the agent after the last.

    ``missing_fatal`` ends it as soon as there is nothing at a path; ``code`` is what it ends with.
    """

    attempts: int = 12
    least: float = 0.25
    most: float = 60.0
    fatal: bool = False
    missing_fatal: bool = False
    code: int = 1


class _Entry(Struct):
    value: Any = UNKNOWN
    held: Held | None = None
    what: str = "read"
    """What is planned next."""
    task: asyncio.Task[None] | None = None
    failures: int = 0
    error: str = ""


class Supply:
    """Values of dependencies. ``changed`` is called when one came or became another."""

    def __init__(
        self,
        reading: Reading,
        rules: Rules,
        persistence: Persistence,
        state: State,
        *,
        at_once: int,
        changed: Callable[[Dependency], None],
        doubt: Callable[[], None],
        fatal: Callable[[Exit], None],
    ) -> None:
        self._reading = reading
        self._rules = rules
        self._persistence = persistence
        self._state = state
        self._slots = asyncio.Semaphore(max(at_once, 1))
        self._changed = changed
        self._doubt = doubt
        self._fatal = fatal
        self._entries: dict[Dependency, _Entry] = {}
        self._schedule = Schedule(self._due)

    def recall(self, dependency: Dependency) -> Any:
        """The value, or UNKNOWN."""
        entry = self._entries.get(dependency)
        return UNKNOWN if entry is None else entry.value

    def want(self, dependencies: Iterable[Dependency]) -> None:
        """Fetch what is new among them, forget what is not among them any more."""
        wanted = set(dependencies)
        for dependency in wanted - self._entries.keys():
            entry = self._entries[dependency] = _Entry()
            self._work(dependency, entry, self._fetch(dependency, entry))
        for dependency in self._entries.keys() - wanted:
            entry = self._entries.pop(dependency)
            self._schedule.drop(dependency)
            if entry.task is not None:
                entry.task.cancel()
        self._count()

    def offer(self, dependency: Dependency, value: Any) -> None:
        """A value that was there before the agent started, if none is known yet."""
        entry = self._entries.get(dependency)
        if entry is None:
            self._take(dependency, self._entries.setdefault(dependency, _Entry()), value)

    def refresh(self) -> None:
        """There is another token: what the old one was given ends with it, so all is fetched anew."""
        self._reading.forget()
        for dependency, entry in self._entries.items():
            if entry.task is not None:
                entry.task.cancel()
            self._work(dependency, entry, self._fetch(dependency, entry))

    async def close(self) -> None:
        """End what is under way."""
        self._schedule.close()
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # -- work ---------------------------------------------------------------------------------

    def _work(self, dependency: Dependency, entry: _Entry, work: Any) -> None:
        self._schedule.drop(dependency)
        entry.task = asyncio.create_task(work)
        entry.task.add_done_callback(lambda task: self._ended(dependency, entry, task))

    def _ended(self, dependency: Dependency, entry: _Entry, task: asyncio.Task[None]) -> None:
        if entry.task is task:
            entry.task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            if isinstance(error, Exit):
                self._fatal(error)
            else:
                _log.error("unexpected error", exc_info=error)
                self._set(dependency, entry, Plan("read", self._persistence.most))

    def _due(self, key: Hashable) -> None:
        dependency = key
        assert isinstance(dependency, Dependency)  # noqa: S101  no other is set
        entry = self._entries.get(dependency)
        if entry is None or entry.task is not None:
            return
        if entry.held is not None and entry.what == "renew":
            self._work(dependency, entry, self._renew(dependency, entry, entry.held))
        else:
            self._work(dependency, entry, self._fetch(dependency, entry))

    async def _fetch(self, dependency: Dependency, entry: _Entry) -> None:
        attempt = 0
        while True:
            try:
                async with self._slots:
                    fresh = entry.value is not UNKNOWN
                    value, age = await self._reading.fetch(dependency, fresh=fresh)
            except StrongroomError as error:
                attempt += 1
                await self._again(dependency, entry, error, attempt)
                continue
            entry.failures, entry.error = 0, ""
            self._take(dependency, entry, value, age)
            return

    async def _again(
        self, dependency: Dependency, entry: _Entry, error: StrongroomError, attempt: int
    ) -> None:
        """Tell of a failure, and wait as long as is right. Raises Exit when the configuration says so."""
        persistence = self._persistence
        entry.failures, entry.error = attempt, error.public
        self._state.lease_failures += 1
        if isinstance(error, Refused) and error.code == 403:
            self._doubt()
        if persistence.missing_fatal and isinstance(error, Missing):
            raise Exit(persistence.code, f"{_name(dependency)}: {error.public}")
        if persistence.fatal and persistence.attempts and attempt >= persistence.attempts:
            told = f"{_name(dependency)}: {error.public} (exceeded maximum retries)"
            raise Exit(persistence.code, told)
        wait = max(backoff(attempt - 1, persistence.least, persistence.most), retry_after(error))
        fields = {"error": error.public, "attempt": attempt, "retry_in": f"{wait:.2f}s"}
        _log.warning(f"{_name(dependency)}", extra={"fields": fields})
        await asyncio.sleep(wait)

    def _take(self, dependency: Dependency, entry: _Entry, value: Any, age: int | None = None) -> None:
        before, entry.value = entry.value, value
        plan = self._plan(entry, value)
        if age is not None and entry.held is not None:  # kept, and its lease may be gone: see at once
            entry.held = replace(entry.held, since=entry.held.since - age)
            plan = Plan("renew", SOON * random.random())  # noqa: S311  it spreads, no more
        self._set(dependency, entry, plan)
        self._count()
        if before is UNKNOWN or not _same(before, value):
            self._changed(dependency)

    def _set(self, dependency: Dependency, entry: _Entry, plan: Plan) -> None:
        entry.what = plan.what
        self._schedule.set(dependency, plan.seconds)

    def _plan(self, entry: _Entry, value: Any) -> Plan:
        entry.held = None
        if isinstance(value, Secret):
            duration = float(value.lease_duration)
            if value.auth is not None and value.auth.lease_duration > 0:
                duration = float(value.auth.lease_duration)
            if value.lease_id and duration > 0:
                entry.held = Held(value.lease_id, duration, value.renewable, monotonic(), duration)
                return plan_held(entry.held, self._rules)
            return plan_unleased(value.data, duration, self._rules, time.time())
        if isinstance(value, Certificate):
            return _plan_certificate(value, self._rules)
        return Plan("read", self._rules.interval)

    async def _renew(self, dependency: Dependency, entry: _Entry, held: Held) -> None:
        failures = 0
        while True:
            try:
                async with self._slots:
                    found = await self._reading.renew(held.lease_id)
            except StrongroomError as error:
                failures += 1
                self._state.lease_failures += 1
                wait = max(
                    backoff(failures - 1, self._persistence.least, self._persistence.most), retry_after(error)
                )
                gone = isinstance(error, Refused) and error.code in {400, 403, 404}
                fields = {"error": error.public, "retry_in": "now" if gone else f"{wait:.2f}s"}
                _log.warning(f"renewing {_name(dependency)}", extra={"fields": fields})
                if gone or monotonic() + wait > held.ends:
                    # The lease is lost, or about to be: what it stood for has to be had anew.
                    await self._fetch(dependency, entry)
                    return
                await asyncio.sleep(wait)
                continue
            self._state.lease_renewals += 1
            since, most = monotonic() - found.age, max(held.granted, found.duration)
            entry.held = Held(held.lease_id, found.duration, found.renewable, since, most)
            plan = plan_held(entry.held, self._rules)
            self._set(dependency, entry, Plan(plan.what, max(plan.seconds - found.age, 0.0)))
            return

    def _count(self) -> None:
        self._state.leases = sum(entry.held is not None for entry in self._entries.values())


def _plan_certificate(value: Certificate, rules: Rules) -> Plan:
    from strongroom.crypto.lifespan import lifespan  # noqa: PLC0415  few templates need it

    found = lifespan(value.cert)
    if found is None:
        return Plan("read", rules.interval)
    return plan_unleased({"certificate": "", "expiration": found.ends}, 0, rules, time.time())


def _same(before: Any, now: Any) -> bool:
    if isinstance(before, Secret) and isinstance(now, Secret):
        return (before.data, before.lease_id) == (now.data, now.lease_id)
    return bool(before == now)


def _name(dependency: Dependency) -> str:
    """What a dependency is called in sentences: its kind and path, never its parameters."""
    kind = {
        "SecretRead": "secret",
        "SecretWrite": "secret",
        "SecretList": "secrets",
        "CertificateIssue": "pkiCert",
    }
    word = kind.get(type(dependency).__name__, "dependency")
    return f"{word} {str(getattr(dependency, 'path', '')).partition('?')[0]}"


__all__ = ["Missing", "Persistence", "Supply"]
