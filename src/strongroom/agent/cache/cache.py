"""The cache: gives answers again whose leases it keeps alive, and forgets them with their leases."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec

from strongroom.agent.cache.clearing import Clearing
from strongroom.agent.cache.ending import Ending, ending
from strongroom.agent.cache.entries import Entries
from strongroom.agent.cache.entry import Entry, Kind, Terms
from strongroom.agent.cache.flight import Flights
from strongroom.agent.cache.grant import envelope, granted, is_plain, located
from strongroom.agent.cache.identity import fingerprint
from strongroom.agent.cache.question import Question
from strongroom.agent.cache.renewal import Step, Verdict, after, extended, first
from strongroom.agent.cache.schedule import Schedule
from strongroom.agent.upstream import Answer, NoConnection, Unreachable

_log = logging.getLogger("cache")

LIMIT = 100_000
"""Entries at most; what comes beyond passes through."""
_LATELY = 0.3
"""Portion of its time for which a lease that was renewed need not be again."""
_OVERLAP = 256
"""Revocations that are looked at for each answer which was under way at the same time."""

Ask = Callable[[Question], Awaitable[Answer]]
"""Puts a question to the server. Raises Unreachable."""


class Book(Protocol):
    """Where entries outlive the process."""

    def write(self, entry: Entry) -> None:
        """Keep an entry, in place of an older form of it."""

    def erase(self, entries: Iterable[Entry]) -> None:
        """Forget entries."""


class _NoBook:
    def write(self, entry: Entry) -> None:
        """Nothing outlives the process."""

    def erase(self, entries: Iterable[Entry]) -> None:
        """Nothing was kept."""


class Cache:
    """Stands between the proxy and the server.

    Kept are renewable leases and tokens, for the tokens it knows: those that were issued through it, and the
    agent's own. ``ask`` carries what clients want, ``renew`` the renewals; they may go different ways.
    """

    def __init__(
        self,
        ask: Ask,
        renew: Ask,
        *,
        book: Book | None = None,
        clock: Callable[[], float] = time.time,
        dynamic: bool = True,
    ) -> None:
        self.entries = Entries()
        self._ask = ask
        self._renew = renew
        self._book = book or _NoBook()
        self._clock = clock
        self._began = clock()
        self._dynamic = dynamic
        self._flights: Flights[tuple[Answer, int | None]] = Flights()
        self._schedule = Schedule(self._look_at, clock)
        self._attempts: dict[str, int] = {}
        self._endings: deque[tuple[int, Ending]] = deque(maxlen=_OVERLAP)
        self._ended = 0
        self._task: asyncio.Task[None] | None = None
        self.hits = self.misses = self.renewals = self.evictions = 0

    @property
    def joined(self) -> int:
        """How many requests were saved by others under way."""
        return self._flights.joined

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to renew."""
        self._task = asyncio.get_running_loop().create_task(self._schedule.run())

    async def stop(self) -> None:
        """Renew no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def restore(self, entries: Iterable[Entry], spread: Callable[[], float]) -> int:
        """Take over what an earlier process has kept; ``spread`` gives seconds until each is looked after.

        What its lease has outlived is left out, and so is what hangs from a token that is left out. All are
        renewed soon, since a lease may have been revoked meanwhile. Gives how many there are.
        """
        now = self._clock()
        alive = {each.id: each for each in entries if each.last_call > now}
        for entry in alive.values():
            self.entries.put(entry)
        for entry in list(alive.values()):
            if entry.owner and not self.entries.manages(entry.owner):
                self._evict(self.entries.with_what_hangs(entry))
        for entry in self.entries:
            self._schedule.set(entry.id, now + spread())
        return len(self.entries)

    def adopt(self, token: str, accessor: str = "") -> None:
        """Keep leases for a token that was not issued through here: the agent's own."""
        self.entries.adopt(token, accessor)

    # -- requests ----------------------------------------------------------------------------------

    async def answer(self, question: Question) -> tuple[Answer, int | None]:
        """The answer to a question, and its age in seconds when it was kept. Raises Unreachable."""
        if (found := self.kept(question)) is not None:
            return found
        ends = ending(question)
        if ends is not None:
            return await self._end(question, ends), None
        self.misses += 1
        return await self._flights.fly(
            question.id, lambda: self.kept(question), lambda: self._send(question, self._ask)
        )

    async def obtain(self, question: Question, ask: Ask, *, fresh: bool) -> tuple[Answer, int | None]:
        """The answer to a question of the agent itself, asked for by ``ask``; ``fresh``: not a kept one.

        A lease that a fresh answer brings takes the place of the one that was kept. Raises Unreachable.
        """
        if not fresh and (found := self.kept(question)) is not None:
            return found
        self.misses += 1
        return (await self._send(question, ask))[0]

    def kept(self, question: Question) -> tuple[Answer, int] | None:
        """The answer to a question, and its age in seconds, where it is there already."""
        entry = self.entries.get(question.id)
        if entry is None:
            return None
        now = self._clock()
        if now >= entry.expires or (not entry.renewable and now >= entry.last_call):
            return None
        self.hits += 1
        return Answer(entry.status, tuple(entry.headers), entry.body), entry.age(now)

    async def _send(self, question: Question, ask: Ask) -> tuple[tuple[Answer, int | None], bool, bool]:
        began = self._ended
        answer = await ask(question)
        if answer.stream is not None:
            return (answer, None), False, False
        terms = granted(question.path, answer.status, answer.body) if self._dynamic else None
        kept = terms is not None and self._keep(question, answer, terms, began)
        shared = not kept and question.reads and is_plain(answer.status, dict(answer.headers), answer.body)
        return (answer, None), shared, kept or shared or answer.status >= 400

    def _keep(self, question: Question, answer: Answer, terms: Terms, began: int) -> bool:
        """Keep an answer if its token is known here; gives whether it was kept.

        ``began`` is how many revocations there were when the answer was asked for: one that came after may
        have ended what it is about.
        """
        owner = question.owner if terms.kind is Kind.LEASE or not terms.orphan else ""
        if (owner or terms.kind is Kind.LEASE) and not self.entries.manages(owner):
            return False
        if len(self.entries) >= LIMIT and self.entries.get(question.id) is None:
            return False
        entry = _entry(question, answer, terms, owner, self._clock())
        self.entries.put(entry)
        if self._overtaken(entry, began):
            self.entries.remove(entry)
            return False
        self._book.write(entry)
        self._plan(entry, first(entry))
        return True

    def _overtaken(self, entry: Entry, began: int) -> bool:
        """Whether a revocation since then has ended an entry that is just being kept."""
        if self._ended - began > _OVERLAP:
            return True
        since = [what for number, what in self._endings if number > began]
        return any(entry in self.entries.ended(what) for what in since)

    async def _end(self, question: Question, ends: Ending) -> Answer:
        """Pass on a revocation, and forget what it ended."""
        try:
            answer = await self._ask(question)
        except NoConnection:
            raise
        except Unreachable:
            self._forget(ends)  # it may have been done all the same
            raise
        if answer.ok:
            self._forget(ends)
        return answer

    def _forget(self, ends: Ending) -> None:
        self._ended += 1
        self._endings.append((self._ended, ends))
        ended = self.entries.ended(ends)
        if ends.token and not ends.children:
            self.entries.orphan(ends.token)
        self._evict(ended)
        if ends.token:
            self.entries.disown(ends.token)

    # -- what operators ask for --------------------------------------------------------------------

    def clear(self, wanted: Clearing) -> int:
        """Forget what matches; the leases stay, until they end by themselves. Gives how many it was."""
        match wanted.type:
            case "all":
                found = list(self.entries)
            case "request_path":
                found = self.entries.of_prefix(wanted.value.removeprefix("/v1/"), wanted.namespace)
            case "lease":
                found = self.entries.of_lease(wanted.value)
            case "token":
                found = self.entries.below(fingerprint(wanted.value))
            case _:
                found = self.entries.of_accessor(wanted.value)
        self._evict(found)
        return len(found)

    # -- renewal by the agent's templates -------------------------------------------------------------

    def renewed_lately(self, lease_id: str) -> tuple[float, bool, float] | None:
        """What a lease was granted by this process, whether it can be renewed, and how long ago that was.

        None where it is time to renew it, or it is not kept.
        """
        entry = next(iter(self.entries.of_lease(lease_id)), None)
        if entry is None or entry.renewed < self._began:
            return None
        age = max(self._clock() - entry.renewed, 0.0)
        return (float(entry.duration), entry.renewable, age) if age < entry.duration * _LATELY else None

    def was_renewed(self, lease_id: str, duration: int, *, renewable: bool) -> None:
        """Somebody else has renewed a lease."""
        for entry in self.entries.of_lease(lease_id):
            extended(entry, duration, self._clock(), renewable=renewable)
            self._settle(entry, Verdict.RENEWED)

    # -- renewal -----------------------------------------------------------------------------------

    def _plan(self, entry: Entry, step: Step | None) -> None:
        if step is not None and step.at != float("inf"):
            self._schedule.set(entry.id, step.at)

    def _evict(self, entries: Iterable[Entry]) -> None:
        gone = [entry for entry in entries if self.entries.remove(entry)]
        for entry in gone:
            self._schedule.drop(entry.id)
            self._attempts.pop(entry.id, None)
        self.evictions += len(gone)
        if gone:
            self._book.erase(gone)

    async def _look_at(self, id_: str) -> None:
        """An entry's turn has come: renew it, or let it go."""
        entry = self.entries.get(id_)
        if entry is None:
            return
        if not entry.renewable and self._clock() >= entry.last_call:
            self._evict(self.entries.with_what_hangs(entry))
            return
        verdict = await self._attempt(entry)
        if self.entries.get(id_) is not entry:
            return  # it was revoked or replaced meanwhile
        self._settle(entry, verdict)

    def _settle(self, entry: Entry, verdict: Verdict) -> None:
        attempts = self._attempts.get(entry.id, 0)
        step = after(entry, verdict, attempts, self._clock())
        if step is None:
            _log.info("no longer kept", extra={"fields": {"kind": str(entry.kind), "path": entry.path}})
            self._evict(self.entries.with_what_hangs(entry))
            return
        if verdict is Verdict.AWAY:
            self._attempts[entry.id] = attempts + 1
        else:
            self._attempts.pop(entry.id, None)
            entry.renewable = entry.renewable and verdict is Verdict.RENEWED
            if not entry.renewable and step.renew is False:
                step = Step(entry.last_call, renew=False)
            self._book.write(entry)
        self._plan(entry, step)

    async def _attempt(self, entry: Entry) -> Verdict:
        """Ask the server to extend a lease; what that shows."""
        if not entry.renewable:
            return Verdict.FINAL
        try:
            answer = await self._renew(_renewal(entry))
        except Unreachable:
            return Verdict.AWAY
        self.renewals += 1
        if answer.ok:
            return self._extended(entry, answer)
        if answer.status in {412, 429, 472, 473} or answer.status >= 500:
            return Verdict.AWAY
        if answer.status == 403 and entry.kind is Kind.LEASE:
            return await self._why_forbidden(entry)
        return Verdict.GONE

    def _extended(self, entry: Entry, answer: Answer) -> Verdict:
        found = envelope(answer.body)
        if found is None:
            return Verdict.AWAY
        granted_now = found.auth if entry.kind is Kind.TOKEN else found
        if granted_now is None:
            return Verdict.AWAY
        extended(entry, granted_now.lease_duration, self._clock(), renewable=granted_now.renewable)
        return Verdict.RENEWED

    async def _why_forbidden(self, entry: Entry) -> Verdict:
        """Whether a token that may not renew its lease is one still."""
        try:
            answer = await self._renew(_question("GET", "/v1/auth/token/lookup-self", entry, b""))
        except Unreachable:
            return Verdict.AWAY
        if answer.ok:
            return Verdict.FORBIDDEN
        if answer.status == 403:
            self._evict(self.entries.below(entry.owner))
            return Verdict.GONE
        return Verdict.AWAY


