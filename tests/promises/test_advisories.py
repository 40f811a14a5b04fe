"""The holes that other servers of this kind had: one regression test each, its ID in the test's name.

What cannot apply yet is listed at the end with the reason; the last tests see to it that no ID is
neither tested nor listed.
"""

from __future__ import annotations

import base64
import stat
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from strongroom import registry
from strongroom.config.load import dev
from strongroom.crypto import password as passwords
from strongroom.errors import PermissionDenied, StrongroomError
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path as EnginePath
from strongroom.logical import Auth, Request, Response
from strongroom.policy.parser import parse_policy
from strongroom.policy.template import render
from tests.auth.approle import machine
from tests.conftest import SealedServer
from tests.entering import Entering, attempt, enable, entering
from tests.entering import login as enter
from tests.identity.mfa import totp_device
from tests.identity.mfa.totp_device import Device, device, enforce, validate
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.namespaces import inside, made, token_in
from tests.postgres import Postgres, _cluster, postgres
from tests.secrets.database.engine import CREATE, connected, creds

__all__ = ["_cluster", "entering", "postgres"]

Scenario = Callable[[InProcess], Awaitable[None]]


async def seeded(api: InProcess, *paths: str) -> None:
    for path in paths:
        answer = await api("POST", f"secret/data/{path}", {"data": {"at": path}})
        assert answer.status == 200, answer


async def asked(api: InProcess, method: str, path: str, token: str) -> int:
    return (await api(method, path, token=token)).status


# -- policy ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "denied",
    (
        "secret/metadata/team/*",
        "secret/metadata/+/inner/*",
        "secret/metadata/+/inner/",
        "secret/+/team/inner/",
    ),
)
def test_ghsa_xp3c_3jw3_4vcr_a_listing_does_not_slip_past_a_deny(denied: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "team/inner/a", "open/a")
        token = await api.policy_token(
            'path "secret/*" { capabilities = ["list", "scan", "read"] }'
            f'path "{denied}" {{ capabilities = ["deny"] }}'
        )
        assert await asked(api, "LIST", "secret/metadata/open/", token) == 200
        for form in ("secret/metadata/team/inner", "secret/metadata/team/inner/"):
            assert await asked(api, "LIST", form, token) == 403
            assert await asked(api, "GET", f"{form}?list=true", token) == 403
            assert await asked(api, "SCAN", f"{form.rstrip('/')}/", token) == 403

    inprocess(scenario)


@pytest.mark.parametrize("value", ("*", "+", "a*", "a/b", "../x", "a/+/b"))
def test_ghsa_59w7_v8rr_pr4p_a_templated_value_does_not_widen_the_path(value: str) -> None:
    policy = parse_policy("mine", 'path "secret/{{identity.entity.name}}/*" { capabilities = ["read"] }')
    with pytest.raises(PermissionDenied):
        render(policy, {"entity": {"id": "e", "name": value}})


@pytest.mark.parametrize("limit", ("", "limit=0", "limit=-1", "limit=-9999999999999999999999", "limit="))
def test_gh_3518_a_limit_of_zero_or_less_does_not_lift_that_of_the_policy(limit: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a", "b", "c", "d")
        token = await api.policy_token(
            'path "secret/metadata/*" { capabilities = ["list", "scan"] pagination_limit = 2 }'
        )
        for method in ("LIST", "SCAN"):
            answer = await api(method, f"secret/metadata/?{limit}", token=token)
            assert answer.status in (400, 403) or len(answer.data["keys"]) <= 2, answer
            assert await asked(api, method, "secret/metadata/?limit=3", token) == 403

    inprocess(scenario)


# -- identity and tokens ---------------------------------------------------------------------------


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


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    (
        "secret/data/mine/../other",
        "secret/data/mine/%2e%2e/other",
        "secret/data/mine/.%2E/other",
        "secret/data/mine/..%2fother",
        "secret/data/mine%2f..%2fother",
        "secret/data/mine/./../other",
        "secret/data/mine//../other",
        "sys/../secret/data/other",
    ),
)
def test_cve_2026_3605_dots_do_not_change_what_policy_sees(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "mine/a", "other")
        token = await api.policy_token(
            'path "secret/data/mine/*" { capabilities = ["read", "update", "create"] }'
            'path "sys/*" { capabilities = ["read"] }'
        )
        for method in ("GET", "POST"):
            answer = await api(method, path, {"data": {}} if method == "POST" else None, token=token)
            assert answer.status in (307, 400, 403, 404), answer
            if answer.status == 307:  # and the client that follows is judged by where it ends
                answer = await api(method, answer.headers["location"].removeprefix("/v1/"), {}, token=token)
                assert answer.status == 403, answer
        assert (await api("GET", "secret/data/other")).data["metadata"]["version"] == 1

    inprocess(scenario)


