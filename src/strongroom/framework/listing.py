"""Listings: the folder a path stands for, and which page of it is wanted."""

from __future__ import annotations

from strongroom.errors import BadRequest
from strongroom.logical import Request


def folder(path: str) -> str:
    """A path as the prefix of what lies under it."""
    return path if not path or path.endswith("/") else path + "/"


def page(request: Request) -> tuple[str, int]:
    """``after`` and ``limit`` of a listing, for paths whose secrets may hold keys of any name.

    Where the client names no limit, that of its policies holds. Raises BadRequest.
    """
    after, limit = request.data.get("after", ""), request.data.get("limit", -1)
    try:
        after, limit = str(after), -1 if limit == "" else int(limit)
    except (TypeError, ValueError):
        raise BadRequest('error converting input for field "limit": not convertible') from None
    if limit <= 0 and request.decision is not None:
        limit = request.decision.pagination_limit
    return after, limit