def _entry(question: Question, answer: Answer, terms: Terms, owner: str, now: float) -> Entry:
    space, path = located(question.path, terms.lease_id)
    return Entry(
        id=question.id,
        kind=terms.kind,
        method=question.method,
        path=path,
        namespace="/".join(filter(None, (question.namespace, space))),
        status=answer.status,
        headers=list(answer.headers),
        body=answer.body,
        token=question.token if terms.kind is Kind.LEASE else terms.token,
        owner=owner,
        made=fingerprint(terms.token),
        accessor=terms.accessor,
        lease_id=terms.lease_id,
        duration=terms.duration,
        renewable=terms.renewable,
        granted=now,
        renewed=now,
    )


def _renewal(entry: Entry) -> Question:
    if entry.kind is Kind.TOKEN:
        return _question("POST", "/v1/auth/token/renew-self", entry, b"{}")
    return _question("PUT", "/v1/sys/leases/renew", entry, msgspec.json.encode({"lease_id": entry.lease_id}))


def _question(method: str, target: str, entry: Entry, body: bytes) -> Question:
    headers = {"x-vault-request": "true"} | (
        {"x-vault-namespace": entry.namespace + "/"} if entry.namespace else {}
    )
    if body:
        headers["content-type"] = "application/json"
    return Question(method, target, headers, body, entry.token)
