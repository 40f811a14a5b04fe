"""Identity tokens as a relying party sees them: verified by joserfc against what is published."""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import BadSignatureError, JoseError, SecurityWarning
from joserfc.jwk import KeySet

from strongroom.crypto import jws
from tests.entering import Entering, enable, entering, login, make
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows

__all__ = ["entering"]

OIDC = "identity/oidc"
DAY = 86_400
READS = 'path "identity/oidc/*" { capabilities = ["read", "update"] }'


async def write(api: InProcess, path: str, **fields: Any) -> None:
    answer = await api("POST", f"{OIDC}/{path}", fields)
    assert answer.status == 204, answer


async def published(api: InProcess) -> dict[str, Any]:
    answer = await api("GET", f"{OIDC}/.well-known/keys", token=None)
    assert answer.status == 200
    found: dict[str, Any] = answer.json
    return found


def read(token: str, keys: dict[str, Any]) -> dict[str, Any]:
    """The claims of a token, verified. Raises JoseError."""
    known = KeySet.import_key_set(keys)  # type: ignore[arg-type]  # as it came over the wire
    with warnings.catch_warnings():  # EdDSA has a newer name
        warnings.simplefilter("ignore", SecurityWarning)
        claims: dict[str, Any] = jwt.decode(token, known, algorithms=list(jws.ALGORITHMS)).claims
    return claims


async def caller(api: InProcess, name: str = "ann") -> tuple[str, str]:
    """A token that may get identity tokens, and the ID of its entity."""
    await api("PUT", "sys/policies/acl/oidc", {"policy": READS})
    auth = await login(api, name, policies=["oidc"])
    return auth["client_token"], auth["entity_id"]


async def token(api: InProcess, role: str, caller: str) -> str:
    answer = await api("GET", f"{OIDC}/token/{role}", token=caller)
    assert answer.status == 200, answer
    found: str = answer.data["token"]
    return found