@pytest.mark.parametrize(
    "body",
    (
        b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"data":[' + b'"",' * 2_000_000 + b'""]}',
        b"[" * 5_000_000,
        b'{"data":"' + b'\\"' * 1_000_000,
    ),
    ids=("lists", "objects", "strings", "open", "torn"),
)
def test_cve_2025_6203_small_json_does_not_explode(body: bytes) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "secret/data/a", body)
        assert answer.status == 400, answer.status
        assert len(answer.body) < 500
        answer = await api("POST", "auth/token/create", {"meta": body.decode()})
        assert answer.status == 400, answer.status  # not by way of a string that is read as JSON, either

    inprocess(scenario)


CANARY = "canary-5f1d0c2b9a"


def test_cve_2025_4166_cve_2025_52893_no_error_repeats_what_was_submitted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = tmp_path / "audit.log"

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("POST", "sys/audit/log", device)).status == 204
        bodies: tuple[Any, ...] = (
            f'{{"data": "{CANARY}'.encode(),
            f'{{"data": {CANARY}}}'.encode(),
            f'["{CANARY}"]'.encode(),
            {"data": CANARY},
            {"data": {"a": "b"}, "options": {"cas": CANARY}},
            {"options": CANARY, "data": {}},
        )
        for body in bodies:
            for method, type_ in (("POST", "application/json"), ("PATCH", "application/merge-patch+json")):
                answer = await api(method, "secret/data/a", body, {"Content-Type": type_})
                assert answer.status in (400, 404), answer
                assert CANARY not in answer.body.decode()
        for path, name in (
            ("auth/token/create", "ttl"),
            ("auth/token/create", "explicit_max_ttl"),
            ("auth/token/create", "num_uses"),
            ("auth/token/create", "renewable"),
            ("auth/token/create", "meta"),
            ("auth/token/renew-self", "increment"),
            ("secret/config", "delete_version_after"),
            ("secret/config", "max_versions"),
            ("sys/mounts/secret/tune", "max_lease_ttl"),
            ("sys/quotas/rate-limit/a", "rate"),
            ("sys/tools/random", "bytes"),
            ("sys/unseal", "key"),
            ("sys/wrapping/unwrap", "token"),
            ("auth/token/lookup", "token"),
            ("sys/leases/revoke", "lease_id"),
        ):
            answer = await api("POST", path, {name: CANARY})
            assert CANARY not in answer.body.decode(), (path, name)
        answer = await api("GET", "secret/data/a", headers={"X-Vault-Wrap-TTL": CANARY})
        assert answer.status == 400
        assert CANARY not in answer.body.decode()

    inprocess(scenario)
    lease_ids_are_no_secrets = [line for line in log.read_text().splitlines() if '"lease_id"' not in line]
    assert CANARY not in "\n".join(lease_ids_are_no_secrets)
    assert CANARY not in caplog.text


# -- core ------------------------------------------------------------------------------------------


class Door(EnginePath):
    """A login that makes a token and then fails."""

    pattern = "login"
    unauthenticated = True

    async def write(self, doors: Doors, request: Request) -> Response:
        auth = Auth(policies=["default"], display_name="d")
        await doors.core.login(request, auth, Response(auth=auth))
        raise PermissionDenied


