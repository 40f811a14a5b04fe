from __future__ import annotations

from typing import Any

import pytest

from strongroom.auth.token import TokenAuth
from strongroom.logical import Request
from tests.inprocess import InProcess, inprocess

RATE = "sys/quotas/rate-limit"
COUNT = "sys/quotas/lease-count"


def test_a_limit_refuses_the_request_after_the_last() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", f"{RATE}/q", {"rate": 2, "interval": "1h", "path": "secret"})).status == 204
        assert [(await api("GET", "secret/data/x")).status for _ in range(4)] == [404, 404, 429, 429]
        answer = await api("GET", "secret/data/x")
        assert answer.errors == ['request path "secret/data/x": rate limit quota exceeded']
        assert "x-ratelimit-limit" not in answer.headers
        assert (await api("GET", "sys/mounts")).status == 200
        assert (await api("DELETE", f"{RATE}/q")).status == 204
        assert (await api("GET", "secret/data/x")).status == 404

    inprocess(scenario)


def test_clients_are_counted_apart() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        assert (await api("GET", "secret/data/x", address="10.0.0.1")).status == 404
        assert (await api("GET", "secret/data/x", address="10.0.0.1")).status == 429
        assert (await api("GET", "secret/data/x", address="10.0.0.2")).status == 404

    inprocess(scenario)


def test_headers_tell_the_limit_when_they_may() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/quotas/config", {"enable_rate_limit_response_headers": True})
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        first = await api("GET", "secret/data/x")
        assert first.headers["x-ratelimit-limit"] == "1"
        assert first.headers["x-ratelimit-remaining"] == "0"
        second = await api("GET", "secret/data/x")
        assert second.status == 429
        assert int(second.headers["retry-after"]) > 3_500

    inprocess(scenario)


def test_exempt_paths_are_not_counted() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/quotas/config", {"rate_limit_exempt_paths": ["secret/data/free*"]})
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        assert [(await api("GET", "secret/data/free/x")).status for _ in range(3)] == [404] * 3
        assert [(await api("GET", "secret/data/x")).status for _ in range(2)] == [404, 429]

    inprocess(scenario)


def test_another_rule_does_not_start_the_count_anew() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        await api("GET", "secret/data/x")
        await api("POST", f"{RATE}/other", {"rate": 1, "interval": "1h", "path": "cubbyhole"})
        assert (await api("GET", "secret/data/x")).status == 429
        await api("POST", f"{RATE}/q", {"rate": 2, "interval": "1h", "path": "secret"})
        assert [(await api("GET", "secret/data/x")).status for _ in range(3)] == [404, 404, 429]

    inprocess(scenario)


def test_a_refused_request_is_counted_for_the_metrics() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        for _ in range(3):
            await api("GET", "secret/data/x")
        counter = api.core.measures.metrics.counter("quota.rate_limit.violation", {"name": "q"})
        assert counter.lifetime() == (2, 2.0)

    inprocess(scenario)


def test_rules_are_kept_over_a_seal() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{RATE}/q", {"rate": 1, "interval": "1h", "path": "secret"})
        await api("PUT", "sys/seal")
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        assert (await api("LIST", RATE)).data == {"keys": ["q"]}
        assert [(await api("GET", "secret/data/x")).status for _ in range(2)] == [404, 429]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("body", "sentence"),
    (
        ({}, "'rate' is invalid"),
        ({"rate": -1}, "'rate' is invalid"),
        ({"rate": "x"}, 'error converting input for field "rate": expected a number'),
        ({"rate": 5, "path": "nonsense/x"}, 'invalid mount path "nonsense/x/"'),
        ({"rate": 5, "path": "auth"}, 'invalid mount path "auth/"'),
        ({"rate": 5, "path": "cubbyhole"}, 'quota rule with similar properties exists under the name "q"'),
        (
            {"rate": 5, "path": "auth/token", "role": "r"},
            'Mount path "auth/token/" does not support use with role-based quotas',
        ),
    ),
)
def test_rules_that_make_no_sense(body: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", f"{RATE}/q", {"rate": 1000, "path": "cubbyhole/"})).status == 204
        answer = await api("POST", f"{RATE}/x", body)
        assert (answer.status, answer.errors) == (400, [sentence])
        assert (await api("GET", f"{RATE}/x")).status == 404

    inprocess(scenario)


def test_a_rule_reads_as_it_was_written() -> None:
    async def scenario(api: InProcess) -> None:
        body = {"rate": 50.5, "interval": "1m", "block_interval": "2m", "path": "/secret//"}
        await api("POST", f"{RATE}/q", body)
        assert (await api("GET", f"{RATE}/q")).data == {
            "name": "q",
            "type": "rate-limit",
            "path": "secret/",
            "role": "",
            "rate": 50.5,
            "interval": 60,
            "block_interval": 120,
            "inheritable": False,
        }

    inprocess(scenario)


def test_leases_are_bounded() -> None:
    async def scenario(api: InProcess) -> None:
        body = {"max_leases": 2, "path": "auth/token"}
        assert (await api("POST", f"{COUNT}/q", body)).status == 204
        made = [await api("POST", "auth/token/create", {"ttl": "1h"}) for _ in range(3)]
        assert [answer.status for answer in made] == [200, 200, 429]
        assert made[2].errors == ['request path "auth/token/create": lease count quota exceeded']
        known = (await api("GET", f"{COUNT}/q")).data
        assert (known["counter"], known["max_leases"], known["path"]) == (2, 2, "auth/token/")
        one = made[0].json["auth"]["client_token"]
        assert (await api("POST", "auth/token/revoke", {"token": one})).status == 204
        assert (await api("POST", "auth/token/create", {"ttl": "1h"})).status == 200
        assert (await api("DELETE", f"{COUNT}/q")).status == 204
        assert (await api("LIST", COUNT)).status == 404
        assert (await api("POST", "auth/token/create", {"ttl": "1h"})).status == 200

    inprocess(scenario)


def test_a_refused_lease_leaves_no_token() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", f"{COUNT}/q", {"max_leases": 1})
        await api("POST", "auth/token/create", {"ttl": "1h"})
        before = (await api("LIST", "auth/token/accessors")).data["keys"]
        assert (await api("POST", "auth/token/create", {"ttl": "1h"})).status == 429
        assert (await api("LIST", "auth/token/accessors")).data["keys"] == before

    inprocess(scenario)


def test_a_bound_needs_a_number() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", f"{COUNT}/q", {})).status == 400
        assert (await api("POST", f"{COUNT}/q", {"max_leases": 1, "path": "nonsense"})).status == 400

    inprocess(scenario)


def test_a_rule_for_a_role_counts_that_role_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def role_of(_: TokenAuth, request: Request) -> str:
        return str(request.data.get("role", ""))

    monkeypatch.setattr(TokenAuth, "role_of", role_of, raising=False)

    async def scenario(api: InProcess) -> None:
        body = {"rate": 1, "interval": "1h", "path": "auth/token", "role": "r"}
        assert (await api("POST", f"{RATE}/q", body)).status == 204
        path = "auth/token/lookup-self"
        assert [(await api("POST", path, {"role": "r"})).status for _ in range(2)] == [200, 429]
        assert [(await api("POST", path, {"role": "s"})).status for _ in range(2)] == [200, 200]

    inprocess(scenario)


def test_roles_are_for_auth_methods() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", f"{RATE}/q", {"rate": 1, "path": "cubbyhole", "role": "r"})
        assert answer.status == 400
        assert "not a valid auth method" in answer.errors[0]

    inprocess(scenario)
