"""A token from before the agent was restarted, tried before a login is made."""

from __future__ import annotations

from strongroom.agent.auth.attempt import Attempt, Method
from strongroom.agent.upstream import Upstream
from strongroom.secret import Secret


class Remembered:
    """Gives the token once; if it is no longer good, the method that follows logs in."""

    def __init__(self, token: Secret[str], method: Method) -> None:
        self._token: Secret[str] | None = token
        self._method = method

    async def attempt(self, upstream: Upstream) -> Attempt:
        """The token the first time, then the credentials of the method. Raises Unready."""
        token, self._token = self._token, None
        return await self._method.attempt(upstream) if token is None else Attempt(token=token)

    def stamp(self) -> object:
        """That of the method."""
        return self._method.stamp()

    async def close(self) -> None:
        """Let go of what the method opened."""
        await self._method.close()
