"""One listener's application: the agent's own paths, and all others passed on."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from strongroom.agent.cache.cache import Cache
from strongroom.agent.cache.clearing import clearing
from strongroom.agent.cache.question import Question
from strongroom.agent.proxy.passing import question_of, reply_of, token_of, without_own_token
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Answer
from strongroom.errors import StrongroomError
from strongroom.metrics.exposition import PROMETHEUS_TYPE, render_json, render_prometheus
from strongroom.metrics.registry import Metrics
from strongroom.wire import Message, Reply

_log = logging.getLogger("proxy")
_JSON = [("Content-Type", "application/json")]
_DOUBT = 5.0
"""Seconds between two looks at whether the agent's own token is still good."""


class Asked(Protocol):
    """Whom a request goes to."""

    async def ask(self, question: Question) -> Answer:
        """The answer to a question. Raises Unreachable."""


@dataclass(slots=True)
class House:
    """What all listeners share. ``word`` is ``agent`` or ``proxy``: the first segment of its own paths."""

    word: str
    carrier: Asked
    metrics: Metrics
    cache: Cache | None = None
    holder: TokenHolder | None = None
    forced: bool = False
    """Whether the agent's own token replaces one that a client sends."""
    namespace: str = ""
    """What is put before the namespace of each request."""
    retention: float = 0.0
    quits: Callable[[], None] = field(default=lambda: None)
    doubts: Callable[[], None] = field(default=lambda: None)
    """Called when the server refused the agent's own token: to see whether it is still good."""
    doubted: float = 0.0


class Door:
    """Answers the requests of one listener."""

    def __init__(self, house: House, *, metrics_only: bool = False, quits: bool = False) -> None:
        self._house = house
        self._metrics_only = metrics_only
        self._quits = quits
        self._requests = house.metrics.counter(f"{house.word}.requests")
        self._failures = house.metrics.counter(f"{house.word}.failures")
        self._own = f"/{house.word}/v1/"
        self._name = f"Strongroom-{house.word}"

    def __call__(self, message: Message) -> Reply | Awaitable[Reply]:
        """Answer one request; never raises."""
        path = message.target.partition("?")[0]
        if path.startswith(self._own):
            return self._answer_itself(path.removeprefix(self._own), message)
        if self._metrics_only:
            return Reply(404, [("Content-Type", "text/plain; charset=utf-8")], b"404 page not found\n")
        return self._pass_on(message)

    # -- its own paths -----------------------------------------------------------------------------

    def _answer_itself(self, word: str, message: Message) -> Reply:
        try:
            if word == "metrics":
                return self._metrics(message)
            if word == "cache-clear" and not self._metrics_only:
                return self._clear(message)
            if word == "quit" and self._quits and not self._metrics_only:
                return self._quit(message)
        except StrongroomError as error:
            return _failure(error.status, *error.sentences())
        return _failure(404)

    def _metrics(self, message: Message) -> Reply:
        if message.method not in {"GET", "HEAD"}:
            return _failure(405)
        house, now = self._house, time.time()
        if "format=prometheus" in message.target.partition("?")[2].split("&"):
            text = render_prometheus(house.metrics, now, retention=house.retention)
            return Reply(200, [("Content-Type", PROMETHEUS_TYPE)], text)
        return _json(200, render_json(house.metrics, now))

    def _clear(self, message: Message) -> Reply:
        wanted = clearing(message.body)
        if self._house.cache is not None:
            count = self._house.cache.clear(wanted)
            _log.info("cache cleared", extra={"fields": {"by": wanted.type, "entries": count}})
        return Reply(200, [], b"")

    def _quit(self, message: Message) -> Reply:
        if message.method not in {"POST", "PUT"}:
            return Reply(405, [], b"")
        self._house.quits()
        return Reply(200, [], b"")

    # -- all others --------------------------------------------------------------------------------

    def _pass_on(self, message: Message) -> Reply | Awaitable[Reply]:
        """What is kept is answered at once, without a task."""
        self._requests.add()
        house = self._house
        own = self._own_token(message)
        try:
            question = question_of(
                message,
                own or token_of(message.headers),
                agent=self._name,
                namespace=house.namespace,
            )
        except StrongroomError as error:
            return _failure(error.status, *error.sentences())
        if house.cache is not None and (found := house.cache.kept(question)) is not None:
            return reply_of(*found)
        return self._fetch(question, own)

    async def _fetch(self, question: Question, own: str) -> Reply:
        house = self._house
        try:
            answer, age = await self._asked(question)
        except StrongroomError as error:
            self._failures.add()
            _log.warning("a request was not passed on", extra={"fields": {"reason": error.public}})
            return _failure(502, f"failed to get the response: {error.public}")
        if own and answer.status == 403:
            self._doubt()
        held = house.holder.token if house.holder is not None else None
        return reply_of(without_own_token(answer, held.reveal() if held else ""), age)

    def _doubt(self) -> None:
        """A policy that denies looks the same, so not at every request."""
        now = time.monotonic()
        if now - self._house.doubted > _DOUBT:
            self._house.doubted = now
            self._house.doubts()

    def _own_token(self, message: Message) -> str:
        """The agent's token, where it is the one to use."""
        house = self._house
        if house.holder is None or house.holder.token is None:
            return ""
        if not house.forced and token_of(message.headers):
            return ""
        return house.holder.token.reveal()

    async def _asked(self, question: Question) -> tuple[Answer, int | None]:
        if self._house.cache is None:
            return await self._house.carrier.ask(question), None
        return await self._house.cache.answer(question)


def _failure(status: int, *sentences: str) -> Reply:
    return _json(status, {"errors": list(sentences)})


def _json(status: int, value: Any) -> Reply:
    return Reply(status, _JSON, orjson.dumps(value) + b"\n")
