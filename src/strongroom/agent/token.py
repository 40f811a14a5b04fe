"""The token that the agent logged in for, and whoever waits for it."""

from __future__ import annotations

import asyncio

from strongroom.agent.envelope import WrapInfo
from strongroom.secret import Secret


class TokenHolder:
    """Holds one token at a time; ``generation`` counts how often it changed.

    ``accessor`` may stand in logs. Waiters are woken at every change, also when the token is lost.
    """

    def __init__(self) -> None:
        self._token: Secret[str] | None = None
        self._changed = asyncio.Event()
        self.accessor = ""
        self.generation = 0
        self.wrapped: WrapInfo | None = None
        """The wrapping answer, when the token is a wrapping token that only sinks may have."""

    @property
    def token(self) -> Secret[str] | None:
        """The token, or None before the first login and after one was lost."""
        return self._token

    def set(self, token: Secret[str], accessor: str = "") -> None:
        """Take over a token. The same one again is no change."""
        if self._token is not None and self._token == token:
            return
        self._token, self.accessor = token, accessor
        self._notify()

    def clear(self) -> None:
        """The token is no longer good."""
        if self._token is not None:
            self._token, self.accessor = None, ""
            self._notify()

    async def get(self) -> Secret[str]:
        """The token, as soon as there is one."""
        while self._token is None:
            await self.changed(self.generation)
        return self._token

    async def changed(self, since: int) -> int:
        """The generation, as soon as it is another than ``since``."""
        while self.generation == since:
            await self._changed.wait()
        return self.generation

    def _notify(self) -> None:
        self.generation += 1
        waiting, self._changed = self._changed, asyncio.Event()
        waiting.set()
