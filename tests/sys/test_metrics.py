from __future__ import annotations

import time
from typing import Any

from strongroom.config.load import dev
from strongroom.config.stanza import ServerConfig, TelemetryStanza
from strongroom.metrics import INTERVAL
from tests.inprocess import InProcess, inprocess


def configured(**keys: Any) -> ServerConfig:
    """A server that is not in development mode, where metrics are open."""
    config = dev(address="127.0.0.1:0")
    config.dev = False
    config.telemetry = TelemetryStanza(disable_hostname=True, **keys)
    return config


def next_window(api: InProcess) -> None:
    """Close the present window now."""
    api.core.measures.tick(time.time() + INTERVAL)


def test_requests_are_timed() -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/x", {"data": {"a": "b"}})
        for _ in range(3):
            await api("GET", "secret/data/x")
        count = {series.name: series.lifetime()[0] for series in api.core.measures.metrics.series()}
        assert count["core.handle_request"] == 4
        assert count["core.check_token"] == 4
        assert count["core.fetch_acl_and_token"] == 4
        assert count["route.read.secret-"] == 3

    inprocess(scenario, configured())


def test_json_shows_the_last_interval() -> None:
    async def scenario(api: InProcess) -> None:
        await api("GET", "secret/data/x")
        next_window(api)
        body = (await api("GET", "sys/metrics")).json
        gauges = {gauge["Name"]: gauge["Value"] for gauge in body["Gauges"] if not gauge["Labels"]}
        assert gauges["vault.core.unsealed"] == 1
        assert gauges["vault.core.in_flight_requests"] == 1
        tables = [g for g in body["Gauges"] if g["Name"] == "vault.core.mount_table.num_entries"]
        assert sum(each["Value"] for each in tables) == len(api.core.mounts.by_prefix)

    inprocess(scenario, configured())


def test_leases_are_counted() -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(3):
            await api("POST", "auth/token/create", {"ttl": "1h"})
        await api("GET", "sys/metrics")
        assert api.core.measures.leases == 3
        assert api.core.measures.irrevocable == 0

    inprocess(scenario, configured())


def test_tokens_are_counted_by_kind() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "auth/token/create", {"ttl": "1h"})
        await api("POST", "auth/token/create", {"ttl": "1h", "type": "batch", "policies": ["default"]})
        found = [s for s in api.core.measures.metrics.series() if s.name == "token.creation"]
        kinds = {dict(series.labels)["token_type"]: series.lifetime()[0] for series in found}
        assert kinds == {"service": 1, "batch": 1}
        assert {dict(series.labels)["creation_ttl"] for series in found} == {"1h"}

    inprocess(scenario, configured())


def test_prometheus_only_with_a_retention() -> None:
    async def on(api: InProcess) -> None:
        answer = await api("GET", "sys/metrics?format=prometheus")
        assert answer.headers["content-type"].startswith("text/plain")
        assert b"vault_core_unsealed 1" in answer.body
        accepted = await api("GET", "sys/metrics", headers={"Accept": "text/plain; version=0.0.4"})
        assert b"vault_core_unsealed 1" in accepted.body

    async def off(api: InProcess) -> None:
        answer = await api("GET", "sys/metrics?format=prometheus")
        assert (answer.status, answer.errors) == (400, ["prometheus is not enabled"])

    inprocess(on, configured())
    inprocess(off, configured(prometheus_retention_time=0.0))


def test_a_format_that_is_none() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("GET", "sys/metrics?format=bogus")
        assert (answer.status, answer.body) == (400, b'metric response format "bogus" unknown')

    inprocess(scenario, configured())


def test_who_may_read_them() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "sys/metrics", token=None)).status == 403
        api.traits.unauthenticated_metrics_access = True
        assert (await api("GET", "sys/metrics", token=None)).status == 200
        api.traits.disallow_metrics = True
        assert (await api("GET", "sys/metrics")).status == 403
        assert (await api("GET", "sys%2Fmetrics")).status == 403
        assert (await api("GET", "sys/health", token=None)).status == 200

    inprocess(scenario, configured())


def test_a_listener_for_metrics_alone() -> None:
    async def scenario(api: InProcess) -> None:
        api.traits.metrics_only = True
        assert (await api("GET", "sys/metrics?format=prometheus")).status == 200
        for path in ("sys/health", "sys/mounts", "secret/data/x"):
            answer = await api("GET", path)
            assert (answer.status, answer.body) == (404, b"this listener only serves the metrics endpoint\n")

    inprocess(scenario, configured())


def test_lines_of_audit_are_counted() -> None:
    async def scenario(api: InProcess) -> None:
        api.core.audit.requests.taken += 2
        api.core.audit.requests.failed += 1
        api.core.measures.tick(time.time())
        api.core.measures.tick(time.time())
        count = {series.name: series.lifetime()[1] for series in api.core.measures.metrics.series()}
        assert count["audit.log_request"] == 2
        assert count["audit.log_request_failure"] == 1

    inprocess(scenario, configured())


def counted(api: InProcess) -> dict[str, int]:
    """How often each thing has happened so far."""
    return {series.name: series.lifetime()[0] for series in api.core.measures.metrics.series()}


def test_accesses_to_the_barrier_are_timed() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/v1", {"type": "kv"})
        await api("PUT", "v1/x", {"a": "b"})
        for method, name, times in (
            ("GET", "barrier.get", 1),
            ("PUT", "barrier.put", 1),
            ("LIST", "barrier.list", 1),
            ("DELETE", "barrier.delete", 1),
        ):
            before = counted(api)
            await api(method, "v1/" if method == "LIST" else "v1/x", {"a": "b"} if method == "PUT" else None)
            after = counted(api)
            assert after[name] == before[name] + times, name
        text = (await api("GET", "sys/metrics?format=prometheus")).body.decode()
        assert "vault_barrier_get_count " in text
        assert (
            f'vault_barrier_estimated_encryptions{{term="1"}} {api.core.barrier.status()["encryptions"]}'
            in text
        )

    inprocess(scenario, configured())


def test_looking_up_tokens_and_policies_is_timed() -> None:
    async def scenario(api: InProcess) -> None:
        before = counted(api)
        await api("PUT", "sys/policies/acl/p", {"policy": 'path "x" { capabilities = ["read"] }'})
        await api("GET", "sys/policies/acl/p")
        await api("LIST", "sys/policies/acl")
        await api("DELETE", "sys/policies/acl/p")
        await api("GET", "sys/mounts", token="nobody")
        after = counted(api)
        gone = {name: after[name] - before[name] for name in after if name.startswith(("policy.", "token.l"))}
        assert gone.pop("policy.get_policy") >= 1
        assert gone == {
            "policy.set_policy": 1,
            "policy.list_policies": 1,
            "policy.delete_policy": 1,
            "token.lookup": 5,
        }

    inprocess(scenario, configured())
