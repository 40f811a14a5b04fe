"""When two requests are the same request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

IRRELEVANT = frozenset({
    "accept", "accept-encoding", "accept-language", "authorization", "cache-control", "connection",
    "content-length", "date", "dnt", "expect", "host", "keep-alive", "origin", "pragma", "priority",
    "proxy-connection", "referer", "sec-fetch-dest", "sec-fetch-mode", "sec-fetch-site", "te", "traceparent",
    "tracestate", "trailer", "transfer-encoding", "upgrade", "user-agent", "x-correlation-id", "x-request-id",
    "x-vault-index", "x-vault-request", "x-vault-token",
})  # fmt: skip
"""Headers that change nothing about what is asked for. The token is counted apart.

What is not listed counts: an engine may be told to look at any header.
"""


def identity(method: str, target: str, headers: Mapping[str, str], body: bytes, token: str) -> str:
    """SHA-256 (hex) over everything that decides the answer. Header names are in lower case.

    Each part is preceded by its length, so that no two requests run into the same bytes.
    """
    counted = sorted((name, value) for name, value in headers.items() if name not in IRRELEVANT)
    parts = [
        method.encode(),
        target.encode("utf-8", "surrogateescape"),
        token.encode("utf-8", "surrogateescape"),
    ]
    parts += [text.encode("utf-8", "surrogateescape") for pair in counted for text in pair]
    state = hashlib.sha256()
    for part in (*parts, body):
        state.update(b"%d:" % len(part))
        state.update(part)
    return state.hexdigest()


def fingerprint(token: str) -> str:
    """What stands for a token where only sameness matters."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest() if token else ""
