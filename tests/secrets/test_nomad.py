"""Tokens of a simulated Nomad: made as the role says, gone with the lease, and never left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.logical import Operation
from strongroom.secrets import nomad as engine
from strongroom.secrets.nomad import AccessPath, Creds
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, rows
from tests.secrets.outsider import die_before_commit, posted, read, reap_until, restart, revoke
from tests.upstream.nomad import ROOT, NomadServer
from tests.upstream.simulator import serving


@pytest.fixture(params=(False, True), ids=("new", "old"))
def nomad(request: pytest.FixtureRequest) -> Iterator[NomadServer]:
    with serving(NomadServer(old=request.param)) as simulator:
        yield simulator


@pytest.fixture
def fresh() -> Iterator[NomadServer]:
    """A Nomad whose ACL system has not been bootstrapped."""
    with serving(NomadServer(bootstrapped=False)) as simulator:
        yield simulator


async def configured(api: InProcess, nomad: NomadServer, **role: Any) -> None:
    await posted(api, "sys/mounts/nomad", {"type": "nomad"})
    await posted(api, "nomad/config/access", {"address": nomad.url, "token": ROOT})
    await posted(api, "nomad/role/r", role or {"policies": "readonly"})


def test_a_token_has_what_the_role_says(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad, policies="readonly,ops", **{"global": True})
        answer = await read(api, "nomad/creds/r")
        (made,) = nomad.issued()
        assert answer.data == {"secret_id": made["SecretID"], "accessor_id": made["AccessorID"]}
        assert (made["Type"], made["Policies"], made["Global"]) == ("client", ["readonly", "ops"], True)
        assert made["Name"].endswith("-r-token")
        assert (await read(api, "nomad/role/r")).data == {
            "type": "client",
            "global": True,
            "policies": ["readonly", "ops"],
        }
        await posted(api, "nomad/role/m", {"type": "management"})
        await read(api, "nomad/creds/m")
        assert [token["Type"] for token in nomad.issued()] == ["client", "management"]
        assert (await api("LIST", "nomad/role")).data == {"keys": ["m", "r"]}

    inprocess(scenario)


def test_a_name_is_as_short_as_wanted(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        access = {"max_token_name_length": 50}
        await posted(api, "nomad/config/access", access)
        assert (await read(api, "nomad/config/access")).data == {"address": nomad.url, **access}
        await read(api, "nomad/creds/r")
        assert len(nomad.issued()[0]["Name"]) == 50
        answer = await api("POST", "nomad/config/access", {"max_token_name_length": 20})
        assert answer.errors == ["max_token_name_length must be at least 48"]

    inprocess(scenario)


def test_the_token_ends_with_its_lease(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        await posted(api, "nomad/config/lease", {"ttl": "1h", "max_ttl": "90m"})
        assert (await read(api, "nomad/config/lease")).data == {"ttl": 3600, "max_ttl": 5400}
        first, second = await read(api, "nomad/creds/r"), await read(api, "nomad/creds/r")
        assert first.json["lease_duration"] == 3600
        assert (await revoke(api, first)).status == 204
        assert [token["AccessorID"] for token in nomad.issued()] == [second.data["accessor_id"]]
        with later(api.core, 3000):
            renewed = await posted(api, "sys/leases/renew", {"lease_id": second.json["lease_id"]})
            assert 2390 <= renewed.json["lease_duration"] <= 2400
        with later(api.core, 5401):
            await reap_until(api, lambda: nomad.issued() == [])
        assert (await api("DELETE", "nomad/config/lease")).status == 204
        assert (await api("GET", "nomad/config/lease")).status == 404

    inprocess(scenario)


def test_what_is_gone_already_is_taken_back(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        answer = await read(api, "nomad/creds/r")
        del nomad.tokens[answer.data["accessor_id"]]
        assert (await revoke(api, answer)).status == 204

    inprocess(scenario)


def test_while_nomad_is_down_a_lease_waits(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        answer = await read(api, "nomad/creds/r")
        nomad.down = True
        assert (await api("GET", "nomad/creds/r")).status == 502
        refused = await revoke(api, answer)
        assert refused.errors[0].endswith("Nomad cannot be reached: the connection was lost")
        nomad.down = False
        with later(api.core, 1000):
            assert (await revoke(api, answer)).status == 204
        assert nomad.issued() == []

    inprocess(scenario)


def test_a_crash_before_the_commit_leaves_no_token(
    nomad: NomadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PAGE", 2)
    nomad.filters = False  # so that there are pages

    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        kept = [(await read(api, "nomad/creds/r")).data["accessor_id"] for _ in range(5)]
        await die_before_commit(api, "nomad/", Creds.bind({"name": "r"}, {}), Operation.READ)
        assert len(nomad.issued()) == 6
        await restart(api)
        assert sorted(token["AccessorID"] for token in nomad.issued()) == sorted(kept)
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_without_a_token_the_acl_system_is_bootstrapped(fresh: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/nomad", {"type": "nomad"})
        await posted(api, "nomad/config/access", {"address": fresh.url})
        (management,) = fresh.tokens.values()
        await posted(api, "nomad/role/r", {"policies": "kv"})
        await read(api, "nomad/creds/r")
        assert fresh.calls[-1].headers["x-nomad-token"] == management["SecretID"]

    inprocess(scenario)


def test_a_second_bootstrap_is_refused(nomad: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/nomad", {"type": "nomad"})
        answer = await api("POST", "nomad/config/access", {"address": nomad.url})
        assert answer.status == 400
        assert "bootstrapped already" in answer.errors[0]
        assert (await api("GET", "nomad/config/access")).status == 404

    inprocess(scenario)


def test_a_crash_after_the_bootstrap_does_not_lose_the_cluster(fresh: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/nomad", {"type": "nomad"})
        path = AccessPath.bind({}, {"address": fresh.url})
        await die_before_commit(api, "nomad/", path, Operation.UPDATE)
        await restart(api)
        await posted(api, "nomad/role/r", {"policies": "kv"})
        await read(api, "nomad/creds/r")

    inprocess(scenario)


def test_a_known_token_never_goes_to_another_address(nomad: NomadServer, fresh: NomadServer) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, nomad)
        await posted(api, "nomad/config/access", {"address": fresh.url})
        await read(api, "nomad/creds/r")
        assert fresh.calls
        assert all(ROOT not in call.headers.get("x-nomad-token", "") for call in fresh.calls)

    inprocess(scenario)


@pytest.mark.parametrize(
    ("role", "sentence"),
    (
        ({}, "policies cannot be empty when using client tokens"),
        ({"type": "management", "policies": "a"}, "policies should be empty when using management tokens"),
        ({"type": "x", "policies": "a"}, 'type must be "client" or "management"'),
    ),
)
def test_roles_that_are_refused(role: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/nomad", {"type": "nomad"})
        answer = await api("POST", "nomad/role/r", role)
        assert (answer.status, answer.errors) == (400, [sentence])
        assert (await api("GET", "nomad/role/r")).status == 404

    inprocess(scenario)


def test_nothing_configured() -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/nomad", {"type": "nomad"})
        assert (await api("GET", "nomad/creds/r")).errors == ['role "r" not found']
        await posted(api, "nomad/role/r", {"policies": "kv"})
        assert (await api("GET", "nomad/creds/r")).status == 400
        assert (await api("POST", "nomad/config/access", {"token": "x"})).errors == ["missing address"]
        assert (await api("DELETE", "nomad/config/access")).status == 204

    inprocess(scenario)
