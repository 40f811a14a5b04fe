"""Where a server that is not the one to ask points to."""

from __future__ import annotations

from urllib.parse import urlsplit

STATUSES = frozenset({301, 302, 307, 308})


def redirected(address: str, target: str, location: str) -> tuple[str, str] | None:
    """Where a redirect leads: an address and a target; None where it must not be followed.

    Never from https to http, and only to where HTTP is spoken.
    """
    to = urlsplit(location)
    path = to.path + (f"?{to.query}" if to.query else "")
    if not to.scheme and not to.netloc:
        return (origin(address), path) if path.startswith("/") else None
    if to.scheme not in {"http", "https"} or not to.hostname or to.username is not None:
        return None
    if address.startswith("https:") and to.scheme != "https":
        return None
    return f"{to.scheme}://{to.netloc}", path or target


def origin(address: str) -> str:
    """An address without the path that stands before those of the API; a unix socket's is its name."""
    parts = urlsplit(address)
    return address if parts.scheme == "unix" else f"{parts.scheme}://{parts.netloc}"
