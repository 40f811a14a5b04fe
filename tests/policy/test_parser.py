from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy import PolicyError, parse_policy
from strongroom.policy.rule import CAPABILITIES, ControlGroup, Factor


def sentence(text: str) -> str:
    with pytest.raises(PolicyError) as caught:
        parse_policy("p", text)
    assert caught.value.status == 400
    return caught.value.public.removeprefix("failed to parse policy: ")


PEERS_SENTENCES = (
    ('path "x" { capabilities=["bogus"] }', 'path "x": path "x": invalid capability "bogus"'),
    ('path "x" { capabilities=["subscribe"] }', 'path "x": path "x": invalid capability "subscribe"'),
    ('path "x" { capabilities=["root"] }', 'path "x": path "x": invalid capability "root"'),
    ('path "x" { capabilities=["READ"] }', 'path "x": path "x": invalid capability "READ"'),
    ('path "x" { policy="bogus" }', 'path "x": path "x": invalid policy "bogus"'),
    ("foo = 1", '1 error occurred:\n\t* invalid key "foo" on line 1\n\n'),
    (
        "foo=1\nbar=2",
        '2 errors occurred:\n\t* invalid key "foo" on line 1\n\t* invalid key "bar" on line 2\n\n',
    ),
    ('path "x" { foo=1 }', 'path "x": 1 error occurred:\n\t* invalid key "foo" on line 1\n\n'),
    (
        'path "x" { min_wrapping_ttl="1h" max_wrapping_ttl="1m" }',
        'path "x": max_wrapping_ttl cannot be less than min_wrapping_ttl',
    ),
    (
        'path "x" { min_wrapping_ttl = "zz" }',
        'path "x": error parsing min_wrapping_ttl: time: invalid duration "zz"',
    ),
    (
        'path "x" { max_wrapping_ttl = true }',
        'path "x": error parsing max_wrapping_ttl: could not parse duration from input',
    ),
    (
        'path "x" { pagination_limit = "x" }',
        'path "x": path "x": strconv.ParseInt: parsing "x": invalid syntax',
    ),
    (
        'path "x" { expiration = "bogus" }',
        'path "x": path "x": invalid expiration time: could not parse string as date and time',
    ),
    (
        'path "x" { capabilities=["scan"] list_scan_response_keys_filter_path = "{{ .key }}" }',
        'path "x": list_scan_response_keys_filter_path needs to be used on a path with the list capability',
    ),
    ('path "+*" {}', 'path "+*": path "+*": invalid use of wildcards (\'+*\' is forbidden)'),
    (
        'path "x/{{" {}',
        'path "x/{{": failed to validate policy templating: unbalanced templating characters',
    ),
    (
        'path "x/}}" {}',
        'path "x/}}": failed to validate policy templating: unbalanced templating characters',
    ),
)
CONTROL = 'path "x": error handling control_group: 1 error occurred:\n\t* {}\n\n'
CONTROL_GROUPS = (
    ("{}", "requires at least one factor but had none"),
    ('{ factor "a" { } }', "factor 0: missing controlled capabilities"),
    ('{ factor "a" { controlled_capabilities=["read"] } }', "factor 0: missing required approvals"),
    (
        '{ factor "a" { controlled_capabilities=["bogus"] } }',
        "path control_group Operation(s) not valid: bogus",
    ),
    (
        '{ ttl="bogus" factor "a" { controlled_capabilities=["read"] identity { approvals=1 } } }',
        'path control_group: invalid ttl: time: invalid duration "bogus"',
    ),
)


@pytest.mark.parametrize(("text", "expected"), PEERS_SENTENCES)
def test_sentences_that_clients_know(text: str, expected: str) -> None:
    assert sentence(text) == expected


@pytest.mark.parametrize(("body", "expected"), CONTROL_GROUPS)
def test_sentences_about_control_groups(body: str, expected: str) -> None:
    assert sentence(f'path "x" {{ control_group = {body} }}') == CONTROL.format(expected)


