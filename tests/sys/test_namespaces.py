from __future__ import annotations

import pytest

from tests.inprocess import InProcess, inprocess
from tests.namespaces import inside, made, token_in

MERGE = {"Content-Type": "application/merge-patch+json"}


def test_create_read_list_scan_patch_delete() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("LIST", "sys/namespaces")).status == 404
        assert (await api("SCAN", "sys/namespaces")).data == {}
        assert (await api("GET", "sys/namespaces/team")).status == 404
        created = (await api("POST", "sys/namespaces/team", {"custom_metadata": {"a": "b"}})).data
        assert {name: created[name] for name in ("custom_metadata", "locked", "path", "tainted")} == {
            "custom_metadata": {"a": "b"},
            "locked": False,
            "path": "team/",
            "tainted": False,
        }
        assert len(created["id"]) == 6
        assert (await api("GET", "sys/namespaces/team")).data == created
        team = inside(api, "team")
        assert (await team("POST", "sys/namespaces/web", {})).data["path"] == "team/web/"
        assert (await inside(api, "team/web")("PUT", "sys/namespaces/deep", {})).status == 200
        assert (await api("LIST", "sys/namespaces")).data["keys"] == ["team/"]
        assert (await team("LIST", "sys/namespaces")).data["keys"] == ["web/"]
        assert (await api("SCAN", "sys/namespaces")).data["keys"] == ["team/", "team/web/", "team/web/deep/"]
        assert (await team("SCAN", "sys/namespaces")).data["keys"] == ["web/", "web/deep/"]
        listed = (await api("LIST", "sys/namespaces")).data["key_info"]
        assert listed == {"team/": created}
        patched = await api("PATCH", "sys/namespaces/team", {"custom_metadata": {"a": None, "c": "d"}}, MERGE)
        assert patched.data == {**created, "custom_metadata": {"c": "d"}}
        cleared = await api("PATCH", "sys/namespaces/team", {"custom_metadata": None}, MERGE)
        assert cleared.data == {**created, "custom_metadata": {}}
        again = await api("POST", "sys/namespaces/team", {"custom_metadata": {"e": "f"}})
        assert again.data == {**created, "custom_metadata": {"e": "f"}}
        refused = await api("DELETE", "sys/namespaces/team")
        assert (refused.status, refused.errors) == (
            400,
            ["unable to delete namespace containing child namespaces"],
        )
        assert (await inside(api, "team/web")("DELETE", "sys/namespaces/deep")).data == {
            "status": "in-progress"
        }
        assert (await team("DELETE", "sys/namespaces/web")).status == 200
        assert (await api("DELETE", "sys/namespaces/team")).status == 200
        assert (await api("GET", "sys/namespaces/team")).status == 404
        assert (await api("DELETE", "sys/namespaces/team")).json["warnings"] == [
            "requested namespace does not exist"
        ]

    inprocess(scenario)


