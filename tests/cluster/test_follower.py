from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from strongroom.logical import Operation, Request
from tests.cluster.pair import Pair
from tests.inprocess import InProcess, inprocess

ALL = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "patch", "sudo"] }'


def paired(scenario: Callable[[Pair], Awaitable[None]], *, seconds: float = 40) -> None:
    """Run a scenario against a leader and a follower."""

    async def run(api: InProcess) -> None:
        pair = await Pair.of(api)
        try:
            await scenario(pair)
        finally:
            await pair.follower.lifecycle.seal()

    inprocess(run, seconds=seconds)


def test_reads_are_answered_by_the_follower_and_writes_by_the_leader() -> None:
    async def scenario(pair: Pair) -> None:
        assert (await pair.there("POST", "sys/mounts/k1", {"type": "kv"})).status == 204
        assert (await pair.there("PUT", "k1/a", {"x": 1})).status == 204
        assert (await pair.there("POST", "secret/data/a", {"data": {"x": 1}})).status == 200
        assert (await pair.here("GET", "k1/a")).data == {"x": 1}
        assert (await pair.here("GET", "secret/data/a")).data["data"] == {"x": 1}
        assert (await pair.here("GET", "secret/metadata/a")).data["current_version"] == 1
        assert (await pair.here("LIST", "secret/metadata/")).data == {"keys": ["a"]}
        assert (await pair.here("LIST", "k1/")).data == {"keys": ["a"]}
        assert (await pair.here("GET", "k1/none")).status == 404
        assert (await pair.there("DELETE", "k1/a")).status == 204
        assert (await pair.here("GET", "k1/a")).status == 404

    paired(scenario)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    (
        ("GET", "auth/token/lookup-self", None),
        ("POST", "auth/token/lookup", {"token": "root"}),
        ("GET", "sys/mounts", None),
        ("GET", "sys/auth", None),
        ("GET", "sys/policies/acl/default", None),
        ("LIST", "sys/policies/acl", None),
        ("POST", "sys/capabilities-self", {"paths": ["secret/data/a"]}),
        ("GET", "sys/health", None),
        ("GET", "sys/health?standbyok=true", None),
        ("GET", "secret/config", None),
        ("GET", "secret/data/a?help=1", None),
    ),
)
def test_what_the_follower_answers_is_what_the_leader_answers(method: str, path: str, body: Any) -> None:
    async def scenario(pair: Pair) -> None:
        ours = await pair.here(method, path, body)
        theirs = await pair.leader(method, path, body)
        assert ours.status == theirs.status == 200
        volatile = {"request_id", "server_time_utc", "lease_id"}
        assert {k: v for k, v in ours.json.items() if k not in volatile} == {
            k: v for k, v in theirs.json.items() if k not in volatile
        }
        assert ours.headers.keys() == theirs.headers.keys()

    paired(scenario)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    (
        ("GET", "secret/data/a", {"X-Vault-Wrap-TTL": "60"}),
        ("GET", "sys/leader", {}),
        ("GET", "sys/seal-status", {}),
        ("GET", "sys/in-flight-req", {}),
        ("GET", "sys/metrics", {}),
        ("GET", "nothing/here", {}),
        ("GET", "sys/no-such-path", {}),
        ("POST", "auth/token/create", {}),
    ),
)
def test_what_only_the_leader_can_answer_is_handed_over(
    method: str, path: str, headers: dict[str, str]
) -> None:
    async def scenario(pair: Pair) -> None:
        assert (await pair.leader("POST", "secret/data/a", {"data": {"x": 1}})).status == 200
        ours = await pair.there(method, path, headers=headers)
        theirs = await pair.leader(method, path, headers=headers)
        assert ours.status == theirs.status

    paired(scenario)


def test_uses_are_counted_by_the_leader_alone() -> None:
    async def scenario(pair: Pair) -> None:
        token = await pair.leader.policy_token(ALL, num_uses=3)
        for _ in range(3):
            assert (await pair.there("GET", "auth/token/lookup-self", token=token)).status == 200
        assert (await pair("GET", "auth/token/lookup-self", token=token)).status == 403

    paired(scenario)


