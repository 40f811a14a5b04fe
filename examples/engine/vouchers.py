"""Vouchers: codes that can be redeemed as often as was said, and not once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.crypto import digest, entropy
from strongroom.errors import BadRequest
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request


@dataclass
class Voucher:
    """The row of a voucher."""

    note: str
    uses: int


class Issue(Path):
    """New vouchers."""

    pattern = "issue"
    note: str = field("What the voucher is for.")
    uses: int = field("How often it can be redeemed.", default=1)

    async def write(self, engine: Vouchers, request: Request) -> dict[str, Any]:
        """The code of a new voucher. It is shown this once: only its digest is stored."""
        if self.uses < 1:
            raise BadRequest("uses must be at least 1")
        code = entropy.random_bytes(16).hex()
        engine.vouchers(request).put(name_of(code), Voucher(self.note, self.uses))
        return {"code": code}


class Redeem(Path):
    """Using a voucher."""

    pattern = "redeem"
    code: str = field("The code.", required=True, sensitive=True)

    async def write(self, engine: Vouchers, request: Request) -> dict[str, Any]:
        """What the voucher is for, and how often it can still be used."""
        vouchers, name = engine.vouchers(request), name_of(self.code)
        voucher = await vouchers.get(name)
        if voucher is None:
            raise BadRequest("no such voucher, or it is used up")
        voucher.uses -= 1
        if voucher.uses:
            vouchers.put(name, voucher)
        else:
            vouchers.delete(name)
        return {"note": voucher.note, "left": voucher.uses}


def name_of(code: str) -> str:
    """What a voucher is stored under."""
    return digest.digest("sha2-256", code.encode()).hex()


class Vouchers(Backend):
    """Codes that can be redeemed as often as was said, and not once more."""

    type = "vouchers"
    paths = (Issue, Redeem)
    vouchers = stored(Voucher, under="voucher/")
