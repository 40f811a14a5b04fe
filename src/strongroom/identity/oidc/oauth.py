"""Answers in the form of OAuth 2.0, which has no envelope and errors of its own (RFC 6749, RFC 6750)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.logical import Response

if TYPE_CHECKING:
    from strongroom.logical import Request


def refused(error: str, description: str, *, status: int = 400, state: str | None = None) -> Response:
    """An error. It is an answer as any other, so what was written, such as that a code is used up, stays."""
    told = {"error": error, "error_description": description}
    return Response(data=told if state is None else told | {"state": state}, status=status, bare=True)


def add_header(request: Request, name: str, value: str) -> None:
    """Send a header along."""
    request.reply_headers = [*(request.reply_headers or ()), (name, value)]
