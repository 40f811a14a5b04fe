from __future__ import annotations

from typing import Any

import pytest

from strongroom.logical import Operation
from strongroom.policy import ACL, Decision, Policy, Reason, parse_policy

NOW = 1_800_000_000 * 10**9


def acl(*texts: str) -> ACL:
    return ACL([parse_policy(f"p{index}", text) for index, text in enumerate(texts)], now=NOW)


def rule(path: str, *capabilities: str, more: str = "") -> str:
    listed = ", ".join(f'"{capability}"' for capability in capabilities)
    return f'path "{path}" {{ capabilities = [{listed}] {more} }}\n'


WRITE = ["create", "delete", "list", "read", "update"]
SUDO = ["create", "delete", "list", "read", "sudo", "update"]

# Each row was asked of the running peer: policies, path, capabilities it named.
MEASURED: tuple[tuple[str, list[str], str, list[str]], ...] = (
    ("exact vs glob", [rule("t/a", "read") + rule("t/*", "update")], "t/a", ["read"]),
    ("longer glob", [rule("t/a*", "read") + rule("t/*", "update")], "t/ab", ["read"]),
    ("+ vs *", [rule("t/+/x", "read") + rule("t/a/*", "update")], "t/a/x", ["update"]),
    ("+ vs exact", [rule("t/+/x", "read") + rule("t/a/x", "update")], "t/a/x", ["update"]),
    ("two +", [rule("t/+/b", "read") + rule("t/a/+", "update")], "t/a/b", ["update"]),
    ("t/+ vs t/a*", [rule("t/+", "read") + rule("t/a*", "update")], "t/ab", ["update"]),
    ("t/+/b* vs t/a/*", [rule("t/+/b*", "read") + rule("t/a/*", "update")], "t/a/bc", ["update"]),
    ("t/+/+ vs t/+/b", [rule("t/+/+", "read") + rule("t/+/b", "update")], "t/a/b", ["update"]),
    ("union same path", [rule("t/a", "read"), rule("t/a", "update")], "t/a", ["read", "update"]),
    ("deny same path other policy", [rule("t/a", "read"), rule("t/a", "deny")], "t/a", ["deny"]),
    ("deny glob, exact allow", [rule("t/*", "deny") + rule("t/a", "read")], "t/a", ["read"]),
    ("glob matches prefix itself t/", [rule("t/*", "list")], "t/", ["list"]),
    ("glob t/* for t", [rule("t/*", "list")], "t", ["deny"]),
    ("+ no empty seg", [rule("t/+", "read")], "t/", ["read"]),
    ("leading slash", [rule("/t/a", "read")], "t/a", ["read"]),
    ("trailing slash rule list", [rule("t/d/", "list")], "t/d", ["deny"]),
    ("rule without slash list", [rule("t/d", "list")], "t/d/", ["list"]),
    ("mid star literal", [rule("t/a*b", "read")], "t/axb", ["deny"]),
    ("star only", [rule("*", "read")], "t/a", ["read"]),
    ("t/a+ literal", [rule("t/a+", "read")], "t/ab", ["deny"]),
    (
        "write policy",
        ['path "t/a" { policy = "write" }'],
        "t/a",
        ["create", "delete", "list", "read", "update"],
    ),
    (
        "sudo policy",
        ['path "t/a" { policy = "sudo" }'],
        "t/a",
        ["create", "delete", "list", "read", "sudo", "update"],
    ),
    ("no capability", [rule("t/a")], "t/a", ["deny"]),
    ("no capability and another policy", [rule("t/a"), rule("t/a", "read")], "t/a", ["read"]),
    ("deny in one list", [rule("t/a", "deny", "read")], "t/a", ["deny"]),
    ("key twice", ['path "x" { capabilities = ["read"] capabilities = ["list"] }'], "x", ["list", "read"]),
    ("stanza twice", [rule("x", "read") + rule("x", "list")], "x", ["list", "read"]),
    ("words and list", ['path "x" { capabilities = ["read"] policy = "deny" }'], "x", ["deny"]),
    ("two leading slashes", [rule("//x", "read")], "/x", ["deny"]),
    ("leading slash in the question", [rule("/x", "read")], "/x", ["read"]),
    ("update through a slash", [rule("x", "update")], "x/", ["update"]),
    ("+ needs its segment", [rule("a/+", "read")], "a", ["deny"]),
    ("+ through a slash", [rule("a/+", "read")], "a/b/", ["read"]),
    ("+ with slash, bare path", [rule("a/+/", "read")], "a/b", ["deny"]),
    ("two slashes are not one", [rule("a/+", "read")], "a/b//", ["deny"]),
    ("+ and *", [rule("a/+/*", "read")], "a/b", ["deny"]),
    ("+ and * below", [rule("a/+/*", "read")], "a/b/", ["read"]),
    ("+ and part*", [rule("a/+/c*", "read")], "a//cd/e", ["read"]),
    ("first * of ** is literal", [rule("a/c**", "read")], "a/c*x", ["read"]),
    ("first * of ** is literal, other", [rule("a/c**", "read")], "a/cx", ["deny"]),
    ("mid star matches itself", [rule("a/*/c", "read")], "a/*/c", ["read"]),
    ("mid star and +", [rule("a/*/+", "read")], "a/*/c", ["read"]),
    ("literal +", [rule("a/x+", "read")], "a/x+", ["read"]),
    ("literal + before a real one", [rule("a/+x/+", "read")], "a/+x/b", ["read"]),
    ("deny reaches the slash", [rule("a/b/*", "read") + rule("a/b", "deny")], "a/b/", ["deny"]),
    ("exact slash first", [rule("a/b/", "read") + rule("a/b", "deny")], "a/b/", ["read"]),
    ("slash pattern first", [rule("a/+/", "read") + rule("+/b", "update")], "a/b/", ["read"]),
    ("empty segments", [rule("a/+", "read") + rule("+/+/", "update")], "a//", ["update"]),
    ("+ vs bare +", [rule("a/+", "read") + rule("+", "update")], "a/", ["read"]),
    ("no dots", [rule("a/./b", "read")], "a/b", ["deny"]),
)


