"""Methods of services outside: kept as they are written, never proved."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess

METHODS = "identity/mfa/method"
DUO = {"secret_key": "hidden-1", "integration_key": "hidden-2", "api_hostname": "duo.example"}
OKTA = {"org_name": "org", "api_token": "hidden-3"}
LINES = (
    "# PingID\n\nuse_base64_key=hidden-4\nuse_signature=true\ntoken=hidden=5\nidp_url=https://idp.example\n"
)


def file(text: str) -> dict[str, str]:
    return {"settings_file_base64": b64encode(text.encode()).decode()}


@pytest.mark.parametrize(
    ("kind", "given", "shown"),
    (
        ("duo", DUO, {"api_hostname": "duo.example", "use_passcode": False, "pushinfo": ""}),
        ("okta", OKTA, {"org_name": "org", "base_url": "okta.com"}),
        ("okta", {**OKTA, "production": True}, {"org_name": "org", "production": True}),
        ("pingid", file(LINES), {"idp_url": "https://idp.example", "use_signature": True, "org_alias": ""}),
    ),
)
def test_a_method_is_kept_and_shown_without_its_secrets(
    kind: str, given: dict[str, Any], shown: dict[str, Any]
) -> None:
    async def scenario(api: InProcess) -> None:
        made = await api("POST", f"{METHODS}/{kind}", {**given, "method_name": "phone"})
        one = made.data["method_id"]
        for path in (f"{METHODS}/{kind}/{one}", f"{METHODS}/{one}"):
            answer = await api("GET", path)
            assert answer.data.items() >= {"id": one, "name": "phone", "type": kind, **shown}.items()
            assert b"hidden" not in answer.body
        again = await api("POST", f"{METHODS}/{kind}", {**given, "method_name": "phone"})
        assert again.data["method_id"] == one
        other = (await api("POST", f"{METHODS}/totp", {"issuer": "S"})).data["method_id"]
        assert (await api("LIST", f"{METHODS}/{kind}")).data["keys"] == [one]
        assert (await api("LIST", f"{METHODS}/totp")).data["keys"] == [other]
        assert (await api("LIST", METHODS)).data["keys"] == sorted((one, other))
        assert (await api("POST", f"{METHODS}/{kind}/{one}", given)).status == 204
        assert (await api("GET", f"{METHODS}/{one}")).data["name"] == "phone"
        assert (await api("DELETE", f"{METHODS}/{kind}/{one}")).status == 204
        assert (await api("GET", f"{METHODS}/{one}")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    ("kind", "given"),
    (
        *(("duo", {**DUO, name: ""}) for name in DUO),
        *(("okta", {**OKTA, name: ""}) for name in OKTA),
        ("pingid", {}),
        ("pingid", {"settings_file_base64": "!"}),
        ("pingid", file("no line of a file")),
        ("pingid", file("other=1")),
        ("pingid", file("use_signature=perhaps")),
    ),
)
def test_a_method_that_cannot_be_is_refused(kind: str, given: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", f"{METHODS}/{kind}", given)).status == 400
        assert (await api("LIST", METHODS)).status == 404

    inprocess(scenario)


def test_types_are_told_apart() -> None:
    async def scenario(api: InProcess) -> None:
        one = (await api("POST", f"{METHODS}/duo", DUO)).data["method_id"]
        entity = (await api("POST", "identity/entity", {"name": "ann"})).data["id"]
        for method, path, body in (
            ("GET", f"{METHODS}/totp/{one}", None),
            ("POST", f"{METHODS}/totp/{one}", {"issuer": "S"}),
            ("DELETE", f"{METHODS}/totp/{one}", None),
            ("GET", f"{METHODS}/okta/{one}", None),
            ("POST", f"{METHODS}/okta/{one}", OKTA),
            ("POST", f"{METHODS}/totp/admin-generate", {"method_id": one, "entity_id": entity}),
            ("POST", f"{METHODS}/duo/nothing", DUO),
        ):
            assert (await api(method, path, body)).status == 400, path
        assert (await api("GET", f"{METHODS}/duo/{one}")).status == 200

    inprocess(scenario)


@pytest.mark.parametrize(
    ("given", "asked"), ((DUO, {}), ({**DUO, "use_passcode": True}, {"uses_passcode": True}))
)
def test_nobody_gets_in_by_a_service_that_is_not_asked(given: dict[str, Any], asked: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/auth/door", {"type": "userpass"})
        await api("POST", "auth/door/users/ann", {"password": "pw"})
        one = (await api("POST", f"{METHODS}/duo", given)).data["method_id"]
        enforcement = {"mfa_method_ids": [one], "auth_method_types": ["userpass"]}
        assert (await api("POST", "identity/mfa/login-enforcement/e", enforcement)).status == 204
        assert (await api("DELETE", f"{METHODS}/duo/{one}")).status == 400
        waiting = (await api("POST", "auth/door/login/ann", {"password": "pw"}, token=None)).json["auth"]
        wanted = waiting["mfa_requirement"]
        assert wanted["mfa_constraints"]["e"]["any"] == [{"type": "duo", "id": one, **asked}]
        body = {"mfa_request_id": wanted["mfa_request_id"], "mfa_payload": {one: ["passcode=1"]}}
        refused = await api("POST", "sys/mfa/validate", body, token=None)
        assert refused.status == 403
        assert "methods of type duo are not asked by this server" in refused.errors[0]

    inprocess(scenario)