def test_requests_that_a_rate_limit_counts_are_counted_in_one_place() -> None:
    async def scenario(pair: Pair) -> None:
        rule = {"path": "secret/", "rate": 3, "interval": "10m"}
        assert (await pair.leader("POST", "sys/quotas/rate-limit/r", rule)).status == 204
        answers = [await pair.there("GET", "secret/config") for _ in range(2)]
        answers += [await pair.leader("GET", "secret/config") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200, 200, 429]
        assert (await pair.here("GET", "auth/token/lookup-self")).status == 200

    paired(scenario)


def test_what_was_acknowledged_is_seen_by_the_very_next_read() -> None:
    """Thousands of rounds: once the leader has acknowledged a change, the follower shows no older state."""

    async def scenario(pair: Pair) -> None:
        rounds = Rounds(pair, random.Random(7))
        await rounds.begin()
        for _ in range(2_000):
            await rounds.one()
        assert min(rounds.counts.values()) > 100, rounds.counts

    paired(scenario, seconds=120)


class Rounds:
    """A change by the leader, or through the follower, then a look by the follower."""

    def __init__(self, pair: Pair, chance: random.Random) -> None:
        self.pair = pair
        self.chance = chance
        self.counts: dict[str, int] = {}
        self.number = 0
        self.allowed = True
        self.mounted = True
        self.token = ""
        self.open = True

    async def begin(self) -> None:
        await self._policy(allowed=True)
        self.token = await self._new_token()
        assert (await self.pair.leader("POST", "sys/mounts/m", {"type": "kv"})).status == 204

    async def one(self) -> None:
        work = self.chance.choice(
            (self.write, self.revoke, self.policy, self.mount, self.lookup, self.delete)
        )
        self.counts[work.__name__] = self.counts.get(work.__name__, 0) + 1
        self.number += 1
        await work()

    def _by(self) -> Any:
        return self.pair.leader if self.chance.random() < 0.5 else self.pair

    async def _new_token(self) -> str:
        answer = await self._by()("POST", "auth/token/create", {"policies": ["p"]})
        return str(answer.json["auth"]["client_token"])

    async def _policy(self, *, allowed: bool) -> None:
        path = "secret/*" if allowed else "nowhere"
        rules = f'path "{path}" {{ capabilities = ["read"] }}'
        assert (await self._by()("PUT", "sys/policies/acl/p", {"policy": rules})).status == 204
        self.allowed = allowed

    async def write(self) -> None:
        await self._by()("POST", "secret/data/a", {"data": {"n": self.number}})
        answer = await self.pair.here("GET", "secret/data/a")
        assert answer.data["data"] == {"n": self.number}

    async def delete(self) -> None:
        await self._by()("POST", "secret/data/d", {"data": {"n": self.number}})
        assert (await self.pair.here("GET", "secret/data/d")).status == 200
        await self._by()("DELETE", "secret/metadata/d")
        assert (await self.pair.here("GET", "secret/data/d")).status == 404

    async def revoke(self) -> None:
        assert (await self.pair.here("GET", "auth/token/lookup-self", token=self.token)).status == 200
        await self._by()("POST", "auth/token/revoke", {"token": self.token})
        assert (await self.pair.here("GET", "auth/token/lookup-self", token=self.token)).status == 403
        self.token = await self._new_token()
        assert (await self.pair.here("GET", "auth/token/lookup-self", token=self.token)).status == 200

    async def policy(self) -> None:
        await self._policy(allowed=not self.allowed)
        status = (await self.pair.here("GET", "secret/config", token=self.token)).status
        assert status == (200 if self.allowed else 403)

    async def mount(self) -> None:
        if self.mounted:
            await self._by()("PUT", "m/a", {"n": self.number})
            assert (await self.pair.here("GET", "m/a")).data == {"n": self.number}
            assert (await self._by()("DELETE", "sys/mounts/m")).status == 204
        else:
            assert (await self._by()("POST", "sys/mounts/m", {"type": "kv"})).status == 204
        self.mounted = not self.mounted
        answer = await self.pair("GET", "m/a")
        assert answer.status == 404
        assert bool(answer.json["errors"]) is not self.mounted

    async def lookup(self) -> None:
        accessor = (await self.pair.here("GET", "auth/token/lookup-self", token=self.token)).data["accessor"]
        assert (
            await self.pair.here("POST", "auth/token/lookup-accessor", {"accessor": accessor})
        ).status == 200