class Doors(Backend):
    """An auth method with a mistake."""

    type = "doors"
    kind = "auth"
    paths = (Door,)


def test_cve_2026_46405_an_engine_that_fails_leaves_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILTIN["auth"], "doors", f"{__name__}:Doors")

    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/doors", {"type": "doors"})).status == 204
        before = (await api("LIST", "auth/token/accessors")).data["keys"]
        answer = await api("POST", "auth/doors/login", {}, token=None)
        assert (answer.status, answer.json) == (403, {"errors": ["permission denied"]})
        assert (await api("LIST", "auth/token/accessors")).data["keys"] == before
        assert (await api("LIST", "sys/leases/lookup/auth/doors/")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "method",
    (
        "REVOKE",
        "RENEW",
        "ROLLBACK",
        "HELP",
        "ALIAS-LOOKAHEAD",
        "RESOLVE-ROLE",
        "CREATE",
        "ROTATION",
        "OPTIONS",
    ),
)
def test_ghsa_rh46_vc3j_w2w3_internal_operations_have_no_verb(method: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a")
        for path in ("secret/data/a", "sys/mounts", "auth/token/lookup-self"):
            answer = await api(method, path)
            assert answer.status in (204, 400, 404, 405), answer  # 204 is CORS answering OPTIONS
            assert b"data" not in answer.body
            answer = await api("GET", path, headers={"X-HTTP-Method-Override": method})
            assert answer.status == 200, answer

    inprocess(scenario)


async def progress(api: InProcess, path: str) -> dict[str, Any]:
    body: dict[str, Any] = (await api("GET", f"sys/{path}")).json
    return body.get("data") or {name: value for name, value in body.items() if name != "request_id"}


def test_cve_2026_5807_gh_2125_nobody_without_a_token_touches_a_ceremony() -> None:
    async def scenario(api: InProcess) -> None:
        weak = await api.policy_token('path "secret/*" { capabilities = ["read"] }')
        for path in (
            "rekey/init",
            "rotate/root/init",
            "generate-root/attempt",
            "generate-root-token/attempt",
        ):
            assert (
                await api("PUT", f"sys/{path}", {"secret_shares": 1, "secret_threshold": 1})
            ).status == 200
            begun = await progress(api, path)
            assert begun["started"] is True
            for token in (None, "srs.nobody", weak):
                for method in ("DELETE", "PUT"):
                    answer = await api(method, f"sys/{path}", {} if method == "PUT" else None, token=token)
                    assert answer.status in (400, 403), (path, method, answer)
            assert await progress(api, path) == begun
            assert (await api("DELETE", f"sys/{path}")).status in (200, 204)

    inprocess(scenario)


# -- audit -----------------------------------------------------------------------------------------


def test_cve_2025_62513_cve_2025_62705_raw_bodies_and_bytes_are_not_in_the_audit_log(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    encoded = base64.b64encode(CANARY.encode()).decode()
    config = dev(address="127.0.0.1:0")
    object.__setattr__(config, "raw_storage_endpoint", True)

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("POST", "sys/audit/log", device)).status == 204
        assert (await api("POST", "sys/raw/sys/policy/x", {"value": CANARY})).status == 204
        assert (
            await api("POST", "sys/raw/sys/policy/y", {"value": encoded, "encoding": "base64"})
        ).status == 204
        for path in ("sys/raw/sys/policy/x", "sys/raw/sys/policy/y", "sys/raw/sys/policy/x?encoding=base64"):
            answer = await api("GET", path)
            assert answer.data["value"] in (CANARY, encoded), answer
        deep = {"data": {"a": [{"b": [CANARY, {"c": encoded}]}]}}
        assert (await api("POST", "secret/data/a", deep)).status == 200
        assert (await api("GET", "secret/data/a")).data["data"] == deep["data"]
        await api("POST", "secret/data/b", f'"{CANARY}"'.encode())

    inprocess(scenario, config)
    text = log.read_text()
    assert text.count("\n") > 10
    assert CANARY not in text
    assert encoded[:-4] not in text


@pytest.mark.parametrize(
    "options",
    ({"mode": "0777"}, {"mode": "0755"}, {"mode": "4644"}, {"prefix": "#!/bin/sh\n"}, {"mode": "u+x"}),
)
def test_cve_2025_6000_an_audit_file_is_never_a_program(tmp_path: Path, options: dict[str, str]) -> None:
    log = tmp_path / "audit.log"

    async def scenario(api: InProcess) -> None:
        device = {"type": "file", "options": {"file_path": str(log)} | options}
        answer = await api("POST", "sys/audit/log", device)
        if answer.status == 204:
            await api("GET", "sys/mounts")
            assert not log.read_text().startswith("#!")
            assert not log.stat().st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        digest = {"sha256": "00" * 32, "command": "audit.log"}
        assert (await api("POST", "sys/plugins/catalog/secret/x", digest)).status in (400, 403)

    inprocess(scenario)


# -- barrier, storage, cluster ---------------------------------------------------------------------


def test_hardening_barrier_an_entry_moved_to_another_path_does_not_open() -> None:
    async def scenario(api: InProcess) -> None:
        barrier = api.core.barrier
        blob = barrier.encrypt("secret/of/one", CANARY.encode())
        assert barrier.decrypt("secret/of/one", blob) == CANARY.encode()
        with pytest.raises(StrongroomError):
            barrier.decrypt("secret/of/another", blob)

    inprocess(scenario)


def test_hardening_storage_no_memory_is_left_in_core_dumps(sealed_server: SealedServer) -> None:
    server = sealed_server("dumps")
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


@pytest.mark.parametrize("path", ("challenge", "join", "bootstrap/challenge", "bootstrap/answer"))
def test_cve_2024_8185_nobody_outside_makes_the_server_keep_challenges(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        for token in (None, "root"):
            answer = await api("PUT", f"sys/storage/raft/{path}", {"server_id": "x" * 1000}, token=token)
            assert answer.status in (400, 403, 404), answer

    inprocess(scenario)


# -- logins ----------------------------------------------------------------------------------------


async def with_ann(api: InProcess, cost: int) -> None:
    """Enable userpass, with a user whose password costs so much to compare."""
    assert (await api("POST", "sys/auth/userpass", {"type": "userpass"})).status == 204
    body = {"password_hash": passwords.hashed(b"pw", cost)}
    assert (await api("POST", "auth/userpass/users/ann", body)).status == 204


async def login(api: InProcess, name: str, password: str) -> int:
    path = f"auth/userpass/login/{name}"
    return (await api("POST", path, {"password": password}, token=None)).status


@pytest.mark.parametrize("cost", (5, 8))
def test_cve_2025_6011_a_name_that_nobody_has_costs_what_any_costs(
    monkeypatch: pytest.MonkeyPatch, cost: int
) -> None:
    compared: list[int] = []
    real = passwords.matches

    def matches(password: bytes, kept: str) -> bool:
        compared.append(passwords.cost_of(kept))
        return real(password, kept)

    monkeypatch.setattr(passwords, "matches", matches)

    async def scenario(api: InProcess) -> None:
        await with_ann(api, cost)
        before = api.core.store.index
        for name in ("ann", "nobody"):
            assert await login(api, name, "no") == 400
            assert await login(api, name, "x" * 73) == 400
        assert compared == [cost] * 4, "both compare one hash, of the same cost"
        assert api.core.store.index == before + 4, "both write, as the count of failures is kept"

    inprocess(scenario)


def test_cve_2025_6004_no_spelling_of_a_name_has_tries_of_its_own() -> None:
    async def scenario(api: InProcess) -> None:
        await with_ann(api, 5)
        spellings = ("ann", "ANN", "Ann", "aNN", "anN")
        for name in spellings:
            assert await login(api, name, "no") == 400
        for name in (*spellings, "AnN"):
            assert await login(api, name, "pw") == 403
        for path in ("auth/userpass/login/ann/", "auth/userpass//login/ann", "auth/userpass/login/%61nn"):
            answer = await api("POST", path, {"password": "pw"}, token=None)
            assert answer.status in (307, 400, 403, 404), answer

    inprocess(scenario)


def test_hardening_userpass_no_hash_from_outside_is_cheap_to_guess_or_costs_the_server_minutes() -> None:
    async def scenario(api: InProcess) -> None:
        await with_ann(api, 5)
        kept = passwords.hashed(b"pw", 5)
        for cost in ("04", "13", "31"):
            body = {"password_hash": kept.replace("$05$", f"${cost}$")}
            for path in ("auth/userpass/users/ann", "auth/userpass/users/ann/password"):
                assert (await api("POST", path, body)).status == 400


@pytest.mark.parametrize("by", ("secret_id", "secret_id_accessor"))
def test_cve_2023_24999_a_secret_id_of_another_role_is_not_destroyed(by: str) -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await machine.enable(api)
        made = await machine.secret(api)
        await machine.make_role(api, "other")
        rules = 'path "auth/approle/role/other/*" { capabilities = ["create", "update", "delete", "list"] }'
        token = await api.policy_token(rules)
        what = "secret-id" if by == "secret_id" else "secret-id-accessor"
        for verb in ("lookup", "destroy"):
            body = {by: made[by]}
            answer = await api("POST", f"auth/approle/role/other/{what}/{verb}", body, token=token)
            assert answer.status in {204, 404}
            assert b"creation_time" not in answer.body
        assert (await machine.login(api, role_id, made["secret_id"])).status == 200

    inprocess(scenario)


# -- databases -------------------------------------------------------------------------------------


def test_cve_2026_39946_a_schemas_name_is_not_sql(postgres: Postgres) -> None:
    schema = 'x" FROM nobody; CREATE ROLE intruder SUPERUSER; --'
    quoted = '"' + schema.replace('"', '""') + '"'
    postgres.query(f"DROP SCHEMA IF EXISTS {quoted} CASCADE; CREATE SCHEMA {quoted}")
    postgres.query(f"CREATE TABLE {quoted}.t (id int)")

    async def scenario(api: InProcess) -> None:
        await connected(api, postgres)
        grants = (
            f'GRANT USAGE ON SCHEMA {quoted} TO "{{{{name}}}}"; GRANT SELECT ON {quoted}.t TO "{{{{name}}}}"'
        )
        body = {"creation_statements": [CREATE, grants]}
        assert (await api("POST", "db/roles/app", body)).status == 204
        user, _, lease = await creds(api)
        answer = await api("PUT", "sys/leases/revoke", {"lease_id": lease, "sync": True})
        assert answer.status == 204, answer
        assert not {user, "intruder"} & postgres.roles()

    inprocess(scenario)
    postgres.query(f"DROP SCHEMA {quoted} CASCADE")


# -- second factors --------------------------------------------------------------------------------


async def held_login(api: InProcess) -> tuple[str, Device]:
    """A login that needs a code: the ID of the method, and the device that makes the codes."""
    accessor = await enable(api)
    entity = (await enter(api, "ann"))["entity_id"]
    asked = await totp_device.method(api, max_validation_attempts=1_000)
    found = await device(api, asked, entity)
    await enforce(api, "e", asked, auth_method_accessors=[accessor])
    return asked, found


async def second_phase(api: InProcess, asked: str, code: str) -> int:
    request_id = (await enter(api, "ann"))["mfa_requirement"]["mfa_request_id"]
    return (await validate(api, request_id, **{asked: code})).status


def test_cve_2025_6015_a_code_of_a_login_is_not_accepted_twice(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        asked, phone = await held_login(api)
        code = phone.now(api)
        assert await second_phase(api, asked, code) == 200
        for _ in range(3):
            assert await second_phase(api, asked, code) == 403
        header = {"X-Vault-MFA": f"{asked}:{code}"}
        assert (await api("POST", "auth/door/login/ann", {}, header, token=None)).status == 403

    inprocess(scenario)


def test_cve_2025_6014_a_code_in_another_spelling_is_no_other_code(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        asked, phone = await held_login(api)
        code = phone.now(api)
        assert await second_phase(api, asked, code) == 200
        wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
        for other in (f" {code}", f"{code} ", f"{code}\t", f"0{code}", f"+{code}", f"{code}.0", wide):
            assert await second_phase(api, asked, other) == 403
            assert await second_phase(api, asked, f"passcode={other}") == 403

    inprocess(scenario)


# -- the list --------------------------------------------------------------------------------------

IDS = (
    "GHSA-xp3c-3jw3-4vcr",
    "GHSA-59w7-v8rr-pr4p",
    "GH-3518",
    "CVE-2025-5999",
    "CVE-2025-64761",
    "CVE-2024-9180",
    "CVE-2026-40264",
    "GHSA-c36x-h252-g9x2",
    "CVE-2026-45808",
    "GHSA-mwr2-wmgp-crj6",
    "GHSA-vv66-6rp4-wr4f",
    "CVE-2026-3605",
    "CVE-2025-6203",
    "CVE-2025-4166",
    "CVE-2025-52893",
    "CVE-2026-46405",
    "GHSA-rh46-vc3j-w2w3",
    "CVE-2026-5807",
    "GH-2125",
    "GHSA-34fc-gh42-pj53",
    "CVE-2025-62513",
    "CVE-2025-62705",
    "CVE-2025-6000",
    "CVE-2026-46358",
    "CVE-2023-24999",
    "CVE-2025-6011",
    "CVE-2025-6004",
    "CVE-2025-6015",
    "CVE-2025-6014",
    "CVE-2026-39388",
    "GH-173",
    "GH-263",
    "CVE-2026-33758",
    "CVE-2026-33757",
    "GHSA-6mwx-4547-5vc9",
    "GH-3150",
    "GHSA-g892-p242-8g86",
    "CVE-2024-7594",
    "GHSA-8w8f-r2xv-4q4j",
    "CVE-2026-39946",
    "GHSA-444v-8vxr-p36h",
    "hardening-agent",
    "CVE-2024-8185",
    "CVE-2020-16250",
    "CVE-2020-16251",
    "hardening-kubernetes",
    "hardening-barrier",
    "hardening-storage",
    "hardening-userpass",
)

NOT_YET = {
    "GHSA-34fc-gh42-pj53": "there is no recovery mode",
    "CVE-2026-46358": "requests cannot bring a login along",
    "CVE-2026-39388": "cert is not built",
    "GH-173": "cert is not built",
    "GH-263": "JWT logins are not built",
    "CVE-2026-33758": "JWT logins are not built",
    "CVE-2026-33757": "JWT logins are not built",
    "GHSA-6mwx-4547-5vc9": "LDAP is not built",
    "GH-3150": "Kerberos is not built",
    "GHSA-g892-p242-8g86": "PKI is not built",
    "CVE-2024-7594": "SSH is not built",
    "GHSA-8w8f-r2xv-4q4j": "transit is not built",
    "GHSA-444v-8vxr-p36h": "the agent is not built",
    "hardening-agent": "the agent is not built",
    "CVE-2020-16250": "AWS logins are not built",
    "CVE-2020-16251": "GCP logins are not built",
    "hardening-kubernetes": "Kubernetes logins are not built",
}

BUILT_LATER = ("cert", "jwt", "ldap", "kerberos", "aws", "gcp", "kubernetes")
"""Auth methods whose rows are in the list above: whoever builds one writes their tests."""
ENGINES_LATER = ("totp", "pki", "ssh", "transit")


def _tested(identifier: str) -> bool:
    return any(identifier.lower().replace("-", "_") in name for name in globals() if name.startswith("test_"))


@pytest.mark.parametrize("identifier", IDS)
def test_each_is_tested_or_cannot_apply(identifier: str) -> None:
    assert _tested(identifier) is not (identifier in NOT_YET)


def test_nothing_is_excused_that_is_built() -> None:
    assert set(NOT_YET) <= set(IDS)
    assert not set(BUILT_LATER) & set(registry.names("auth")), "its rows need tests now"
    assert not set(ENGINES_LATER) & set(registry.names("mounts")), "its rows need tests now"
