"""Reading out of a request what it ends: tokens and leases that are revoked through the proxy."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import msgspec

from strongroom.agent.cache.identity import fingerprint
from strongroom.agent.cache.question import Question

_PATH = re.compile(
    r"/v1/(?P<space>(?:.+/)?)"
    r"(?:auth/token/(?P<token>revoke(?:-self|-orphan|-accessor)?)"
    r"|sys/(?:leases/)?(?P<lease>revoke(?:-prefix|-force)?)(?:/(?P<of>.+))?"
    r"|sys/(?P<table>mounts|auth)/(?P<mount>.+?)/?)"
)


@dataclass(frozen=True, slots=True)
class Ending:
    """What a request ends, once the server has done it: at most one of these is set."""

    token: str = ""
    """Stands for the token; what hangs from it ends as well, ``children`` only if so."""
    children: bool = True
    accessor: str = ""
    lease_id: str = field(default="", repr=False)
    prefix: str = ""
    namespace: str = ""


def ending(question: Question) -> Ending | None:
    """What a request would end; None for one that ends nothing."""
    if question.reads:
        return None
    match = _PATH.fullmatch(question.path)
    if match is None:
        return None
    space = "/".join(filter(None, (question.namespace, match["space"].strip("/"))))
    if match["table"]:
        auth = "auth/" if match["table"] == "auth" else ""
        return (
            Ending(prefix=f"{auth}{match['mount']}/", namespace=space)
            if question.method == "DELETE"
            else None
        )
    if question.method not in {"POST", "PUT"}:
        return None
    if match["token"]:
        return _of_token(match["token"], question)
    return _of_lease(match["lease"], match["of"] or "", question, space)


def _of_token(word: str, question: Question) -> Ending | None:
    if word == "revoke-self":
        return Ending(token=question.owner)
    given = _fields(question.body)
    if word == "revoke-accessor":
        return Ending(accessor=given("accessor")) if given("accessor") else None
    token = given("token")
    return Ending(token=fingerprint(token), children=word == "revoke") if token else None


def _of_lease(word: str, of: str, question: Question, space: str) -> Ending | None:
    if word == "revoke":
        lease = of or _fields(question.body)("lease_id")
        return Ending(lease_id=lease, namespace=space) if lease else None
    return Ending(prefix=of, namespace=space) if of else None


def _fields(body: bytes) -> Any:
    try:
        found = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = {}

    def text(name: str) -> str:
        value = found.get(name) if isinstance(found, dict) else None
        return unquote(value) if isinstance(value, str) and name == "lease_id" else str(value or "")

    return text
