from __future__ import annotations

import pytest

from strongroom.errors import BadRequest
from strongroom.logical import Operation
from strongroom.policy.filterpath import compile_filter, render
from tests.policy.test_acl import NOW, acl, rule

KEYS = ["a", "b", "c", "d", "e", "dir/", "dir2/"]


@pytest.mark.parametrize(
    ("template", "expected"),
    (
        ("{{ .path }}{{ .key }}", "t/a"),
        ("{{.path}}/{{.key}}", "t//a"),
        ("other/{{- .key -}}/x", "other/a/x"),
        ("{{ .key }}", "a"),
    ),
)
def test_rendering(template: str, expected: str) -> None:
    assert render(compile_filter(template), "t/", "a") == expected


@pytest.mark.parametrize(
    ("template", "sentence"),
    (
        ("x", "list_scan_response_keys_filter_path resulted in same path for two different keys"),
        ("{{ .path }}", "list_scan_response_keys_filter_path resulted in same path for two different keys"),
        ("{{", "unable to compile template"),
        ("{{ bogus }}{{ .key }}", "unable to compile template"),
    ),
)
def test_templates_that_make_no_sense(template: str, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        compile_filter(template)


def listing(template: str, *rules: str) -> list[str]:
    more = f'list_scan_response_keys_filter_path = "{template}"'
    compiled = acl(rule("t/", "list", more=more), *rules)
    return compiled.visible(compiled.decide(Operation.LIST, "t", {}, now=NOW), "t", KEYS)


def test_keys_show_when_their_path_may_be_read_or_listed() -> None:
    rules = (rule("t/*", "list"), rule("t/a", "read"), rule("t/b", "deny"), rule("t/c", "update"))
    assert listing("{{ .path }}{{ .key }}", *rules) == ["a", "dir/", "dir2/"]
    assert listing("t/{{ .key }}", *rules) == ["a", "dir/", "dir2/"]
    assert listing("other/{{ .key }}", rule("other/a", "read"), rule("other/dir/", "read")) == ["a"]
    assert listing("x/../{{ .key }}", rule("*", "read", "list")) == []


def test_without_a_filter_all_keys_show() -> None:
    compiled = acl(rule("t/", "list"))
    assert compiled.visible(compiled.decide(Operation.LIST, "t/", {}, now=NOW), "t/", KEYS) == KEYS
