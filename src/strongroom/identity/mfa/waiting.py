"""Logins that wait for their second factor: everything but the token is decided.

A waiting login is a row, encrypted as every other; its ID is stored only as a keyed hash. It ends after
:data:`LIFE`, and of one entity only the last :data:`MOST` are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING

from strongroom.crypto.entropy import uuid4_str
from strongroom.framework.record import stored
from strongroom.logical import SECOND, Auth

if TYPE_CHECKING:
    from strongroom.logical import Request

LIFE = 300
"""Seconds."""
MOST = 16
WAKE = "mfa-login/"
"""What a wake for the end of a waiting login begins with."""


@dataclass(slots=True)
class Waiting:
    """A login, and until when it waits (nanoseconds). ``path`` and ``mount`` are where it was made."""

    auth: Auth = item(repr=False)
    path: str
    mount: str
    until: int


@dataclass(slots=True)
class Queue:
    """The waiting logins of an entity: the names of their rows and their ends, the oldest first."""

    logins: list[tuple[str, int]] = item(default_factory=list)


_ROWS = stored(Waiting, under="mfa/waiting/")
_QUEUES = stored(Queue, under="mfa/waiting-of/")


def _row(request: Request, request_id: str) -> str:
    key: str = request.core.tokens.key("mfa:" + request_id)
    return key


async def put(request: Request, auth: Auth, path: str, mount: str) -> str:
    """Let a login wait; gives the ID under which it goes on."""
    request_id, until = uuid4_str(), request.now + LIFE * SECOND
    row = _row(request, request_id)
    _ROWS(request).put(row, Waiting(auth, path, mount, until))
    request.wake_at(until, WAKE + row)
    queue = await _QUEUES(request).get(auth.entity_id) or Queue()
    logins = [(name, end) for name, end in queue.logins if end > request.now]
    for name, end in logins[: -(MOST - 1)]:
        _drop(request, name, end)
    _QUEUES(request).put(auth.entity_id, Queue([*logins[-(MOST - 1) :], (row, until)]))
    return request_id


def _drop(request: Request, row: str, until: int) -> None:
    _ROWS(request).delete(row)
    request.let_sleep(until, WAKE + row)


async def find(request: Request, request_id: str) -> Waiting | None:
    """The login that waits under an ID, or None."""
    found = await _ROWS(request).get(_row(request, request_id)) if request_id else None
    return None if found is None or found.until <= request.now else found


def take(request: Request, request_id: str, found: Waiting) -> None:
    """A login waits no longer."""
    _drop(request, _row(request, request_id), found.until)


def ended(request: Request, row: str) -> None:
    """The time of a waiting login is over."""
    _ROWS(request).delete(row)