@pytest.mark.parametrize("algorithm", jws.ALGORITHMS)
def test_a_relying_party_reads_who_it_is(algorithm: str, entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, entity = await caller(api)
        await api("POST", f"identity/entity/id/{entity}", {"name": 'A "q"', "metadata": {"team": "x"}})
        await make(api, "group", name="g", member_entity_ids=[entity])
        await write(api, "config")
        await api("POST", f"{OIDC}/config", {"issuer": "https://id.example:8200"})
        await write(api, "key/k", algorithm=algorithm, allowed_client_ids="app")
        template = '{"n": {{identity.entity.name}}, "g": {{identity.entity.groups.names}}}'
        await write(api, "role/r", key="k", client_id="app", template=template, ttl="1h")
        found = (await api("GET", f"{OIDC}/.well-known/openid-configuration", token=None)).json
        assert found["issuer"] == "https://id.example:8200/v1/identity/oidc"
        assert found["jwks_uri"] == found["issuer"] + "/.well-known/keys"
        claims = read(await token(api, "r", ann), await published(api))
        now = claims["iat"]
        assert claims == {
            "aud": "app",
            "exp": now + 3600,
            "g": ["g"],
            "iat": now,
            "iss": found["issuer"],
            "n": 'A "q"',
            "namespace": "root",
            "sub": entity,
        }

    inprocess(scenario)


def test_keys_take_over_by_themselves(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, _ = await caller(api)
        await write(
            api,
            "key/k",
            algorithm="ES256",
            allowed_client_ids="*",
            rotation_period="1h",
            verification_ttl="1h",
        )
        await write(api, "role/r", key="k", ttl="1h")
        first, before = await token(api, "r", ann), await published(api)
        with later(api.core, 3601):
            await reap(api.core)
            second, after = await token(api, "r", ann), await published(api)
            assert jws.kid_of(second) != jws.kid_of(first)
            read(second, before)  # the next key had been published before it signed
            read(first, after)
        with later(api.core, 2 * 3600 + 1):
            await reap(api.core)
            with pytest.raises(JoseError):
                read(first, await published(api))
            read(second, await published(api))
            assert (await api("POST", f"{OIDC}/introspect", {"token": first})).json["active"] is False

    inprocess(scenario)


def test_a_key_whose_time_is_over_signs_no_more_even_if_nothing_woke(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, _ = await caller(api)
        await write(
            api, "key/k", algorithm="EdDSA", allowed_client_ids="*", rotation_period=60, verification_ttl=600
        )
        await write(api, "role/r", key="k", ttl=600)
        kids = set()
        for minutes in range(5):
            with later(api.core, 61 * minutes):
                signed = await asyncio.gather(*(token(api, "r", ann) for _ in range(5)))
                assert len({jws.kid_of(one) for one in signed}) == 1
                kids.add(jws.kid_of(signed[0]))
                read(signed[0], await published(api))
        assert len(kids) == 5

    inprocess(scenario)


def test_a_rotation_can_forget_what_was_signed(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, _ = await caller(api)
        await write(api, "key/k", algorithm="ES256", allowed_client_ids="*")
        await write(api, "role/r", key="k")
        signed = await token(api, "r", ann)
        await write(api, "key/k/rotate")
        assert read(signed, await published(api))
        assert (await api("POST", f"{OIDC}/introspect", {"token": signed})).json == {"active": True}
        signed = await token(api, "r", ann)
        await write(api, "key/k/rotate", verification_ttl=0)
        with pytest.raises((JoseError, BadSignatureError)):
            read(signed, await published(api))
        assert (await api("POST", f"{OIDC}/introspect", {"token": signed})).json == {
            "active": False,
            "error": "unable to validate the token signature",
        }

    inprocess(scenario)


def test_what_was_signed_holds_when_the_algorithm_changes(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, _ = await caller(api)
        await write(api, "key/k", algorithm="ES256", allowed_client_ids="*")
        await write(api, "role/r", key="k")
        first = await token(api, "r", ann)
        await write(api, "key/k", algorithm="EdDSA")
        second = await token(api, "r", ann)
        keys = await published(api)
        assert read(first, keys)["sub"] == read(second, keys)["sub"]
        assert {one["alg"] for one in keys["keys"]} == {"ES256", "EdDSA"}

    inprocess(scenario)


def test_a_token_is_for_its_audience_and_for_an_entity_that_may_log_in(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, entity = await caller(api)
        await write(api, "key/k", algorithm="ES256")
        await write(api, "role/r", key="k", client_id="app", ttl=60)
        refused = await api("GET", f"{OIDC}/token/r", token=ann)
        assert (refused.status, "does not list the client ID" in refused.errors[0]) == (400, True)
        await write(api, "key/k", allowed_client_ids="app")
        assert (await api("GET", f"{OIDC}/token/r")).status == 400  # root has no entity
        signed = await token(api, "r", ann)

        async def ask(**fields: Any) -> dict[str, Any]:
            answer = await api("POST", f"{OIDC}/introspect", {"token": signed, **fields})
            found: dict[str, Any] = answer.json
            return found

        assert await ask() == await ask(client_id="app") == {"active": True}
        assert "audience" in (await ask(client_id="other"))["error"]
        with later(api.core, 61):
            assert "expired" in (await ask())["error"]
        await api("POST", f"identity/entity/id/{entity}", {"disabled": True})
        assert (await ask())["active"] is False
        await api("POST", f"identity/entity/id/{entity}", {"disabled": False})
        await api("POST", f"{OIDC}/config", {"issuer": "https://elsewhere"})
        assert "issuer" in (await ask())["error"]

    inprocess(scenario)


def test_a_template_makes_none_of_the_servers_own_claims(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, entity = await caller(api)
        await api("POST", f"identity/entity/id/{entity}", {"name": "sub"})
        await write(api, "key/k", algorithm="EdDSA", allowed_client_ids="*")
        await write(api, "role/r", key="k", template='{ {{identity.entity.name}}: "root"}')
        assert read(await token(api, "r", ann), await published(api))["sub"] == entity

    inprocess(scenario)


def test_what_is_in_use_stays() -> None:
    async def scenario(api: InProcess) -> None:
        await write(api, "key/k", algorithm="ES256", rotation_period="1h", verification_ttl="1h")
        await write(api, "role/r", key="k", ttl="1h")
        for method, path, fields in (
            ("DELETE", "key/k", None),
            ("DELETE", "key/default", None),
            ("POST", "key/k", {"verification_ttl": "30m"}),
            ("POST", "role/r", {"ttl": "2h"}),
        ):
            assert (await api(method, f"{OIDC}/{path}", fields)).status == 400
        assert (await api("GET", f"{OIDC}/key/k")).data["verification_ttl"] == 3600
        await write(api, "key/k2", algorithm="ES256")
        await write(api, "role/r", key="k2")
        assert (await api("DELETE", f"{OIDC}/key/k")).status == 204
        assert (await api("DELETE", f"{OIDC}/key/k2")).status == 400
        assert (await api("DELETE", f"{OIDC}/role/r")).status == 204
        before = len(await rows(api.core))
        assert (await api("DELETE", f"{OIDC}/key/k2")).status == 204
        assert before - len(await rows(api.core)) == 4  # the key, the IDs of its two halves, its wake
        assert await published(api) == {"keys": []}
        assert (await api("LIST", f"{OIDC}/key")).data["keys"] == ["default"]

    inprocess(scenario)


def test_private_keys_leave_by_no_door(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        ann, _ = await caller(api)
        await write(api, "role/r", key="default")
        assert (await api("GET", f"{OIDC}/token/r", token=ann)).status == 200
        for path in ("key/default", "role/r", ".well-known/keys"):
            assert {"private", "d", "signing"}.isdisjoint(
                str((await api("GET", f"{OIDC}/{path}")).json).split("'")
            )
        for name, blob in (await rows(api.core)).items():
            assert b"private" not in blob, name

    inprocess(scenario)


def test_names_come_in_pages_with_the_one_that_is_always_there() -> None:
    async def scenario(api: InProcess) -> None:
        for name in ("a", "b", "x", "y"):
            await write(api, f"key/{name}", algorithm="EdDSA")

        async def page(after: str, limit: int) -> list[str]:
            answer = await api("LIST", f"{OIDC}/key?after={after}&limit={limit}")
            found: list[str] = answer.data["keys"] if answer.status == 200 else []
            return found

        for limit in (1, 2, 3, 9):
            found: list[str] = []
            while part := await page(found[-1] if found else "", limit):
                assert len(part) <= limit
                found += part
            assert found == ["a", "b", "default", "x", "y"]

    inprocess(scenario)
