"""Response wrapping: an answer put aside under a token that opens once."""

from __future__ import annotations

from tests.differential.case import Step, case, delete, get, list_, mount, policy, post, put, token

WRAP = {"X-Vault-Wrap-TTL": "60s"}
W = {"w": "wrap_info.token", "w_accessor": "wrap_info.accessor"}
V1 = mount("kv", options={"version": "1"})
SECRET = (V1, post("<m>/a", {"x": 1, "ttl": "1h"}))


def wrapped(path: str = "<m>/a", ttl: str = "60s") -> Step:
    return get(path, headers={"X-Vault-Wrap-TTL": ttl}, keep=W)


CASES = (
    case(
        "wrapping a read",
        *SECRET,
        wrapped(),
        post("sys/wrapping/lookup", {"token": "<w>"}),
        put("sys/wrapping/lookup", {"token": "<w>"}, token=None),
        get("sys/wrapping/lookup", token="<w>"),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("sys/wrapping/lookup", {"token": "<w>"}),
        wrapped(),
        post("sys/wrapping/unwrap", token="<w>"),
        post("sys/wrapping/unwrap", token="<w>"),
        wrapped(),
        put("sys/wrapping/unwrap", {}, token="<w>"),
        wrapped(),
        post("sys/wrapping/unwrap", {"token": "<w>"}, token=None),
    ),
    case(
        "wrapping with its own token",
        *SECRET,
        wrapped(),
        get("auth/token/lookup-self", token="<w>"),
        wrapped(),
        get("cubbyhole/response", token="<w>"),
        get("cubbyhole/response", token="<w>"),
        wrapped(),
        get("cubbyhole/wrapinfo", token="<w>"),
        wrapped(),
        get("<m>/a", token="<w>"),
        get("sys/mounts", token="<w>"),
        wrapped(),
        post("auth/token/lookup", {"token": "<w>"}),
        post("auth/token/lookup-accessor", {"accessor": "<w_accessor>"}),
        post("auth/token/renew", {"token": "<w>"}),
        post("auth/token/revoke-accessor", {"accessor": "<w_accessor>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
    ),
    case(
        "wrapping every kind of answer",
        *SECRET,
        get("<m>/none", headers=WRAP, keep=W),
        get("nonsense/none", headers=WRAP),
        post("<m>/b", {"x": 1}, headers=WRAP),
        list_("<m>/", headers=WRAP, keep=W),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("auth/token/create", {"policies": ["default"], "ttl": "1h"}, headers=WRAP, keep=W),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("auth/token/create", {"policies": ["default"], "type": "batch"}, headers=WRAP, keep=W),
        get("sys/mounts/<m>", headers=WRAP, keep=W),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        get("sys/health", headers=WRAP),
        get("sys/seal-status", headers=WRAP),
        get("<m>/a?help=1", headers=WRAP, only=("wrap_info.ttl",)),
        delete("<m>/a", headers=WRAP),
    ),
    case(
        "wrapping bad headers",
        *SECRET,
        *(
            wrapped(ttl=t)
            for t in ("nonsense", "-5", "-5s", "0", "0s", "", "1d", "30", "1h30m", "99999h", "0.5s", "1.5")
        ),
        get("<m>/a", headers={"X-Vault-Wrap-TTL": "60s", "X-Vault-Wrap-Format": "nonsense"}),
        get("<m>/a", headers={"X-Vault-Wrap-Format": "jwt"}),
    ),
    case(
        "wrapping as a JWT",
        *SECRET,
        get("<m>/a", headers={"X-Vault-Wrap-TTL": "60s", "X-Vault-Wrap-Format": "jwt"}, keep=W),
        post("sys/wrapping/lookup", {"token": "<w>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        get("<m>/a", headers={"X-Vault-Wrap-TTL": "60s", "X-Vault-Wrap-Format": "JWT"}, keep=W),
        post("sys/wrapping/unwrap", token="<w>"),
        post("sys/wrapping/unwrap", {"token": "eyJhbGciOiJub25lIn0.eyJqdGkiOiJ4In0."}),
    ),
    case(
        "wrapping wrap",
        post("sys/wrapping/wrap", {"a": 1, "deep": {"b": [1]}}, headers=WRAP, keep=W),
        post("sys/wrapping/lookup", {"token": "<w>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        put("sys/wrapping/wrap", {"a": 1}),
        post("sys/wrapping/wrap", {}, headers=WRAP),
        post("sys/wrapping/wrap", headers=WRAP),
        get("sys/wrapping/wrap", headers=WRAP),
        token("t", policies=["default"]),
        post("sys/wrapping/wrap", {"a": 1}, headers=WRAP, token="<t>", keep=W),
        post("sys/wrapping/unwrap", {"token": "<w>"}, token="<t>"),
        post("sys/wrapping/wrap", {"a": 1}, headers=WRAP, token=None),
    ),
    case(
        "wrapping rewrap",
        *SECRET,
        wrapped(),
        post("sys/wrapping/rewrap", {"token": "<w>"}, keep={"w2": "wrap_info.token"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("sys/wrapping/lookup", {"token": "<w2>"}),
        put("sys/wrapping/rewrap", token="<w2>", keep={"w3": "wrap_info.token"}),
        post("sys/wrapping/unwrap", {"token": "<w3>"}),
        post("sys/wrapping/rewrap", {"token": "nonsense"}),
        post("sys/wrapping/rewrap", {}),
        get("sys/wrapping/rewrap"),
    ),
    case(
        "wrapping bad tokens",
        token("t", policies=["default"]),
        *(
            post(f"sys/wrapping/{verb}", body)
            for verb in ("lookup", "unwrap", "rewrap")
            for body in (
                {"token": "nonsense"},
                {"token": ""},
                {"token": 5},
                {},
                {"token": "<t>"},
                {"unknown": 1},
            )
        ),
        post("sys/wrapping/lookup", {"token": "nonsense"}, token=None),
        post("sys/wrapping/lookup", {}, token=None),
        post("sys/wrapping/unwrap", {"token": "nonsense"}, token=None),
        post("sys/wrapping/unwrap", {}, token=None),
        post("sys/wrapping/unwrap", {}, token="<t>"),
        post("sys/wrapping/unwrap", {}, token="nobody"),
        get("sys/wrapping/unwrap"),
        get("sys/wrapping/pubkey"),
        get("sys/wrapping/nonsense"),
    ),
    case(
        "wrapping expires",
        *SECRET,
        wrapped(ttl="1s"),
        post("sys/wrapping/lookup", {"token": "<w>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}, pause=1.6),
        post("sys/wrapping/lookup", {"token": "<w>"}),
    ),
    case(
        "wrapping outlives the secret and the writer",
        *SECRET,
        policy('path "<m>/*" { capabilities = ["read"] }'),
        token("t", policies=["<m>"]),
        get("<m>/a", headers=WRAP, keep=W, token="<t>"),
        post("auth/token/revoke", {"token": "<t>"}),
        delete("<m>/a"),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
    ),
    case(
        "wrapping what was wrapped",
        *SECRET,
        wrapped(),
        post("sys/wrapping/lookup", {"token": "<w>"}, headers=WRAP, keep={"about": "wrap_info.token"}),
        post("sys/wrapping/unwrap", {"token": "<about>"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}, headers=WRAP, keep={"again": "wrap_info.token"}),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
        post("sys/wrapping/lookup", {"token": "<again>"}),
        post("sys/wrapping/unwrap", {"token": "<again>"}),
        delete("sys/namespaces/<m>-none", headers=WRAP, keep=W),
        post("sys/wrapping/unwrap", {"token": "<w>"}),
    ),
)
