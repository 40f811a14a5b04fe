"""Coroutines driven up to their first suspension: most requests never wait, and need no Task."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

from strongroom.wire import Reply


class Resumed:
    """The rest of a coroutine that was driven up to its first suspension."""

    __slots__ = ("_coroutine", "_yielded")

    def __init__(self, coroutine: Coroutine[Any, Any, Reply], yielded: Any) -> None:
        self._coroutine, self._yielded = coroutine, yielded

    def __await__(self) -> Generator[Any, Any, Reply]:
        yielded = self._yielded
        while True:
            raised: BaseException | None = None
            sent = None
            try:
                sent = yield yielded
            except BaseException as error:  # noqa: BLE001  it belongs to the coroutine, cancellation too
                raised = error
            try:
                yielded = self._coroutine.send(sent) if raised is None else self._coroutine.throw(raised)
            except StopIteration as done:
                reply: Reply = done.value
                return reply


def start(coroutine: Coroutine[Any, Any, Reply]) -> Reply | Awaitable[Reply]:
    """Run a coroutine up to its first suspension: a request that never waits needs no Task.

    Until then there is no current task, so code that may run here before its first suspension
    must not use ``asyncio.timeout``; :func:`settle` makes sure of one.
    """
    try:
        yielded = coroutine.send(None)
    except StopIteration as done:
        reply: Reply = done.value
        return reply
    return Resumed(coroutine, yielded)


async def settle() -> None:
    """Give up the first run: what follows runs in a Task."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)
