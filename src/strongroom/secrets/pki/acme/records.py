"""What is stored: accounts, orders, authorizations and their challenges, and what states these are in.

Times are nanoseconds since the epoch. The states of an authorization and an order follow from what their
challenges came to and what time it is; stored is only what does not follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import Any

from strongroom.framework.record import stored
from strongroom.logical import SECOND
from strongroom.secrets.pki.acme.identifier import DNS, Identifier

PENDING, PROCESSING, READY, VALID, INVALID = "pending", "processing", "ready", "valid", "invalid"
DEACTIVATED, EXPIRED, REVOKED = "deactivated", "expired", "revoked"

HTTP_01, DNS_01, TLS_ALPN_01 = "http-01", "dns-01", "tls-alpn-01"

STEPS: dict[tuple[str, str], str] = {
    (PENDING, "respond"): PROCESSING,
    (PROCESSING, "respond"): PROCESSING,
    (PROCESSING, "succeed"): VALID,
    (PROCESSING, "fail"): INVALID,
}
"""State of a challenge and what happens, to its next state; whatever else happens changes nothing."""


@dataclass(slots=True)
class Account:
    """Who orders. ``directory`` is where it was made, ``key`` the members of its public key.

    ``binding`` is the ID of the external account key it was made with; ``idle`` since when it had no orders
    left, as tidy found.
    """

    id: str
    directory: str
    key: dict[str, str]
    created: int
    contact: list[str] = item(default_factory=list)
    status: str = VALID
    agreed: bool = False
    binding: str = ""
    bound: dict[str, Any] | None = None
    idle: int = 0


@dataclass(slots=True)
class Challenge:
    """One way to show that an identifier is held. ``wake`` is when it will be looked at again."""

    type: str
    token: str
    status: str = PENDING
    validated: int = 0
    error: dict[str, Any] | None = None
    attempts: int = 0
    wake: int = 0

    def step(self, event: str) -> bool:
        """Go where an event leads; whether it leads anywhere."""
        after = STEPS.get((self.status, event))
        if after is None:
            return False
        self.status = after
        return True


@dataclass(slots=True)
class Authorization:
    """That an account has shown, or is to show, that it holds an identifier."""

    id: str
    account: str
    order: str
    identifier: Identifier
    expires: int
    challenges: list[Challenge]
    wildcard: bool = False
    deactivated: bool = False

    def status(self, now: int) -> str:
        """One challenge that was met makes it valid, one that was failed makes it invalid."""
        if self.deactivated:
            return DEACTIVATED
        reached = {challenge.status for challenge in self.challenges}
        if INVALID in reached and VALID not in reached:
            return INVALID
        if now >= self.expires:
            return EXPIRED
        return VALID if VALID in reached else PENDING

    def challenge(self, kind: str) -> Challenge | None:
        """The challenge of that type, if it has one."""
        return next((one for one in self.challenges if one.type == kind), None)


@dataclass(slots=True)
class Order:
    """A certificate that is wanted. ``status`` is empty until the order has come to an end.

    ``not_before`` and ``not_after`` are what the client wished, 0 for nothing. Of the certificate its serial
    number, its issuer and when it ends are known.
    """

    id: str
    account: str
    identifiers: list[Identifier]
    authorizations: list[str]
    expires: int
    created: int
    not_before: int = 0
    not_after: int = 0
    status: str = ""
    error: dict[str, Any] | None = None
    serial: str = ""
    issuer: str = ""
    certificate_end: int = 0

    @property
    def end(self) -> int:
        """When nothing about it counts any more."""
        return max(self.expires, self.certificate_end)

    def standing(self, authorizations: list[str], now: int) -> str:
        """The state of the order, whose authorizations have these."""
        if self.status:
            return self.status
        if now >= self.expires or not set(authorizations) <= {PENDING, VALID}:
            return INVALID
        return READY if authorizations and set(authorizations) == {VALID} else PENDING


@dataclass(slots=True)
class Issued:
    """Which order a certificate was issued for; stands under its serial number."""

    account: str
    order: str


accounts = stored(Account, under="acme/accounts/")
keys = stored(str, under="acme/account-keys/")
orders = stored(Order, under="acme/orders/")
authorizations = stored(Authorization, under="acme/authorizations/")
issued = stored(Issued, under="acme/certificates/")
ENDS = "acme/order-ends/"
"""Where orders stand by when they, and their certificates, end."""


def ending(order: Order) -> str:
    """The row of that index."""
    return f"{ENDS}{order.end // SECOND:012x}/{order.account}/{order.id}"


def kinds(identifier: Identifier) -> tuple[str, ...]:
    """How an identifier can be shown to be held (RFC 8555, RFC 8737, RFC 8738)."""
    if identifier.wildcard:
        return (DNS_01,)
    if identifier.type == DNS:
        return (HTTP_01, DNS_01, TLS_ALPN_01)
    return (HTTP_01, TLS_ALPN_01)