def test_seal_and_unseal_reach_the_follower_before_the_answer() -> None:
    async def scenario(pair: Pair) -> None:
        for _ in range(20):
            assert (await pair.here("GET", "secret/config")).status == 200
            assert (await pair.there("PUT", "sys/seal")).status == 204
            assert pair.follower.barrier.sealed
            assert (await pair.there("GET", "secret/config")).status == 503
            await pair.leader.core.lifecycle.submit(pair.leader.key)
        assert (await pair.here("GET", "secret/config")).status == 200

    paired(scenario)


def test_new_data_keys_and_new_root_keys_are_followed() -> None:
    async def scenario(pair: Pair) -> None:
        for number in range(30):
            assert (await pair.leader("POST", "sys/rotate")).status == 204
            if number % 3:
                assert (await pair.leader("POST", "sys/rotate/root")).status == 204
            await pair.leader("POST", "secret/data/a", {"data": {"n": number}})
            answer = await pair("GET", "secret/data/a")
            assert answer.data["data"] == {"n": number}
            if pair.reached.wanted:  # by more than one step at once: the leader is asked for the key
                pair.reached.wanted = 0
                assert await pair.follower.unlock(bytes(pair.leader.core.barrier.ring.root_key))
            assert (await pair.here("GET", "secret/data/a")).data["data"] == {"n": number}

    paired(scenario)


def test_a_root_key_of_yesterday_is_told_from_the_right_one() -> None:
    async def scenario(pair: Pair) -> None:
        old = bytes(pair.leader.core.barrier.ring.root_key)
        await pair.follower.lifecycle.seal()
        assert (await pair.leader("POST", "sys/rotate/root")).status == 204
        assert await pair.follower.unlock(old) is False
        assert pair.follower.barrier.sealed
        assert await pair.follower.unlock(bytes(pair.leader.core.barrier.ring.root_key))

    paired(scenario)


def test_every_request_is_in_the_audit_log_exactly_once_whoever_answers(tmp_path: Path) -> None:
    async def scenario(pair: Pair) -> None:
        log = tmp_path / "audit.log"
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await pair.leader("PUT", "sys/audit/f", device)).status == 204
        seen = []
        for number in range(200):
            answer = await pair.there("POST", "secret/data/a", {"data": {"n": number}})
            seen.append(answer.json["request_id"])
            answer = await pair.here("GET", "secret/data/a")
            seen.append(answer.json["request_id"])
        lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
        for kind in ("request", "response"):
            ids = [line["request"]["id"] for line in lines if line["type"] == kind]
            assert sorted(each for each in ids if each in set(seen)) == sorted(seen)
        assert (await pair.leader("DELETE", "sys/audit/f")).status == 204
        await pair.here("GET", "secret/data/a")
        size = log.stat().st_size
        await pair.here("GET", "secret/data/a")
        assert log.stat().st_size == size

    paired(scenario)


def test_the_follower_refuses_when_no_audit_device_takes_the_line(tmp_path: Path) -> None:
    async def scenario(pair: Pair) -> None:
        folder = tmp_path / "audit"
        folder.mkdir()
        device = {"type": "file", "options": {"file_path": str(folder / "log")}}
        assert (await pair.leader("PUT", "sys/audit/f", device)).status == 204
        assert (await pair.here("GET", "secret/config")).status == 200
        for one in pair.follower.audit.devices.values():
            one.sink.close()
        (folder / "log").unlink()
        (folder / "log").mkdir()
        assert (await pair.here("GET", "secret/config")).status == 500

    paired(scenario)


