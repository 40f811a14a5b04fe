"""What EST is set to, and whose the well-known addresses are."""

from __future__ import annotations

from typing import Any

from tests.inprocess import Answer, InProcess, inprocess
from tests.secrets.pki.authority import mounted
from tests.secrets.pki.est.enrolling import DEFAULT, certificates, enroll, prepare, request

_IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"default_mount": True},
    {"default_path_policy": "sign"},
    {"default_path_policy": "role:none"},
    {"default_path_policy": "role:"},
    {"label_to_path_policy": {"a/b": "sign-verbatim"}},
    {"label_to_path_policy": {"cacerts": "sign-verbatim"}},
    {"label_to_path_policy": {"": "sign-verbatim"}},
    {"label_to_path_policy": {"a": ""}, "default_mount": True},
    {"authenticators": {"ldap": {"accessor": "x"}}},
    {"authenticators": {"cert": {}}},
    {"authenticators": {"cert": "x"}},
    {"authenticators": {"userpass": {"accessor": "x", "cert_role": "y"}}},
    {"authenticators": "x"},
)


async def _set(api: InProcess, at: str = "pki", **fields: Any) -> Answer:
    return await api("POST", f"{at}/config/est", fields)


def test_nothing_is_there_until_it_is_enabled() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api, enabled=False)
        for path in (
            f"{DEFAULT}/cacerts",
            f"{DEFAULT}/x/cacerts",
            "pki/roles/dev/est/cacerts",
            DEFAULT + "/",
        ):
            assert (await api("GET", path, token=None)).status == 404, path
        assert (await _set(api, enabled=True)).status == 200
        assert (await api("GET", f"{DEFAULT}/cacerts", token=None)).status == 200
        for path in ("", "/", "/serverkeygen", "/fullcmc", "/cacerts/", "/cacerts/x"):
            assert (await api("GET", f"{DEFAULT}{path}", token=None)).status == 404, path
        assert (await api("POST", f"{DEFAULT}/cacerts", token=None)).status == 405
        assert (await _set(api, enabled=False)).status == 200
        assert (await api("GET", f"{DEFAULT}/cacerts", token=None)).status == 404

    inprocess(scenario)


def test_what_cannot_be() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for fields in _IMPOSSIBLE:
            assert (await _set(api, **fields)).status == 400, fields
        noted = await _set(api, enabled=True, default_mount=True, default_path_policy="sign-verbatim")
        assert "nobody can enroll" in noted.json["warnings"][0]
        read = (await api("GET", "pki/config/est")).data
        assert read["default_path_policy"] == "sign-verbatim"
        assert read["last_updated"].endswith("Z")

    inprocess(scenario)


def test_no_two_mounts_have_one_label() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api, label_to_path_policy={"a": "role:dev"})
        await mounted(api, "other")
        own = {"enabled": True, "default_mount": True, "default_path_policy": "sign-verbatim"}
        assert (await _set(api, "other", **own)).status == 400
        labels = {"label_to_path_policy": {"a": "sign-verbatim"}}
        assert (await _set(api, "other", enabled=True, **labels)).status == 400
        assert (await _set(api, label_to_path_policy={}, default_mount=False)).status == 200
        assert (await _set(api, "other", **own, **labels)).status == 200
        root = (await api("GET", "other/ca")).body
        found = certificates(await api("GET", f"{DEFAULT}/a/cacerts", token=None))
        assert found[0].tbs_certificate_bytes in root
        await api("POST", "sys/remount", {"from": "other", "to": "moved"})
        assert (await api("GET", f"{DEFAULT}/cacerts", token=None)).status == 200
        await api("DELETE", "sys/mounts/moved")
        assert (await api("GET", f"{DEFAULT}/cacerts", token=None)).status == 404
        assert (await _set(api, default_mount=True)).status == 200

    inprocess(scenario)


def test_what_requests_should_say() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        for kind, bits, wanted in (
            ("ec", 384, "MBQwEgYHKoZIzj0CATEHBgUrgQQAIg=="),
            ("rsa", 3072, "MBMwEQYJKoZIhvcNAQEBMQQCAgwA"),
            ("ed25519", 0, "MAUGAytlcA=="),
        ):
            await api("POST", "pki/roles/dev", {"key_type": kind, "key_bits": bits})
            answer = await api("GET", f"{DEFAULT}/csrattrs", token=None)
            assert answer.headers["content-type"] == "application/csrattrs"
            assert answer.body.decode() == wanted
        await api("POST", "pki/roles/dev", {"key_type": "any"})
        assert (await api("GET", f"{DEFAULT}/csrattrs", token=None)).status == 204

    inprocess(scenario)


def test_a_mount_in_a_namespace() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/namespaces/team")
        inside = {"X-Vault-Namespace": "team"}
        for path, body in (
            ("sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}}),
            ("pki/root/generate/internal", {"common_name": "Inner", "key_type": "ec", "ttl": "8760h"}),
            ("sys/auth/userpass", {"type": "userpass"}),
            ("sys/policies/acl/est", {"policy": 'path "pki/est/*" { capabilities = ["update"] }'}),
            ("auth/userpass/users/eve", {"password": "pw", "token_policies": "est"}),
        ):
            assert (await api("POST", path, body, inside)).status in (200, 204), path
        accessor = (await api("GET", "sys/auth", None, inside)).data["userpass/"]["accessor"]
        settings = {
            "enabled": True,
            "label_to_path_policy": {"team": "sign-verbatim"},
            "authenticators": {"userpass": {"accessor": accessor}},
        }
        assert (await api("POST", "pki/config/est", settings, inside)).status == 200
        at = f"{DEFAULT}/team/simpleenroll"
        assert len(certificates(await enroll(api, request(), "eve:pw", at))) == 1
        headers = {"X-Vault-Namespace": "other"}
        assert (await api("GET", f"{DEFAULT}/team/cacerts", None, headers, token=None)).status == 404
        assert (await api("GET", f"{DEFAULT}/team/cacerts", None, inside, token=None)).status == 200

    inprocess(scenario)
