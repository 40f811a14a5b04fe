"""What an engine issues and takes back: the class of a lease stands next to the path that issues it.

::

    @dataclass(slots=True)
    class Login(Leased):
        \"\"\"A login role in the database.\"\"\"

        kind = "login"
        role: str
        username: str

        async def renew(self, engine: Logins, request: Request, terms: Terms) -> None:
            \"\"\"Move the role's end.\"\"\"

        async def revoke(self, engine: Logins, request: Request) -> None:
            \"\"\"Drop the role; one that is gone already is fine.\"\"\"

    return issued({"username": username}, Login(role, username), ttl=3600)

The fields are what has to be known to take it back; they are stored with the lease, encrypted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self

import msgspec

from strongroom.errors import BadRequest, UnsupportedOperation
from strongroom.hcl.duration import format_short
from strongroom.logical import Request, Response, SecretLease


def effective_ttl(
    *,
    default: int,
    longest: int,
    wanted: int = 0,
    backend_max: int = 0,
    explicit_max: int = 0,
    period: int = 0,
    age: int = 0,
) -> tuple[int, list[str]]:
    """The TTL a token or lease gets, and warnings where it was shortened. All in seconds.

    ``wanted`` 0 asks for ``default``; ``longest`` is the mount's or system's maximum; ``age`` is
    how old the thing is already (on renewal). Raises BadRequest once it is past its maximum.
    """
    limit = longest
    if 0 < backend_max < limit:
        limit = backend_max
    if 0 < explicit_max < limit:
        limit = explicit_max
    if period:
        return _period_ttl(period, longest, explicit_max, age)
    ttl = wanted or default
    left = limit - age
    if left <= 0:
        raise BadRequest("past the max TTL, cannot renew")
    if ttl <= left:
        return ttl, []
    note = (
        f'TTL of "{format_short(ttl)}" exceeded the effective max_ttl of "{format_short(left)}"; '
        "TTL value is capped accordingly"
    )
    return left, [note]


def _period_ttl(period: int, longest: int, explicit_max: int, age: int) -> tuple[int, list[str]]:
    warnings = []
    ttl = period
    most = min(longest, explicit_max or longest)
    if ttl > most:
        warnings.append(
            f'period of "{format_short(ttl)}" exceeded the effective max_ttl of "{format_short(most)}"; '
            "period value is capped accordingly"
        )
        ttl = most
    if explicit_max:
        left = explicit_max - age
        if left <= 0:
            raise BadRequest("past the max TTL, cannot renew")
        ttl = min(ttl, left)
    return ttl, warnings


@dataclass(slots=True)
class Terms:
    """How long what was issued may live on, in seconds.

    ``increment`` is what the client asks for. An engine may change ``ttl`` and ``max_ttl``, where 0 means
    the mount's own, ``default`` and ``longest``. ``age`` is how old the lease is.
    """

    increment: int
    ttl: int
    max_ttl: int
    default: int
    longest: int
    age: int

    def grant(self) -> tuple[int, list[str]]:
        """The seconds the lease gets from now, and warnings. Raises BadRequest past its maximum."""
        return effective_ttl(
            default=self.ttl or self.default,
            longest=self.longest,
            wanted=self.increment,
            backend_max=self.max_ttl,
            age=self.age,
        )


@dataclass(slots=True)
class Leased:
    """Base of what an engine issues. A dataclass of plain values; ``kind`` names it within its engine."""

    kind: ClassVar[str] = ""

    @property
    def target(self) -> str:
        """The outside system that takes part in a revocation, by a name within the mount; may be empty.

        Revocations at one target are bounded in number and paused while it does not answer.
        """
        return ""

    async def renew(self, engine: Any, request: Request, terms: Terms) -> None:
        """Extend it; may change ``terms`` and the fields. Raises what stands against it."""
        raise UnsupportedOperation

    async def revoke(self, engine: Any, request: Request) -> None:
        """Take it back. What is gone already counts as taken back.

        Raises UpstreamFailed where the outside system does not answer: then it is tried again.
        """
        raise NotImplementedError

    @classmethod
    def of(cls, lease: SecretLease) -> Self:
        """What a stored lease stands for."""
        return msgspec.convert(lease.internal, cls)


def issued(
    data: dict[str, Any],
    leased: Leased,
    *,
    ttl: int = 0,
    max_ttl: int = 0,
    renewable: bool = True,
    warnings: list[str] | None = None,
) -> Response:
    """The answer that hands out what was just made, with the lease that will end it. Times are seconds."""
    lease = SecretLease(leased.kind, ttl, max_ttl, renewable, asdict(leased))
    return Response(data=data, secret=lease, warnings=warnings or [])
