"""Claims: whom a login says it is, which is what repeated failures lock.

A login path of a method whose names can be locked out inherits :class:`Claiming`; the core asks it for
the claim before the operation runs, and counts each :class:`~strongroom.errors.InvalidCredentials`
against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.framework.path import Path
from strongroom.logical import Request


@dataclass(frozen=True, slots=True)
class Claim:
    """A name in the one spelling in which the method itself compares it, case and all.

    ``known``: the method has a record of that name. Of other names anybody can make up any number, so
    only a bounded number of them is remembered. They are locked all the same: whether a name can be
    locked tells nobody whether it exists.
    """

    alias: str
    known: bool


class Claiming(Path):
    """Base of the paths by which somebody logs in under a name."""

    async def claim(self, method: Any, request: Request) -> Claim:
        """Whom the request claims to come from. Reads nothing but the method's own rows."""
        raise NotImplementedError
