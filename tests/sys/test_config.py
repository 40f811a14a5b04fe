from __future__ import annotations

import pytest

from strongroom.config.load import dev
from strongroom.sys.config import canonical
from tests.inprocess import InProcess, inprocess


def test_cors_is_off_until_origins_are_named() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "sys/config/cors")).data == {"enabled": False}
        answer = await api("GET", "sys/mounts", headers={"Origin": "https://evil.example"})
        assert answer.status == 200
        assert "access-control-allow-origin" not in answer.headers

    inprocess(scenario)


def test_cors_lets_named_origins_in_and_others_out() -> None:
    async def scenario(api: InProcess) -> None:
        body = {"allowed_origins": "https://a.example,https://b.example", "allowed_headers": "X-Own"}
        assert (await api("POST", "sys/config/cors", body)).status == 204
        known = (await api("GET", "sys/config/cors")).data
        assert known["allowed_origins"] == ["https://a.example", "https://b.example"]
        assert known["allowed_headers"][-1] == "X-Own"
        assert known["enabled"] is True
        friend = await api("GET", "sys/mounts", headers={"Origin": "https://a.example"})
        assert friend.headers["access-control-allow-origin"] == "https://a.example"
        stranger = await api("GET", "sys/mounts", headers={"Origin": "https://evil.example"})
        assert stranger.status == 403
        assert (await api("DELETE", "sys/config/cors")).status == 204
        again = await api("GET", "sys/mounts", headers={"Origin": "https://evil.example"})
        assert again.status == 200

    inprocess(scenario)


@pytest.mark.parametrize("origins", ([], ["*", "https://x.example"]))
def test_cors_refuses_origins_that_make_no_sense(origins: list[str]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/config/cors", {"allowed_origins": origins})).status == 400
        assert (await api("GET", "sys/config/cors")).data == {"enabled": False}

    inprocess(scenario)


def test_interface_headers() -> None:
    async def scenario(api: InProcess) -> None:
        path = "sys/config/ui/headers/x-own"
        assert (await api("GET", path)).status == 404
        answer = await api("POST", path, {"values": ["a", "b"]})
        assert answer.status == 200
        assert answer.json["warnings"] is None
        assert (await api("GET", path)).data == {"value": "a"}
        assert (await api("GET", path + "?multivalue=true")).data == {"values": ["a", "b"]}
        assert (await api("LIST", "sys/config/ui/headers")).data == {"keys": ["X-Own"]}
        assert (await api("DELETE", path)).status == 204
        assert (await api("LIST", "sys/config/ui/headers")).status == 404

    inprocess(scenario)


def test_interface_headers_that_are_not_anybodys_to_set() -> None:
    async def scenario(api: InProcess) -> None:
        for name, values in (("X-Vault-Own", ["a"]), ("X-Own", []), ("X-Own", ["a\nb"])):
            answer = await api("POST", f"sys/config/ui/headers/{name}", {"values": values})
            assert answer.status == 400, answer
        safe = await api("POST", "sys/config/ui/headers/content-security-policy", {"values": ["x"]})
        assert "secure by default" in safe.json["warnings"][0]

    inprocess(scenario)


def test_the_interfaces_headers_need_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        weak = await api.policy_token('path "sys/config/*" { capabilities = ["read", "update", "delete"] }')
        strong = await api.policy_token('path "sys/config/*" { capabilities = ["read", "update", "sudo"] }')
        for path in ("sys/config/cors", "sys/config/ui/headers/x-own"):
            body = {"allowed_origins": "*", "values": ["a"]}
            assert (await api("POST", path, body, token=weak)).status == 403
            assert (await api("POST", path, body, token=strong)).status in {200, 204}

    inprocess(scenario)


def test_the_state_holds_no_secret() -> None:
    config = dev(address="127.0.0.1:0")
    config.telemetry.given = {"circonus_api_token": "x"}
    config.telemetry.circonus_api_token = "planted-secret"

    async def scenario(api: InProcess) -> None:
        answer = await api("GET", "sys/config/state/sanitized")
        assert answer.data["storage"]["type"] == "inmem"
        assert b"planted-secret" not in answer.body

    inprocess(scenario, config)


def test_reload_knows_its_subsystems() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/config/reload/license")).status == 204
        assert (await api("POST", "sys/config/reload/nonsense")).status == 404

    inprocess(scenario)


def test_a_header_has_one_spelling() -> None:
    assert canonical("x-OWN-name") == "X-Own-Name"
