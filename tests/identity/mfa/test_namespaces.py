"""Each namespace has its own methods, enforcements, keys and providers; what is above counts below."""

from __future__ import annotations

from typing import Any

import pytest

from tests.identity.mfa.totp_device import Device
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later, rows


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


def test_a_waiting_login_goes_on_where_it_began() -> None:
    async def scenario(api: InProcess) -> None:
        here, there = "a/", "b/"
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


METHODS = "identity/mfa/method/totp"
ENFORCEMENT = "identity/mfa/login-enforcement/e"


async def nested(api: InProcess, space: str) -> dict[str, str]:
    """Ann in a namespace below ``a/`` whose logins a code is asked of by the root namespace."""
    for above, name in (("", "a"), ("a/", "b")):
        assert (await ask(api, above, "POST", f"sys/namespaces/{name}", {})).status == 200
    await ask(api, "", "POST", "sys/auth/door", {"type": "userpass"})
    await ask(api, space, "POST", "sys/auth/door", {"type": "userpass"})
    await ask(api, space, "POST", "auth/door/users/ann", {"password": "pw"})
    entity = (await login(api, space))["entity_id"]
    method = (await ask(api, "", "POST", METHODS, {"issuer": "S"})).data["method_id"]
    asked = {"method_id": method, "entity_id": entity}
    url = (await ask(api, space, "POST", f"{METHODS}/admin-generate", asked)).data["url"]
    enforcement = {"mfa_method_ids": [method], "auth_method_types": ["userpass"]}
    assert (await ask(api, "", "POST", ENFORCEMENT, enforcement)).status == 204
    return {"method": method, "url": url, "entity": entity}


async def proved(api: InProcess, space: str, *methods: dict[str, str]) -> Answer:
    """A login in two steps, with a code of each of these methods."""
    waiting = (await login(api, space))["mfa_requirement"]["mfa_request_id"]
    payload = {one["method"]: [Device(one["url"]).now(api)] for one in methods}
    body = {"mfa_request_id": waiting, "mfa_payload": payload}
    return await ask(api, space, "POST", "sys/mfa/validate", body, token=None)


@pytest.mark.parametrize("space", ("a/", "a/b/"))
def test_what_is_asked_above_is_asked_below(space: str) -> None:
    async def scenario(api: InProcess) -> None:
        ann = await nested(api, space)
        assert (await proved(api, space)).status == 403
        assert (await proved(api, space, ann)).json["auth"]["entity_id"] == ann["entity"]
        header = {"X-Vault-MFA": f"{ann['method']}:000000"}
        wrong = await ask(
            api, space, "POST", "auth/door/login/ann", {"password": "pw"}, headers=header, token=None
        )
        assert wrong.status == 403
        assert (await ask(api, "", "DELETE", ENFORCEMENT)).status == 204
        assert (await login(api, space))["client_token"]

    inprocess(scenario)


def test_enforcements_of_the_same_name_are_all_satisfied() -> None:
    async def scenario(api: InProcess) -> None:
        ann = await nested(api, "a/b/")
        method = (await ask(api, "a/", "POST", METHODS, {"issuer": "S"})).data["method_id"]
        asked = {"method_id": method, "entity_id": ann["entity"]}
        url = (await ask(api, "a/b/", "POST", f"{METHODS}/admin-generate", asked)).data["url"]
        enforcement = {"mfa_method_ids": [method], "auth_method_types": ["userpass"]}
        assert (await ask(api, "a/b/", "POST", ENFORCEMENT, enforcement)).status == 204
        other = {"method": method, "url": url}
        wanted = (await login(api, "a/b/"))["mfa_requirement"]["mfa_constraints"]
        assert {name: [one["id"] for one in each["any"]] for name, each in wanted.items()} == {
            "e": [method],
            "root/e": [ann["method"]],
        }
        for some in ((ann,), (other,)):
            assert (await proved(api, "a/b/", *some)).status == 403
        with later(api.core, 60):
            assert (await proved(api, "a/b/", ann, other)).status == 200

    inprocess(scenario)


def test_a_method_is_seen_below_and_changed_where_it_is() -> None:
    async def scenario(api: InProcess) -> None:
        ann = await nested(api, "a/b/")
        path = f"{METHODS}/{ann['method']}"
        own = (await ask(api, "a/", "POST", METHODS, {"issuer": "S"})).data["method_id"]
        assert (await ask(api, "a/", "GET", path)).data["namespace_path"] == ""
        assert (await ask(api, "a/b/", "LIST", METHODS)).data["keys"] == sorted((own, ann["method"]))
        assert (await ask(api, "a/b/", "LIST", f"{METHODS}?limit=1")).data["keys"] == [
            min(own, ann["method"])
        ]
        assert (await ask(api, "", "LIST", METHODS)).data["keys"] == [ann["method"]]
        assert (await ask(api, "", "GET", f"{METHODS}/{own}")).status == 404
        for method, body in (("POST", {"issuer": "T"}), ("DELETE", None)):
            refused = await ask(api, "a/", method, path, body)
            assert (refused.status, refused.errors) == (
                400,
                ["request namespace does not match method namespace"],
            )

    inprocess(scenario)


def test_a_method_that_is_asked_for_below_stays() -> None:
    async def scenario(api: InProcess) -> None:
        ann = await nested(api, "a/b/")
        path = f"{METHODS}/{ann['method']}"
        enforcement = {"mfa_method_ids": [ann["method"]], "auth_method_types": ["userpass"]}
        assert (await ask(api, "a/b/", "POST", ENFORCEMENT, enforcement)).status == 204
        assert "a/b/e, e" in (await ask(api, "", "DELETE", path)).errors[0]
        assert (await ask(api, "", "DELETE", ENFORCEMENT)).status == 204
        assert "a/b/e" in (await ask(api, "", "DELETE", path)).errors[0]
        key = f"mfa/secret/{ann['method']}/{ann['entity']}"
        assert any(name.endswith(key) for name in await rows(api.core))
        assert (await ask(api, "a/b/", "DELETE", ENFORCEMENT)).status == 204
        assert (await ask(api, "", "DELETE", path)).status == 204
        assert not any(ann["method"] in name for name in await rows(api.core))

    inprocess(scenario)


def test_a_namespace_that_is_gone_asks_for_no_method() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await ask(api, "", "POST", "sys/namespaces/a", {})).status == 200
        await ask(api, "a/", "POST", "sys/auth/door", {"type": "userpass"})
        method = (await ask(api, "", "POST", METHODS, {"issuer": "S"})).data["method_id"]
        enforcement = {"mfa_method_ids": [method], "auth_method_types": ["userpass"]}
        assert (await ask(api, "a/", "POST", ENFORCEMENT, enforcement)).status == 204
        assert (await ask(api, "", "DELETE", f"{METHODS}/{method}")).status == 400
        await ask(api, "", "DELETE", "sys/namespaces/a")
        assert (await ask(api, "", "DELETE", f"{METHODS}/{method}")).status == 204

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
