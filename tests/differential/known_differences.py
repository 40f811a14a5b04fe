"""Where Strongroom answers otherwise than the peer on purpose: one table, each row with its reason.

A row that no longer differs fails the test, so that the table never tells more than the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Known:
    """At step ``step`` of a case the places matching ``place`` may differ.

    Steps count from 1; 0 is every step, and the audit lines.
    """

    step: int
    place: str
    reason: str

    def covers(self, step: int, place: str) -> bool:
        return self.step in (0, step) and fnmatchcase(place, self.place)


_OTP = Known(0, "body.data.otp_length", "our root tokens are 28 characters, the peer's 26")

KNOWN: dict[str, tuple[Known, ...]] = {
    "kv1 bad bodies": (
        Known(15, "status", "invalid UTF-8 is refused; the peer stores replacement characters instead"),
        Known(16, "body.data.a", "follows from that refusal"),
    ),
    "ceremony old doors are shut": (
        Known(0, "status", "the old paths are open to a token with sudo, where the peer has none at all"),
    ),
    "ceremony generate root": (_OTP,),
    "ceremony generate root with wrong keys": (_OTP,),
}
