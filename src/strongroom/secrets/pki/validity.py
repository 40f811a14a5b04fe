"""From when until when a certificate is valid: pure, in seconds since the epoch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from strongroom.errors import BadRequest
from strongroom.hcl.duration import SECOND, format_go

if TYPE_CHECKING:
    from strongroom.secrets.pki.role import Role

_LAYOUT = "2006-01-02T15:04:05Z07:00"
_WIDTH = 20
"""Characters of a time, whose year has four digits."""
_FRACTION = re.compile(r"(:\d\d)\.\d{1,9}(Z|[+-])", re.ASCII)
"""Parts of a second, which no certificate can say."""


@dataclass(slots=True)
class Validity:
    """The two ends, and what there is to say about them."""

    not_before: int
    not_after: int
    warnings: list[str] = field(default_factory=list)


def is_timestamp(text: str) -> bool:
    """Whether the text is a time as RFC 3339 writes it."""
    try:
        timestamp(text)
    except BadRequest:
        return False
    return True


def timestamp(text: str) -> int:
    """The time that RFC 3339 writes so. Raises BadRequest."""
    try:
        whole = _FRACTION.sub(r"\1\2", text, count=1)
        return int(datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S%z").timestamp())
    except (ValueError, OverflowError):
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise BadRequest(f'parsing time "{shown}" as "{_LAYOUT}": cannot parse "{shown}" as "2006"') from None


def written(seconds: int) -> str:
    """A time as RFC 3339 writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(_WIDTH)


def of(
    role: Role, now: int, ttls: tuple[int, int], *, ttl: int = 0, not_after: str = "", not_before: str = ""
) -> Validity:
    """When a certificate begins and ends, by what is wanted, the role, and the mount's default and maximum.

    Raises BadRequest where the role does not allow what is wanted, and where the end comes first.
    """
    not_after = role.not_after or not_after
    if ttl and not_after:
        raise BadRequest(
            "Either ttl or not_after should be provided. Both should not be provided in the same request."
        )
    begin = _begin(role, now, not_before)
    default, longest = ttls
    limit = role.max_ttl or longest
    warnings = []
    if not_after:
        end = timestamp(not_after)
    else:
        wanted = ttl or role.ttl or default
        if wanted > limit:
            warnings.append(
                f'TTL "{format_go(wanted * SECOND)}" is longer than permitted maxTTL '
                f'"{format_go(limit * SECOND)}", so maxTTL is being used'
            )
        end = now + min(wanted, limit)
    _check_end(role, now, limit, end, wanted=bool(not_after) and not role.not_after)
    if end < begin:
        raise BadRequest(
            f"The certificate's Not Before ({written(begin)}) is later than the certificate's "
            f"Not After ({written(end)})"
        )
    return Validity(begin, end, warnings)


def _begin(role: Role, now: int, wanted: str) -> int:
    usual = now - role.not_before_duration
    if role.not_before:
        return timestamp(role.not_before)
    if not wanted:
        return usual
    if role.not_before_bound == "forbid":
        raise BadRequest("not_before_bound is set to forbid. not_before cannot be provided.")
    begin = timestamp(wanted)
    if role.not_before_bound == "duration" and begin < usual:
        raise BadRequest(
            "not_before_bound is set to duration. Cannot satisfy request as it would result in notBefore of "
            f"{written(begin)} that is older than the allowed not_before_duration of "
            f"{format_go(role.not_before_duration * SECOND)}"
        )
    return begin


def _check_end(role: Role, now: int, limit: int, end: int, *, wanted: bool) -> None:
    bound = role.not_after_bound
    if bound == "forbid" and wanted:
        raise BadRequest("not_after_bound is set to forbid. not_after cannot be provided.")
    if bound == "ttl-limited" and end > now + limit:
        raise BadRequest(
            "not_after_bound is set to ttl-limited. Cannot satisfy request as that would result in notAfter "
            f"of {written(end)} that is beyond the TTL of {format_go(limit * SECOND)}"
        )
    if bound not in ("permit", "ttl-limited", "forbid") and end > timestamp(bound):
        raise BadRequest(
            f"not_after_bound is set to {bound}. Cannot satisfy request as that would result in notAfter of "
            f"{written(end)} that is beyond the maximum timestamp of {bound}"
        )
