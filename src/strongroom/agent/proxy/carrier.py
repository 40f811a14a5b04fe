"""Carries questions to the server: tries again while it is away, follows it when it points elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from time import monotonic

from strongroom.agent.cache.question import Question
from strongroom.agent.config import Retry
from strongroom.agent.proxy.passing import redirected, sent_headers, streams
from strongroom.agent.upstream import Answer, Endpoint, NoConnection, Observer, Unreachable, Upstream, backoff

PATIENCE = 60.0
"""Seconds after which a client is told, though attempts are left."""
CONNECTIONS = 256
_ELSEWHERE = 8
_REDIRECTS = frozenset({301, 302, 307, 308})
_REPORTS = ("/sys/health", "/sys/seal-status", "/sys/leader", "/sys/init")
"""Paths whose status tells of the server; that is the answer, whatever it is."""


class Carrier:
    """One pool of connections to the server, and a few to where it redirects to."""

    def __init__(
        self,
        endpoint: Endpoint,
        retry: Retry,
        *,
        told: Observer | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._told = told
        self._home = Upstream(endpoint, CONNECTIONS, told=told)
        self._elsewhere: dict[str, Upstream] = {}
        self._retry = retry
        self._sleep = sleep

    async def close(self) -> None:
        """Close what is open."""
        for each in (self._home, *self._elsewhere.values()):
            await each.close()

    async def ask(self, question: Question) -> Answer:
        """The answer to a question, whatever its status. Raises Unreachable."""
        deadline = monotonic() + PATIENCE
        attempts = max(self._retry.num_retries, 0)
        patient = not question.path.rstrip("/").endswith(_REPORTS)
        for attempt in range(attempts + 1):
            wait = backoff(attempt, self._retry.backoff, self._retry.max_backoff)
            last = attempt == attempts or not patient or monotonic() + wait > deadline
            try:
                answer = await self._followed(question)
            except Unreachable as error:
                if last or not (question.reads or isinstance(error, NoConnection)):
                    raise
            else:
                if last or not _passing(answer.status):
                    return answer
                wait = max(wait, _asked_for(answer))
                if monotonic() + wait > deadline:
                    return answer
                if answer.stream is not None:
                    await answer.stream.aclose()
            await self._sleep(wait)
        raise Unreachable("the server cannot be reached")

    async def once(self, question: Question) -> Answer:
        """The whole answer to a question at the first attempt, for those who try again by themselves."""
        return await self._followed(question, whole=True)

    async def _followed(self, question: Question, *, whole: bool = False) -> Answer:
        answer = await self._once(self._home, question, question.target, whole=whole)
        if answer.status not in _REDIRECTS:
            return answer
        aim = redirected(self._home.endpoint.address, question.target, answer.header("location"))
        upstream = self._at(aim[0]) if aim is not None else None
        if aim is None or upstream is None:
            return answer
        if answer.stream is not None:
            await answer.stream.aclose()
        return await self._once(upstream, question, aim[1], whole=whole)

    async def _once(self, upstream: Upstream, question: Question, target: str, *, whole: bool) -> Answer:
        headers, choice = sent_headers(question), None if whole else streams
        return await upstream.raw(question.method, target, headers, question.body, streams=choice)

    def _at(self, address: str) -> Upstream | None:
        """The way to an address; None where there have been too many."""
        if address == self._home.endpoint.address:
            return self._home
        if address not in self._elsewhere and len(self._elsewhere) < _ELSEWHERE:
            self._elsewhere[address] = Upstream(
                replace(self._home.endpoint, address=address), CONNECTIONS, told=self._told
            )
        return self._elsewhere.get(address)


def _passing(status: int) -> bool:
    """Whether a status tells of the server's moment, not of the request."""
    return status in {412, 429, 472, 473} or (status >= 500 and status != 501)


def _asked_for(answer: Answer) -> float:
    text = answer.header("retry-after")
    return min(float(text), PATIENCE) if text.isdecimal() else 0.0
