"""HTTP itself: verbs, targets, headers, bodies, what a client can get wrong."""

from __future__ import annotations

from tests.differential.case import Step, case, delete, get, list_, post, put, scan, token

JSON = {"Content-Type": "application/json"}

CASES = (
    case(
        "http verbs",
        *(
            Step(verb, path)
            for path in (
                "sys/mounts/secret",
                "secret/data/none",
                "sys/health",
                "nonsense/x",
                "sys/seal-status",
            )
            for verb in (
                "HEAD",
                "OPTIONS",
                "TRACE",
                "FOO",
                "get",
                "LIST",
                "SCAN",
                "PATCH",
                "DELETE",
                "COPY",
                "PURGE",
            )
        ),
        Step("HEAD", "sys/leader", token=None),
        Step("HEAD", "auth/token/lookup-self"),
    ),
    case(
        "http targets",
        *(
            get(path)
            for path in (
                "/",
                "/v1",
                "/v1/",
                "/v2/sys/health",
                "/v1//sys/mounts/secret",
                "/v1/sys//mounts/secret",
                "/v1/sys/mounts/secret/",
                "/v1/sys/mounts/./secret",
                "/v1/sys/policies/../mounts/secret",
                "/v1/../v1/sys/mounts/secret",
                "/v1/sys/mounts/%2e%2e/mounts/secret",
                "/v1/sys/%6dounts/secret",
                "/v1/sys/mounts%2Fsecret",
                "/v1/sys/mounts/secret?",
                "/v1/sys/mounts/secret?a=b&a=c",
                "/v1/sys/mounts/secret?%zz",
                "/v1/sys/mounts/secret#fragment",
                "/v1/sys/mounts/secret%00",
                "/v1/sys/mounts/%zz",
                "/v1/secret/data/../../sys/mounts/secret",
                "/v1/SYS/mounts/secret",
                "/sys/mounts/secret",
                "/ui",
                "/robots.txt",
                "/favicon.ico",
                "/v1x",
                "/v1/;x",
                "/v1/sys/mounts/secret;x=y",
                "/v1/sys/mounts/+secret",
            )
        ),
    ),
    case(
        "http unknown routes",
        get("nonsense/x"),
        get("nonsense/x", token="nobody"),
        get("nonsense/x", token=None),
        post("nonsense", {"a": 1}),
        delete("nonsense/x/y/z"),
        list_("nonsense"),
        scan("nonsense/"),
        get("auth/nonsense/login"),
        post("auth/nonsense/login", {"a": 1}, token=None),
        token("t", policies=["default"]),
        get("nonsense/x", token="<t>"),
        get("<m>%20/x"),
    ),
    case(
        "http tokens",
        *(
            get("auth/token/lookup-self", token=None, headers=headers)
            for headers in (
                {},
                {"X-Vault-Token": ""},
                {"X-Vault-Token": "  "},
                {"X-Vault-Token": "root "},
                {"x-vault-token": "<root>"},
                {"Authorization": "Bearer <root>"},
                {"Authorization": "bearer <root>"},
                {"Authorization": "BEARER <root>"},
                {"Authorization": "Token <root>"},
                {"Authorization": "<root>"},
                {"Authorization": "Bearer"},
                {"Authorization": "Basic <root>"},
                {"X-Vault-Token": "nobody", "Authorization": "Bearer <root>"},
                {"X-Vault-Token": "<root>", "Authorization": "Bearer nobody"},
                {"X-Vault-Token": "s.000000000000000000000000"},
                {"X-Vault-Token": "b.AAAA"},
                {"X-Vault-Token": "x" * 3000},
                {"X-Vault-Token": "a.b.c"},
                {"X-Vault-Token": "a:b"},
                {"Cookie": "token=<root>"},
            )
        ),
    ),
    case(
        "http content types",
        *(
            post("sys/tools/hash", b'{"input": "aGVsbG8="}', headers={"Content-Type": kind})
            for kind in (
                "application/json",
                "text/plain",
                "application/x-www-form-urlencoded",
                "multipart/form-data; boundary=x",
                "nonsense",
                "",
            )
        ),
        post(
            "sys/tools/hash",
            b"input=aGVsbG8%3D",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        post("sys/tools/hash?input=aGVsbG8%3D", headers=JSON),
        put("sys/wrapping/unwrap", b"", headers=JSON),
    ),
    case(
        "http bodies where none belongs",
        Step("GET", "sys/mounts/secret", {"a": 1}),
        Step("GET", "sys/mounts/secret", b"nonsense"),
        Step("DELETE", "secret/data/none", {"a": 1}),
        Step("DELETE", "secret/data/none", b"nonsense"),
        Step("LIST", "sys/policies/acl", {"limit": 1}, only=("errors",)),
        Step("GET", "auth/token/lookup-self", {"token": "x"}),
        Step("HEAD", "sys/mounts/secret", {"a": 1}),
    ),
    case(
        "http json limits",
        post("sys/tools/hash", b'{"input": "aGVsbG8=", "deep": ' + b"[" * 100 + b"]" * 100 + b"}"),
        post("sys/tools/hash", b'{"input": "aGVsbG8=", "deep": ' + b"[" * 1000 + b"]" * 1000 + b"}"),
        post("sys/tools/hash", b'{"deep": ' + b'{"a":' * 600 + b"1" + b"}" * 600 + b"}"),
        post("sys/tools/hash", b'{"many": [' + b",".join([b'"x"'] * 900) + b'], "input": "aGVsbG8="}'),
        post("sys/tools/hash", b'{"many": [' + b",".join([b'"x"'] * 1100) + b'], "input": "aGVsbG8="}'),
        post("sys/tools/hash", b'{"many": [' + b",".join([b"1"] * 5000) + b'], "input": "aGVsbG8="}'),
        post("sys/tools/hash", {f"k{i}": i for i in range(1100)}),
    ),
    case(
        "http request headers",
        get("sys/mounts/secret", headers={"X-Vault-Request": "true"}),
        get("sys/mounts/secret", headers={"X-Vault-Index": "nonsense"}),
        get("sys/mounts/secret", headers={"X-Vault-MFA": "x:y"}),
        get("sys/mounts/secret", headers={"X-Vault-Policy-Override": "true"}),
        get("sys/mounts/secret", headers={"X-Vault-Policy-Override": "nonsense"}),
        get("sys/mounts/secret", headers={"X-Vault-No-Request-Forwarding": "true"}),
        get("sys/mounts/secret", headers={"X-Forwarded-For": "10.0.0.1"}),
        get("sys/mounts/secret", headers={"Accept": "text/html"}),
        get("sys/mounts/secret", headers={"Accept-Encoding": "gzip"}),
        get("sys/mounts/secret", headers={"Expect": "100-continue"}),
        get("sys/mounts/secret", headers={"Upgrade": "websocket", "Connection": "upgrade"}),
    ),
    case(
        "http list and scan by query",
        post("sys/mounts/<m>", {"type": "kv"}),
        post("<m>/a", {"x": 1}),
        post("<m>/b/c", {"x": 1}),
        get("<m>?list=true"),
        get("<m>/?list=TRUE"),
        get("<m>/?list=t"),
        get("<m>/?list=0"),
        get("<m>/?list="),
        get("<m>/?list"),
        get("<m>/?scan=true"),
        get("<m>/?scan=1&list=1"),
        get("<m>/?list=true&scan=false"),
        post("<m>/?list=true", {}),
        delete("<m>/?list=true"),
        list_("<m>?list=false"),
        list_("<m>/?list=true"),
        scan("<m>/b/"),
        scan("<m>/b"),
    ),
)
