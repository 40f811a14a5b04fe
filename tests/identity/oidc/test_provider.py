"""People log in to applications by this server: the application's side with joserfc, the wire as it is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.entering import Entering, enable, entering, login, make
from tests.identity.oidc.test_tokens import OIDC, read, write
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later, reap, rows

__all__ = ["entering"]

BACK = "https://app.example/callback"
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Application:
    """A client of the provider ``p``, as an application has it configured."""

    def __init__(self, api: InProcess, client_id: str, secret: str, user: str) -> None:
        self.api, self.client_id, self.secret, self.user = api, client_id, secret, user
        self.entity = ""

    @classmethod
    async def set(cls, api: InProcess, **fields: Any) -> Application:
        """The application, the provider, and somebody who may log in."""
        await enable(api)
        auth = await login(api, "ann")
        await api("POST", f"identity/entity/id/{auth['entity_id']}", {"name": "Ann", "metadata": {"m": "x"}})
        await write(api, "key/k", algorithm="ES256", allowed_client_ids="*")
        await write(api, "scope/profile", template='{"name": {{identity.entity.name}}}')
        await write(api, "scope/more", template='{"m": {{identity.entity.metadata.m}}, "aud_": 1}')
        made = {"key": "k", "redirect_uris": [BACK], "assignments": "allow_all", **fields}
        await write(api, "client/app", **made)
        await write(api, "provider/p", allowed_client_ids="*", scopes_supported=["profile", "more"])
        client = (await api("GET", f"{OIDC}/client/app")).data
        found = cls(api, client["client_id"], client.get("client_secret", ""), auth["client_token"])
        found.entity = auth["entity_id"]
        return found

    async def authorize(self, *, verb: str = "GET", **changes: Any) -> Answer:
        """What the user's browser does."""
        asked = {
            "client_id": self.client_id,
            "redirect_uri": BACK,
            "response_type": "code",
            "scope": "openid profile",
            "state": "st",
            "nonce": "n-1",
        } | changes
        asked = {name: value for name, value in asked.items() if value is not None}
        path = f"{OIDC}/provider/p/authorize"
        if verb == "GET":
            return await self.api("GET", f"{path}?{urlencode(asked)}", token=self.user)
        return await self.api(verb, path, asked, token=self.user)

    async def code(self, **changes: Any) -> str:
        answer = await self.authorize(**changes)
        assert answer.status == 200, answer
        assert answer.json["state"] == "st"
        found: str = answer.json["code"]
        return found

    async def exchange(self, code: str, *, basic: bool = True, provider: str = "p", **changes: Any) -> Answer:
        """What the application's server does."""
        sent = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK} | changes
        form = urlencode({name: value for name, value in sent.items() if value is not None}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if basic:
            proof = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            headers["Authorization"] = f"Basic {proof}"
        return await self.api("POST", f"{OIDC}/provider/{provider}/token", form, headers, token=None)

    async def userinfo(self, access: str, *, provider: str = "p", verb: str = "GET") -> Answer:
        headers = {"Authorization": f"Bearer {access}"}
        return await self.api(verb, f"{OIDC}/provider/{provider}/userinfo", None, headers, token=None)

    async def keys(self) -> Any:
        return (await self.api("GET", f"{OIDC}/provider/p/.well-known/keys", token=None)).json


def half(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:16]).rstrip(b"=").decode()


