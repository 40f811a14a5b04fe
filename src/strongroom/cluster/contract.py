"""What a follower needs of its leader, and the leader of its followers; not how they reach each other.

A follower reads the leader's storage. It answers what :attr:`~strongroom.framework.path.Path.reader_safe`
and :attr:`~strongroom.framework.path.Path.looks_up` let it answer, and hands everything else over.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol

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


class Alone:
    """No followers."""

    async def unsealed(self) -> None:
        """Nobody to tell."""

    async def sealed(self) -> None:
        """Nobody to tell."""
