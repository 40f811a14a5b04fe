from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy import ACL, parse_policy
from strongroom.policy.template import ForbiddenValue, lookup, render

IDENTITY: dict[str, Any] = {
    "entity": {
        "id": "e-1",
        "name": "ent",
        "metadata": {"team": "red", "a.b": "dotted", "empty": "", "number": 5},
        "aliases": {
            "auth_userpass_1": {
                "id": "a-1",
                "name": "bob",
                "metadata": {"m": "v"},
                "custom_metadata": {"cm": "w"},
            }
        },
    },
    "groups": [{"id": "g-1", "name": "ops", "metadata": {"floor": "third"}}],
}

DIRECTIVES = (
    ("identity.entity.id", "e-1"),
    ("identity.entity.name", "ent"),
    ("identity.entity.metadata.team", "red"),
    ("identity.entity.metadata.a.b", "dotted"),
    ("identity.entity.aliases.auth_userpass_1.id", "a-1"),
    ("identity.entity.aliases.auth_userpass_1.name", "bob"),
    ("identity.entity.aliases.auth_userpass_1.metadata.m", "v"),
    ("identity.entity.aliases.auth_userpass_1.custom_metadata.cm", "w"),
    ("identity.groups.ids.g-1.name", "ops"),
    ("identity.groups.ids.g-1.metadata.floor", "third"),
    ("identity.groups.names.ops.id", "g-1"),
    ("identity.groups.names.ops.metadata.floor", "third"),
    ("identity.entity", None),
    ("identity.entity.metadata", None),
    ("identity.entity.metadata.absent", None),
    ("identity.entity.metadata.number", None),
    ("identity.entity.aliases.auth_userpass_1", None),
    ("identity.entity.aliases.auth_userpass_1.metadata", None),
    ("identity.entity.aliases.absent.name", None),
    ("identity.groups.names.other.id", None),
    ("identity.groups.names", None),
    ("identity.bogus", None),
    ("time.now", None),
    ("foo", None),
    ("", None),
)


@pytest.mark.parametrize(("directive", "expected"), DIRECTIVES)
def test_directives(directive: str, expected: str | None) -> None:
    assert lookup(directive, IDENTITY) == expected


@pytest.mark.parametrize(("directive", "_"), DIRECTIVES)
def test_nobody_has_no_values(directive: str, _: str | None) -> None:
    assert lookup(directive, {}) is None
    assert lookup(directive, {"entity": None, "groups": None}) is None


def rendered(path: str, identity: dict[str, Any] = IDENTITY, **flags: bool) -> list[str]:
    policy = parse_policy("p", f'path "{path}" {{ capabilities = ["read"] }}', **flags)
    return [rule.path for rule in render(policy, identity).rules]


@pytest.mark.parametrize(
    ("path", "expected"),
    (
        ("x/{{identity.entity.name}}", ["x/ent"]),
        ("x/{{ identity.entity.name }}/*", ["x/ent/*"]),
        ("{{identity.entity.name}}{{identity.entity.id}}/+/q", ["ente-1/+/q"]),
        ("x/{{identity.entity.metadata.absent}}", []),
        ("x/{{identity.entity.metadata.empty}}*", []),
        ("x/{{foo}}", []),
        ("plain/*", ["plain/*"]),
    ),
)
def test_paths(path: str, expected: list[str]) -> None:
    assert rendered(path) == expected


def entity(value: str) -> dict[str, Any]:
    return {"entity": {"metadata": {"v": value}}}


TEMPLATE = "x/{{identity.entity.metadata.v}}"


@pytest.mark.parametrize("value", ("*", "a*", "a*b", "+", "a+b", "a/b", "/", "../*"))
def test_values_never_widen_a_path(value: str) -> None:
    with pytest.raises(ForbiddenValue) as caught:
        rendered(TEMPLATE, entity(value))
    assert caught.value.public == "permission denied"
    assert value not in caught.value.cause.replace(TEMPLATE, "") or len(value) == 1


def test_flags_let_values_widen() -> None:
    assert rendered(TEMPLATE, entity("a*"), allow_wildcards=True) == ["x/a*"]
    assert rendered(TEMPLATE, entity("+"), allow_wildcards=True) == ["x/+"]
    assert rendered(TEMPLATE, entity("a/b"), allow_slashes=True) == ["x/a/b"]
    for value, flag in (("a/b", "allow_wildcards"), ("a*", "allow_slashes"), ("+", "allow_slashes")):
        with pytest.raises(ForbiddenValue):
            rendered(TEMPLATE, entity(value), **{flag: True})


def test_what_a_value_makes_is_still_a_path() -> None:
    with pytest.raises(ForbiddenValue):
        rendered(TEMPLATE + "*", entity("+"), allow_wildcards=True)
    with pytest.raises(ForbiddenValue):
        rendered(TEMPLATE, entity("{{identity.entity.id}}"))


@given(st.text(min_size=1, max_size=8))
def test_one_value_grants_one_segment(value: str) -> None:
    policy = parse_policy("p", f'path "{TEMPLATE}/y" {{ capabilities = ["read"] }}')
    try:
        acl = ACL([render(policy, entity(value))], now=0)
    except ForbiddenValue:
        assert set(value) & set("*+/") or "{{" in value
        return
    granted = acl.resultant()["exact_paths"]
    assert list(granted) == [f"x/{value}/y"]
    assert not acl.resultant()["glob_paths"]