@pytest.mark.parametrize(
    ("texts", "path", "expected"), [row[1:] for row in MEASURED], ids=[r[0] for r in MEASURED]
)
def test_capabilities_as_the_peer_names_them(texts: list[str], path: str, expected: list[str]) -> None:
    assert acl(*texts).capabilities(path) == expected


ALL = ("create", "read", "update", "patch", "delete", "list", "scan")
C, R, U, L, S, D = (
    Operation.CREATE,
    Operation.READ,
    Operation.UPDATE,
    Operation.LIST,
    Operation.SCAN,
    Operation.DELETE,
)

# Rule's further keys, operation, data, wrapping TTL, reason.
RESTRICTED: tuple[tuple[str, Operation, dict[str, Any], int, Reason], ...] = (
    ("allowed_parameters = { a = [] }", C, {"a": "x"}, 0, Reason.ALLOWED),
    ("allowed_parameters = { a = [] }", C, {"b": "x"}, 0, Reason.PARAMETER_DENIED),
    ("allowed_parameters = { a = [] }", C, {}, 0, Reason.ALLOWED),
    ('allowed_parameters = { a = ["x*"] }', C, {"a": "xyz"}, 0, Reason.ALLOWED),
    ('allowed_parameters = { a = ["x*"] }', C, {"a": "yyy"}, 0, Reason.PARAMETER_DENIED),
    ('allowed_parameters = { "*" = [] a = ["1"] }', C, {"b": "1"}, 0, Reason.ALLOWED),
    ('allowed_parameters = { "*" = ["5"] b = ["1"] }', C, {"b": "2"}, 0, Reason.PARAMETER_DENIED),
    ('allowed_parameters = { "*" = ["5"] b = ["1"] }', C, {"a": "2"}, 0, Reason.ALLOWED),
    ("denied_parameters = { a = [] }", C, {"a": "1"}, 0, Reason.PARAMETER_DENIED),
    ('denied_parameters = { a = ["1"] }', C, {"a": "2"}, 0, Reason.ALLOWED),
    ('denied_parameters = { "*" = [] }', C, {"a": "2"}, 0, Reason.PARAMETER_DENIED),
    ('denied_parameters = { "*" = ["5"] }', C, {"a": "2"}, 0, Reason.PARAMETER_DENIED),
    (
        "denied_parameters = { a = [] } allowed_parameters = { a = [] }",
        C,
        {"a": 1},
        0,
        Reason.PARAMETER_DENIED,
    ),
    ('required_parameters = ["q"]', C, {"a": "1"}, 0, Reason.PARAMETER_MISSING),
    ('required_parameters = ["q"]', C, {"q": "1"}, 0, Reason.ALLOWED),
    ('required_parameters = ["q"]', R, {}, 0, Reason.PARAMETER_MISSING),
    ('required_parameters = ["q"]', L, {}, 0, Reason.ALLOWED),
    ('required_parameters = ["q"]', D, {}, 0, Reason.ALLOWED),
    ("allowed_parameters = { a = [] }", R, {"b": "1"}, 0, Reason.PARAMETER_DENIED),
    ("allowed_parameters = { a = [] }", L, {"b": "1"}, 0, Reason.ALLOWED),
    ('min_wrapping_ttl = "10s"', R, {}, 0, Reason.WRAPPING_TTL),
    ('min_wrapping_ttl = "10s" max_wrapping_ttl = "60s"', R, {}, 30, Reason.ALLOWED),
    ('min_wrapping_ttl = "10s" max_wrapping_ttl = "60s"', R, {}, 90, Reason.WRAPPING_TTL),
    ('min_wrapping_ttl = "10s" max_wrapping_ttl = "60s"', R, {}, 5, Reason.WRAPPING_TTL),
    ("max_wrapping_ttl = 30", R, {}, 0, Reason.WRAPPING_TTL),
    ("max_wrapping_ttl = 30", L, {}, 30, Reason.ALLOWED),
    ("pagination_limit = 2", L, {}, 0, Reason.ALLOWED),
    ("pagination_limit = 2", L, {"limit": 2}, 0, Reason.ALLOWED),
    ("pagination_limit = 2", L, {"limit": 0}, 0, Reason.ALLOWED),
    ("pagination_limit = 2", L, {"limit": "-1"}, 0, Reason.PAGINATION),
    ("pagination_limit = 2", L, {"limit": -1}, 0, Reason.PAGINATION),
    ("pagination_limit = 2", S, {"limit": "3"}, 0, Reason.PAGINATION),
    ("pagination_limit = 2", L, {"limit": "many"}, 0, Reason.PAGINATION),
    ("pagination_limit = 0", L, {"limit": "-1"}, 0, Reason.ALLOWED),
    ("pagination_limit = -1", L, {"limit": 100}, 0, Reason.ALLOWED),
)


