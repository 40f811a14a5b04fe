"""The same requests through both proxies before one server: same statuses, bodies and cache behaviour.

The server is the peer's, with a KV engine whose secrets have renewable leases.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.api import Answer
from tests.proxying import approle_of, start_proxy
from tests.server import PEER, STRONGROOM, Server, running, start_dev

_FORGETS = 0.1
"""Seconds that the peer takes to forget what was revoked: it answers first."""
ROOT = {"X-Vault-Token": "root"}


@dataclass
class Side:
    """One proxy, and what was remembered of its answers."""

    proxy: Server
    word: str
    known: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answer:
        filled = _filled(body, self.known)
        target = path.replace("/own/", f"/{self.word}/").format(**self.known)
        return self.proxy.api.request(method, target, filled, headers=_filled(headers, self.known))


def _filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda match: known[match[1]], value)
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    return value


@pytest.fixture(scope="module", params=["proxy", "agent"])
def sides(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    word = request.param
    folder = tmp_path_factory.mktemp("differential")
    with running(start_dev(PEER, folder / "server", "-dev-leased-kv")) as server:
        credentials = approle_of(server, folder / "credentials", "side")
        server.api.post("secret/leased", {"k": "v", "ttl": "1h"})
        proxies = [
            start_proxy(program, folder / name, server, command=word, credentials=credentials)
            for name, program in (("ours", STRONGROOM), ("theirs", PEER))
        ]
        with running(proxies[0]), running(proxies[1]):
            yield [Side(proxy, word) for proxy in proxies]


@dataclass(frozen=True)
class Step:
    """One request. ``keep`` remembers values of the answer by dotted name, for later ones."""

    method: str
    path: str
    body: Any = None
    headers: dict[str, str] | None = None
    keep: tuple[tuple[str, str], ...] = ()
    bodies: bool = True


def step(method: str, path: str, body: Any = None, **rest: Any) -> Step:
    return Step(method, path, body, **rest)


LEASE = (("lease", "lease_id"),)
TOKEN = (("token", "auth.client_token"), ("accessor", "auth.accessor"))
CREATE = {"ttl": "30m", "display_name": "side"}
AS_CHILD = {"X-Vault-Token": "<token>"}

SEQUENCES: dict[str, list[Step]] = {
    "a leased secret": [
        step("GET", "secret/leased", keep=LEASE),
        step("GET", "secret/leased"),
        step("GET", "secret/leased?x=1"),
        step("GET", "secret/leased", headers={"X-Other": "1"}),
        step("GET", "secret/leased", headers=ROOT),
        step("GET", "secret/leased", headers=ROOT),
        step("PUT", "sys/leases/revoke", {"lease_id": "<lease>"}),
        step("GET", "secret/leased"),
        step("GET", "secret/leased"),
    ],
    "tokens": [
        step("POST", "auth/token/create", CREATE, keep=TOKEN),
        step("POST", "auth/token/create", CREATE),
        step("GET", "secret/leased", headers=AS_CHILD),
        step("GET", "secret/leased", headers=AS_CHILD),
        step("GET", "auth/token/lookup-self", headers=AS_CHILD),
        step("POST", "auth/token/revoke-self", headers=AS_CHILD),
        step("GET", "secret/leased", headers=AS_CHILD),
        step("POST", "auth/token/create", CREATE, keep=TOKEN),
        step("POST", "auth/token/revoke", {"token": "<token>"}),
        step("POST", "auth/token/create", CREATE, keep=TOKEN),
        step("POST", "auth/token/revoke-accessor", {"accessor": "<accessor>"}),
        step("POST", "auth/token/create", CREATE, keep=TOKEN),
        step("POST", "auth/token/revoke-orphan", {"token": "<token>"}),
        step("POST", "auth/token/create", CREATE),
    ],
    "tokens that are not kept": [
        step("POST", "auth/token/create", {"renewable": False}),
        step("POST", "auth/token/create", {"renewable": False}),
        step("POST", "auth/token/create", {"type": "batch"}),
        step("POST", "auth/token/create", {"type": "batch"}),
        step("POST", "auth/token/create", CREATE, headers=ROOT),
        step("POST", "auth/token/create", CREATE, headers=ROOT),
        step("POST", "auth/token/create-orphan", CREATE, headers=ROOT),
        step("POST", "auth/token/create-orphan", CREATE, headers=ROOT),
        step("POST", "auth/token/create", {"ttl": "5m"}, headers={"X-Vault-Wrap-TTL": "60"}),
        step("POST", "auth/token/create", {"ttl": "5m"}, headers={"X-Vault-Wrap-TTL": "60"}),
    ],
    "a child of a child": [
        step("POST", "auth/token/create", {"ttl": "31m"}, keep=TOKEN),
        step("POST", "auth/token/create", {"ttl": "10m"}, headers=AS_CHILD),
        step("POST", "auth/token/create", {"ttl": "10m"}, headers=AS_CHILD),
        step("POST", "auth/token/revoke", {"token": "<token>"}, headers=ROOT),
        step("POST", "auth/token/create", {"ttl": "10m"}, headers=AS_CHILD),
        step("POST", "auth/token/create", {"ttl": "31m"}),
    ],
    "the own token": [
        step("GET", "auth/token/lookup-self"),
        step("GET", "auth/token/lookup-self", headers=ROOT),
        step("POST", "auth/token/renew-self", bodies=False),
    ],
    "plain requests": [
        step("GET", "sys/health"),
        step("HEAD", "sys/health"),
        step("LIST", "secret/"),
        step("GET", "secret/?list=true"),
        step("GET", "secret/nothing"),
        step("GET", "nothing/at/all"),
        step("PATCH", "secret/leased", {"a": 1}),
        step("POST", "secret/other", {"a": 1}),
        step("GET", "secret/leased", headers={"X-Vault-Token": "bad"}),
        step("GET", "sys/mounts"),
        step("DELETE", "secret/other"),
    ],
    "clearing": [
        step("GET", "secret/leased", keep=LEASE),
        step("POST", "/own/v1/cache-clear", {"type": "request_path", "value": "/v1/secret"}),
        step("GET", "secret/leased", keep=LEASE, bodies=False),
        step("POST", "/own/v1/cache-clear", {"type": "lease", "value": "<lease>"}),
        step("GET", "secret/leased", bodies=False),
        step("POST", "auth/token/create", {"ttl": "32m"}, keep=TOKEN),
        step("POST", "/own/v1/cache-clear", {"type": "token", "value": "<token>"}),
        step("POST", "auth/token/create", {"ttl": "32m"}, keep=TOKEN),
        step("POST", "/own/v1/cache-clear", {"type": "token_accessor", "value": "<accessor>"}),
        step("POST", "auth/token/create", {"ttl": "32m"}),
        step("POST", "auth/token/create", {"ttl": "32m"}),
        step("POST", "/own/v1/cache-clear", {"type": "all"}),
        step("POST", "auth/token/create", {"ttl": "32m"}, bodies=False),
    ],
    "its own paths": [
        step("PUT", "/own/v1/cache-clear", {"type": "lease", "value": "none"}),
        step("POST", "/own/v1/cache-clear", b""),
        step("POST", "/own/v1/cache-clear", {"type": "", "value": "x"}),
        step("POST", "/own/v1/cache-clear", {"type": "x", "value": "x"}),
        step("POST", "/own/v1/metrics"),
        step("GET", "/own/v1/quit"),
        step("GET", "/own/v1/metrics?format=prometheus", bodies=False),
    ],
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_both_proxies_answer_alike(sides: list[Side], name: str) -> None:
    ours, theirs = sides
    for one in SEQUENCES[name]:
        assert _seen(ours, one) == _seen(theirs, one), f"{one.method} {one.path}"


DIFFERENT = {
    "what a client calls itself does not make another request": [
        (step("POST", "secret/agents", {"ttl": "1h"}), "MISS", "MISS"),
        (step("GET", "secret/agents"), "MISS", "MISS"),
        (step("GET", "secret/agents", headers={"User-Agent": "another"}), "HIT", "MISS"),
    ],
}
"""What ours does otherwise, and why; after each request X-Cache of ours and of the peer's."""