@pytest.mark.parametrize("verb", ("GET", "POST"))
def test_an_application_learns_who_it_is(verb: str, entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api, id_token_ttl="1h", access_token_ttl="30m")
        about = await api("GET", f"{OIDC}/provider/p/.well-known/openid-configuration", token=None)
        assert about.headers["cache-control"] == "max-age=3600"
        code = await app.code(verb=verb, max_age=1000)
        answer = await app.exchange(code)
        assert (answer.status, answer.headers["cache-control"], answer.headers["pragma"]) == (
            200,
            "no-store",
            "no-cache",
        )
        found = answer.json
        assert (found["token_type"], found["expires_in"]) == ("Bearer", 1800)
        claims = read(found["id_token"], await app.keys())
        now = claims["iat"]
        assert claims == {
            "at_hash": half(found["access_token"]),
            "aud": app.client_id,
            "auth_time": claims["auth_time"],
            "c_hash": half(code),
            "exp": now + 3600,
            "iat": now,
            "iss": about.json["issuer"],
            "name": "Ann",
            "namespace": "root",
            "nonce": "n-1",
            "sub": app.entity,
        }
        assert now - 5 <= claims["auth_time"] <= now
        for verb_ in ("GET", "POST"):
            who = await app.userinfo(found["access_token"], verb=verb_)
            assert (who.status, who.json) == (200, {"name": "Ann", "sub": app.entity})

    inprocess(scenario)


