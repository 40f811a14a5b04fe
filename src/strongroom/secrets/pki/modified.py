"""Certificates and CRLs that are sent only if they changed since a client's copy (RFC 9110, 13.1.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime

from strongroom.errors import BadRequest
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response

_LONGEST = 64


class Conditional(Path):
    """What is sent only if it changed. No header of the mount has to be tuned for it."""

    reads_headers = frozenset({"if-modified-since"})
    sets_headers = frozenset({"last-modified"})


def second_of(request: Request) -> int:
    """The time to note for what a request changes: the next full second.

    So whatever was fetched within the present one, before or after the change, counts as changed.
    """
    return request.now // SECOND + 1


def unless_known(request: Request, changed: int, response: Response) -> Response:
    """The response, or 304 where the client has it since ``changed``; 0 is a time that nobody noted."""
    since = _since(request)
    if not changed or not (response.raw or response.data):
        return response
    headers = [("Last-Modified", formatdate(changed, usegmt=True))]
    if since is not None and since >= changed:
        return Response(raw=b"", status=304, headers=headers)
    if changed <= request.now // SECOND:
        response.headers += headers
    return response


def _since(request: Request) -> int | None:
    text = request.headers.get("if-modified-since", "")
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text[:_LONGEST])
        return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
    except (ValueError, TypeError, OverflowError):
        raise BadRequest("the header If-Modified-Since is no date of HTTP") from None
