"""Identities, tokens, namespaces."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strongroom import registry
from tests.entering import Entering, attempt, enable, entering
from tests.entering import login as enter
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.namespaces import inside, made, token_in
from tests.promises.advisories.asking import asked, seeded

__all__ = ["entering"]


@pytest.mark.parametrize("name", ("ROOT", "Root", " root", "root ", "rOOT\t"))
def test_cve_2025_5999_cve_2025_64761_no_spelling_of_root_is_given_away(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token('path "auth/token/*" { capabilities = ["create", "update", "sudo"] }')
        role = {"allowed_policies_glob": ["*"]}
        assert (await api("POST", "auth/token/roles/any", role)).status == 204
        for path in ("create", "create-orphan", "create/any"):
            answer = await api("POST", f"auth/token/{path}", {"policies": [name]}, token=token)
            assert answer.status in (400, 403), answer

    inprocess(scenario)


@pytest.mark.parametrize("name", ("root", "ROOT", "Root", " root", "root ", "rOOT\t", "root\n"))
def test_cve_2025_5999_cve_2025_64761_no_entity_or_group_is_given_root(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        for kind in ("entity", "group"):
            made = (await api("POST", f"identity/{kind}", {"name": "x", "policies": "a"})).data["id"]
            for path in (f"identity/{kind}", f"identity/{kind}/name/x", f"identity/{kind}/id/{made}"):
                for policies in ([name], ["a", name], f"a,{name}"):
                    answer = await api("POST", path, {"name": "x", "policies": policies})
                    assert (answer.status, answer.errors) == (400, ["policies cannot contain root"])
            assert (await api("GET", f"identity/{kind}/id/{made}")).data["policies"] == ["a"]

    inprocess(scenario)


def test_cve_2024_9180_whoever_changes_entities_does_not_become_root(entering: type[Entering]) -> None:
    """Not by a policy's name, and not by rows that say root: it would do nothing there."""

    async def scenario(api: InProcess) -> None:
        await enable(api)
        rule = 'path "identity/*" { capabilities = ["create", "update", "read", "list", "sudo"] }'
        await api("PUT", "sys/policies/acl/clerk", {"policy": rule})
        auth = await enter(api, "clerk", policies="clerk")
        token, who = auth["client_token"], auth["entity_id"]
        body = {"id": who, "policies": ["ROOT "]}
        assert (await api("POST", "identity/entity", body, token=token)).status == 400
        group = {"policies": ["Root"], "member_entity_ids": who}
        assert (await api("POST", "identity/group", group, token=token)).status == 400
        core = api.core
        request = core.internal_request()
        entity = await core.identity.entities.get(request, who)
        assert entity is not None
        core.identity.entities.put(request, replace(entity, policies=["root", " ROOT"]), entity)
        core.identity.changed(request)
        await core.store.commit(request.tx)
        assert await asked(api, "GET", "sys/mounts", token) == 403
        found = (await api("GET", "auth/token/lookup-self", token=token)).data
        assert "identity_policies" not in found

    inprocess(scenario)


@pytest.mark.parametrize("value", ("*", "+", "a*", "al/ice", "../x", "a/+/b"))
@pytest.mark.parametrize("part", ("name", "metadata", "alias"))
def test_ghsa_59w7_v8rr_pr4p_an_entity_does_not_widen_its_policies(
    entering: type[Entering], part: str, value: str
) -> None:
    async def scenario(api: InProcess) -> None:
        accessor = await enable(api)
        wanted = {
            "name": "identity.entity.name",
            "metadata": "identity.entity.metadata.team",
            "alias": f"identity.entity.aliases.{accessor}.metadata.team",
        }
        rule = f'path "secret/data/{{{{{wanted[part]}}}}}" {{ capabilities = ["read"] }}'
        await api("PUT", "sys/policies/acl/own", {"policy": rule})
        await seeded(api, "alice", "al/ice", "bob")
        auth = await enter(api, "alice", policies="own", metadata={"team": "alice"})
        token, path = auth["client_token"], f"identity/entity/id/{auth['entity_id']}"
        await api("POST", path, {"name": "alice", "metadata": {"team": "alice"}})
        assert await asked(api, "GET", "secret/data/alice", token) == 200
        if part == "alias":
            await attempt(api, "alice", policies="own", metadata={"team": value})
        else:
            await api("POST", path, {"name": value} if part == "name" else {"metadata": {"team": value}})
        for name in ("alice", "al/ice", "bob"):
            assert await asked(api, "GET", f"secret/data/{name}", token) == 403

    inprocess(scenario)


def test_ghsa_c36x_h252_g9x2_cve_2026_45808_the_older_lease_paths_ask_policy_too() -> None:
    async def scenario(api: InProcess) -> None:
        made = await api("POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"})
        victim = made.json["auth"]["client_token"]
        (key,) = (await api("LIST", "sys/leases/lookup/auth/token/create/")).data["keys"]
        lease = f"auth/token/create/{key}"
        token = await api.policy_token('path "secret/*" { capabilities = ["read"] }', no_default_policy=True)
        for path in ("sys/revoke", "sys/leases/revoke", "sys/renew", "sys/leases/renew", "sys/leases/lookup"):
            for body, suffix in (({"lease_id": lease}, ""), ({}, f"/{lease}")):
                answer = await api("PUT", path + suffix, body, token=token)
                assert answer.status == 403, (path + suffix, answer)
        for path in ("revoke-prefix", "leases/revoke-prefix", "revoke-force", "leases/revoke-force"):
            assert (await api("PUT", f"sys/{path}/auth/token/create", token=token)).status == 403
        assert await asked(api, "GET", "auth/token/lookup-self", victim) == 200

    inprocess(scenario)