def test_listings_come_in_pages() -> None:
    async def scenario(api: InProcess) -> None:
        await made(api, "a", "a/x", "b", "c")
        assert (await api("LIST", "sys/namespaces?limit=2")).data["keys"] == ["a/", "b/"]
        assert (await api("LIST", "sys/namespaces?limit=2&after=b/")).data["keys"] == ["c/"]
        assert (await api("SCAN", "sys/namespaces?limit=2")).data["keys"] == ["a/", "a/x/"]
        assert (await api("LIST", "sys/namespaces?after=c/")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    ("name", "sentence"),
    (
        ("root", '"root/" is a reserved path and cannot be used as a namespace name'),
        ("sys", '"sys/" is a reserved path and cannot be used as a namespace name'),
        ("auth", '"auth/" is a reserved path and cannot be used as a namespace name'),
        ("audit", '"audit/" is a reserved path and cannot be used as a namespace name'),
        ("cubbyhole", '"cubbyhole/" is a reserved path and cannot be used as a namespace name'),
        ("identity", '"identity/" is a reserved path and cannot be used as a namespace name'),
        ("a/b", "namespace name cannot contain /"),
        ("a%20b", '"a b" contains space characters that cannot be used in a namespace name'),
        ("a*", "\"a*\" contains wildcard characters that cannot be used in a namespace name: '*'"),
        ("+", "\"+\" contains wildcard characters that cannot be used in a namespace name: '+'"),
        ("secret", "new namespace conflicts with existing mount: secret/"),
        ("x" * 500, "the path of the namespace is too long"),
    ),
)
def test_names_that_cannot_be(name: str, sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("POST", f"sys/namespaces/{name}", {})
        assert (refused.status, refused.errors) == (400, [sentence])
        assert (await api("LIST", "sys/namespaces")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "body", ({"custom_metadata": {"a": 1}}, {"custom_metadata": "a"}, {"seal": "x"}, {"pgp_keys": ["k"]})
)
def test_bodies_that_cannot_be(body: dict[str, object]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/namespaces/team", body)).status == 400
        assert (await api("GET", "sys/namespaces/team")).status == 404
        if "custom_metadata" in body:
            await made(api, "team")
            assert (await api("PATCH", "sys/namespaces/team", body, MERGE)).status == 400

    inprocess(scenario)


def test_patching_what_is_not_there() -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PATCH", "sys/namespaces/none", {"custom_metadata": {}}, MERGE)
        assert (refused.status, refused.errors) == (400, ["namespace not found"])

    inprocess(scenario)


def test_mounts_and_namespaces_do_not_overlap() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/mounts/foo/bar", {"type": "kv"})).status == 204
        refused = await api("POST", "sys/namespaces/foo", {})
        assert refused.errors == ["new namespace conflicts with existing mount: foo/bar/"]
        await made(api, "team")
        for path in ("team", "team/x", "team/x/y"):
            refused = await api("POST", f"sys/mounts/{path}", {"type": "kv"})
            assert (refused.status, refused.errors) == (400, ["existing mount at team/"])
        refused = await api("POST", "sys/remount", {"from": "foo/bar", "to": "team"})
        assert (refused.status, refused.errors) == (400, ["existing mount at team/"])

    inprocess(scenario)


def test_mounts_do_not_move_to_another_namespace_but_within_one() -> None:
    async def scenario(api: InProcess) -> None:
        team, other = await made(api, "team", "other")
        for call in (api, team):
            assert (await call("POST", "sys/mounts/kv1", {"type": "kv"})).status == 204
        assert (await team("POST", "kv1/a", {"x": 1})).status == 204
        for move in (("kv1", "team/kv2"), ("team/kv1", "kv2"), ("team/kv1", "other/kv1")):
            refused = await api("POST", "sys/remount", {"from": move[0], "to": move[1]})
            assert (refused.status, refused.errors) == (
                400,
                ["mounts cannot move to another namespace: mount it there and copy what it holds"],
            )
        assert (await api("POST", "sys/remount", {"from": "team/kv1", "to": "team/kv2"})).status == 200
        assert (await team("GET", "kv2/a")).data == {"x": 1}
        assert (await team("POST", "sys/remount", {"from": "kv2", "to": "kv3"})).status == 200
        assert (await team("GET", "kv3/a")).data == {"x": 1}
        assert (await other("GET", "kv3/a")).status == 404
        assert (await api("GET", "kv1/a")).status == 404

    inprocess(scenario)


def test_what_a_new_namespace_holds() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        mounts = (await team("GET", "sys/mounts")).data
        assert {path: mount["type"] for path, mount in mounts.items()} == {
            "cubbyhole/": "ns_cubbyhole",
            "identity/": "ns_identity",
            "sys/": "ns_system",
        }
        auth = (await team("GET", "sys/auth")).data
        assert {path: mount["type"] for path, mount in auth.items()} == {"token/": "ns_token"}
        own = {mount["accessor"] for mount in (await api("GET", "sys/mounts")).data.values()}
        assert not own & {mount["accessor"] for mount in mounts.values()}
        assert (await team("LIST", "sys/policies/acl")).data["keys"] == ["default"]
        assert (await team("GET", "sys/policies/acl/default")).data["policy"]
        for path in ("sys", "identity", "cubbyhole"):
            assert (await team("DELETE", f"sys/mounts/{path}")).status == 400
        assert (await team("DELETE", "sys/auth/token")).status == 400
        for type_ in ("ns_system", "ns_cubbyhole", "ns_identity"):
            assert (await team("POST", "sys/mounts/x", {"type": type_})).status == 400

    inprocess(scenario)


def test_what_an_interface_may_show() -> None:
    async def scenario(api: InProcess) -> None:
        team, web, _ = await made(api, "team", "team/web", "other")
        shown = "sys/internal/ui/namespaces"
        assert (await api("GET", shown)).data == {"keys": ["other/", "team/"]}
        assert (await api("GET", shown, token=None)).status == 403
        assert (await team("GET", shown)).data == {"keys": ["web/"]}
        reader = await api.policy_token('path "team/web/secret/*" { capabilities = ["read"] }')
        assert (await api("GET", shown, token=reader)).data == {"keys": ["team/"]}
        assert (await team("GET", shown, token=reader)).data == {"keys": ["web/"]}
        assert (await api("GET", shown, token=await token_in(api))).data == {}
        own = await token_in(web)
        assert (await api("GET", shown, token=own)).data == {"keys": ["team/"]}
        assert (await team("GET", shown, token=await token_in(team))).data == {}
        assert (await inside(api, "other")("GET", shown, token=own)).data == {}

    inprocess(scenario)


@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    (
        ("GET", "sys/audit", "operation only available in root namespace"),
        ("POST", "sys/audit/f", "operation only available in root namespace"),
        ("POST", "sys/audit-hash/f", "operation only available in root namespace"),
        ("GET", "sys/config/cors", "operation only available in root namespace"),
        ("GET", "sys/config/auditing/request-headers", "operation only available in root namespace"),
        ("GET", "sys/config/state/sanitized", "operation only available in root namespace"),
        ("GET", "sys/config/ui/headers", "operation only available in root namespace"),
        ("GET", "sys/quotas/config", "operation only available in root namespace"),
        ("LIST", "sys/quotas/rate-limit", "operation only available in root namespace"),
        ("POST", "sys/quotas/rate-limit/q", "operation only available in root namespace"),
        ("POST", "sys/quotas/lease-count/q", "operation only available in root namespace"),
        ("GET", "sys/host-info", "operation only available in root namespace"),
        ("GET", "sys/loggers", "operation only available in root namespace"),
        ("GET", "sys/internal/inspect/router/uuid", "operation only available in root namespace"),
        ("GET", "sys/replication/status", "operation only available in root namespace"),
        ("GET", "sys/health", "operation unavailable in namespaces"),
        ("GET", "sys/init", "operation unavailable in namespaces"),
        ("PUT", "sys/init", "operation unavailable in namespaces"),
        ("PUT", "sys/unseal", "operation unavailable in namespaces"),
        ("PUT", "sys/seal", "operation unavailable in namespaces"),
        ("PUT", "sys/step-down", "operation unavailable in namespaces"),
        ("LIST", "sys/raw/", "operation unavailable in namespaces"),
        ("GET", "sys/raw/core/seal-config", "operation unavailable in namespaces"),
        ("GET", "sys/metrics", "operation unavailable in namespaces"),
        ("GET", "sys/in-flight-req", "operation unavailable in namespaces"),
        ("GET", "sys/rekey/init", "operation unavailable in namespaces"),
        ("PUT", "sys/rekey/init", "operation unavailable in namespaces"),
        ("GET", "sys/generate-root/attempt", "operation unavailable in namespaces"),
        ("PUT", "sys/generate-root/attempt", "operation unavailable in namespaces"),
        ("PUT", "sys/rotate", "namespace is not sealable"),
        ("GET", "sys/rotate/config", "namespace is not sealable"),
        ("GET", "sys/rotate/root/init", "namespace is not sealable"),
        ("GET", "sys/key-status", "namespace is not sealable"),
    ),
)
def test_what_exists_in_root_only(method: str, path: str, sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        body: dict[str, str] | None = {} if method in {"PUT", "POST"} else None
        named = await team(method, path, body)
        assert (named.status, named.errors) == (400, [sentence])
        led = await api(method, f"team/{path}", body)
        assert (led.status, led.errors) == (400, [sentence])
        assert not api.core.barrier.sealed

    inprocess(scenario)


def test_the_state_of_the_seal_can_be_seen_from_everywhere() -> None:
    async def scenario(api: InProcess) -> None:
        (team,) = await made(api, "team")
        for answer in (await team("GET", "sys/seal-status"), await api("GET", "team/sys/seal-status")):
            assert (answer.status, answer.json["sealed"]) == (200, False)
        assert (await team("GET", "sys/leader")).status == 200

    inprocess(scenario)
