from __future__ import annotations

import pytest

from tests.inprocess import InProcess, inprocess

RULES = """
path "secret/data/*" { capabilities = ["read", "create"] }
path "secret/data/no" { capabilities = ["deny"] }
path "auth/token/lookup" { capabilities = ["update"] }
"""


async def subject(api: InProcess) -> tuple[str, str]:
    """A token with the rules, and its accessor."""
    token = await api.policy_token(RULES)
    accessor = (await api("GET", "auth/token/lookup-self", token=token)).data["accessor"]
    return token, accessor


def test_every_way_to_ask_gives_the_same_answer() -> None:
    async def scenario(api: InProcess) -> None:
        token, accessor = await subject(api)
        paths = {"paths": ["secret/data/a", "/secret/data/no", "other"]}
        expected = {"secret/data/a": ["create", "read"], "/secret/data/no": ["deny"], "other": ["deny"]}
        answers = [
            await api("POST", "sys/capabilities", {"token": token, **paths}),
            await api("POST", "sys/capabilities-accessor", {"accessor": accessor, **paths}),
            await api("POST", "sys/capabilities-self", paths, token=token),
        ]
        for answer in answers:
            assert answer.data == expected
            assert {path: answer.json[path] for path in expected} == expected

    inprocess(scenario)


def test_of_a_single_path_the_capabilities_stand_apart_too() -> None:
    async def scenario(api: InProcess) -> None:
        for name in ("path", "paths"):
            answer = await api("POST", "sys/capabilities-self", {name: "secret/data/a"})
            assert answer.data == {"secret/data/a": ["root"], "capabilities": ["root"]}
        two = await api("POST", "sys/capabilities-self", {"paths": "a,b"})
        assert two.data == {"a": ["root"], "b": ["root"]}

    inprocess(scenario)


def test_self_is_the_caller_whatever_token_is_named() -> None:
    async def scenario(api: InProcess) -> None:
        token, _ = await subject(api)
        answer = await api("POST", "sys/capabilities-self", {"path": "x", "token": api.token}, token=token)
        assert answer.data["x"] == ["deny"]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    (
        ("capabilities-self", {}),
        ("capabilities", {"paths": "x"}),
        ("capabilities", {"paths": "x", "token": "nobody"}),
        ("capabilities-accessor", {"paths": "x"}),
        ("capabilities-accessor", {"paths": "x", "accessor": "nobody"}),
    ),
)
def test_questions_about_nothing_or_nobody(path: str, body: dict[str, str]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", f"sys/{path}", body)).status == 400

    inprocess(scenario)


def test_a_revoked_token_has_none() -> None:
    async def scenario(api: InProcess) -> None:
        token, accessor = await subject(api)
        await api("POST", "auth/token/revoke", {"token": token})
        assert (await api("POST", "sys/capabilities", {"token": token, "path": "x"})).status == 400
        assert (
            await api("POST", "sys/capabilities-accessor", {"accessor": accessor, "path": "x"})
        ).status == 400

    inprocess(scenario)


# -- explain -------------------------------------------------------------------------------------------


def test_an_explanation_names_the_policy_and_what_was_missing() -> None:
    async def scenario(api: InProcess) -> None:
        token, accessor = await subject(api)
        ask = {"path": "secret/data/a", "operation": "read"}
        allowed = (await api("POST", "sys/internal/explain", ask, token=token)).data
        assert allowed["allowed"] is True
        denied = (await api("POST", "sys/internal/explain", ask | {"operation": "delete"}, token=token)).data
        assert denied["allowed"] is False
        assert denied["wanted"] == "delete"
        for who in ({"token": token}, {"accessor": accessor}):
            assert (await api("POST", "sys/internal/explain", ask | who)).data == allowed

    inprocess(scenario)


def test_an_explanation_tells_of_a_disabled_entity_not_of_missing_rules() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/auth/userpass", {"type": "userpass"})
        await api("PUT", "sys/policies/acl/rules", {"policy": RULES})
        await api("POST", "auth/userpass/users/ann", {"password": "pw", "token_policies": "rules"})
        auth = (await api("POST", "auth/userpass/login/ann", {"password": "pw"}, token=None)).json["auth"]
        ask = {"path": "secret/data/a", "accessor": auth["accessor"]}
        assert (await api("POST", "sys/internal/explain", ask)).data["allowed"] is True
        entity = f"identity/entity/id/{auth['entity_id']}"
        for act, body in (("POST", {"disabled": True}), ("DELETE", None)):
            assert (await api(act, entity, body)).status == 204
            told = (await api("POST", "sys/internal/explain", ask)).data
            assert (told["allowed"], told["reason"], told["wanted"]) == (False, "entity refused", "read")
            assert "entity is disabled or gone" in told["sentence"]

    inprocess(scenario)


def test_of_others_is_told_to_who_may_look_them_up() -> None:
    async def scenario(api: InProcess) -> None:
        token, accessor = await subject(api)
        other = await api.policy_token('path "x" { capabilities = ["read"] }')
        ask = {"path": "x", "operation": "read"}
        mine = await api("POST", "sys/internal/explain", ask | {"token": other}, token=token)
        assert mine.data["allowed"] is True
        refused = await api("POST", "sys/internal/explain", ask | {"token": token}, token=other)
        assert refused.status == 403
        refused = await api("POST", "sys/internal/explain", ask | {"accessor": accessor}, token=token)
        assert refused.status == 403

    inprocess(scenario)


@pytest.mark.parametrize("more", ({"operation": "conquer"}, {"token": "nobody"}, {"accessor": "nobody"}))
def test_an_explanation_of_nonsense(more: dict[str, str]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/internal/explain", {"path": "x", **more})).status == 400

    inprocess(scenario)
