"""Carries questions to the server: tries again while it is away, follows it when it points elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from strongroom.agent.cache.question import Question
from strongroom.agent.config import Retry
from strongroom.agent.proxy.passing import sent_headers, streams
from strongroom.agent.upstream import Answer, Endpoint, NoConnection, Observer, Unreachable, Upstream, backoff

PATIENCE = 60.0
"""Seconds after which a client is told, though attempts are left."""
CONNECTIONS = 256
_REPORTS = ("/sys/health", "/sys/seal-status", "/sys/leader", "/sys/init")
"""Paths whose status tells of the server; that is the answer, whatever it is."""


class Carrier:
    """The connections that questions go over."""

    def __init__(
        self,
        endpoint: Endpoint,
        retry: Retry,
        *,
        told: Observer | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._home = Upstream(endpoint, CONNECTIONS, told=told)
        self._retry = retry
        self._sleep = sleep

    async def close(self) -> None:
        """Close what is open."""
        await self._home.close()

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
        headers = sent_headers(question)
        return await self._home.followed(question.method, question.target, headers, question.body)

    async def _followed(self, question: Question) -> Answer:
        headers = sent_headers(question)
        return await self._home.followed(
            question.method, question.target, headers, question.body, streams=streams
        )


def _passing(status: int) -> bool:
    """Whether a status tells of the server's moment, not of the request."""
    return status in {412, 429, 472, 473} or (status >= 500 and status != 501)


def _asked_for(answer: Answer) -> float:
    text = answer.header("retry-after")
    return min(float(text), PATIENCE) if text.isdecimal() else 0.0
