from __future__ import annotations

import base64
from typing import Any

import pytest

from strongroom.config.load import dev
from tests.inprocess import InProcess, inprocess


def test_entries_are_written_read_listed_and_deleted() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/raw/own/x", {"value": "plain"})).status == 204
        assert (await api("GET", "sys/raw/own/x")).data == {"value": "plain"}
        assert (await api("GET", "sys/raw/own/x?encoding=base64")).data == {"value": "cGxhaW4="}
        assert (await api("LIST", "sys/raw/own")).data == {"keys": ["x"]}
        assert "own/" in (await api("LIST", "sys/raw")).data["keys"]
        assert (await api("DELETE", "sys/raw/own/x")).status == 204
        assert (await api("GET", "sys/raw/own/x")).status == 404
        assert (await api("LIST", "sys/raw/own")).status == 404

    inprocess(scenario)


def test_values_that_are_not_text() -> None:
    async def scenario(api: InProcess) -> None:
        value = base64.b64encode(b"\xff\x00").decode()
        await api("PUT", "sys/raw/own/x", {"value": value, "encoding": "base64"})
        assert (await api("GET", "sys/raw/own/x?encoding=base64")).data == {"value": value}
        await api("PUT", "sys/raw/own/z", {"value": "packed", "compression_type": "gzip"})
        assert (await api("GET", "sys/raw/own/z")).data == {"value": "packed"}
        packed = (await api("GET", "sys/raw/own/z?compressed=false&encoding=base64")).data["value"]
        assert base64.b64decode(packed).startswith(b"\x1f\x8b")

    inprocess(scenario)


@pytest.mark.parametrize(
    "body",
    (
        {"value": "!!", "encoding": "base64"},
        {"value": "x", "encoding": "nonsense"},
        {"value": "x", "compression_type": "nonsense"},
    ),
)
def test_values_that_cannot_be(body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/raw/own/x", body)).status == 400
        assert (await api("GET", "sys/raw/own/x")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "key", ("core/keyring", "core/cluster/local/info", "core/root-key", "core/wraps/x", "core/index")
)
def test_what_only_the_server_may_touch(key: str) -> None:
    async def scenario(api: InProcess) -> None:
        for method, body in (("GET", None), ("PUT", {"value": "x"}), ("DELETE", None)):
            answer = await api(method, f"sys/raw/{key}", body)
            assert (answer.status, answer.errors) == (400, [f'cannot access "{key}"'])

    inprocess(scenario)


def test_what_is_readable_while_sealed_is_readable_here() -> None:
    async def scenario(api: InProcess) -> None:
        assert '"secret_shares":1' in (await api("GET", "sys/raw/core/seal-config")).data["value"]

    inprocess(scenario)


def test_the_switch() -> None:
    config = dev(address="127.0.0.1:0")
    config.dev = False

    async def off(api: InProcess) -> None:
        for method in ("GET", "LIST", "DELETE"):
            answer = await api(method, "sys/raw/core/x")
            assert (answer.status, answer.errors) == (404, ["1 error occurred:\n\t* unsupported path\n\n"])
        assert (await api("PUT", "sys/raw/own/x", {"value": "x"})).status == 404

    async def on(api: InProcess) -> None:
        assert (await api("LIST", "sys/raw")).status == 200

    inprocess(off, config)
    config.raw_storage_endpoint = True
    inprocess(on, config)


def test_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "sys/raw/*" { capabilities = ["read", "update", "list"] }')
        assert (await api("GET", "sys/raw/core/seal-config", token=token)).status == 403
        assert (await api("LIST", "sys/raw/core", token=token)).status == 403

    inprocess(scenario)