@pytest.mark.parametrize("reason", DIFFERENT)
def test_where_the_proxies_differ(sides: list[Side], reason: str) -> None:
    for one, ours, theirs in DIFFERENT[reason]:
        assert [_seen(side, one)[1] for side in sides] == [ours, theirs], f"{one.method} {one.path}"


EXACT = {
    "a lease that was renewed and then revoked": [
        step("POST", "secret/renewed", {"ttl": "1h"}),
        step("GET", "secret/renewed", keep=LEASE),
        step("PUT", "sys/leases/renew", {"lease_id": "<lease>"}),
        step("PUT", "sys/leases/revoke", {"lease_id": "<lease>"}),
        step("GET", "secret/renewed"),
    ],
    "a lease of a revoked prefix": [
        step("POST", "secret/prefixed", {"ttl": "1h"}),
        step("GET", "secret/prefixed"),
        step("PUT", "sys/leases/revoke-prefix/secret", headers=ROOT),
        step("GET", "secret/prefixed"),
    ],
    "renewals": [
        step("POST", "auth/token/create", {"ttl": "33m"}, keep=TOKEN),
        step("POST", "auth/token/renew-self", headers=AS_CHILD),
        step("POST", "auth/token/renew-self", headers=AS_CHILD),
    ],
}
"""What the peer answers in one way or the other, from one run to the next: it keeps the answer to a renewal
as if it were a secret, may then forget the wrong one of two, and forgets after it has answered."""


@pytest.mark.parametrize("name", EXACT)
def test_ours_gives_out_nothing_stale(sides: list[Side], name: str) -> None:
    assert [_seen(sides[0], one)[1] for one in EXACT[name]] == ["MISS"] * len(EXACT[name])


def test_a_bearer_is_the_clients_token_and_not_the_own(sides: list[Side]) -> None:
    """The peer sends its own token then, which may do more or less than the client's."""
    bearer = {"Authorization": "Bearer root"}
    seen = [side.ask("GET", "auth/token/lookup-self", headers=bearer) for side in sides]
    assert [answer.data.get("id") for answer in seen] == ["root", None]


def _seen(side: Side, one: Step) -> tuple[int, str, Any]:
    answer = side.ask(one.method, one.path, one.body, one.headers)
    document = answer.json if answer.headers.get("content-type", "").startswith("application/json") else None
    for name, where in one.keep:
        found: Any = document
        for part in where.split("."):
            found = found[part]
        side.known[name] = found
    if side.proxy.program is PEER and ("revoke" in one.path or "clear" in one.path):
        time.sleep(_FORGETS)
    cache = answer.headers.get("x-cache", "")
    return answer.status, cache, _shape(document) if one.bodies else None


def _shape(value: Any) -> Any:
    """What two answers to the same request have in common: all but identifiers, tokens, times and nulls.

    The peer leaves out some nulls where it has hidden its own token.
    """
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items() if name not in _OWN and each is not None}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    return value


_OWN = {
    "request_id", "lease_id", "client_token", "accessor", "id", "creation_time", "expire_time", "issue_time",
    "last_renewal", "last_renewal_time", "ttl", "server_time_utc", "token", "wrapped_accessor", "wrap_info",
    "lease_duration", "identity_policies",
}  # fmt: skip
