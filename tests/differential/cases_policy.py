"""Policies: documents, what they allow, capabilities."""

from __future__ import annotations

from tests.differential.case import (
    Step,
    case,
    delete,
    get,
    list_,
    mount,
    patch,
    policy,
    post,
    put,
    scan,
    token,
)

ACL = "sys/policies/acl/<m>"
READ = 'path "secret/*" { capabilities = ["read"] }'
V1 = mount("kv", options={"version": "1"})


def document(text: str) -> Step:
    return put(ACL, {"policy": text})


def rule(body: str, path: str = "<m>/p") -> tuple[Step, ...]:
    """A token ``<t>`` with one policy of one rule on a KV 1 mount that holds ``p``."""
    return (
        V1,
        post("<m>/p", {"a": "x"}),
        policy(f'path "{path}" {{ {body} }}'),
        token("t", policies=["<m>"], no_default_policy=True),
    )


def capabilities(*paths: str, name: str = "t") -> Step:
    return post("sys/capabilities-self", {"paths": list(paths)}, token=f"<{name}>")


CASES = (
    case(
        "policy write, read, delete",
        get(ACL),
        put(ACL, {"policy": READ}),
        get(ACL),
        post(ACL, {"policy": READ + "\n# comment\n"}),
        get(ACL),
        get("sys/policy/<m>"),
        put("sys/policy/<m>", {"rules": READ}),
        put("sys/policy/<m>", {"policy": READ}),
        get("sys/policy/<m>"),
        delete(ACL),
        get(ACL),
        delete(ACL),
        get("sys/policy/<m>"),
        delete("sys/policy/<m>"),
    ),
    case(
        "policy names",
        put("sys/policies/acl/<m>-UPPER", {"policy": READ}),
        get("sys/policies/acl/<m>-upper"),
        get("sys/policies/acl/<m>-Upper"),
        put("sys/policies/acl/<m>-a/b", {"policy": READ}),
        get("sys/policies/acl/<m>-a/b"),
        put("sys/policies/acl/", {"policy": READ}),
        put("sys/policies/acl", {"policy": READ}),
        put("sys/policies/acl/root", {"policy": READ}),
        put("sys/policies/acl/ROOT", {"policy": READ}),
        delete("sys/policies/acl/root"),
        get("sys/policies/acl/root"),
        delete("sys/policies/acl/default"),
        put("sys/policies/acl/response-wrapping", {"policy": READ}),
        get("sys/policies/acl/response-wrapping"),
        delete("sys/policies/acl/response-wrapping"),
        put("sys/policies/acl/control-group", {"policy": READ}),
        put("sys/policies/acl/<m>%20space", {"policy": READ}),
        get("sys/policies/acl/<m>%20space"),
        put("sys/policies/acl/%20<m>-trim%20", {"policy": READ}),
        get("sys/policies/acl/<m>-trim"),
    ),
    case(
        "policy bad input",
        put(ACL),
        put(ACL, {}),
        put(ACL, {"policy": ""}),
        put(ACL, {"policy": 5}),
        put(ACL, {"policy": None}),
        put(ACL, {"policy": {"path": {}}}),
        put(ACL, {"unknown": READ}),
        put(ACL, {"policy": READ, "unknown": 1}),
        put(ACL, {"policy": READ, "name": "other"}),
        get(ACL),
        patch(ACL, {"policy": READ}),
    ),
    case(
        "policy versions and expiry",
        put(ACL, {"policy": READ, "cas": 0}),
        put(ACL, {"policy": READ, "cas": 0}),
        get(ACL),
        put(ACL, {"policy": READ, "cas": 1}),
        put(ACL, {"policy": READ, "cas": -1}),
        put(ACL, {"policy": READ, "cas_required": True}),
        put(ACL, {"policy": READ}),
        get(ACL),
        patch(ACL, {"cas": 99, "policy": READ}),
        put("sys/policies/acl/<m>-ttl", {"policy": READ, "ttl": "1h"}),
        get("sys/policies/acl/<m>-ttl"),
        put("sys/policies/acl/<m>-ttl", {"policy": READ, "ttl": "nonsense"}),
        put("sys/policies/acl/<m>-exp", {"policy": READ, "expiration": "2090-01-01T00:00:00Z"}),
        get("sys/policies/acl/<m>-exp"),
        put("sys/policies/acl/<m>-exp", {"policy": READ, "expiration": "nonsense"}),
        put("sys/policies/acl/<m>-exp", {"policy": READ, "expiration": "2001-01-01T00:00:00Z"}),
        put("sys/policies/acl/<m>-both", {"policy": READ, "expiration": "2090-01-01T00:00:00Z", "ttl": "1h"}),
    ),
    case(
        "policy list",
        list_("sys/policies/acl"),
        list_("sys/policies/acl/"),
        get("sys/policies/acl?list=true"),
        get("sys/policies/acl"),
        get("sys/policy"),
        list_("sys/policy"),
        put("sys/policies/acl/zeta", {"policy": READ}),
        put("sys/policies/acl/alpha", {"policy": READ}),
        put("sys/policies/acl/dir/one", {"policy": READ}),
        list_("sys/policies/acl"),
        list_("sys/policies/acl/dir"),
        list_("sys/policies/acl/?after=b&limit=2"),
        list_("sys/policies/acl/?limit=1"),
        get("sys/policy"),
        scan("sys/policies/acl"),
        list_("sys/policies/detailed/acl"),
        list_("sys/policies/detailed/acl/dir"),
        kind="fresh",
    ),
    case(
        "policy built in",
        get("sys/policies/acl/default", only=("data.name", "data.cas_required", "data.version")),
        put("sys/policies/acl/default", {"policy": READ}),
        get("sys/policies/acl/default"),
        token("t", policies=["default"]),
        get("auth/token/lookup-self", token="<t>"),
        kind="fresh",
    ),
    case(
        "policy syntax errors",
        document("nonsense"),
        document('path "x" {'),
        document('path "x" { capabilities = ["read" }'),
        document('path "x" { capabilities = ["nonsense"] }'),
        document('path "x" { capabilities = "read" }'),
        document('path "x" { capabilities = [5] }'),
        document('path "x" { unknown = 1 }'),
        document('other "x" { capabilities = ["read"] }'),
        document("path { }"),
        document('path "x" { }'),
        document('path "x" { capabilities = [] }'),
        document('path "x" { policy = "nonsense" }'),
        document('path "x" { policy = "write" }'),
        document('path "x+y" { capabilities = ["read"] }'),
        document('path "x/+*" { capabilities = ["read"] }'),
        document('path "+*" { capabilities = ["read"] }'),
        document('path "x/+" { capabilities = ["read"] }'),
        document('path "x" { capabilities = ["read", "deny"] }'),
        document('path "x" { capabilities = ["READ"] }'),
        document('path "x" { min_wrapping_ttl = "nonsense" capabilities = ["read"] }'),
        document('path "x" { min_wrapping_ttl = "2m" max_wrapping_ttl = "1m" capabilities = ["read"] }'),
        document('path "x" { min_wrapping_ttl = 30 max_wrapping_ttl = "1m" capabilities = ["read"] }'),
        document('path "x" { allowed_parameters = "x" capabilities = ["read"] }'),
        document('path "x" { required_parameters = "x" capabilities = ["read"] }'),
        document('path "x" { denied_parameters = { "a" = "x" } capabilities = ["read"] }'),
        document('path "x" { capabilities = ["read"] } path "x" { capabilities = ["list"] }'),
        document('path = { "x" = { capabilities = ["read"] } }'),
        document('name = "other" path "x" { capabilities = ["read"] }'),
        document('{"path": {"x": {"capabilities": ["read"]}}}'),
        document('{"path": [{"x": {"capabilities": ["read"]}}]}'),
        document('{"path": {"x": {"capabilities": ["read"]}}'),
        document("{}"),
        document("# only a comment"),
        document("   "),
        document('path "x" { capabilities = ["read"], }'),
        document('path "x" { capabilities = ["read",] }'),
        document("path \"x\" { capabilities = ['read'] }"),
        document('path "x" { capabilities = ["read"] expiration = "2090-01-01T00:00:00Z" }'),
        document('path "x" { capabilities = ["read"] expiration = "nonsense" }'),
        document('path "x" { capabilities = ["read"] comment = "why" }'),
        document('path "x" { capabilities = ["list"] pagination_limit = 5 }'),
        document('path "x" { capabilities = ["list"] pagination_limit = "x" }'),
        document('path "{{nonsense}}" { capabilities = ["read"] }'),
        document('path "x/{{identity.entity.id}}/*" { capabilities = ["read"] }'),
        document('path "x/{{identity.entity.id" { capabilities = ["read"] }'),
    ),
    case(
        "policy capabilities of root and of nobody",
        post("sys/capabilities-self", {"path": "sys/mounts"}),
        post("sys/capabilities-self", {"path": ["a", "b"]}),
        post("sys/capabilities-self", {"paths": "a,b"}),
        post("sys/capabilities-self", {"paths": []}),
        post("sys/capabilities-self", {}),
        post("sys/capabilities-self"),
        post("sys/capabilities-self", {"path": 5}),
        post("sys/capabilities-self", {"path": ""}),
        post("sys/capabilities-self", {"paths": ["a"]}, token=None),
        post("sys/capabilities-self", {"paths": ["a"]}, token="nobody"),
        get("sys/capabilities-self"),
        token("t", policies=["default"]),
        capabilities("sys/mounts", "auth/token/lookup-self", "cubbyhole/x", "nonsense"),
        post("sys/capabilities", {"token": "<t>", "paths": ["auth/token/lookup-self", "x"]}),
        post("sys/capabilities", {"token": "<t>", "path": "x"}),
        post("sys/capabilities", {"token": "nobody", "path": "x"}),
        post("sys/capabilities", {"path": "x"}),
        post("sys/capabilities", {"token": "<t>"}),
        post("sys/capabilities-accessor", {"accessor": "<t_accessor>", "paths": ["auth/token/lookup-self"]}),
        post("sys/capabilities-accessor", {"accessor": "nobody", "paths": ["x"]}),
        post("sys/capabilities-accessor", {"paths": ["x"]}),
        post("sys/capabilities", {"token": "<t>", "path": "x"}, token="<t>"),
    ),
    case(
        "policy path priority",
        policy("""
            path "t/a" { capabilities = ["read"] }
            path "t/a*" { capabilities = ["list"] }
            path "t/abc*" { capabilities = ["update"] }
            path "t/+/x" { capabilities = ["create"] }
            path "t/+/y/*" { capabilities = ["delete"] }
            path "t/b/y/z" { capabilities = ["sudo", "read"] }
            path "t/deny*" { capabilities = ["deny"] }
            path "t/denyx/ok" { capabilities = ["read"] }
            path "p/+/b" { capabilities = ["read"] }
            path "p/a/+" { capabilities = ["list"] }
            path "q/*" { capabilities = ["list"] }
            path "q/+/x" { capabilities = ["read"] }
            path "r/+" { capabilities = ["read"] }
            path "r/a*" { capabilities = ["list"] }
            path "s/+/b*" { capabilities = ["read"] }
            path "s/a/*" { capabilities = ["list"] }
            path "u/+/+" { capabilities = ["read"] }
            path "u/+/b" { capabilities = ["list"] }
            path "v/" { capabilities = ["list"] }
            path "/w/lead" { capabilities = ["read"] }
            path "mid*dle/x" { capabilities = ["read"] }
            path "*" { capabilities = ["patch"] }
        """),
        token("t", policies=["<m>"], no_default_policy=True),
        capabilities("t/a", "t/ab", "t/abc", "t/abcd", "t/q/x", "t/a/x", "t/b/y/z", "t/b/y/", "t/b/y/q", "t"),
        capabilities("t/deny", "t/denyx", "t/denyx/ok", "p/a/b", "q/a/x", "q/a", "r/ab", "r/b", "r/", "r"),
        capabilities(
            "s/a/b", "s/a/bc", "u/a/b", "v", "v/", "v/x", "w/lead", "/w/lead", "middle/x", "mid*dle/x"
        ),
        capabilities("", "/", "x", "x/../t/a"),
    ),
    case(
        "policy several policies together",
        policy('path "t/a" { capabilities = ["read"] } path "t/b*" { capabilities = ["read"] }', "<m>1"),
        policy('path "t/a" { capabilities = ["update"] } path "t/b*" { capabilities = ["deny"] }', "<m>2"),
        policy('path "t/*" { capabilities = ["sudo"] } path "t/a" { capabilities = ["list"] }', "<m>3"),
        token("t", policies=["<m>1", "<m>2", "<m>3", "<m>none"], no_default_policy=True),
        capabilities("t/a", "t/b", "t/c"),
        policy('path "t/a" { capabilities = ["deny"] }', "<m>2"),
        capabilities("t/a", "t/b", "t/c"),
        delete("sys/policies/acl/<m>1"),
        delete("sys/policies/acl/<m>2"),
        capabilities("t/a", "t/b", "t/c"),
    ),
    case(
        "policy old forms",
        policy("""
            path "t/read" { policy = "read" }
            path "t/write" { policy = "write" }
            path "t/sudo" { policy = "sudo" }
            path "t/deny" { policy = "deny" }
            path "t/both" { policy = "read" capabilities = ["update"] }
        """),
        token("t", policies=["<m>"], no_default_policy=True),
        capabilities("t/read", "t/write", "t/sudo", "t/deny", "t/both"),
    ),
    case(
        "policy operations",
        *rule('capabilities = ["create"]', "<m>/*"),
        post("<m>/new", {"a": 1}, token="<t>"),
        post("<m>/p", {"a": 1}, token="<t>"),
        get("<m>/p", token="<t>"),
        delete("<m>/p", token="<t>"),
        list_("<m>/", token="<t>"),
        policy('path "<m>/*" { capabilities = ["update", "list"] }'),
        post("<m>/new2", {"a": 1}, token="<t>"),
        post("<m>/p", {"a": 1}, token="<t>"),
        list_("<m>/", token="<t>"),
        list_("<m>", token="<t>"),
        scan("<m>/", token="<t>"),
        policy('path "<m>/*" { capabilities = ["scan", "delete", "read"] }'),
        scan("<m>/", token="<t>"),
        list_("<m>/", token="<t>"),
        get("<m>/p?list=true", token="<t>"),
        delete("<m>/new", token="<t>"),
        get("<m>/p", token="<t>"),
        get("<m>/none", token="<t>"),
        get("<m>/p?help=1", token="<t>", only=("errors",)),
        get("nonsense/x", token="<t>"),
        get("sys/mounts", token="<t>"),
        get("auth/token/lookup-self", token="<t>"),
    ),
    case(
        "policy list needs the slash",
        *rule('capabilities = ["list"]', "<m>/"),
        list_("<m>", token="<t>"),
        list_("<m>/", token="<t>"),
        get("<m>?list=true", token="<t>"),
        policy('path "<m>" { capabilities = ["list"] }'),
        list_("<m>", token="<t>"),
        list_("<m>/", token="<t>"),
        policy('path "<m>/*" { capabilities = ["list"] } path "<m>/p/*" { capabilities = ["deny"] }'),
        list_("<m>/p", token="<t>"),
        list_("<m>/p/", token="<t>"),
        list_("<m>/q", token="<t>"),
    ),
    case(
        "policy allowed parameters",
        *rule('capabilities = ["update", "read"] allowed_parameters = { "a" = [] "b" = ["1", "x*"] }'),
        post("<m>/p", {"a": "any"}, token="<t>"),
        post("<m>/p", {"b": "1"}, token="<t>"),
        post("<m>/p", {"b": 1}, token="<t>"),
        post("<m>/p", {"b": "xyz"}, token="<t>"),
        post("<m>/p", {"b": "2"}, token="<t>"),
        post("<m>/p", {"c": "1"}, token="<t>"),
        post("<m>/p", {"A": "any"}, token="<t>"),
        post("<m>/p", {"a": ["list"]}, token="<t>"),
        post("<m>/p", {"b": ["1"]}, token="<t>"),
        post("<m>/p", {"b": ["1", "x"]}, token="<t>"),
        post("<m>/p", {}, token="<t>"),
        get("<m>/p", token="<t>"),
        policy('path "<m>/p" { capabilities = ["update"] allowed_parameters = { "*" = [] "a" = ["1"] } }'),
        post("<m>/p", {"z": "1"}, token="<t>"),
        post("<m>/p", {"a": "1"}, token="<t>"),
        post("<m>/p", {"a": "2"}, token="<t>"),
        policy('path "<m>/p" { capabilities = ["update"] allowed_parameters = { "a" = [true, 5, 1.5] } }'),
        post("<m>/p", {"a": True}, token="<t>"),
        post("<m>/p", {"a": 5}, token="<t>"),
        post("<m>/p", {"a": 1.5}, token="<t>"),
        post("<m>/p", {"a": "true"}, token="<t>"),
        policy('path "<m>/p" { capabilities = ["update"] allowed_parameters = { } }'),
        post("<m>/p", {"a": 1}, token="<t>"),
    ),
    case(
        "policy denied and required parameters",
        *rule('capabilities = ["update"] denied_parameters = { "a" = [] "b" = ["1", "x*"] }'),
        post("<m>/p", {"a": "any"}, token="<t>"),
        post("<m>/p", {"A": "any"}, token="<t>"),
        post("<m>/p", {"b": "1"}, token="<t>"),
        post("<m>/p", {"b": "xyz"}, token="<t>"),
        post("<m>/p", {"b": "2"}, token="<t>"),
        post("<m>/p", {"c": "1"}, token="<t>"),
        policy('path "<m>/p" { capabilities = ["update"] denied_parameters = { "*" = [] } }'),
        post("<m>/p", {"c": "1"}, token="<t>"),
        policy('path "<m>/p" { capabilities = ["update", "read"] required_parameters = ["a", "b"] }'),
        post("<m>/p", {"a": 1}, token="<t>"),
        post("<m>/p", {"a": 1, "b": 2}, token="<t>"),
        post("<m>/p", {"a": 1, "B": 2}, token="<t>"),
        get("<m>/p", token="<t>"),
        policy(
            'path "<m>/p" { capabilities = ["update"] '
            'allowed_parameters = { "a" = ["1"] } denied_parameters = { "a" = ["1"] } }'
        ),
        post("<m>/p", {"a": "1"}, token="<t>"),
    ),
    case(
        "policy wrapping bounds",
        *rule('capabilities = ["read"] min_wrapping_ttl = "10s" max_wrapping_ttl = "60s"'),
        get("<m>/p", token="<t>"),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "30s"}),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "5s"}),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "90s"}),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "60"}),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "10"}),
        policy('path "<m>/p" { capabilities = ["read"] max_wrapping_ttl = "60s" }'),
        get("<m>/p", token="<t>"),
        policy('path "<m>/p" { capabilities = ["read"] min_wrapping_ttl = "1s" }'),
        get("<m>/p", token="<t>"),
        get("<m>/p", token="<t>", headers={"X-Vault-Wrap-TTL": "2h"}),
    ),
    case(
        "policy sudo paths",
        policy("""
            path "sys/audit" { capabilities = ["read"] }
            path "sys/rotate" { capabilities = ["update"] }
            path "sys/raw/*" { capabilities = ["read"] }
            path "sys/leases/revoke-force/*" { capabilities = ["update"] }
            path "sys/leases/lookup/*" { capabilities = ["list"] }
            path "auth/token/accessors" { capabilities = ["list"] }
            path "auth/token/accessors/" { capabilities = ["list"] }
            path "sys/config/auditing/request-headers" { capabilities = ["read"] }
            path "sys/auth/*" { capabilities = ["create", "update", "delete", "read"] }
        """),
        token("t", policies=["<m>"]),
        get("sys/audit", token="<t>"),
        put("sys/rotate", token="<t>"),
        get("sys/raw/core", token="<t>"),
        put("sys/leases/revoke-force/x", token="<t>"),
        list_("sys/leases/lookup/auth", token="<t>"),
        list_("auth/token/accessors", token="<t>"),
        get("sys/config/auditing/request-headers", token="<t>"),
        post("sys/auth/<m>", {"type": "userpass"}, token="<t>"),
        get("sys/auth/token", token="<t>"),
        get("sys/auth/token/tune", token="<t>"),
        policy("""
            path "sys/audit" { capabilities = ["read", "sudo"] }
            path "auth/token/accessors*" { capabilities = ["list", "sudo"] }
        """),
        get("sys/audit", token="<t>"),
        list_("auth/token/accessors", token="<t>", only=("errors",)),
        capabilities("sys/audit"),
    ),
    case(
        "policy pagination limit",
        *rule('capabilities = ["list", "scan"] pagination_limit = 2', "<m>/*"),
        *(post(f"<m>/{n}", {"v": 1}) for n in "abcd"),
        list_("<m>/", token="<t>"),
        list_("<m>/?limit=2", token="<t>"),
        list_("<m>/?limit=1", token="<t>"),
        list_("<m>/?limit=3", token="<t>"),
        list_("<m>/?limit=0", token="<t>"),
        list_("<m>/?limit=-1", token="<t>"),
        list_("<m>/?limit=x", token="<t>"),
        scan("<m>/", token="<t>"),
        scan("<m>/?limit=2", token="<t>"),
    ),
    case(
        "policy rule expires",
        *rule('capabilities = ["read"] expiration = "2001-01-01T00:00:00Z"'),
        get("<m>/p", token="<t>"),
        policy('path "<m>/p" { capabilities = ["read"] expiration = "2090-01-01T00:00:00Z" }'),
        get("<m>/p", token="<t>"),
    ),
    case(
        "policy list filtered by response",
        V1,
        *(post(f"<m>/{n}", {"v": 1}) for n in ("aa", "ab", "zz", "zy/x")),
        policy("""
            path "<m>/" { capabilities = ["list"] list_scan_response_keys_filter_path = "<m>/{{ .key }}" }
            path "<m>/z*" { capabilities = ["read"] }
        """),
        token("t", policies=["<m>"]),
        list_("<m>/", token="<t>"),
    ),
    case(
        "policy password policies",
        list_("sys/policies/password"),
        get("sys/policies/password/<m>"),
        put("sys/policies/password/<m>", {"policy": 'length = 20 rule "charset" { charset = "abcde" }'}),
        get("sys/policies/password/<m>"),
        list_("sys/policies/password"),
        get("sys/policies/password/<m>/generate", keep={"password": "data.password"}),
        put("sys/policies/password/<m>", {"policy": "length = 3"}),
        put("sys/policies/password/<m>", {"policy": 'length = 3 rule "charset" { charset = "a" }'}),
        put("sys/policies/password/<m>", {"policy": 'length = 101 rule "charset" { charset = "ab" }'}),
        put("sys/policies/password/<m>", {"policy": 'length = 1000 rule "charset" { charset = "ab" }'}),
        put("sys/policies/password/<m>", {"policy": 'rule "charset" { charset = "ab" min-chars = 2 }'}),
        put(
            "sys/policies/password/<m>",
            {"policy": 'length = 10 rule "charset" { charset = "ab" min-chars = 11 }'},
        ),
        put("sys/policies/password/<m>", {"policy": 'length = 10 rule "charset" { charset = "" }'}),
        put("sys/policies/password/<m>", {"policy": 'length = 10 rule "other" { }'}),
        put(
            "sys/policies/password/<m>",
            {"policy": 'length = 10 unknown = 5 rule "charset" { charset = "ab" }'},
        ),
        put("sys/policies/password/<m>", {"policy": "nonsense {"}),
        put("sys/policies/password/<m>", {"policy": ""}),
        put("sys/policies/password/<m>", {}),
        get("sys/policies/password/none/generate"),
        post("sys/policies/password/<m>/generate", {}),
        delete("sys/policies/password/<m>"),
        delete("sys/policies/password/<m>"),
        get("sys/policies/password/<m>"),
        kind="fresh",
    ),
)
