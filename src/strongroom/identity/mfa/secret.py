"""The secret that an entity shares with its device, and what has been tried with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as item
from typing import TYPE_CHECKING

from strongroom.crypto import totp
from strongroom.crypto.entropy import random_bytes
from strongroom.framework.record import stored
from strongroom.identity.mfa import method as methods
from strongroom.logical import SECOND

if TYPE_CHECKING:
    from strongroom.identity.mfa.method import Method
    from strongroom.identity.record import Entity
    from strongroom.logical import Request

WRONG = "MFA credentials not supplied or incorrect"


@dataclass(slots=True)
class TotpSecret:
    """A secret with the settings its device was given. ``period`` is seconds.

    ``last`` is the step of the last code that was accepted: neither that code nor an earlier one is
    accepted again. ``attempts`` counts what was tried until ``attempts_end`` (nanoseconds).
    """

    key: bytes = item(repr=False)
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    skew: int = 1
    last: int = 0
    attempts: int = 0
    attempts_end: int = 0

    def judge(self, passcode: str, now: int, most: int) -> tuple[TotpSecret, str]:
        """The secret after a passcode was tried, and what is wrong with that; empty for nothing.

        More than ``most`` attempts in one period are refused unseen.
        """
        counting = now < self.attempts_end
        attempts = self.attempts + 1 if counting else 1
        end = self.attempts_end if counting else now + self.period * SECOND
        tried = replace(self, attempts=attempts, attempts_end=end)
        if attempts > most:
            left = -(-(end - now) // SECOND)
            return tried, (
                f"maximum TOTP validation attempts {attempts} exceeded the allowed attempts {most}. "
                f"Please try again in {left}s seconds"
            )
        step = now // (self.period * SECOND)
        steps = range(max(step - self.skew, self.last + 1), step + self.skew + 1)
        found = totp.matching(self.key, passcode, steps, self.digits, self.algorithm)
        if found is None:
            return tried, WRONG
        return replace(self, last=found, attempts=0, attempts_end=0), ""

    def url(self, issuer: str, account: str) -> str:
        """What devices read from a barcode."""
        return totp.address(
            self.key, issuer, account, algorithm=self.algorithm, digits=self.digits, period=self.period
        )


def new(method: Method) -> TotpSecret:
    """A fresh secret with the settings of a method."""
    key = random_bytes(method.key_size)
    return TotpSecret(key, method.algorithm, method.digits, method.period, method.skew)


_ROWS = stored(TotpSecret, under=methods.SECRETS)


async def find(request: Request, method_id: str, entity: Entity) -> tuple[str, TotpSecret] | None:
    """The secret of an entity for a method, or of one that went into it, and the row it stands in."""
    for one in (entity.id, *entity.merged_entity_ids):
        found = await _ROWS(request).get(f"{method_id}/{one}")
        if found is not None:
            return f"{method_id}/{one}", found
    return None


def put(request: Request, place: str, secret: TotpSecret) -> None:
    """Store a secret in its row."""
    _ROWS(request).put(place, secret)


async def forget(request: Request, method_id: str, entity: Entity) -> None:
    """Remove the secrets of an entity for a method."""
    for one in (entity.id, *entity.merged_entity_ids):
        _ROWS(request).delete(f"{method_id}/{one}")


async def forget_all(request: Request, entity: Entity) -> None:
    """Remove the secrets of an entity for all methods."""
    for folder in await request.view.list(methods.SECRETS):
        await forget(request, folder.rstrip("/"), entity)
