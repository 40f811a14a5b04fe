"""Reading out of an answer what it grants, and whether it may be given twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from strongroom.agent.cache.entry import Kind, Terms

_NEVER = re.compile(
    r"/v1/(?:.+/)?(?:auth/token/(?:renew|lookup|revoke)[^/]*(?:/.*)?|sys/(?:leases/|renew|revoke|wrapping/|unseal|mfa/).*)"
)
"""What acts on tokens and leases that exist, or opens something once: its answer is of this moment only."""


class _Auth(msgspec.Struct):
    client_token: str = ""
    accessor: str = ""
    lease_duration: int = 0
    renewable: bool = False
    orphan: bool = False


class _Envelope(msgspec.Struct):
    lease_id: str = ""
    lease_duration: int = 0
    renewable: bool = False
    wrap_info: Any = None
    auth: _Auth | None = None


_decode = msgspec.json.Decoder(_Envelope).decode


def envelope(body: bytes) -> _Envelope | None:
    """The parts of an answer that are about leases; None for what has none of that form."""
    try:
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def granted(path: str, status: int, body: bytes) -> Terms | None:
    """What an answer grants, if it may be given again; None for what passes through.

    Kept are renewable leases and renewable tokens. What cannot be renewed passes: its receiver must know
    when to ask again.
    """
    if status != 200 or _NEVER.fullmatch(path):
        return None
    found = envelope(body)
    if found is None or found.wrap_info is not None:
        return None
    auth = found.auth
    if auth is not None and auth.client_token:
        if not auth.renewable:
            return None
        return Terms(
            Kind.TOKEN, auth.lease_duration, renewable=True, token=auth.client_token, accessor=auth.accessor,
            orphan=auth.orphan or not is_creation(path),
        )  # fmt: skip
    if found.lease_id and found.renewable:
        return Terms(Kind.LEASE, found.lease_duration, renewable=True, lease_id=found.lease_id)
    return None


def is_creation(path: str) -> bool:
    """Whether a token of that answer is a child of the one that asked."""
    return re.fullmatch(r"/v1/(?:.+/)?auth/token/create(?:/[^/]+)?", path) is not None


def located(path: str, lease_id: str) -> tuple[str, str]:
    """The namespace that stands in a path, and the path within it (``/v1/...``).

    A lease's ID tells what was asked for within the namespace; a login's path has ``auth/`` there.
    """
    whole = path.removeprefix("/v1/").strip("/")
    within = lease_id.rpartition("/")[0]
    if not within:
        within = whole[whole.index("auth/") :] if re.search(r"(?:^|/)auth/", whole) else whole
    space = whole.removesuffix(within).strip("/") if whole.endswith("/" + within) else ""
    return space, "/v1/" + (within if space else path.removeprefix("/v1/"))


def is_plain(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer to a read tells only how things are, so that several may have the same copy."""
    if status in {200, 404} and headers.get("content-type", "").startswith("application/json"):
        found = envelope(body)
        return found is not None and not found.lease_id and found.auth is None and found.wrap_info is None
    return status >= 400