@pytest.mark.parametrize(("more", "operation", "data", "wrap_ttl", "reason"), RESTRICTED)
def test_what_a_rule_restricts(
    more: str, operation: Operation, data: dict[str, Any], wrap_ttl: int, reason: Reason
) -> None:
    decision = acl(rule("t/*", *ALL, more=more)).decide(operation, "t/p", data, wrap_ttl=wrap_ttl, now=NOW)
    assert decision.reason is reason
    assert decision.allowed == (reason is Reason.ALLOWED)


def decide(*texts: str, operation: Operation = R, path: str = "t/p", **kw: Any) -> Decision:
    return acl(*texts).decide(operation, path, {}, now=NOW, **kw)


@pytest.mark.parametrize(
    ("held", "operation", "allowed"),
    (
        ("create", C, True),
        ("update", C, False),
        ("create", U, False),
        ("update", U, True),
        ("patch", Operation.PATCH, True),
        ("update", Operation.PATCH, False),
        ("delete", D, True),
        ("scan", S, True),
        ("list", S, False),
        ("scan", L, False),
        ("update", Operation.RENEW, True),
        ("update", Operation.REVOKE, True),
        ("update", Operation.ROLLBACK, True),
        ("read", Operation.HELP, True),
        ("deny", Operation.HELP, True),
        ("sudo", R, False),
    ),
)
def test_each_operation_needs_its_capability(held: str, operation: Operation, allowed: bool) -> None:
    assert decide(rule("t/*", held), operation=operation).allowed is allowed


