"""A configuration that is deleted stays for as long as leases need it to end, and no longer."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.inprocess import Answer, InProcess, inprocess
from tests.kubernetes import Kubernetes
from tests.leasing import rows
from tests.secrets import test_kubernetes as k8s
from tests.secrets import test_nomad as nomad
from tests.secrets.ldap import test_ldap as ldap
from tests.slapd import Slapd, slapd
from tests.upstream.nomad import NomadServer
from tests.upstream.simulator import serving

__all__ = ["slapd"]

Ask = Callable[[InProcess], Coroutine[Any, Any, Answer]]


@dataclass
class System:
    """A system outside: how its mount is made, its configuration, how something is issued, what is there."""

    configure: Callable[[InProcess], Coroutine[Any, Any, None]]
    config: str
    issue: Ask
    there: Callable[[], list[Any]]


@pytest.fixture(params=("nomad", "kubernetes", "slapd"))
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    if request.param == "nomad":
        with serving(NomadServer()) as server:
            yield System(
                lambda api: nomad.configured(api, server),
                "nomad/config/access",
                lambda api: api("GET", "nomad/creds/r"),
                server.issued,
            )
    elif request.param == "kubernetes":
        with serving(Kubernetes()) as cluster:
            yield System(
                lambda api: k8s.configured(api, cluster), "k8s/config", k8s.ask, lambda: k8s.there(cluster)
            )
    else:
        yield _directory(request.getfixturevalue("slapd"))


def _directory(server: Slapd) -> System:
    before = set(server.names())

    async def configure(api: InProcess) -> None:
        await ldap.mounted(api, server)
        await ldap.ok(api, "POST", "ldap/role/app", ldap.ROLE)

    return System(
        configure,
        "ldap/config",
        lambda api: api("GET", "ldap/creds/app"),
        lambda: sorted(set(server.names()) - before),
    )


async def _kept(api: InProcess) -> list[str]:
    return [row for row in await rows(api.core) if row.endswith("/retired")]


def test_a_lease_ends_after_its_configuration_was_deleted(system: System) -> None:
    async def scenario(api: InProcess) -> None:
        await system.configure(api)
        leases = [(await system.issue(api)).json["lease_id"] for _ in range(2)]
        assert system.there()
        answer = await api("DELETE", system.config)
        assert (answer.status, len(answer.json["warnings"])) == (200, 1)
        assert (await api("GET", system.config)).status == 404
        assert (await system.issue(api)).status == 400
        for lease in leases:
            assert await _kept(api)
            answer = await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
            assert answer.status == 204, answer
        assert not system.there()
        assert not await _kept(api)

    inprocess(scenario)


def test_what_no_lease_needs_is_gone_at_once(system: System) -> None:
    async def scenario(api: InProcess) -> None:
        await system.configure(api)
        assert (await api("DELETE", system.config)).status == 204
        assert not await _kept(api)

    inprocess(scenario)
