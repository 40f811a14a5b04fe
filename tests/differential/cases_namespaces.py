"""Namespaces: made, changed and deleted; what is in them; who gets in."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Case, Step, case, delete, get, list_, patch, post, put, scan
from tests.differential.cases_ceremony import OPEN

FIND = {"X-Vault-Namespace": "<m>"}
BELOW = {"X-Vault-Namespace": "<m>/sub"}
NONE = {"X-Vault-Namespace": "<m>/none"}
KNOWN = {"id": "data.id", "uuid": "data.uuid"}
KNOWN_BELOW = {"below": "data.id", "uuid_below": "data.uuid"}
ALL = '["create", "read", "update", "delete", "list", "scan", "sudo", "patch"]'


def made() -> tuple[Step, ...]:
    """The case's namespace ``<m>`` with ``sub`` below, whose IDs are kept."""
    return (
        post("sys/namespaces/<m>", {}, keep=KNOWN),
        post("sys/namespaces/sub", {}, headers=FIND, keep=KNOWN_BELOW),
    )


def gone() -> tuple[Step, ...]:
    """Delete them, since other cases list what there is."""
    return (
        delete("sys/namespaces/sub", headers=FIND, only=("errors",)),
        delete("sys/namespaces/<m>", pause=1, only=("errors",)),
    )


def within(name: str, *steps: Step | tuple[Step, ...]) -> Case:
    """A case in a namespace of its own."""
    return case(name, made(), *steps, gone())


def token(name: str, policies: list[str], headers: dict[str, str], **fields: Any) -> Step:
    return post(
        "auth/token/create",
        {"policies": policies, **fields},
        headers=headers,
        keep={name: "auth.client_token", f"{name}_accessor": "auth.accessor"},
    )


def policy(rules: str, headers: dict[str, str], name: str = "own") -> Step:
    return put(f"sys/policies/acl/{name}", {"policy": rules}, headers=headers)