def test_help_needs_no_rule() -> None:
    assert decide(operation=Operation.HELP).allowed


def test_root_protected_paths_need_sudo_besides() -> None:
    assert decide(rule("t/p", "read"), root_protected=True).reason is Reason.SUDO_NEEDED
    assert decide(rule("t/p", "sudo"), root_protected=True).reason is Reason.CAPABILITY_MISSING
    assert decide(rule("t/p", "read", "sudo"), root_protected=True).allowed


def test_a_decision_says_what_governed() -> None:
    decision = decide(rule("t/*", "read"), rule("t/*", "list", "read"), rule("t/*", "update"))
    assert (decision.rule, decision.policies, decision.wanted) == ("t/*", ("p0", "p1"), "read")
    assert decision.held == ("list", "read", "update")


def test_a_refusal_names_the_nearest_rule_that_would_do() -> None:
    decision = decide(rule("t/*", "list") + rule("t/q", "read") + rule("z/*", "read"))
    assert decision.reason is Reason.CAPABILITY_MISSING
    assert (decision.rule, decision.nearest) == ("t/*", "t/q")
    assert decide(rule("t/data/p", "read"), path="t/dta/p").nearest == "t/data/p"
    assert decide(rule("z", "read")).nearest is None


def test_a_refusal_never_carries_a_value() -> None:
    text = rule("t/*", *ALL, more='allowed_parameters = { password = ["x"] }')
    decision = acl(text).decide(C, "t/p", {"password": "hunter2"}, now=NOW)
    assert decision.parameter == "password"
    assert "hunter2" not in repr(decision)


@pytest.mark.parametrize("name", ("root", "ROOT", "Root"))
def test_root_in_any_spelling(name: str) -> None:
    root = ACL([Policy(name)], now=NOW)
    assert root.decide(D, "sys/raw/x", {}, root_protected=True, now=NOW).root
    assert root.capabilities("x") == ["root"]
    assert root.resultant() == {"root": True}


@pytest.mark.parametrize("operation", (L, S))
@pytest.mark.parametrize("path", ("t/b", "t/b/"))
def test_a_listing_never_slips_past_a_deny(operation: Operation, path: str) -> None:
    for allow, deny in (("t/*", "t/+"), ("t/*", "t/b*"), ("t/*", "t/b"), ("+/b/", "t/+"), ("+/b/*", "t/+")):
        decision = decide(rule(allow, "list", "scan"), rule(deny, "deny"), operation=operation, path=path)
        assert decision.reason is Reason.DENIED, (allow, deny)


@pytest.mark.parametrize("path", ("t/../x", "t/./x", "..", ".", "t/..", "./t", "t/.", "t/../"))
def test_relative_segments_are_never_granted(path: str) -> None:
    assert decide(rule("*", *ALL), path=path).reason is Reason.RELATIVE_PATH
    assert acl(rule("*", *ALL)).capabilities(path) == ["deny"]


@pytest.mark.parametrize("path", ("t/.env", "t/a..b", "t/...", "t/a.", "a.b"))
def test_dots_in_names_are_names(path: str) -> None:
    assert decide(rule("*", "read"), path=path).allowed


def test_a_rule_expires_while_the_acl_lives() -> None:
    compiled = acl(rule("t/*", "read", more='expiration = "2027-02-01T00:00:00Z"') + rule("t/*", "list"))
    end = 1_801_440_000 * 10**9
    assert compiled.decide(R, "t/p", {}, now=end - 1).allowed
    assert compiled.decide(R, "t/p", {}, now=end).reason is Reason.CAPABILITY_MISSING
    assert compiled.decide(L, "t/p", {}, now=end).allowed


