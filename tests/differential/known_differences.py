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

_PAGES = (
    Known(0, "body.data.keys", "after and limit hold for every listing; the peer ignores them here"),
    Known(0, "body.warnings", "so they are no unrecognized parameters"),
)


def _redirect(step: int) -> tuple[Known, ...]:
    """A redirect that says where in its header only."""
    reason = "a redirect to the clean spelling needs no HTML page"
    return Known(step, "body", reason), Known(step, "headers.content-type", reason)


def _unprintable(step: int) -> tuple[Known, ...]:
    """A refusal of a path with control characters."""
    reason = "the refusal says what is wrong with the path; the peer's has no body"
    return tuple(Known(step, place, reason) for place in ("body", "headers.c*"))


KNOWN: dict[str, tuple[Known, ...]] = {
    "kv1 bad bodies": (
        Known(6, "body.errors.0", "null is no object; the peer takes it for an empty body and refuses that"),
        Known(15, "status", "invalid UTF-8 is refused; the peer stores replacement characters instead"),
        Known(16, "body.data.a", "follows from that refusal"),
    ),
    "kv1 list": (Known(18, "status", "a list parameter that is no boolean counts as none"),),
    "kv1 list in pages": (
        *_PAGES,
        Known(10, "status", "there is nothing after that name"),
        Known(13, "status", "a limit that is no number is refused"),
    ),
    "kv1 scan": _PAGES,
    "kv1 verbs and odd paths": (
        Known(5, "body.errors.0", "a mount's path without its last slash is the same path"),
        *_redirect(20),
        *_redirect(21),
        *_redirect(22),
        *_unprintable(26),
        *_unprintable(27),
        Known(28, "status", "a path that is not UTF-8 is the client's fault, not an internal one"),
    ),
    "kv2 bad metadata": (
        Known(7, "status", "a negative count of versions is refused; the peer makes four billion of it"),
        Known(0, "body.data.current_metadata_version", "follows from that refusal"),
        Known(24, "body.errors.0", "the sentence names no types of another language"),
        Known(30, "body.errors.0", "what cannot be printed is not printed raw"),
    ),
    "kv2 patch metadata": (
        Known(13, "body.data.delete_version_after", "null sets every setting back (RFC 7396), this one too"),
    ),
    "kv2 patch data": (
        Known(12, "status", "a patch to null is refused; in the peer the secret cannot be patched after it"),
        Known(21, "status", "follows: the peer answers 500 here"),
        Known(23, "status", "follows: the peer answers 500 here"),
        Known(0, "body.data.version", "follows: the versions written by those patches"),
        Known(20, "body.errors.0", "what the client sent is not repeated"),
        Known(22, "status", "no content type is an unsupported one: 415 as for any other"),
    ),
    "kv2 configuration": (Known(20, "status", "a negative count of versions is refused"),),
    "kv2 list, pages and scan": (
        Known(26, "body.data.keys.*", "our scans are in order of bytes, the peer's level by level"),
        Known(28, "body.data.keys", "after and limit hold for scans; the peer ignores them"),
        Known(29, "body.data.keys", "after and limit hold for scans; the peer ignores them"),
    ),
    "kv2 detailed metadata": (
        Known(14, "body.data.key*", "after and limit hold for scans; the peer ignores them"),
    ),
    "kv2 odd paths": (*_redirect(8), *_redirect(9), *_unprintable(15), *_unprintable(16)),
    "kv2 upgrade from version 1": (
        Known(4, "status", "our upgrade is done when it is answered, so there is nothing to warn of"),
    ),
    "kv2 parameters of a query are no body": (
        Known(8, "body.warnings", "parameters that mean nothing are told also where the version is deleted"),
    ),
    "cubbyhole write, read, list, delete": _PAGES,
    "cubbyhole bad input": (
        Known(2, "status", "a missing body is the client's fault: 400, not 500"),
        Known(3, "status", "an empty body is the client's fault: 400, not 500"),
        Known(5, "status", "a missing path is the client's fault: 400, not 500"),
        Known(7, "status", "a mount's path without its last slash is the same path, for policies too"),
        Known(8, "status", "nothing stands at the root: 404, not 500"),
        Known(9, "status", "a mount's path without its last slash is the same path, for policies too"),
        *_redirect(14),
    ),
    "ceremony old doors are shut": (
        Known(0, "status", "the old paths are open to a token with sudo, where the peer has none at all"),
    ),
    "ceremony generate root": (_OTP,),
    "ceremony generate root with wrong keys": (_OTP,),
}
