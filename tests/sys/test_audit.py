from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from strongroom.config.load import dev
from strongroom.config.stanza import ServerConfig
from tests.inprocess import InProcess, inprocess


def device(path: Path, **options: str) -> dict[str, object]:
    return {"type": "file", "description": "d", "options": {"file_path": str(path), **options}}


def saying(allowed: bool) -> ServerConfig:
    """A configuration in which somebody wrote whether devices can be made by API."""
    config = dev(address="127.0.0.1:0")
    config.unsafe_allow_api_audit_creation = allowed
    config.given = {**config.given, "unsafe_allow_api_audit_creation": allowed}
    return config


def lines(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_a_device_writes_from_its_creation_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.log"

    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/audit/f", device(file))).status == 204
        listed = (await api("GET", "sys/audit")).json
        expected = {
            "type": "file",
            "description": "d",
            "local": False,
            "options": {"file_path": str(file)},
            "path": "f/",
        }
        assert listed["f/"] == listed["data"]["f/"] == expected
        request = (await api("GET", "secret/data/x")).headers
        assert request
        assert lines(file)[-1]["type"] == "response"
        assert (await api("DELETE", "sys/audit/f")).status == 204
        written = len(lines(file))
        await api("GET", "secret/data/x")
        assert len(lines(file)) == written
        assert (await api("GET", "sys/audit")).data == {}
        assert (await api("DELETE", "sys/audit/f")).status == 204

    inprocess(scenario)


@pytest.mark.parametrize(
    "body",
    ({}, {"type": "nonsense"}, {"type": "file"}, {"type": "file", "options": {"file_path": "/dev/null/x"}}),
)
def test_a_device_that_cannot_be(body: dict[str, object]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/audit/f", body)).status == 400
        assert (await api("GET", "sys/audit")).data == {}
        assert (await api("GET", "secret/data/x")).status == 404

    inprocess(scenario)


def test_a_path_has_one_device(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "a.log"))).status == 204
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "b.log"))).status == 400
        assert not (tmp_path / "b.log").exists() or not lines(tmp_path / "b.log")

    inprocess(scenario)


def test_a_configuration_that_forbids_devices_by_api_is_obeyed(tmp_path: Path) -> None:
    file = tmp_path / "a.log"

    async def forbidden(api: InProcess) -> None:
        answer = await api("PUT", "sys/audit/f", device(file))
        assert answer.status == 400
        assert answer.errors == ["cannot enable audit device via API: the configuration does not allow it"]
        assert not file.exists()

    async def allowed(api: InProcess) -> None:
        assert (await api("PUT", "sys/audit/f", device(file))).status == 204

    inprocess(forbidden, saying(False))
    inprocess(allowed, saying(True))


def test_the_hash_is_that_of_the_lines(tmp_path: Path) -> None:
    file = tmp_path / "a.log"

    async def scenario(api: InProcess) -> None:
        await api("PUT", "sys/audit/f", device(file))
        await api("PUT", "secret/data/x", {"data": {"password": "hunter2"}})
        hashed = (await api("PUT", "sys/audit-hash/f", {"input": "hunter2"})).data["hash"]
        assert hashed.startswith("hmac-sha256:")
        assert hashed in file.read_text()
        assert "hunter2" not in file.read_text()
        assert (await api("PUT", "sys/audit-hash/f", {})).status == 400
        assert (await api("PUT", "sys/audit-hash/other", {"input": "x"})).status == 400

    inprocess(scenario)


def test_request_headers_are_shown_when_they_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.log"

    async def scenario(api: InProcess) -> None:
        await api("PUT", "sys/audit/f", device(file))
        sent = {"X-Plain": "visible", "X-Hidden": "concealed", "X-Other": "unnamed"}
        path = "sys/config/auditing/request-headers"
        assert (await api("PUT", f"{path}/X-Plain", {"hmac": False})).status == 204
        assert (await api("PUT", f"{path}/X-Hidden", {"hmac": True})).status == 204
        await api("GET", "secret/data/x", headers=sent)
        text = file.read_text()
        assert "visible" in text
        assert "concealed" not in text
        assert "unnamed" not in text
        named = (await api("GET", path)).data["headers"]
        assert named == {"x-plain": {"hmac": False}, "x-hidden": {"hmac": True}}
        assert (await api("DELETE", f"{path}/X-Plain")).status == 204
        file.write_text("")
        await api("GET", "secret/data/x", headers=sent)
        assert "visible" not in file.read_text()

    inprocess(scenario)


def test_devices_need_sudo(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        rules = 'path "sys/audit*" { capabilities = ["create", "read", "update", "delete"] }'
        token = await api.policy_token(rules)
        assert (await api("GET", "sys/audit", token=token)).status == 403
        assert (await api("PUT", "sys/audit/f", device(tmp_path / "a"), token=token)).status == 403
        sudo = await api.policy_token(rules.replace('"create"', '"sudo", "create"'))
        assert (await api("GET", "sys/audit", token=sudo)).status == 200

    inprocess(scenario)