def test_an_expired_rule_is_the_reason_when_nothing_else_covers() -> None:
    decision = decide(rule("t/*", "read", more='expiration = "2020-01-01T00:00:00Z"'))
    assert (decision.reason, decision.rule) == (Reason.EXPIRED, "t/*")


def test_an_unrendered_template_grants_nothing() -> None:
    assert acl(rule("t/{{identity.entity.id}}", "read")).capabilities("t/{{identity.entity.id}}") == ["deny"]


def test_merging_of_what_restricts() -> None:
    one = rule("w", "read", more='min_wrapping_ttl=10 max_wrapping_ttl=100 allowed_parameters={a=["1"]}')
    two = rule("w", "read", more='min_wrapping_ttl=20 max_wrapping_ttl=50 allowed_parameters={a=["2"] B=[]}')
    expected = {
        "capabilities": ["read"],
        "allowed_parameters": {"a": ["1", "2"], "b": []},
        "min_wrapping_ttl": 10,
        "max_wrapping_ttl": 50,
    }
    assert acl(one, two).resultant()["exact_paths"] == {"w": expected}
    open_list = rule("w", "read", more="allowed_parameters={a=[]}")
    assert acl(one, open_list).resultant()["exact_paths"]["w"]["allowed_parameters"] == {"a": []}


def test_merging_keeps_true_apart_from_one() -> None:
    one, two = (rule("t/*", "create", more=f"denied_parameters={{a=[{value}]}}") for value in ("1", "true"))
    for value in (1, True):
        decision = acl(one, two).decide(C, "t/p", {"a": value}, now=NOW)
        assert decision.reason is Reason.PARAMETER_DENIED


def test_the_lowest_pagination_limit_wins_and_zero_is_none() -> None:
    texts = [rule("t/*", "list", more=f"pagination_limit = {limit}") for limit in (5, 3, 0)]
    assert decide(*texts, operation=L).pagination_limit == 3
    assert decide(*texts, operation=L, path="t/").pagination_limit == 3


def test_resultant_acl_in_the_peers_shape() -> None:
    text = (
        rule(
            "z",
            "create",
            "list",
            more='required_parameters=["q"] denied_parameters={c=["1", 2]} max_wrapping_ttl="2h"',
        )
        + rule("x/*", "scan", "patch", "update", "sudo", "read", "list", "delete", "create")
        + rule("v/*", "deny")
        + rule("u")
        + rule("+/g", "list")
    )
    assert acl(text).resultant() == {
        "root": False,
        "exact_paths": {
            "u": {"capabilities": ["deny"]},
            "z": {
                "capabilities": ["create", "list"],
                "denied_parameters": {"c": ["1", 2]},
                "max_wrapping_ttl": 7200,
                "required_parameters": ["q"],
            },
        },
        "glob_paths": {
            "v/": {"capabilities": ["deny"]},
            "x/": {"capabilities": ["create", "delete", "list", "read", "sudo", "update", "patch", "scan"]},
        },
    }


@pytest.mark.parametrize(
    ("pattern", "mount", "seen"),
    (
        ("secret/data/a", "secret/", True),
        ("secret/*", "secret/", True),
        ("sec*", "secret/", True),
        ("*", "secret/", True),
        ("+/data/a", "secret/", True),
        ("other/*", "secret/", False),
        ("secret", "secret/", False),
        ("a/+/c", "a/b/", True),
        ("a/+/c", "b/", False),
        ("+/b*", "a/bc/", True),
        ("+/b", "a/bc/", False),
        ("+/b*", "a/b/c/", True),
        ("+", "a/b/", False),
        ("secretive/*", "secret/", False),
    ),
)
def test_mounts_that_may_be_shown(pattern: str, mount: str, seen: bool) -> None:
    assert acl(rule(pattern, "read")).reaches(mount) is seen
    assert not acl(rule(pattern, "deny")).reaches(mount)
