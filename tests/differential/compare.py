"""Answers made comparable: what must differ between two servers is masked, the rest compared to the value."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.api import Answer
from tests.differential.case import Step

_TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| ?[+-]\d\d:?\d\d( \w+)?)( m=[+-][\d.]+)?"
_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (_TIME, "<time>"),
        (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<uuid>"),
        (r"\b(s|hvs|srs)\.[A-Za-z0-9]{24}\b", "<service token>"),
        (r"\b(b|hvb|srb)\.[A-Za-z0-9_-]{40,}", "<batch token>"),
        (r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "<jwt>"),
        (r"\b([a-z]+(?:_[a-z-]+)*)_[0-9a-f]{8}\b", r"\1_<accessor>"),
        (r"\b(vault-cluster|strongroom-cluster|strongroom)-[0-9a-f]{8}\b", "<cluster>"),
        (r"^[A-Za-z0-9]{24}(?=$|\.)", "<accessor>"),  # in a namespace its ID stands behind
        (r"hmac-sha256:[0-9a-f]{64}", "<hmac>"),
        # Certificates, keys and CRLs are drawn: that there is one, and of which kind, is compared.
        (r"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----", r"<\1>"),
        (r"\b([0-9a-f]{2}:){15,}[0-9a-f]{2}\b", "<serial>"),
        (r"^M[A-Za-z0-9+/]{100,}={0,2}$", "<der>"),
        # How a decoder words what it stumbled over is its own; that it did is not.
        (r"failed to decode JSON input: .*", "failed to decode JSON input: <why>"),
        (r"error parsing given PGP key: .*", "error parsing given PGP key"),
        (r"(unable to retrieve stored keys: invalid key): .*", r"\1: <why>"),
        (
            r'(?s)(?:Field validation failed: )?error converting input for field ("[^"]+"): .*',
            r"error converting input for field \1: <why>",
        ),
        # A refused duration is quoted by the peer; ours never repeats what was submitted.
        (r'time: unknown unit "[^"]*" in duration', "time: unknown unit in duration"),
        (r'(time: [a-z ]+ duration) ".*"', r"\1"),
        (
            r"If using the [A-Za-z ]+, use '(?:bao|vault|strongroom) ",
            "If using the <client>, use '<command> ",
        ),
        (r"\b(OpenBao|Vault|Strongroom)\b", "<product>"),
        # What is left of a life runs while the test does; the lease duration beside it is compared.
        (r'(effective max_ttl of) "\w+"', r'\1 "<left>"'),
        (r"127\.0\.0\.1:\d+", "<address>"),
        (r"\bv?\d+\.\d+\.\d+\+builtin[.\w]*", "<version>"),
        (r"^v?\d+\.\d+\.\d+(\+[\w.]+)?$", "<version>"),
    )
)

# Members whose value is the server's own, not the protocol's; only their type is compared.
_OWN = frozenset(
    (
        "accessor",
        "active_time",
        "build_date",
        "client_id",
        "client_remote_address",
        "cluster_id",
        "cluster_name",
        "commit_date",
        "creation_time",
        "encoded_root_token",
        "encoded_token",
        "encryptions",
        "expiration",
        "hash",
        "keys_base64",
        "nonce",
        "not_before",
        "otp",
        "raft_applied_index",
        "raft_committed_index",
        "random_bytes",
        "remote_port",
        "request_id",
        "revocation_time",
        "root_token",
        "server_time_utc",
    )
)
# Seconds that run while the test does: equal when they round up to the same five.
_RUNNING = frozenset(("ttl", "lease_duration"))

_BINARY = frozenset(("application/pkix-cert", "application/pkix-crl", "application/ocsp-response"))
"""Types of what is drawn or signed anew each time."""

_MISSING = object()


def normalize(value: Any, known: dict[str, str], key: str = "") -> Any:
    """``value`` without what differs between any two servers. ``known`` maps kept values to their names."""
    if isinstance(value, dict):
        return {mask(k, known): normalize(v, known, k) for k, v in value.items()}
    if isinstance(value, list):
        items = [normalize(item, known, key) for item in value]
        random = key == "keys" and all(isinstance(item, str) and item.startswith("<") for item in items)
        return sorted(items) if random else items
    if isinstance(value, str):
        masked = mask(value, known)
        return "<own>" if key in _OWN and masked and "<" not in masked else masked
    if key in _RUNNING and type(value) is int:
        return -(-value // 5) * 5
    if key in _OWN and type(value) in (int, float):
        return "<number>"
    return value


def mask(text: str, known: dict[str, str]) -> str:
    for value, name in known.items():
        text = text.replace(value, f"<{name}>")
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


def document(answer: Answer) -> Any:
    """The body as JSON, or the text when it is none."""
    try:
        return answer.json
    except ValueError:
        return answer.body.decode(errors="replace")


def comparable(answer: Answer, known: dict[str, str], step: Step) -> dict[str, Any]:
    """What of an answer is compared: status, the headers that clients read, the body."""
    body: Any = None if 300 <= answer.status < 400 else document(answer)  # a redirect's page is for people
    if answer.headers.get("content-type", "") in _BINARY and answer.body[:1] == b"0":
        body = "<binary>"
    if step.unordered and lookup(body, "data.keys") != "<missing>":
        body["data"]["keys"].sort()
    if step.only:
        body = {place: lookup(body, place) for place in step.only}
    headers = {name: answer.headers.get(name) for name in ("cache-control", "allow", "location")}
    if body is not None:
        headers["content-type"] = answer.headers.get("content-type")
    return normalize({"status": answer.status, "headers": headers, "body": body}, known)  # type: ignore[no-any-return]


def lookup(value: Any, place: str) -> Any:
    """What stands at a dotted place (list positions are numbers), or ``<missing>``."""
    for part in place.split(".") if place else ():
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, dict) and f"{part}/" in value:
            value = value[f"{part}/"]
        else:
            return "<missing>"
    return value


def differences(theirs: Any, ours: Any, place: str = "") -> dict[str, str]:
    """Place to sentence, for every place where two normalised values differ; empty when they are equal."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        found: dict[str, str] = {}
        for key in [*theirs, *(k for k in ours if k not in theirs)]:
            inner = f"{place}.{key}" if place else str(key)
            found |= differences(theirs.get(key, _MISSING), ours.get(key, _MISSING), inner)
        return found
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        found = {}
        for position, pair in enumerate(zip(theirs, ours, strict=True)):
            found |= differences(*pair, f"{place}.{position}")
        return found
    if type(theirs) is type(ours) and theirs == ours:
        return {}
    return {place: f"{place}: peer {show(theirs)}, ours {show(ours)}"}


def show(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."