CASES = (
    case(
        "namespaces create, read, list and scan",
        list_("sys/namespaces"),
        scan("sys/namespaces", unordered=True),
        get("sys/namespaces/<m>"),
        post("sys/namespaces/<m>", {"custom_metadata": {"a": "b"}}, keep=KNOWN),
        post("sys/namespaces/<m>", {"custom_metadata": {"c": "d"}}),
        get("sys/namespaces/<m>"),
        get("sys/namespaces/<m>/"),
        list_("sys/namespaces"),
        list_("sys/namespaces/"),
        get("sys/namespaces?list=true"),
        put("sys/namespaces/sub", headers=FIND, keep=KNOWN_BELOW),
        get("sys/namespaces/sub", headers=FIND),
        get("<m>/sys/namespaces/sub"),
        get("sys/namespaces/<m>/sub"),
        post("sys/namespaces/<m>/sub/deep", {}),
        list_("sys/namespaces", headers=FIND),
        scan("sys/namespaces", unordered=True),
        scan("sys/namespaces", headers=FIND, unordered=True),
        list_("sys/namespaces", headers=BELOW),
        scan("sys/namespaces", headers=BELOW, unordered=True),
        scan("sys/namespaces/<m>", unordered=True),
        list_("sys/namespaces/<m>"),
        get("sys/namespaces/"),
        post("sys/namespaces", {}),
        kind="fresh",
    ),
    case(
        "namespaces names and bodies that cannot be",
        *(
            post(f"sys/namespaces/{name}", {})
            for name in (
                "root",
                "sys",
                "auth",
                "audit",
                "cubbyhole",
                "identity",
                "a%20b",
                "a*b",
                "%2B",
                "a/b",
                "a/",
            )
        ),
        post("sys/namespaces/<m>", {"custom_metadata": {"a": 1}}),
        post("sys/namespaces/<m>", {"custom_metadata": {"a": {"b": "c"}}}),
        post("sys/namespaces/<m>", {"custom_metadata": "a"}),
        get("sys/namespaces/<m>"),
        post("sys/namespaces/<m>", {"bogus": 1}, keep=KNOWN),
        delete("sys/namespaces/<m>"),
    ),
    case(
        "namespaces patch",
        patch("sys/namespaces/<m>", {"custom_metadata": {"a": "b"}}),
        made(),
        patch("sys/namespaces/<m>", {"custom_metadata": {"a": "b", "c": "d"}}),
        patch("sys/namespaces/<m>", {"custom_metadata": {"a": None, "e": "f"}}),
        patch("sys/namespaces/<m>", {}),
        patch("sys/namespaces/<m>", {"custom_metadata": None}),
        patch("sys/namespaces/<m>", {"custom_metadata": {"a": 1}}),
        patch("sys/namespaces/<m>", {"bogus": 1}),
        patch("sys/namespaces/sub", {"custom_metadata": {"a": "b"}}, headers=FIND),
        get("sys/namespaces/<m>"),
        gone(),
    ),
    case(
        "namespaces delete",
        delete("sys/namespaces/<m>"),
        made(),
        delete("sys/namespaces/<m>"),
        delete("sys/namespaces/sub", headers=FIND),
        get("sys/namespaces/sub", headers=FIND, pause=1),
        delete("sys/namespaces/<m>"),
        get("sys/namespaces/<m>", pause=1),
        get("sys/mounts", headers=FIND),
        get("<m>/sys/mounts"),
        delete("sys/namespaces/<m>"),
    ),
    within(
        "namespaces and mounts do not overlap",
        post("sys/mounts/<m>/x", {"type": "kv"}),
        post("sys/mounts/<m>-kv/x", {"type": "kv"}),
        post("sys/namespaces/<m>-kv", {}),
    ),
    within(
        "namespaces found by header and by path",
        *(
            get("sys/internal/ui/namespaces", headers={"X-Vault-Namespace": name})
            for name in (
                "<m>",
                "/<m>",
                "<m>/",
                "//<m>",
                "<m>/sub",
                "<m>//sub",
                "<m>/none",
                "none",
                "<m>/root",
            )
        ),
        get("<m>/sys/internal/ui/namespaces"),
        get("<m>/sub/sys/internal/ui/namespaces"),
        get("sub/sys/internal/ui/namespaces", headers=FIND),
        get("<m>/sys/internal/ui/namespaces", headers={"X-Vault-Namespace": "root"}),
        get("<m>/sys/internal/ui/namespaces", headers=FIND),
        get("root/sys/internal/ui/namespaces"),
        get("root/sys/internal/ui/namespaces", headers=FIND),
        get("sys/mounts", headers=NONE, token="nobody"),
        get("sys/mounts", headers=FIND, token="nobody"),
        get("sys/namespaces", headers=FIND, token=None),
        get("sys/nonesuch", headers=FIND),
        get("<m>"),
        get("<m>/"),
    ),
    within(
        "namespaces what is in a new one",
        get("sys/mounts", headers=FIND),
        get("sys/auth", headers=FIND),
        get("sys/mounts/sys/tune", headers=FIND),
        get("sys/auth/token/tune", headers=FIND),
        list_("sys/policies/acl", headers=FIND),
        get("sys/policy", headers=FIND),
        get("sys/policies/acl/root", headers=FIND),
        put("sys/policies/acl/root", {"policy": 'path "*" { capabilities = ["read"] }'}, headers=FIND),
        delete("sys/policies/acl/default", headers=FIND),
        list_("sys/policies/password", headers=FIND),
        list_("sys/leases/lookup/", headers=FIND),
        list_("auth/token/accessors", headers=FIND),
        delete("sys/mounts/cubbyhole", headers=FIND),
        delete("sys/auth/token", headers=FIND),
        get("sys/leases/count?type=irrevocable", headers=FIND),
    ),
    within(
        "namespaces what is in root only",
        *(
            Step(method, f"sys/{path}", body, headers=FIND)
            for method, path, body in (
                ("GET", "health", None),
                ("GET", "init", None),
                ("PUT", "seal", {}),
                ("PUT", "step-down", {}),
                ("GET", "audit", None),
                ("PUT", "audit/f", {"type": "file"}),
                ("PUT", "audit-hash/f", {"input": "x"}),
                ("GET", "config/cors", None),
                ("GET", "config/auditing/request-headers", None),
                ("GET", "config/state/sanitized", None),
                ("GET", "rotate/config", None),
                ("PUT", "rotate", {}),
                ("GET", "key-status", None),
                ("GET", "rekey/init", None),
                ("GET", "generate-root/attempt", None),
                ("GET", "quotas/config", None),
                ("LIST", "quotas/rate-limit", None),
                ("PUT", "quotas/rate-limit/q", {"rate": 1}),
                ("GET", "metrics", None),
                ("GET", "host-info", None),
                ("GET", "loggers", None),
                ("GET", "in-flight-req", None),
                ("GET", "internal/inspect/router/uuid", None),
                ("GET", "replication/status", None),
                ("GET", "rotate/root/init", None),
            )
        ),
        get("<m>/sys/audit"),
        get("<m>/sys/quotas/config", token=None),
    ),
    within(
        "namespaces tokens",
        token("t", ["default"], FIND, ttl="1h"),
        get("auth/token/lookup-self", headers=FIND, token="<t>"),
        get("auth/token/lookup-self", token="<t>"),
        get("auth/token/lookup-self", headers=BELOW, token="<t>"),
        get("sys/mounts", token="<t>"),
        get("sys/mounts", headers=FIND, token="<t>"),
        get("sys/mounts", headers=BELOW, token="<t>"),
        get("auth/token/lookup-self", headers=FIND, token="<t>x"),
        post("auth/token/lookup", {"token": "<t>"}, headers=FIND),
        post("auth/token/lookup-accessor", {"accessor": "<t_accessor>"}, headers=FIND),
        post("auth/token/lookup-accessor", {"accessor": "<t_accessor>"}),
        post("auth/token/lookup-accessor", {"accessor": "<t_accessor>"}, headers=BELOW),
        post("auth/token/renew", {"token": "<t>"}, headers=FIND),
        post("auth/token/renew", {"token": "<t>"}),
        post("auth/token/lookup", {"token": "<t>"}),
        post("auth/token/renew-self", {}, token="<t>"),
        post("auth/token/create", {"policies": ["root"]}, headers=FIND),
        post("auth/token/create", {"policies": ["default"], "id": "own-<m>"}, headers=FIND),
        token("batch", ["default"], FIND, type="batch", ttl="1h"),
        get("auth/token/lookup-self", headers=FIND, token="<batch>"),
        token("orphan", ["default"], FIND, no_parent=True),
        token("empty", [], FIND),
        list_("auth/token/accessors", headers=BELOW),
        post("cubbyhole/a", {"x": 1}, headers=FIND, token="<t>"),
        get("cubbyhole/a", headers=FIND, token="<t>"),
        post("auth/token/revoke-self", {}, token="<t>"),
        get("auth/token/lookup-self", headers=FIND, token="<t>"),
        get("cubbyhole/a", headers=FIND),
        post("cubbyhole/b", {"x": 1}, headers=FIND),
        get("cubbyhole/b", headers=FIND),
        get("cubbyhole/b", headers=BELOW),
    ),
    within(
        "namespaces policies of above and below",
        post("sys/mounts/kv1", {"type": "kv"}, headers=FIND),
        post("sys/mounts/kv1", {"type": "kv"}, headers=BELOW),
        policy('path "<m>/kv1/*" { capabilities = ["create", "update", "read"] }', {}, "<m>"),
        token("above", ["<m>"], {}),
        post("kv1/a", {"x": 1}, headers=FIND, token="<above>"),
        get("<m>/kv1/a", token="<above>"),
        get("sub/kv1/a", headers=FIND, token="<above>"),
        get("sys/internal/ui/mounts/<m>/kv1/a", token="<above>", only=("data.path", "data.type")),
        get("sys/internal/ui/mounts/kv1/a", headers=FIND, token="<above>", only=("data.path", "data.type")),
        get("sys/internal/ui/namespaces", token="<above>"),
        post("sys/capabilities-self", {"paths": ["<m>/kv1/a", "kv1/a"]}, token="<above>"),
        post("sys/capabilities-self", {"paths": ["kv1/a", "x"]}, headers=FIND, token="<above>"),
        policy(
            'path "auth/token/create" { capabilities = ["update"] }'
            'path "sub/auth/token/create" { capabilities = ["update"] }'
            'path "sub/sys/capabilities-self" { capabilities = ["update"] }'
            'path "sub/kv1/*" { capabilities = ["read"] }',
            FIND,
        ),
        token("here", ["own"], FIND),
        post("auth/token/create", {"policies": ["own"]}, headers=BELOW, token="<here>"),
        post("auth/token/create", {"policies": ["other"]}, headers=FIND, token="<here>"),
        post("sys/capabilities-self", {"paths": ["kv1/a", "sub/kv1/a"]}, headers=BELOW, token="<here>"),
        post("sys/capabilities", {"paths": ["<m>/sub/kv1/a", "kv1/a"], "token": "<here>"}),
        post("sys/capabilities", {"paths": ["kv1/a", "x"], "token": "<here>"}, headers=BELOW),
        get("kv1/none", headers=BELOW, token="<here>"),
        get("kv1/none", headers=FIND, token="<here>"),
        policy(f'path "*" {{ capabilities = {ALL} }}', FIND, "admin"),
        token("admin", ["admin"], FIND),
        post("auth/token/create", {"policies": ["root"]}, headers=FIND, token="<admin>"),
        post("auth/token/create", {"policies": ["root"]}, headers=BELOW, token="<admin>"),
        token("below", ["admin"], BELOW),
        get("sys/mounts", token="<admin>"),
        get("sys/policies/acl/own", headers=BELOW),
    ),
    within(
        "namespaces leases",
        token("t", ["default"], FIND, ttl="1h"),
        list_("sys/leases/lookup/auth/token/create", headers=BELOW),
        list_("sys/leases/lookup/", headers=FIND),
        put("sys/leases/revoke-prefix/auth/token/create", {}, headers=BELOW),
        get("auth/token/lookup-self", headers=FIND, token="<t>"),
        put("sys/leases/revoke-prefix/auth/token/create", {"sync": True}, headers=FIND),
        get("auth/token/lookup-self", headers=FIND, token="<t>", pause=0.5),
    ),
    within(
        "namespaces logins",
        post("sys/auth/userpass", {"type": "userpass"}, headers=FIND),
        post("auth/userpass/users/bob", {"password": "pw", "token_ttl": "1h"}, headers=FIND),
        post(
            "auth/userpass/login/bob",
            {"password": "pw"},
            headers=FIND,
            token=None,
            keep={"t": "auth.client_token", "a": "auth.accessor"},
            only=("auth.policies", "auth.lease_duration", "auth.metadata", "auth.orphan"),
        ),
        post("auth/userpass/login/bob", {"password": "pw"}, headers=BELOW, token=None),
        post("auth/userpass/login/bob", {"password": "pw"}, token=None),
        get(
            "auth/token/lookup-self", token="<t>", only=("data.path", "data.namespace_path", "data.policies")
        ),
        post("auth/userpass/users/eve", {"password": "pw", "token_policies": "root"}, headers=FIND),
        post("auth/userpass/login/eve", {"password": "pw"}, headers=FIND, token=None),
    ),
    within(
        "namespaces wrapping",
        *(
            step
            for opener in ({}, FIND, BELOW)
            for step in (
                post(
                    "sys/wrapping/wrap",
                    {"x": 1},
                    headers={**FIND, "X-Vault-Wrap-TTL": "60"},
                    keep={"w": "wrap_info.token", "wa": "wrap_info.accessor"},
                ),
                post("sys/wrapping/lookup", {"token": "<w>"}, headers=opener),
                post("sys/wrapping/unwrap", token="<w>", headers=opener),
                post("sys/wrapping/unwrap", token="<w>", headers=opener),
            )
        ),
    ),
    within(
        "namespaces quotas",
        put("sys/quotas/rate-limit/<m>", {"rate": 1000, "path": "<m>"}),
        get("sys/quotas/rate-limit/<m>"),
        put("sys/quotas/rate-limit/<m>", {"rate": 1000, "path": "<m>", "inheritable": True}),
        get("sys/quotas/rate-limit/<m>"),
        put("sys/quotas/rate-limit/<m>-2", {"rate": 1000, "path": "<m>/"}),
        put("sys/quotas/rate-limit/<m>-2", {"rate": 1000, "path": "<m>/none/a"}),
        put("sys/quotas/rate-limit/<m>-2", {"rate": 1000, "path": "<m>/sub"}),
        get("sys/quotas/rate-limit/<m>-2"),
        delete("sys/quotas/rate-limit/<m>"),
        delete("sys/quotas/rate-limit/<m>-2"),
    ),
    within(
        "namespaces password policies",
        put(
            "sys/policies/password/<m>",
            {"policy": 'length = 20\nrule "charset" { charset = "a" }'},
            headers=FIND,
        ),
        get("sys/policies/password/<m>/generate", headers=FIND),
        get("sys/policies/password/<m>/generate", headers=BELOW),
        list_("sys/policies/password", headers=FIND),
    ),
    case(
        "namespaces in the audit log",
        *OPEN,
        post("sys/namespaces/<m>", {}, keep=KNOWN),
        post("sys/mounts/kv1", {"type": "kv"}, headers=FIND),
        policy('path "kv1/*" { capabilities = ["create", "read"] }', FIND),
        token("t", ["own"], FIND),
        post("kv1/a", {"x": 1}, headers=FIND, token="<t>"),
        get("<m>/kv1/a", token="<t>"),
        get("auth/token/lookup-self", token="<t>"),
        get("kv1/a", headers=FIND),
        delete("sys/namespaces/<m>"),
        kind="sealed",
        audit=True,
    ),
)
