"""Tasks that live and die together: the first that fails, or an order to stop, ends them all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

from strongroom.agent.exit import Exit
from strongroom.errors import StrongroomError

_log = logging.getLogger("agent")


class Supervisor:
    """Runs tasks until one ends the process or :meth:`finish` is called.

    ``failed`` is the code when one fails that names none, ``broken`` when it fails as none should.
    """

    def __init__(self, *, failed: int = 1, broken: int = 1) -> None:
        self._failed = failed
        self._broken = broken
        self._tasks: set[asyncio.Task[Any]] = set()
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run ``work`` beside the others. That it returns ends nothing; that it raises ends all."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def finish(self, code: int) -> None:
        """End everything with that code; the first to say so wins."""
        if not self._end.done():
            self._end.set_result(code)

    async def stop(self, task: asyncio.Task[Any]) -> None:
        """End one task, and wait until it has cleaned up."""
        task.cancel()
        await asyncio.wait([task])

    async def run(self) -> int:
        """The exit code, once all tasks have ended."""
        try:
            return await self._end
        finally:
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            return
        if isinstance(error, Exit):
            if error.public:
                _log.error(error.public)
            self.finish(error.code)
        elif isinstance(error, StrongroomError):
            _log.error(error.public, extra={"fields": {"task": task.get_name()}})
            self.finish(self._failed)
        else:
            _log.error("unexpected error", exc_info=error, extra={"fields": {"task": task.get_name()}})
            self.finish(self._broken)