def test_metrics_are_those_of_all_processes() -> None:
    async def scenario(pair: Pair) -> None:
        await pair.there("PUT", "secret/data/a", {"data": {"x": 1}})
        before = await requests_counted(pair)
        for _ in range(5):
            await pair.here("GET", "secret/data/a")
        await pair.there("PUT", "secret/data/a", {"data": {"x": 2}})
        await pair.leader("GET", "secret/data/a")
        after = await requests_counted(pair)
        assert after["vault_route_read_secret__count"] - before.get("vault_route_read_secret__count", 0) == 6
        # Those seven, and the question for the metrics; what was handed over counts once.
        assert after["vault_core_handle_request_count"] - before["vault_core_handle_request_count"] == 8

    paired(scenario)


async def requests_counted(pair: Pair) -> dict[str, float]:
    text = (await pair.leader("GET", "sys/metrics?format=prometheus")).body.decode()
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_requests_under_way_are_those_of_all_processes() -> None:
    async def scenario(pair: Pair) -> None:
        request = Request(id="r1", operation=Operation.READ, path="secret/data/a", remote_address="192.0.2.1")
        pair.follower.in_flight["r1"] = request
        found = (await pair.leader("GET", "sys/in-flight-req")).json
        assert found["r1"]["request_path"] == "/v1/secret/data/a"
        assert {each["request_path"] for each in found.values()} == {
            "/v1/secret/data/a",
            "/v1/sys/in-flight-req",
        }
        assert (await requests_counted(pair))["vault_core_in_flight_requests"] == 2
        del pair.follower.in_flight["r1"]

    paired(scenario)


def test_namespaces_are_entered_by_the_follower_as_by_the_leader() -> None:
    async def scenario(pair: Pair) -> None:
        team: dict[str, Any] = {"headers": {"X-Vault-Namespace": "team"}}
        assert (await pair("GET", "team/kv1/a")).status == 404
        assert (await pair.here("GET", "sys/mounts", **team)).status == 404
        assert (await pair.there("POST", "sys/namespaces/team", {})).status == 200
        assert (await pair.here("LIST", "sys/namespaces")).data["keys"] == ["team/"]
        assert (await pair.there("POST", "sys/mounts/kv1", {"type": "kv"}, **team)).status == 204
        assert (await pair.there("POST", "team/kv1/a", {"x": 1})).status == 204
        assert (await pair.here("GET", "team/kv1/a")).data == {"x": 1}
        assert (await pair.here("GET", "kv1/a", **team)).data == {"x": 1}
        assert (await pair("GET", "kv1/a")).status == 404
        made = await pair.there("POST", "auth/token/create", {"policies": ["default"]}, **team)
        own = made.json["auth"]["client_token"]
        elsewhere: dict[str, Any] = {}
        for options in (elsewhere, team):
            known = await pair.here("GET", "auth/token/lookup-self", token=own, **options)
            assert known.data["namespace_path"] == "team/"
        assert (await pair.here("GET", "sys/mounts", token=own)).status == 403
        refused = await pair("GET", "sys/health", **team)
        assert (refused.status, refused.errors) == (400, ["operation unavailable in namespaces"])
        assert (await pair.there("DELETE", "sys/namespaces/team")).status == 200
        assert (await pair("GET", "team/kv1/a")).status == 404
        assert (await pair.here("GET", "kv1/a", **team)).status == 404
        assert (await pair.here("GET", "auth/token/lookup-self", token=own)).status == 403

    paired(scenario)


def test_a_rate_limit_of_a_namespace_is_counted_by_the_leader() -> None:
    async def scenario(pair: Pair) -> None:
        assert (await pair.there("POST", "sys/namespaces/team", {})).status == 200
        rule = {"rate": 1, "interval": 3600, "path": "team"}
        assert (await pair.there("POST", "sys/quotas/rate-limit/q", rule)).status == 204
        assert [(await pair.there("GET", "team/sys/mounts")).status for _ in range(2)] == [200, 429]
        assert (await pair.here("GET", "sys/mounts")).status == 200

    paired(scenario)
