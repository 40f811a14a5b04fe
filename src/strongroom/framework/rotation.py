"""Passwords of accounts outside, changed so that at every instant one that works is known.

The new one is stored first, as an intent. Then it is set, tried out by logging in, and taken over in the
transaction that ends the intent. Whatever is interrupted is settled by asking the system which of the
passwords it accepts: the new one is taken over, or the old one stays. Where neither tells, because the
account may not log in from here or any password would do, the new one is set once more.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Any, ClassVar, Protocol

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest, UpstreamRefused
from strongroom.framework.record import stored
from strongroom.logical import Request

_log = logging.getLogger("rotation")


class Change(Protocol):
    """A change of the credential of one account. ``fresh`` is empty where it is no password."""

    @property
    def fresh(self) -> str:
        """The password to be."""

    @property
    def before(self) -> str:
        """The one it takes the place of; empty when that is not known."""

    async def make(self) -> None:
        """Set the new credential. Raises UpstreamRefused when nothing has changed; again is fine."""

    async def accepts(self, password: str) -> bool:
        """Whether the account is let in with a password; False where that cannot be told."""


async def changed(change: Change) -> None:
    """Make a change and try it out. Raises UpstreamRefused when the old password still holds."""
    await change.make()
    if not change.fresh or await change.accepts(change.fresh):
        return
    if change.before and await change.accepts(change.before):
        raise UpstreamRefused("the new password was taken, but the old one still holds")


async def finished(change: Change) -> bool:
    """After an interruption: have the change made, or not. False when the account is as it was before."""
    for password in (change.fresh, change.before):
        if password and await change.accepts(password):
            if await change.accepts(base62(20)):
                break  # where any password would do, one that works tells nothing
            return password == change.fresh
    try:
        await change.make()
    except UpstreamRefused as error:
        _log.warning("a rotation was given up: %s", error.public)
        return False
    return True


class Planned(Protocol):
    """A static role, as its engine stores it; times are nanoseconds since the epoch."""

    next_rotation: int

    @property
    def account(self) -> str:
        """The account that it is for, among those of the mount."""


class Rotating:
    """What an engine has that changes passwords of accounts by plan. ``wake`` begins its references."""

    wakes: ClassVar[str]
    static_roles: stored[Any]

    def keep_static_role(self, request: Request, name: str, role: Planned, planned: int) -> None:
        """Store a static role, and have it woken when it is due instead of at ``planned``."""
        self.static_roles(request).put(name, role)
        if planned:
            request.let_sleep(planned, self.wakes + name)
        request.wake_at(role.next_rotation, self.wakes + name)

    def drop_static_role(self, request: Request, name: str, role: Planned) -> None:
        """Forget a static role, and that it has an account."""
        self.static_roles(request).delete(name)
        self.unclaim(request, role.account)
        request.let_sleep(role.next_rotation, self.wakes + name)

    async def claim(self, request: Request, account: str, owner: str) -> None:
        """Note whose account it is. Raises BadRequest when something else here changes its password."""
        row = _row(account)
        holder = await request.view.get(row)
        if holder is not None and holder != owner.encode():
            raise BadRequest("the password of this account is changed by another role or set already")
        request.view.put(row, owner.encode())

    def unclaim(self, request: Request, account: str) -> None:
        """The account is free for others."""
        request.view.delete(_row(account))


def _row(account: str) -> str:
    return f"account/{hashlib.sha256(account.encode()).hexdigest()[:32]}"
