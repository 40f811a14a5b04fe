"""What a follower needs of its leader, and the leader of its followers; not how they reach each other.

A follower reads the leader's storage. It answers what :attr:`~strongroom.framework.path.Path.reader_safe`
and :attr:`~strongroom.framework.path.Path.looks_up` let it answer, and hands everything else over.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Protocol

from strongroom.metrics import Snapshot
from strongroom.wire import Message, Reply


class LeaderNeeded(Exception):
    """A follower cannot answer this request; nothing of it was done or written to the audit log."""


class Leader(Protocol):
    """The leader, as a follower sees it."""

    def forward(self, message: Message) -> Awaitable[Reply]:
        """What the leader answers; address, certificate and listener stay those of the client."""

    def want_keys(self) -> None:
        """Ask for the root key: the one at hand no longer opens the stored keyring."""


class Followers(Protocol):
    """The followers, as their leader sees them."""

    async def unsealed(self) -> None:
        """Hand the keys to all; when this returns each one that lives has them."""

    async def sealed(self) -> None:
        """Take the keys from all; when this returns no follower has them. Calling again is harmless."""

    async def measured(self) -> list[tuple[str, Snapshot]]:
        """What each has measured, by its name; what those had that are gone has an empty one.

        One that does not answer in time is shown as it was when it last did.
        """

    async def under_way(self) -> dict[str, Any]:
        """The requests that they are answering, described, by ID."""


class Alone:
    """No followers."""

    async def unsealed(self) -> None:
        """Nobody to tell."""

    async def sealed(self) -> None:
        """Nobody to tell."""

    async def measured(self) -> list[tuple[str, Snapshot]]:
        """Nobody measures."""
        return []

    async def under_way(self) -> dict[str, Any]:
        """Nobody answers."""
        return {}
