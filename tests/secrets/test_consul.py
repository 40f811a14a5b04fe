"""Tokens of a simulated Consul: made as the role says, gone with the lease, and never left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.logical import Operation
from strongroom.secrets.consul import AccessPath, Creds
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.secrets.outsider import die_before_commit, posted, read, reap_until, restart, revoke
from tests.upstream.consul import ROOT, ConsulServer
from tests.upstream.simulator import serving


@pytest.fixture
def consul() -> Iterator[ConsulServer]:
    with serving(ConsulServer()) as simulator:
        yield simulator


@pytest.fixture
def fresh() -> Iterator[ConsulServer]:
    """A Consul whose ACL system has not been bootstrapped."""
    with serving(ConsulServer(bootstrapped=False)) as simulator:
        yield simulator


def address(consul: ConsulServer) -> str:
    return consul.url.removeprefix("http://")


async def configured(api: InProcess, consul: ConsulServer, **role: Any) -> None:
    await posted(api, "sys/mounts/consul", {"type": "consul"})
    await posted(api, "consul/config/access", {"address": address(consul), "token": ROOT})
    await posted(api, "consul/roles/r", role or {"consul_policies": "readonly"})


def test_a_token_has_what_the_role_says(consul: ConsulServer) -> None:
    role = {
        "consul_policies": "readonly,kv",
        "consul_roles": ["web"],
        "service_identities": ["api", "db:dc1,dc2"],
        "node_identities": ["n1:dc1"],
        "ttl": "1h",
        "max_ttl": "2h",
    }

    async def scenario(api: InProcess) -> None:
        await configured(api, consul, **role)
        answer = await read(api, "consul/creds/r")
        (made,) = consul.issued()
        assert answer.data == {
            "token": made["SecretID"],
            "accessor": made["AccessorID"],
            "local": False,
            "consul_namespace": "",
            "partition": "",
        }
        assert answer.json["lease_duration"] == 3600
        assert made["Policies"] == [{"Name": "readonly"}, {"Name": "kv"}]
        assert made["Roles"] == [{"Name": "web"}]
        assert made["ServiceIdentities"] == [
            {"ServiceName": "api"},
            {"ServiceName": "db", "Datacenters": ["dc1", "dc2"]},
        ]
        assert made["NodeIdentities"] == [{"NodeName": "n1", "Datacenter": "dc1"}]
        assert made["Description"].startswith("Strongroom r token ")
        assert (await read(api, "consul/roles/r")).data == {
            "consul_policies": ["readonly", "kv"],
            "policies": ["readonly", "kv"],
            "consul_roles": ["web"],
            "service_identities": ["api", "db:dc1,dc2"],
            "node_identities": ["n1:dc1"],
            "token_type": "client",
            "local": False,
            "consul_namespace": "",
            "partition": "",
            "ttl": 3600,
            "lease": 3600,
            "max_ttl": 7200,
        }

    inprocess(scenario)


def test_what_older_clients_send(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul, policies=["kv"], lease="30m", local=True)
        assert (await read(api, "consul/creds/r")).json["lease_duration"] == 1800
        assert consul.issued()[0]["Local"] is True
        await posted(api, "consul/roles/m", {"token_type": "management"})
        await read(api, "consul/creds/m")
        assert consul.issued()[1]["Policies"] == [{"Name": "global-management"}]

    inprocess(scenario)


def test_the_token_ends_with_its_lease(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul, consul_policies="kv", ttl="1h", max_ttl="90m")
        first, second = await read(api, "consul/creds/r"), await read(api, "consul/creds/r")
        assert (await revoke(api, first)).status == 204
        assert [token["AccessorID"] for token in consul.issued()] == [second.data["accessor"]]
        with later(api.core, 3000):
            renewed = await posted(api, "sys/leases/renew", {"lease_id": second.json["lease_id"]})
            assert 2390 <= renewed.json["lease_duration"] <= 2400
        with later(api.core, 5401):
            await reap_until(api, lambda: consul.issued() == [])

    inprocess(scenario)


def test_what_is_gone_already_is_taken_back(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul)
        answer = await read(api, "consul/creds/r")
        del consul.tokens[answer.data["accessor"]]
        assert (await revoke(api, answer)).status == 204

    inprocess(scenario)


def test_without_its_role_a_lease_cannot_be_renewed_but_ends(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul)
        answer = await read(api, "consul/creds/r")
        await api("DELETE", "consul/roles/r")
        renewed = await api("POST", "sys/leases/renew", {"lease_id": answer.json["lease_id"]})
        assert (renewed.status, renewed.errors) == (400, ['failed to renew entry: role "r" not found'])
        assert (await revoke(api, answer)).status == 204
        assert consul.issued() == []

    inprocess(scenario)


def test_while_consul_is_down_a_lease_waits(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul)
        answer = await read(api, "consul/creds/r")
        consul.down = True
        assert (await api("GET", "consul/creds/r")).status == 502
        refused = await revoke(api, answer)
        assert refused.errors[0].endswith("Consul cannot be reached: the connection was lost")
        consul.down = False
        with later(api.core, 1000):
            assert (await revoke(api, answer)).status == 204
        assert consul.issued() == []
        with later(api.core, 1000):
            await reap(api.core)  # what the failed request had announced is settled too
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_a_crash_before_the_commit_leaves_no_token(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul)
        await die_before_commit(api, "consul/", Creds.bind({"role": "r"}, {}), Operation.READ)
        assert len(consul.issued()) == 1
        await restart(api)
        assert consul.issued() == []
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_without_a_token_the_acl_system_is_bootstrapped(fresh: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/consul", {"type": "consul"})
        body = {"address": address(fresh)}
        await posted(api, "consul/config/access", body)
        (management,) = fresh.tokens.values()
        assert (await read(api, "consul/config/access")).data == {"address": address(fresh), "scheme": "http"}
        await posted(api, "consul/roles/r", {"consul_policies": "kv"})
        await read(api, "consul/creds/r")
        assert fresh.calls[-1].headers["x-consul-token"] == management["SecretID"]
        await posted(api, "consul/config/access", body)  # the same address: its token stays
        await read(api, "consul/creds/r")

    inprocess(scenario)


def test_a_second_bootstrap_is_refused(consul: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/consul", {"type": "consul"})
        answer = await api("POST", "consul/config/access", {"address": address(consul)})
        assert answer.status == 400
        assert "bootstrapped already" in answer.errors[0]
        assert (await api("GET", "consul/config/access")).status == 404
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_a_crash_after_the_bootstrap_does_not_lose_the_cluster(fresh: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/consul", {"type": "consul"})
        path = AccessPath.bind({}, {"address": address(fresh)})
        await die_before_commit(api, "consul/", path, Operation.UPDATE)
        assert (await api("GET", "consul/config/access")).status == 404
        await restart(api)
        assert (await read(api, "consul/config/access")).data["address"] == address(fresh)
        await posted(api, "consul/roles/r", {"consul_policies": "kv"})
        await read(api, "consul/creds/r")

    inprocess(scenario)


def test_a_known_token_never_goes_to_another_address(consul: ConsulServer, fresh: ConsulServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul)
        await posted(api, "consul/config/access", {"address": address(fresh)})
        await read(api, "consul/creds/r")
        assert fresh.calls
        assert all(ROOT not in call.headers.get("x-consul-token", "") for call in fresh.calls)

    inprocess(scenario)


@pytest.mark.parametrize(
    "role",
    (
        {},
        {"consul_policies": ""},
        {"consul_policies": "kv", "token_type": "admin"},
        {"policy": "a2V5ICIiIHt9"},
        {"service_identities": ":dc1"},
        {"node_identities": "n1"},
    ),
)
def test_roles_that_are_refused(role: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/consul", {"type": "consul"})
        assert (await api("POST", "consul/roles/r", role)).status == 400
        assert (await api("LIST", "consul/roles")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    ("role", "status"),
    (({"consul_policies": "none"}, 400), ({"consul_policies": "kv", "consul_namespace": "x"}, 400)),
)
def test_what_consul_refuses(consul: ConsulServer, role: dict[str, Any], status: int) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, consul, **role)
        assert (await api("GET", "consul/creds/r")).status == status
        assert consul.issued() == []
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_nothing_configured() -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/consul", {"type": "consul"})
        assert (await api("GET", "consul/creds/r")).errors == ['role "r" not found']
        await posted(api, "consul/roles/r", {"consul_policies": "kv"})
        assert (await api("GET", "consul/creds/r")).status == 400
        assert (await api("POST", "consul/config/access", {"token": "x"})).errors == ["missing address"]

    inprocess(scenario)
