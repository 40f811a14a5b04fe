"""Where a device's lines go."""

from __future__ import annotations

from asyncio import Future
from typing import Protocol


class Sink(Protocol):
    """Takes finished lines, in order, each whole or not at all."""

    def write(self, line: bytes) -> Future[None] | None:
        """None when ``line`` is written, else a future that is done when it is, or when its time is up.

        Never blocks on another process or machine. Raises OSError, as does the future.
        """

    def reopen(self) -> None:
        """Open the target anew, as after log rotation. Raises OSError."""

    def close(self) -> None:
        """Let go of the target."""


class Discard:
    """Takes every line and keeps none."""

    def write(self, line: bytes) -> None:
        """Nothing, successfully."""

    def reopen(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing to close."""
