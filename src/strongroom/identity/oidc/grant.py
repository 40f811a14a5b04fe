"""Grants: what an authorization code stands for until an application takes its tokens, once."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from strongroom.crypto.digest import digest
from strongroom.crypto.entropy import base62
from strongroom.framework.record import stored
from strongroom.logical import SECOND

if TYPE_CHECKING:
    from strongroom.logical import Request

LIFE = 300
"""Seconds that a code is good for."""
WAKE = "oidc-code/"
"""What a wake for the end of a code begins with."""
PLAIN, S256 = "plain", "S256"
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_CHALLENGE = range(43, 129)


@dataclass(slots=True)
class Grant:
    """That somebody lets an application know who it is. ``auth_time`` is seconds, ``until`` nanoseconds."""

    provider: str
    client_id: str
    redirect_uri: str
    entity_id: str
    until: int
    scopes: list[str] = item(default_factory=list)
    nonce: str = ""
    auth_time: int = 0
    challenge: str = ""
    challenge_method: str = PLAIN

    def proved_by(self, verifier: str) -> bool:
        """Whether who takes the tokens is who asked for the code (RFC 7636)."""
        if self.challenge_method == S256:
            hashed = digest("sha2-256", verifier.encode())
            verifier = urlsafe_b64encode(hashed).rstrip(b"=").decode()
        return hmac.compare_digest(verifier.encode(), self.challenge.encode())


def is_challenge(text: str) -> bool:
    """Whether a text can be a code challenge."""
    return len(text) in _CHALLENGE


def allowed(uri: str, registered: list[str]) -> bool:
    """Whether an application may be sent to an address: exactly one of those it registered.

    For addresses on the user's own machine any port will do (RFC 8252, section 7.3).
    """
    if uri in registered:
        return True
    wanted = _loopback(uri)
    return wanted is not None and any(_loopback(one) == wanted for one in registered)


def _loopback(uri: str) -> tuple[str, ...] | None:
    """An address on the user's own machine without its port; None for any other."""
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    if parts.scheme != "http" or host not in _LOOPBACK or _userinfo(parts):
        return None
    return host, uri.partition(parts.netloc)[2]


def _userinfo(parts: SplitResult) -> bool:
    return "@" in parts.netloc


_ROWS = stored(Grant, under="oidc/code/")


def _row(request: Request, code: str) -> str:
    key: str = request.core.tokens.key("oidc-code:" + code)
    return key


def give(request: Request, grant: Grant) -> str:
    """Store a grant; gives its code, which is kept as a keyed hash only."""
    code = base62(32)
    row = _row(request, code)
    _ROWS(request).put(row, grant)
    request.wake_at(grant.until, WAKE + row)
    return code


async def take(request: Request, code: str) -> Grant | None:
    """The grant of a code, which is used up by this, or None."""
    row = _row(request, code)
    grant = await _ROWS(request).get(row)
    if grant is None:
        return None
    _ROWS(request).delete(row)
    request.let_sleep(grant.until, WAKE + row)
    return grant if request.now < grant.until else None


def ended(request: Request, row: str) -> None:
    """The time of a code is over."""
    _ROWS(request).delete(row)


def end_of(request: Request) -> int:
    """When a code ends that is given now."""
    return request.now + LIFE * SECOND