@pytest.mark.parametrize("name", ("team", "root/team", "../root", "./", "..", "root/..", "root/.", "%2e%2e"))
def test_ghsa_mwr2_wmgp_crj6_no_form_of_a_name_leads_to_another_namespace(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a")
        answer = await api("GET", "secret/data/a", headers={"X-Vault-Namespace": name})
        assert answer.status == 404, answer
        for path in (f"{name}/secret/data/a", f"/{name}/secret/data/a"):
            answer = await api("GET", path)
            assert answer.status != 200, answer

    inprocess(scenario)


@pytest.mark.parametrize("name", ("root", "root/", "/root", "//root//", "/", ""))
def test_ghsa_mwr2_wmgp_crj6_forms_of_root_inside_a_namespace_lead_nowhere(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a")
        team, _ = await made(api, "team", "team/web")
        own = await token_in(team, 'path "*" { capabilities = ["read", "list", "sudo"] }')
        for form in (f"team/{name}", f"/team//{name}", f"team/web/../{name}", f"team/./{name}"):
            call = inside(api, form)
            answer = await call("GET", "secret/data/a", token=own)
            assert answer.status in (403, 404), (form, answer)
            answer = await call("GET", "secret/data/a")
            assert answer.status == 404, (form, answer)
        for path in (f"{name}/secret/data/a", f"team/{name}/secret/data/a", f"web/../{name}/secret/data/a"):
            for call in (team, inside(api, name)):
                assert (await call("GET", path, token=own)).status in (307, 403, 404), path
        assert (await inside(api, name)("GET", "secret/data/a", token=own)).status == 403

    inprocess(scenario)


@pytest.mark.parametrize("path", ("lookup-accessor", "renew-accessor", "revoke-accessor"))
def test_cve_2026_40264_accessors_are_of_no_use_in_another_namespace(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        team, other = await made(api, "team", "other")
        admin = await token_in(other, 'path "*" { capabilities = ["read", "update", "create", "sudo"] }')
        for home in (api, team):
            made_there = (
                await home("POST", "auth/token/create", {"policies": ["default"], "ttl": "1h"})
            ).json
            accessor = made_there["auth"]["accessor"]
            before = (await home("POST", "auth/token/lookup-accessor", {"accessor": accessor})).data
            for token in (admin, ""):
                refused = await other("POST", f"auth/token/{path}", {"accessor": accessor}, token=token)
                assert refused.status == 400, refused
            after = (await home("POST", "auth/token/lookup-accessor", {"accessor": accessor})).data
            assert after["expire_time"] == before["expire_time"]

    inprocess(scenario)


def test_ghsa_vv66_6rp4_wr4f_leases_do_not_outlive_their_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "leasing", "tests.leasing:Leasing")

    async def scenario(api: InProcess) -> None:
        leases: list[str] = []
        for _ in range(2):
            (team,) = await made(api, "team")
            assert (await team("POST", "sys/mounts/lease", {"type": "leasing"})).status == 204
            for lease in leases:
                for verb in ("lookup", "renew"):
                    assert (await team("PUT", f"sys/leases/{verb}", {"lease_id": lease})).status == 400
            leases.append((await team("GET", "lease/creds/app?ttl=3600")).json["lease_id"])
            assert (await api("DELETE", "sys/namespaces/team")).status == 200
            assert (await team("PUT", "sys/leases/lookup", {"lease_id": leases[-1]})).status == 404
        for seconds in (0, 5):
            with later(api.core, seconds):
                await reap(api.core)
        assert [row for row in await rows(api.core) if "/issued/" in row or "creds" in row] == []

    inprocess(scenario)


def test_ghsa_c36x_h252_g9x2_a_leaked_lease_id_is_of_no_use_in_another_namespace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(registry.BUILTIN["mounts"], "leasing", "tests.leasing:Leasing")

    async def scenario(api: InProcess) -> None:
        team, other = await made(api, "team", "other")
        for home, strangers in ((api, (team, other)), (team, (api, other))):
            assert (await home("POST", "sys/mounts/lease", {"type": "leasing"})).status == 204
            body = {"lease_id": (await home("GET", "lease/creds/app?ttl=3600")).json["lease_id"]}
            for call in strangers:
                for path in ("sys/leases/renew", "sys/renew", "sys/leases/lookup"):
                    assert (await call("PUT", path, body)).status == 400
                for path in ("sys/leases/revoke", "sys/revoke"):
                    await call("PUT", path, {**body, "sync": True})
                await call("PUT", f"sys/leases/revoke-prefix/{body['lease_id']}", {})
                await call("PUT", f"sys/leases/revoke-force/{body['lease_id']}", {})
            await reap(api.core)
            assert (await home("PUT", "sys/leases/lookup", body)).status == 200

    inprocess(scenario)
