"""How templates reach the server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Answer, Upstream
from strongroom.errors import UpstreamFailed
from strongroom.secret import Secret


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``fresh``: no answer that was kept."""

    method: str
    path: str
    body: Any = field(default=None, repr=False)
    query: Mapping[str, str] | None = None
    fresh: bool = True


@dataclass(frozen=True, slots=True)
class Extension:
    """A lease's length and whether it can be renewed again, as granted ``age`` seconds ago."""

    duration: float
    renewable: bool
    age: float = 0.0


class Way(Protocol):
    """What fetching a secret needs."""

    async def ask(self, request: Request, token: Secret[str]) -> tuple[Answer, int | None]:
        """The answer, whatever its status, and its age where it was kept. Raises Unreachable."""

    async def renew(self, lease_id: str) -> Extension:
        """Extend a lease. Raises Refused, Unreachable."""


class Straight:
    """To the server, each time."""

    def __init__(self, upstream: Upstream, holder: TokenHolder) -> None:
        self._upstream = upstream
        self._holder = holder

    async def ask(self, request: Request, token: Secret[str]) -> tuple[Answer, int | None]:
        """See :class:`Way`."""
        answer = await self._upstream.request(
            request.method, request.path, token=token, body=request.body, query=request.query
        )
        return answer, None

    async def renew(self, lease_id: str) -> Extension:
        """See :class:`Way`."""
        answer = await self._upstream.call(
            "PUT",
            "sys/leases/renew",
            token=self._holder.token,
            body={"lease_id": lease_id},
            doing="renewing a lease",
        )
        if not answer.lease_duration:
            raise UpstreamFailed("the renewal was answered without a lease")
        return Extension(answer.lease_duration, answer.renewable)
