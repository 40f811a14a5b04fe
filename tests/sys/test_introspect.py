from __future__ import annotations

from strongroom import __version__
from strongroom.config.load import dev
from tests.inprocess import InProcess, inprocess


def test_requests_in_flight() -> None:
    async def scenario(api: InProcess) -> None:
        found = (await api("GET", "sys/in-flight-req", address="10.0.0.9")).json
        assert len(found) == 1
        (one,) = found.values()
        assert one["request_path"] == "/v1/sys/in-flight-req"
        assert one["request_method"] == "GET"
        assert one["client_remote_address"].startswith("10.0.0.9:")
        assert (await api("GET", "sys/in-flight-req", token=None)).status == 403
        api.traits.unauthenticated_in_flight_requests_access = True
        assert (await api("GET", "sys/in-flight-req", token=None)).status == 200

    inprocess(scenario)


def test_the_machine() -> None:
    async def scenario(api: InProcess) -> None:
        data = (await api("GET", "sys/host-info")).data
        assert set(data) == {"cpu", "cpu_times", "disk", "host", "memory", "timestamp"}
        assert data["host"]["hostname"]
        token = await api.policy_token('path "sys/host-info" { capabilities = ["read"] }')
        assert (await api("GET", "sys/host-info", token=token)).status == 403

    inprocess(scenario)


def test_the_version_that_opened_the_storage_is_noted_once() -> None:
    async def scenario(api: InProcess) -> None:
        first = (await api("LIST", "sys/version-history")).data
        assert first["keys"] == [__version__]
        assert first["key_info"][__version__]["previous_version"] is None
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        assert (await api("GET", "sys/version-history?list=true")).data == first
        assert (await api("GET", "sys/version-history")).status == 405

    inprocess(scenario)


def test_counters() -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("GET", "sys/internal/counters/tokens")).data["counters"]["service_tokens"][
            "total"
        ]
        await api("POST", "auth/token/create", {"ttl": "1h"})
        after = (await api("GET", "sys/internal/counters/tokens")).data["counters"]["service_tokens"]["total"]
        assert after == before + 1
        entities = await api("GET", "sys/internal/counters/entities")
        assert entities.data == {"counters": {"entities": {"total": 0}}}
        assert (await api("GET", "sys/internal/counters/requests")).status == 404

    inprocess(scenario)


def test_the_router() -> None:
    config = dev(address="127.0.0.1:0")
    config.dev = False

    async def off(api: InProcess) -> None:
        assert (await api("GET", "sys/internal/inspect/router/root")).status == 404

    async def on(api: InProcess) -> None:
        for tag in ("root", "storage", "uuid", "accessor"):
            found = (await api("GET", f"sys/internal/inspect/router/{tag}")).data[tag]
            assert {mount["mount_path"] for mount in found} >= {"secret/", "token/", "sys/"}
            assert all(("storage_prefix" in mount) is (tag in {"root", "storage"}) for mount in found)
        assert (await api("GET", "sys/internal/inspect/router/nonsense")).status == 404

    inprocess(off, config)
    config.introspection_endpoint = True
    inprocess(on, config)


def test_what_there_is_nothing_of() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "sys/replication/status", token=None)).data["dr"] == {"mode": "disabled"}
        assert (await api("GET", "sys/locked-users")).data["total"] == 0
        assert (await api("POST", "sys/locked-users/x/unlock/y", {})).status == 204

    inprocess(scenario)
