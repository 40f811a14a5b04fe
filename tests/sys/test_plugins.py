from __future__ import annotations

from typing import Any

import pytest

from strongroom import registry
from strongroom.sys.plugins import VERSION
from tests.inprocess import InProcess, inprocess

CATALOG = "sys/plugins/catalog"


def test_the_catalogue_is_the_registry() -> None:
    async def scenario(api: InProcess) -> None:
        everything = (await api("GET", CATALOG)).data
        assert everything["secret"] == registry.names("mounts")
        assert everything["auth"] == registry.names("auth")
        detailed = {(each["type"], each["name"]) for each in everything["detailed"]}
        assert ("secret", "kv") in detailed
        assert (await api("LIST", f"{CATALOG}/secret")).data == {"keys": everything["secret"]}
        assert (await api("LIST", f"{CATALOG}/nonsense")).status == 405

    inprocess(scenario)


def test_one_engine() -> None:
    async def scenario(api: InProcess) -> None:
        known = (await api("GET", f"{CATALOG}/secret/kv")).data
        assert (known["name"], known["builtin"], known["version"]) == ("kv", True, VERSION)
        assert (await api("GET", f"{CATALOG}/secret/kv?version=v9")).status == 404
        assert (await api("GET", f"{CATALOG}/secret/nonsense")).status == 404
        assert "Deprecated" in (await api("GET", f"{CATALOG}/kv")).json["warnings"][0]
        assert "Deprecated" in (await api("GET", f"{CATALOG}/nonsense/kv")).json["warnings"][0]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("body", "sentence"),
    (
        ({}, "missing SHA-256 value"),
        ({"sha256": "abc"}, "Could not decode SHA-256 value from Hex"),
        (
            {"sha256": "00", "command": "x"},
            "programs cannot be registered: install the engine as a Python package",
        ),
    ),
)
def test_nothing_can_be_registered(body: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("PUT", f"{CATALOG}/secret/x", body)
        assert (answer.status, answer.errors) == (400, [sentence])
        assert (await api("DELETE", f"{CATALOG}/secret/x")).status == 204

    inprocess(scenario)


def test_a_reload_gives_the_mount_a_new_engine() -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", "secret/data/x", {"data": {"a": "b"}})
        for body in ({"plugin": "kv"}, {"mounts": ["secret/"]}):
            before = api.core.mounts.by_prefix["secret/"].backend
            answer = await api("POST", "sys/plugins/reload/backend", body)
            assert answer.data["reload_id"]
            after = api.core.mounts.by_prefix["secret/"].backend
            assert after is not before
            assert (await api("GET", "secret/data/x")).data["data"] == {"a": "b"}

    inprocess(scenario)


@pytest.mark.parametrize(
    "body", ({}, {"plugin": "nonsense"}, {"mounts": ["nonsense/"]}, {"plugin": "kv", "mounts": ["secret/"]})
)
def test_reloads_that_make_no_sense(body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/plugins/reload/backend", body)).status == 400

    inprocess(scenario)
