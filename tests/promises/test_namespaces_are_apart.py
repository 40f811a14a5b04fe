"""What is in one namespace is not in another, whatever it is and wherever one looks from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import permutations
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import later, leasing, reap
from tests.namespaces import Call, made, token_in

__all__ = ["leasing"]

PLACES = ("", "team", "team/web", "other")
ALL = 'path "*" { capabilities = ["create", "read", "update", "delete", "list", "scan", "patch", "sudo"] }'


async def places(api: InProcess) -> dict[str, Call]:
    """Four namespaces, each with the same engines at the same paths."""
    found: dict[str, Call] = {"": api, **dict(zip(PLACES[1:], await made(api, *PLACES[1:]), strict=True))}
    for call in found.values():
        assert (await call("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        assert (await call("POST", "sys/mounts/lease", {"type": "leasing"})).status == 204
    return found


Look = Callable[[Call], Awaitable[bool]]
"""Whether something is seen from a namespace."""


async def secret(here: Call) -> Look:
    assert (await here("POST", "kv1/a", {"x": "mine"})).status == 204

    async def look(call: Call) -> bool:
        listed = await call("LIST", "kv1/")
        return (await call("GET", "kv1/a")).status == 200 or listed.status == 200

    return look


async def mount(here: Call) -> Look:
    assert (await here("POST", "sys/mounts/extra", {"type": "kv"})).status == 204

    async def look(call: Call) -> bool:
        seen = [
            "extra/" in (await call("GET", "sys/mounts")).data,
            (await call("GET", "sys/mounts/extra")).status == 200,
            (await call("POST", "sys/mounts/extra/tune", {"description": "d"})).status == 204,
            (await call("POST", "extra/a", {"x": 1})).status == 204,
            "extra/" in (await call("GET", "sys/internal/ui/mounts")).data["secret"],
            (await call("POST", "sys/remount", {"from": "extra", "to": "moved"})).status == 200,
        ]
        if seen[-1]:
            assert (await call("POST", "sys/remount", {"from": "moved", "to": "extra"})).status == 200
        else:
            await call("DELETE", "sys/mounts/extra")
        return all(seen) if seen[0] else any(seen)

    return look


async def policy(here: Call) -> Look:
    assert (await here("PUT", "sys/policies/acl/p", {"policy": ALL})).status == 204

    async def look(call: Call) -> bool:
        made = await call("POST", "auth/token/create", {"policies": ["p"], "ttl": "1h"})
        token = made.json["auth"]["client_token"]
        seen = [
            (await call("GET", "sys/policies/acl/p")).status == 200,
            "p" in (await call("LIST", "sys/policies/acl")).data["keys"],
            made.json["warnings"] is None,
            (await call("GET", "kv1/none", token=token)).status == 404,
        ]
        return all(seen) if seen[0] else any(seen)

    return look


async def password_policy(here: Call) -> Look:
    rule = {"policy": 'length = 20\nrule "charset" { charset = "abc" }'}
    assert (await here("PUT", "sys/policies/password/p", rule)).status == 204

    async def look(call: Call) -> bool:
        return (await call("GET", "sys/policies/password/p/generate")).status == 200 or (
            await call("LIST", "sys/policies/password")
        ).status == 200

    return look


async def token_role(here: Call) -> Look:
    assert (await here("POST", "auth/token/roles/r", {"allowed_policies": ["default"]})).status == 204

    async def look(call: Call) -> bool:
        return (await call("GET", "auth/token/roles/r")).status == 200 or (
            await call("POST", "auth/token/create/r", {"ttl": "1h"})
        ).status == 200

    return look


async def cubbyhole(here: Call) -> Look:
    assert (await here("POST", "cubbyhole/a", {"x": "mine"})).status == 204

    async def look(call: Call) -> bool:
        return (await call("GET", "cubbyhole/a")).status == 200 or (
            await call("LIST", "cubbyhole/")
        ).status == 200

    return look


async def token(here: Call) -> Look:
    issued = await here("POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"})
    accessor = issued.json["auth"]["accessor"]

    async def look(call: Call) -> bool:
        seen = [
            (await call("POST", "auth/token/lookup-accessor", {"accessor": accessor})).status == 200,
            (await call("POST", "auth/token/renew-accessor", {"accessor": accessor})).status == 200,
            (await call("POST", "sys/capabilities-accessor", {"accessor": accessor, "paths": ["x"]})).status
            == 200,
            accessor
            in ((await call("LIST", "auth/token/accessors")).json.get("data") or {"keys": []})["keys"],
        ]
        if not seen[0]:
            assert (await call("POST", "auth/token/revoke-accessor", {"accessor": accessor})).status == 400
            await call("PUT", "sys/leases/revoke-prefix/auth/token/create", {"sync": True})
        return all(seen) if seen[0] else any(seen)

    return look


async def lease(here: Call) -> Look:
    issued = (await here("GET", "lease/creds/app?ttl=3600")).json
    body = {"lease_id": issued["lease_id"]}

    async def look(call: Call) -> bool:
        seen = [
            (await call("PUT", "sys/leases/lookup", body)).status == 200,
            (await call("PUT", "sys/leases/renew", body)).status == 200,
            (await call("PUT", "sys/renew", body)).status == 200,
            (await call("LIST", "sys/leases/lookup/lease/creds/app/")).status == 200,
        ]
        if not seen[0]:
            for path in ("sys/leases/revoke", "sys/revoke"):
                assert (await call("PUT", path, {**body, "sync": True})).status == 204
                assert (await call("PUT", f"{path}/{body['lease_id']}", {"sync": True})).status == 204
            for path in ("revoke-prefix", "revoke-force"):
                assert (await call("PUT", f"sys/leases/{path}/lease", {"sync": True})).status == 204
        return all(seen) if seen[0] else any(seen)

    return look


async def entity(here: Call) -> Look:
    assert (await here("POST", "identity/entity", {"name": "e"})).status == 200
    made_id = (await here("GET", "identity/entity/name/e")).data["id"]

    async def look(call: Call) -> bool:
        seen = [
            (await call("GET", "identity/entity/name/e")).status == 200,
            (await call("GET", f"identity/entity/id/{made_id}")).status == 200,
            (await call("LIST", "identity/entity/name")).status == 200,
            (await call("POST", "identity/lookup/entity", {"id": made_id})).status == 200,
        ]
        if not seen[0]:
            await call("DELETE", f"identity/entity/id/{made_id}")
            await call("DELETE", "identity/entity/name/e")
            await call("POST", "identity/entity/batch-delete", {"entity_ids": [made_id]})
        return all(seen) if seen[0] else any(seen)

    return look


async def group(here: Call) -> Look:
    assert (await here("POST", "identity/group", {"name": "g", "policies": ["default"]})).status == 200
    made_id = (await here("GET", "identity/group/name/g")).data["id"]

    async def look(call: Call) -> bool:
        seen = [
            (await call("GET", "identity/group/name/g")).status == 200,
            (await call("GET", f"identity/group/id/{made_id}")).status == 200,
            (await call("LIST", "identity/group/name")).status == 200,
        ]
        if not seen[0]:
            await call("DELETE", f"identity/group/id/{made_id}")
            await call("DELETE", "identity/group/name/g")
        return all(seen) if seen[0] else any(seen)

    return look


async def below(here: Call) -> Look:
    assert (await here("POST", "sys/namespaces/inner", {})).status == 200

    async def look(call: Call) -> bool:
        return (await call("GET", "sys/namespaces/inner")).status == 200

    return look


KINDS: tuple[Callable[[Call], Awaitable[Look]], ...] = (
    secret,
    mount,
    policy,
    password_policy,
    token_role,
    cubbyhole,
    token,
    lease,
    entity,
    group,
    below,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.usefixtures("leasing")
def test_nothing_of_a_namespace_is_seen_or_touched_from_another(
    kind: Callable[[Call], Awaitable[Look]],
) -> None:
    async def scenario(api: InProcess) -> None:
        found = await places(api)
        for here in PLACES:
            look = await kind(found[here])
            for there in PLACES:
                if there != here:
                    assert not await look(found[there]), (here, there)
            assert await look(found[here]), here
            await undo(found[here])

    inprocess(scenario, seconds=60)


async def undo(call: Call) -> None:
    """Take away what a kind made, so that the next place starts with nothing anywhere."""
    for path in (
        "kv1/a",
        "sys/mounts/extra",
        "sys/policies/acl/p",
        "sys/policies/password/p",
        "auth/token/roles/r",
        "cubbyhole/a",
        "sys/namespaces/inner",
        "identity/entity/name/e",
        "identity/group/name/g",
    ):
        await call("DELETE", path)
    await call("PUT", "sys/leases/revoke-prefix/lease", {"sync": True})


@pytest.mark.usefixtures("leasing")
def test_a_token_is_of_use_in_its_namespace_and_below_as_its_policies_say() -> None:
    async def scenario(api: InProcess) -> None:
        found = await places(api)
        for call in found.values():
            assert (await call("POST", "kv1/a", {"x": 1})).status == 204
        for here, there in permutations(PLACES, 2):
            value = await token_in(found[here], ALL)
            answer = await found[there]("GET", "kv1/a", token=value)
            inside = there.startswith(here)
            assert answer.status == (200 if inside else 403), (here, there, answer)
            narrow = await token_in(found[here], 'path "kv1/a" { capabilities = ["read"] }')
            assert (await found[there]("GET", "kv1/a", token=narrow)).status == 403
            assert (await found[here]("GET", "kv1/a", token=narrow)).status == 200
            way = there.removeprefix(here).strip("/")
            led = await token_in(found[here], f'path "{way}/kv1/a" {{ capabilities = ["read"] }}')
            assert (await found[there]("GET", "kv1/a", token=led)).status == (200 if inside else 403)
            assert (await api("GET", f"{there}/kv1/a".strip("/"), token=led)).status == (
                200 if inside else 403
            )

    inprocess(scenario, seconds=60)


@pytest.mark.usefixtures("leasing")
def test_who_has_a_token_may_act_on_it_from_above_and_from_nowhere_else() -> None:
    async def scenario(api: InProcess) -> None:
        found = await places(api)
        for here, there in permutations(PLACES, 2):
            value = await token_in(found[here], ttl="1h")
            body, call = {"token": value}, found[there]
            answers = [await call("POST", f"auth/token/{act}", body) for act in ("lookup", "renew")]
            orphan = await call("POST", "auth/token/revoke-orphan", {"token": await token_in(found[here])})
            revoked = await call("POST", "auth/token/revoke", body)
            statuses = [answer.status for answer in (*answers, orphan, revoked)]
            above = here.startswith(there)
            assert statuses == ([200, 200, 204, 204] if above else [403, 400, 400, 400]), (here, there)
            if above:
                assert answers[0].data["namespace_path"] == f"{here}/"
            assert (await found[here]("POST", "auth/token/lookup", body)).status == (403 if above else 200)

    inprocess(scenario, seconds=60)


def test_a_token_tells_of_itself_from_everywhere_and_of_nothing_else() -> None:
    async def scenario(api: InProcess) -> None:
        team, other = await made(api, "team", "other")
        value = await token_in(team, ttl="1h")
        for call in (api, team, other):
            known = (await call("GET", "auth/token/lookup-self", token=value)).data
            assert (known["namespace_path"], known["id"]) == ("team/", value)
            assert (await call("POST", "auth/token/renew-self", {}, token=value)).status == 200
            assert (await call("GET", "auth/token/lookup", token=value)).status == 403
        for call in (api, other):
            for path in ("cubbyhole/a", "sys/internal/ui/resultant-acl"):
                assert (await call("GET", path, token=value)).status == 403
        bare = value.rpartition(".")[0]
        other_id = (await api("GET", "sys/namespaces/other")).data["id"]
        for forged in (bare, f"{bare}.{other_id}", f"{bare}.root", f"{bare}.AAAAAA", f"{value}.{other_id}"):
            for call in (api, team, other):
                assert (await call("GET", "auth/token/lookup-self", token=forged)).status == 403
        assert (await other("POST", "auth/token/revoke-self", {}, token=value)).status == 204
        assert (await team("GET", "auth/token/lookup-self", token=value)).status == 403

    inprocess(scenario)


@pytest.mark.parametrize("kind", ("service", "batch"))
def test_tokens_and_accessors_name_their_namespace(kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        team, _ = await made(api, "team", "team/web")
        home = (await api("GET", "sys/namespaces/team")).data["id"]
        body = {"policies": ["default"], "type": kind, "ttl": "1h"}
        issued = (await team("POST", "auth/token/create", body)).json["auth"]
        assert issued["client_token"].endswith(f".{home}")
        assert kind == "batch" or issued["accessor"].endswith(f".{home}")
        known = await team("GET", "auth/token/lookup-self", token=issued["client_token"])
        assert known.data["namespace_path"] == "team/"
        of_root = (await api("POST", "auth/token/create", body)).json["auth"]["client_token"]
        assert of_root.count(".") == 1
        moved = f"{of_root}.{home}"
        assert (await team("GET", "auth/token/lookup-self", token=moved)).status == 403

    inprocess(scenario)


def test_a_token_takes_its_children_in_other_namespaces_along() -> None:
    async def scenario(api: InProcess) -> None:
        team, web = await made(api, "team", "team/web")
        parent = (await api("POST", "auth/token/create", {"policies": ["root"], "ttl": "1h"})).json["auth"]
        body = {"policies": ["default"], "ttl": "30m"}
        first = (await team("POST", "auth/token/create", body, token=parent["client_token"])).json["auth"]
        orphan = await team(
            "POST", "auth/token/create", {**body, "no_parent": True}, token=parent["client_token"]
        )
        strong = await token_in(team, ALL)
        last = (await web("POST", "auth/token/create", body, token=strong)).json["auth"]
        assert (await web("POST", "cubbyhole/a", {"x": 1}, token=parent["client_token"])).status == 204
        await api("POST", "auth/token/revoke", {"token": parent["client_token"]})
        assert (await team("GET", "auth/token/lookup-self", token=first["client_token"])).status == 403
        left = orphan.json["auth"]["client_token"]
        assert (await team("GET", "auth/token/lookup-self", token=left)).status == 200
        await team("POST", "auth/token/revoke", {"token": strong})
        assert (await web("GET", "auth/token/lookup-self", token=last["client_token"])).status == 403
        tx = api.core.store.begin(write=False)
        try:
            assert [row for row in await tx.scan("namespaces/") if "logical/cubbyhole/" in row] == []
            assert await tx.scan("sys/token/hole/") == []
        finally:
            tx.close()

    inprocess(scenario)


@pytest.mark.parametrize("name", ("root", "Root", " root", "ROOT "))
def test_nobody_in_a_namespace_becomes_root(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        team, web = await made(api, "team", "team/web")
        admin = await token_in(team, ALL)
        wild = {"allowed_policies_glob": ["*"], "allowed_policies": [name]}
        assert (await team("POST", "auth/token/roles/any", wild, token=admin)).status == 204
        for call, token in ((team, admin), (web, admin), (team, ""), (web, "")):
            for path in ("create", "create-orphan", "create/any"):
                refused = await call("POST", f"auth/token/{path}", {"policies": [name]}, token=token)
                assert refused.status == 400, (path, refused)
            refused = await call("PUT", f"sys/policies/acl/{name.strip()}", {"policy": ALL}, token=token)
            assert refused.status == 400

    inprocess(scenario)


def test_a_root_policy_in_the_row_of_a_namespaces_token_grants_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        value = await token_in(team)
        request = api.core.internal_request()
        entry = await api.core.tokens.lookup(request, value)
        assert entry is not None
        entry.policies = ["root"]
        api.core.tokens.update(request, entry)
        await api.core.store.commit(request.tx)
        assert (await team("GET", "sys/mounts", token=value)).status == 403
        assert (await api("GET", "sys/mounts", token=value)).status == 403

    inprocess(scenario)


def test_tokens_in_namespaces_cannot_have_ids_of_their_own() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        refused = await team("POST", "auth/token/create", {"id": "mine", "policies": ["default"]})
        assert refused.errors == ["token IDs can only be manually specified in the root namespace"]
        refused = await api("POST", "auth/token/create", {"id": "mine.abcdef", "policies": ["default"]})
        assert refused.status == 400

    inprocess(scenario)


def test_tokens_for_a_namespace_below_need_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        team, web = await made(api, "team", "team/web")
        rules = 'path "web/auth/token/create" { capabilities = ["update"] }'
        plain = await token_in(team, rules)
        refused = await web("POST", "auth/token/create", {"policies": ["own"]}, token=plain)
        assert refused.errors == [
            "root or sudo privileges required to directly generate a token in a child namespace"
        ]
        strong = await token_in(team, rules.replace('"update"', '"update", "sudo"'))
        issued = (await web("POST", "auth/token/create", {}, token=strong)).json["auth"]
        assert issued["policies"] == ["default"]  # those of the parent mean something else here

    inprocess(scenario)


def test_wrapping_tokens_open_from_everywhere_once() -> None:
    async def scenario(api: InProcess) -> None:
        team, other = await made(api, "team", "other")
        wrap = {"X-Vault-Wrap-TTL": "60"}
        for opener in (api, team, other):
            issued = await team("POST", "sys/wrapping/wrap", {"x": 1}, headers=wrap)
            value: Any = issued.json["wrap_info"]["token"]
            assert (await opener("POST", "sys/wrapping/lookup", {"token": value})).status == 200
            assert (await opener("POST", "sys/wrapping/unwrap", token=value)).data == {"x": 1}
            assert (await team("POST", "sys/wrapping/unwrap", token=value)).status == 400

    inprocess(scenario)


@pytest.mark.usefixtures("leasing")
def test_leases_of_all_namespaces_end_and_the_ended_token_takes_its_leases_along() -> None:
    async def scenario(api: InProcess) -> None:
        found = await places(api)
        issued = {}
        for place, call in found.items():
            issued[place] = (await call("GET", "lease/creds/app?ttl=60")).json["lease_id"]
        parent = (await api("POST", "auth/token/create", {"policies": ["root"], "ttl": "1h"})).json["auth"]
        made_by = await found["team/web"]("GET", "lease/creds/app?ttl=3600", token=parent["client_token"])
        left = made_by.json["lease_id"]
        with later(api.core, 61):
            await reap(api.core)
            for place, call in found.items():
                gone = await call("PUT", "sys/leases/lookup", {"lease_id": issued[place]})
                assert gone.status == 400, place
            known = await found["team/web"]("PUT", "sys/leases/lookup", {"lease_id": left})
            assert known.data["namespace_path"] == "team/web/"
            await api("POST", "auth/token/revoke", {"token": parent["client_token"]})
            await reap(api.core)
            assert (await found["team/web"]("PUT", "sys/leases/lookup", {"lease_id": left})).status == 400
        tx = api.core.store.begin(write=False)
        try:
            assert [row for row in await tx.scan("") if "/issued/" in row] == []
            assert [row for row in await tx.scan("sys/expire/at/") if "creds" in row] == []
        finally:
            tx.close()

    inprocess(scenario)


@pytest.mark.parametrize(
    "end", ("", "......", "//////", "/id/aa", "..%2f..", "AAAAA\u00e4", "root", "\x7f\x7f\x7f\x7f\x7f\x7f")
)
def test_ends_that_name_no_namespace_make_no_token(end: str) -> None:
    async def scenario(api: InProcess) -> None:
        calls: list[Call] = [api, *await made(api, "team")]
        for call in calls:
            for value in (f"srs.aaaaaaaaaaaaaaaaaaaaaaaa.{end}", f"srb.AAAA.{end}", f".{end}", f"root.{end}"):
                assert (await call("GET", "sys/mounts", token=value)).status == 403
                refused = await call("POST", "auth/token/lookup-accessor", {"accessor": value})
                assert refused.status == 400

    inprocess(scenario)


def test_what_an_entity_gives_is_that_of_the_tokens_namespace() -> None:
    async def scenario(api: InProcess) -> None:
        team, web = await made(api, "team", "team/web")
        rules = (
            'path "sys/mounts" { capabilities = ["read"] } path "web/sys/mounts" { capabilities = ["read"] }'
        )
        assert (await team("PUT", "sys/policies/acl/seer", {"policy": rules})).status == 204
        assert (await team("POST", "sys/auth/userpass", {"type": "userpass"})).status == 204
        assert (await team("POST", "auth/userpass/users/ann", {"password": "pw"})).status == 204
        login = (await team("POST", "auth/userpass/login/ann", {"password": "pw"}, token=None)).json["auth"]
        value, entity_id = login["client_token"], login["entity_id"]
        for call in (team, web):
            assert (await call("GET", "sys/mounts", token=value)).status == 403
        given = await team("POST", f"identity/entity/id/{entity_id}", {"policies": ["seer"]})
        assert given.status == 204
        for call in (team, web):
            assert (await call("GET", "sys/mounts", token=value)).status == 200
        assert (await api("GET", "sys/mounts", token=value)).status == 403
        assert (await api("GET", "auth/token/lookup-self", token=value)).data["identity_policies"] == ["seer"]
        refused = await team("POST", f"identity/entity/id/{entity_id}", {"policies": ["root"]})
        assert refused.status == 400
        assert (await team("POST", f"identity/entity/id/{entity_id}", {"disabled": True})).status == 204
        for call in (team, web):
            assert (await call("GET", "sys/mounts", token=value)).status == 403
        assert (await team("DELETE", "sys/auth/userpass")).status == 204
        await reap(api.core)
        assert (await team("LIST", "identity/entity-alias/id")).status == 404

    inprocess(scenario)
