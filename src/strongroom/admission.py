"""Admission: rate limits are asked before anything else is done for a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.core import Core


def admit(core: Core, request: Request) -> None:
    """Stage: count the request against the rate-limit quota that covers it."""