@pytest.mark.parametrize(
    "text",
    (
        "{",
        "[",
        "path",
        'path "x" {',
        'path "x" = 1',
        'path = "x"',
        "path = []",
        'path "x" "y" {}',
        '{"path":',
        'path { capabilities = ["read"] }',
        'path "x" { capabilities = "read" }',
        "[]",
        "null",
        "12",
        'path "x" { required_parameters = {} }',
        'path "x" { allowed_parameters = "a" }',
        'path "x" { allowed_parameters = { a = "x" } }',
        'path "x" { capabilities = [["read"]] }',
        'path "x" { capabilities { } }',
        'path "x" { control_group { factor { } } }',
        'path "x" { pagination_limit = true }',
        'path "x" { comment = [] }',
        'path "x" { expiration = true }',
        'path "x" { expiration = "2020-13-01T00:00:00Z" }',
        'path "x" { control_group { foo = 1 } }',
        (
            'path "x" { control_group { self_auth_allowed = 1 factor "a" { controlled_capabilities=["list"] '
            "identity { approvals = 1 } } } }"
        ),
    ),
)
def test_what_makes_no_sense_is_refused_with_a_place(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy("p", text)
    assert caught.value.line == 1
    assert caught.value.extra == {"line": 1, "column": caught.value.column}


@pytest.mark.parametrize(
    "text",
    (
        "",
        "   ",
        "# only a comment",
        "path {}",
        'name = "foo"\npath "x" {}',
        'path "x" { comment = "hi" }',
        "{}",
    ),
)
def test_what_says_nothing_is_accepted(text: str) -> None:
    assert not [rule for rule in parse_policy("p", text).rules if rule.capabilities]


def test_the_place_is_the_keys_own() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy("p", 'path "a" {\n  capabilities = ["read"]\n  foo "b" { }\n}')
    assert (caught.value.line, caught.value.column) == (3, 3)
    assert 'invalid key "foo" on line 3' in caught.value.public


FULL = """
name = "ignored"
path "/secret/{{identity.entity.id}}/*" {
  comment             = "why"
  policy              = "read"
  capabilities        = ["update", "scan"]
  allowed_parameters  = { "Key" = ["a", 1, true], "*" = [] }
  denied_parameters   { other = [] }
  required_parameters = ["must"]
  min_wrapping_ttl    = "1m"
  max_wrapping_ttl    = 3600
  mfa_methods         = ["totp"]
  pagination_limit    = "5"
  expiration          = "2030-01-02T03:04:05.5+01:00"
  list_scan_response_keys_filter_path = "{{ .path }}{{ .key }}"
  control_group {
    ttl = "4h"
    self_auth_allowed = true
    factor "ops" {
      controlled_capabilities = ["read"]
      identity { group_names = ["a"] group_ids = ["b"] approvals = 2 }
    }
  }
}
"""


def test_every_key_of_a_stanza() -> None:
    policy = parse_policy(" Mixed ", FULL, allow_slashes=True)
    (rule,) = policy.rules
    assert (policy.name, policy.templated, policy.allow_slashes) == ("mixed", True, True)
    assert rule.path == "secret/{{identity.entity.id}}/*"
    assert rule.capabilities == sum(CAPABILITIES[name] for name in ("read", "list", "update", "scan"))
    assert rule.allowed_parameters == {"key": ("a", 1, True), "*": ()}
    assert rule.denied_parameters == {"other": ()}
    assert (rule.min_wrapping_ttl, rule.max_wrapping_ttl) == (60, 3600)
    assert rule.expiration == 1_893_549_845_500_000_000
    assert (rule.required_parameters, rule.mfa_methods, rule.pagination_limit) == (("must",), ("totp",), 5)
    assert (rule.filter_path, rule.comment, rule.line) == ("{{ .path }}{{ .key }}", "why", 3)
    assert rule.control_group == ControlGroup(14400, True, (Factor("ops", ("read",), ("a",), ("b",), 2),))


X, Y = '{"capabilities": ["read"], "denied_parameters": [{"a": []}]}', '{"policy": "write"}'
JSON_SPELLINGS = (
    f'{{"path": {{"x": {X}, "y": {Y}}}}}',
    f'{{"path": [{{"x": {X}}}, {{"y": {Y}}}]}}',
    f'{{"path": [{{"x": [{X}]}}, {{"y": [{Y}]}}]}}',
)


@pytest.mark.parametrize("text", JSON_SPELLINGS)
def test_json_means_the_same(text: str) -> None:
    hcl = 'path "x" { capabilities = ["read"] denied_parameters { a = [] } }\npath "y" { policy = "write" }'
    found, expected = parse_policy("p", text).rules, parse_policy("p", hcl).rules
    assert [(r.path, r.capabilities, r.denied_parameters) for r in found] == [
        (r.path, r.capabilities, r.denied_parameters) for r in expected
    ]


KEYS = st.sampled_from(
    (
        "capabilities",
        "policy",
        "comment",
        "allowed_parameters",
        "min_wrapping_ttl",
        "control_group",
        "factor",
        "expiration",
        "pagination_limit",
        "identity",
        "required_parameters",
        "approvals",
    )
)
VALUES = st.sampled_from(
    [
        '"read"',
        '["read"]',
        "1",
        "-1",
        "1.5",
        "true",
        "{ a = [] }",
        "[{}]",
        '"1h"',
        "[[1]]",
        "{}",
        '"x"',
        "1e300",
    ]
)


@given(st.lists(st.tuples(KEYS, VALUES), max_size=5), st.booleans())
def test_any_keys_with_any_values_give_a_policy_or_its_error(
    items: list[tuple[str, str]], nested: bool
) -> None:
    body = " ".join(f"{key} = {value}" for key, value in items)
    text = (
        f'path "x" {{ control_group {{ factor "a" {{ {body} }} }} }}' if nested else f'path "x" {{ {body} }}'
    )
    with suppress(PolicyError):
        parse_policy("p", text)
