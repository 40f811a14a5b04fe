"""Each namespace has its own methods, enforcements, keys and providers; nothing of one counts in another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.identity.mfa.totp_device import Device
from tests.inprocess import Answer, InProcess, inprocess


async def ask(api: InProcess, space: str, method: str, path: str, body: Any = None, **options: Any) -> Answer:
    return await api(method, f"{space}{path}", body, **options)


async def ready(api: InProcess, space: str) -> dict[str, str]:
    """Ann in a namespace, with a device; her logins there need a code."""
    await ask(api, space, "POST", "sys/auth/door", {"type": "userpass"})
    await ask(api, space, "POST", "auth/door/users/ann", {"password": "pw", "token_policies": "p"})
    rules = 'path "identity/oidc/*" { capabilities = ["read", "update"] }'
    await ask(api, space, "PUT", "sys/policies/acl/p", {"policy": rules})
    first = await login(api, space)
    method = (await ask(api, space, "POST", "identity/mfa/method/totp", {"issuer": "S"})).data["method_id"]
    asked = {"method_id": method, "entity_id": first["entity_id"]}
    url = (await ask(api, space, "POST", "identity/mfa/method/totp/admin-generate", asked)).data["url"]
    enforcement = {"mfa_method_ids": [method], "auth_method_types": ["userpass"]}
    made = await ask(api, space, "POST", "identity/mfa/login-enforcement/e", enforcement)
    assert made.status == 204, made
    return {"method": method, "url": url, "token": first["client_token"], "entity": first["entity_id"]}


async def login(api: InProcess, space: str) -> Any:
    answer = await ask(api, space, "POST", "auth/door/login/ann", {"password": "pw"}, token=None)
    assert answer.status == 200, answer
    return answer.json["auth"]


@pytest.mark.parametrize(("here", "there"), (("a/", "b/"), ("a/", ""), ("", "a/")))
def test_a_waiting_login_goes_on_where_it_began(here: str, there: str) -> None:
    async def scenario(api: InProcess) -> None:
        for name in ("a", "b"):
            assert (await api("POST", f"sys/namespaces/{name}", {})).status == 200
        ann, other = await ready(api, here), await ready(api, there)
        assert ann["method"] != other["method"]
        request_id = (await login(api, here))["mfa_requirement"]["mfa_request_id"]
        code = Device(ann["url"]).now(api)
        payload = {ann["method"]: [code], other["method"]: [Device(other["url"]).now(api)]}
        body = {"mfa_request_id": request_id, "mfa_payload": payload}
        strange = await ask(api, there, "POST", "sys/mfa/validate", body, token=None)
        assert (strange.status, strange.errors) == (400, ["invalid request ID"])
        done = await ask(api, here, "POST", "sys/mfa/validate", body, token=None)
        assert done.status == 200, done
        token = done.json["auth"]["client_token"]
        assert (await ask(api, here, "GET", "auth/token/lookup-self", token=token)).status == 200

    inprocess(scenario)


def test_a_provider_knows_its_own_namespace_only() -> None:
    async def scenario(api: InProcess) -> None:
        oidc, back = "identity/oidc", "https://app"
        ids: dict[str, Any] = {}
        codes: dict[str, str] = {}
        access: dict[str, str] = {}
        for space in ("a/", "b/"):
            assert (await api("POST", f"sys/namespaces/{space[:-1]}", {})).status == 200
            ann = await ready(api, space)
            client = {"redirect_uris": [back], "assignments": "allow_all"}
            await ask(api, space, "POST", f"{oidc}/client/c", client)
            ids[space] = (await ask(api, space, "GET", f"{oidc}/client/c")).data
            asked = f"client_id={ids[space]['client_id']}&redirect_uri={back}&response_type=code&scope=openid"
            for kept in (codes, access):
                path = f"{oidc}/provider/default/authorize?{asked}"
                kept[space] = (await ask(api, space, "GET", path, token=ann["token"])).json["code"]

        async def exchange(space: str, client: str, code: str) -> Answer:
            proof = {name: ids[client][name] for name in ("client_id", "client_secret")}
            sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": back} | proof
            return await ask(api, space, "POST", f"{oidc}/provider/default/token", sent, token=None)

        assert (await exchange("a/", "b/", codes["b/"])).status == 401
        assert (await exchange("a/", "a/", codes["b/"])).status == 400
        token = (await exchange("b/", "b/", access["b/"])).json["access_token"]
        bearer = {"Authorization": f"Bearer {token}"}
        path = f"{oidc}/provider/default/userinfo"
        assert (await ask(api, "b/", "GET", path, headers=bearer, token=None)).status == 200
        for strange in ("a/", ""):
            assert (await ask(api, strange, "GET", path, headers=bearer, token=None)).status == 401
        found = await ask(api, "b/", "GET", f"{oidc}/.well-known/openid-configuration", token=None)
        assert found.json["issuer"].endswith("/v1/b/identity/oidc")

    inprocess(scenario)