def told(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["error"], answer.json["error_description"]


def test_a_code_is_good_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        code = await app.code()
        answers = await asyncio.gather(*(app.exchange(code) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400, 400, 400]
        spent = {told(answer) for answer in answers if answer.status == 400}
        assert spent == {(400, "invalid_grant", "authorization grant is invalid or expired")}

    inprocess(scenario)


def test_a_code_that_was_tried_is_used_up(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        await write(api, "client/other", key="k", redirect_uris=[BACK], assignments="allow_all")
        other = (await api("GET", f"{OIDC}/client/other")).data
        strange: dict[str, Any] = {"client_id": other["client_id"], "client_secret": other["client_secret"]}
        tries: tuple[dict[str, Any], ...] = (
            {"redirect_uri": BACK + "/"},
            {"provider": "default"},
            {"basic": False, **strange},
            {"code_verifier": VERIFIER},
        )
        for wrong in tries:
            code = await app.code()
            assert (await app.exchange(code, **wrong)).status == 400, wrong
            assert told(await app.exchange(code))[1] == "invalid_grant"

    inprocess(scenario)


def test_a_code_ends(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        code = await app.code()
        for name, blob in (await rows(api.core)).items():
            assert code not in name
            assert code.encode() not in blob
        with later(api.core, 301):
            assert (await app.exchange(code)).status == 400
        await app.code()
        with later(api.core, 302):
            await reap(api.core)
            assert not [name for name in await rows(api.core) if "/oidc/code/" in name]

    inprocess(scenario)


def test_an_application_proves_who_it_is(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        in_form: dict[str, Any] = {"client_id": app.client_id, "client_secret": app.secret}
        assert (await app.exchange(await app.code(), basic=False, **in_form)).status == 200
        code = await app.code()
        for wrong in (
            {"client_id": app.client_id},
            in_form | {"client_secret": app.secret[:-1]},
            in_form | {"client_id": "x"},
            in_form | {"client_id": "../k"},
        ):
            answer = await app.exchange(code, basic=False, **wrong)
            assert told(answer) == (401, "invalid_client", "client failed to authenticate")
            assert answer.headers["www-authenticate"] == "Basic"
        assert told(await app.exchange(code, basic=False))[1] == "invalid_request"
        assert (await app.exchange(code)).status == 200  # who is not the client cannot use its codes up

    inprocess(scenario)


@pytest.mark.parametrize(
    ("challenge", "method"), ((CHALLENGE, "S256"), (VERIFIER, "plain"), (VERIFIER, None))
)
def test_a_public_client_proves_that_it_asked(
    challenge: str, method: str | None, entering: type[Entering]
) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api, client_type="public")
        assert not app.secret
        pkce: dict[str, Any] = {"code_challenge": challenge, "code_challenge_method": method}
        refused = await app.authorize()
        assert told(refused) == (400, "invalid_request", "PKCE is required for public clients")
        me: dict[str, Any] = {"basic": False, "client_id": app.client_id}
        for verifier in ("", "x" * 50, CHALLENGE if method == "S256" else CHALLENGE + "x"):
            code = await app.code(**pkce)
            assert (await app.exchange(code, **me, code_verifier=verifier or None)).status == 400
            assert (await app.exchange(code, **me, code_verifier=VERIFIER)).status == 400
        assert (await app.exchange(await app.code(**pkce), **me, code_verifier=VERIFIER)).status == 200

    inprocess(scenario)


@pytest.mark.parametrize(
    ("changes", "error"),
    (
        ({"scope": None}, "invalid_request"),
        ({"scope": "profile"}, "invalid_request"),
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"client_id": None}, "invalid_client_id"),
        ({"client_id": "x"}, "invalid_client_id"),
        ({"client_id": "../../key/k"}, "invalid_client_id"),
        ({"redirect_uri": None}, "invalid_request"),
        ({"redirect_uri": "https://evil.example"}, "invalid_redirect_uri"),
        ({"max_age": 0}, "invalid_request"),
        ({"max_age": -1}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": "c" * 43, "code_challenge_method": "S512"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "x"}, "request_uri_not_supported"),
    ),
)
def test_what_is_not_authorized(changes: dict[str, Any], error: str, entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        answer = await app.authorize(**changes)
        assert (answer.status, answer.json["error"]) == (400, error)
        assert "code" not in answer.json

    inprocess(scenario)


def test_who_may_log_in(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        group = await make(api, "group", member_entity_ids=[app.entity])
        outer = await make(api, "group", member_group_ids=[group])
        await write(api, "assignment/nobody", entity_ids=["x"], group_ids=["y"])
        await write(api, "assignment/entity", entity_ids=[app.entity])
        await write(api, "assignment/group", group_ids=[outer])
        access = (await app.exchange(await app.code())).json["access_token"]
        for assignments, may in (
            ([], False),
            (["nobody"], False),
            (["nobody", "entity"], True),
            (["group"], True),
            (["allow_all"], True),
        ):
            await write(api, "client/app", assignments=["allow_all"])
            code = await app.code()
            await write(api, "client/app", assignments=assignments)
            assert (await app.authorize()).status == (200 if may else 400), assignments
            assert (await app.userinfo(access)).status == (200 if may else 403)
            assert (await app.exchange(code)).status == (200 if may else 400)
        app.user = api.token  # root is no entity
        assert told(await app.authorize())[1] == "access_denied"

    inprocess(scenario)


def test_an_access_token_is_good_for_nothing_else(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api, access_token_ttl="10m")
        await api("PUT", "sys/policies/acl/all", {"policy": 'path "*" { capabilities = ["read", "sudo"] }'})
        await api("POST", f"identity/entity/id/{app.entity}", {"policies": ["all"]})
        access = (await app.exchange(await app.code())).json["access_token"]
        for path in (
            "sys/mounts",
            "auth/token/lookup-self",
            f"{OIDC}/token/r",
            f"{OIDC}/key/k",
            "secret/data/a",
        ):
            assert (await api("GET", path, token=app.user)).status != 403
            assert (await api("GET", path, token=access)).status == 403, path
        for refused in (
            await app.userinfo(access, provider="default"),
            await app.userinfo(access, provider="none"),
            await app.userinfo(app.user),
            await app.userinfo(api.token),
            await app.userinfo("nobody"),
            await api("GET", f"{OIDC}/provider/p/userinfo", token=access),  # it has to be a bearer token
        ):
            assert (refused.status, refused.json["error"]) == (401, "invalid_token")
            assert refused.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
        with later(api.core, 601):
            assert (await app.userinfo(access)).status == 401
        await api("POST", f"identity/entity/id/{app.entity}", {"disabled": True})
        assert (await app.userinfo(access)).status == 401
        await api("POST", f"identity/entity/id/{app.entity}", {"disabled": False})
        assert (await app.userinfo(access)).status == 200
        await write(api, "provider/p", allowed_client_ids="other")
        assert (await app.userinfo(access)).status == 401
        await write(api, "provider/p", allowed_client_ids="*")
        await api("DELETE", f"{OIDC}/client/app")
        assert (await app.userinfo(access)).status == 401

    inprocess(scenario)


def test_a_login_that_is_too_old(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        with later(api.core, 60):
            assert (await app.authorize(max_age=120)).status == 200
            assert told(await app.authorize(max_age=30))[1] == "max_age_violation"
            assert (await app.authorize()).status == 200

    inprocess(scenario)


def test_provider_client_and_key_have_to_agree(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        code = await app.code()
        await write(api, "key/k", allowed_client_ids="other")
        assert told(await app.exchange(code))[1] == "invalid_client"
        await write(api, "key/k", allowed_client_ids=app.client_id)
        await write(api, "provider/p", allowed_client_ids="other")
        assert told(await app.exchange(code))[1] == "invalid_client"
        assert told(await app.authorize())[1] == "unauthorized_client"
        assert await app.keys() == {"keys": []}
        await write(api, "provider/p", allowed_client_ids=app.client_id)
        assert len((await app.keys())["keys"]) == 2
        assert (await app.exchange(code)).status == 200

    inprocess(scenario)


def test_scopes_do_not_contradict_each_other(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        await write(api, "scope/more", template='{"name": 1}')
        found = await app.exchange(await app.code(scope="openid profile more"))
        assert told(found)[1] == "invalid_request"
        assert "conflicting" in told(found)[2]
        warned = await api("POST", f"{OIDC}/provider/p", {"scopes_supported": ["profile", "more"]})
        assert "conflicting" in warned.json["warnings"][0]
        assert (await app.exchange(await app.code(scope="openid more other"))).status == 200

    inprocess(scenario)


def test_a_client_may_have_tokens_about_itself(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        ask: dict[str, Any] = {"grant_type": "client_credentials", "redirect_uri": None}
        assert told(await app.exchange("", **ask, scope="openid"))[1] == "invalid_grant"
        await write(api, "client/app", client_credentials=True, authorization_code=False)
        assert told(await app.exchange("", **ask))[1] == "invalid_request"
        found = (await app.exchange("", **ask, scope="openid")).json
        claims = read(found["access_token"], await app.keys())
        assert (claims["sub"], claims["aud"]) == (app.client_id, app.client_id)
        assert told(await app.authorize())[1] == "invalid_grant"
        public = {"client_type": "public", "client_credentials": True}
        assert (await api("POST", f"{OIDC}/client/other", public)).status == 400

    inprocess(scenario)


def test_what_is_referred_to_stays(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await Application.set(api, assignments=["allow_all"])
        await write(api, "assignment/a", entity_ids="x")
        await write(api, "client/app", assignments="a")
        for path in (
            "assignment/a",
            "assignment/allow_all",
            "scope/profile",
            "key/k",
            "provider/default",
        ):
            assert (await api("DELETE", f"{OIDC}/{path}")).status == 400, path
        for path in ("client/app", "provider/p", "assignment/a", "scope/profile", "scope/more", "key/k"):
            assert (await api("DELETE", f"{OIDC}/{path}")).status == 204, path
        left = [name for name in await rows(api.core) if "/oidc/" in name]
        assert not left, left

    inprocess(scenario)


def test_secrets_are_not_in_listings_or_the_storage(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        app = await Application.set(api)
        assert app.secret not in str((await api("LIST", f"{OIDC}/client")).json)
        for blob in (await rows(api.core)).values():
            assert app.secret.encode() not in blob

    inprocess(scenario)


def test_nothing_secret_is_in_the_audit_log_in_clear(entering: type[Entering], tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        log = tmp_path / "audit.log"
        options = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("PUT", "sys/audit/log", options)).status == 204
        app = await Application.set(api)
        code = await app.code(code_challenge=VERIFIER)
        found = (await app.exchange(code, code_verifier=VERIFIER)).json
        assert (await app.userinfo(found["access_token"])).status == 200
        in_form = {"client_id": app.client_id, "client_secret": app.secret}
        assert (await app.exchange(await app.code(), basic=False, **in_form)).status == 200
        written = log.read_text()
        assert f"{OIDC}/provider/p/token" in written
        for secret in (code, app.secret, found["access_token"], found["id_token"], VERIFIER):
            assert secret not in written

    inprocess(scenario)
