"""What rendering promises to the program that does it."""

from __future__ import annotations

import pytest

from strongroom.template import (
    ExecutionError,
    FileContent,
    FileWrite,
    LimitExceeded,
    Options,
    SecretList,
    SecretRead,
    SecretWrite,
    SyntaxMistake,
    Template,
)
from tests.template.world import Known, rendered


def test_a_secret_that_is_missing_is_named_and_nothing_is_rendered() -> None:
    template = Template.parse('{{ with secret "db/creds/app" }}{{ .Data.password }}{{ end }}tail')
    done = template.render(Known())
    assert (done.text, done.missing) == ("", (SecretRead("db/creds/app"),))
    assert done.dependencies == done.missing


def test_all_that_is_missing_is_told_at_once() -> None:
    template = Template.parse(
        '{{ secret "a" }}{{ secret "b" "x=1" "y = 2" }}{{ secrets "c" }}{{ file "/d" }}'
    )
    assert template.render(Known()).missing == (
        SecretRead("a"),
        SecretWrite("b", (("x", "1"), ("y", "2"))),
        SecretList("c"),
        FileContent("/d"),
    )


def test_a_failure_that_comes_of_a_missing_value_is_no_failure_yet() -> None:
    template = Template.parse('{{ (secret "a").Data.map.key }}{{ index (secret "a") "b" }}')
    assert template.render(Known(), Options(error_on_missing_key=True)).missing == (SecretRead("a"),)


def test_known_values_are_rendered_and_still_dependencies() -> None:
    world = Known({SecretList("kv"): ["b", "a/"], FileContent("/f"): "text"}, kv={"user": "ann"})
    template = Template.parse('{{ (secret "kv").Data.user }} {{ secrets "kv" | len }} {{ file "/f" }}')
    done = template.render(world)
    assert done.text == "ann 2 text"
    assert done.missing == ()
    assert set(done.dependencies) == {SecretRead("kv"), SecretList("kv"), FileContent("/f")}


def test_files_to_write_are_collected() -> None:
    done = Template.parse(
        '{{ "key" | writeToFile "/tmp/k" "app" "" "0600" }}'
        '{{ "b" | writeToFile "/tmp/l" "" "" "0644" "append,newline" }}x'
    ).render(Known())
    assert done.text == "x"
    assert done.writes == (
        FileWrite("/tmp/k", "app", "", "0600", frozenset(), "key"),
        FileWrite("/tmp/l", "", "", "0644", frozenset({"append", "newline"}), "b"),
    )
    assert "key" not in repr(done.writes[0])


@pytest.mark.parametrize(
    ("text", "line", "column"),
    (
        ("{{ nope }}", 1, 4),
        ("a\nbc {{ if }}", 2, 10),
        ("a\n{{ if .x }}\n", 3, 1),
        ("{{ .x", 1, 1),
        ('{{ "x }}', 1, 4),
        ("{{ $x }}", 1, 4),
        ("{{ (.x }}", 1, 8),
        ("{{ template x }}", 1, 13),
        ("{{/* never closed", 1, 1),
    ),
)
def test_what_is_no_template_is_told_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(SyntaxMistake) as caught:
        Template.parse(text, name="app.tpl")
    assert (caught.value.name, caught.value.line, caught.value.column) == ("app.tpl", line, column)
    assert str(caught.value).startswith(f"app.tpl:{line}:{column}: ")


def test_what_fails_is_told_with_its_place_and_no_value() -> None:
    world = Known(kv={"password": "canary-5309"})
    text = 'one\n{{ with secret "kv" }}\n  {{ index .Data.password "x" }}{{ end }}'
    with pytest.raises(ExecutionError) as caught:
        rendered(text, world)
    assert (caught.value.line, caught.value.column) == (3, 6)
    assert "canary" not in str(caught.value)
    assert "index" in str(caught.value)


def test_an_error_of_python_never_shows_its_words() -> None:
    world = Known(kv={"password": "canary-5309"})
    for call in ("parseJSON", "len 1 |", "slice 1", "lt 1", "eq 1", "call", "range", "printf 1"):
        text = f'{{{{ with secret "kv" }}}}{{{{ .Data.password | {call} }}}}{{{{ end }}}}'
        with pytest.raises((ExecutionError, SyntaxMistake)) as caught:
            rendered(text, world)
        assert "canary" not in str(caught.value)
        assert caught.value.__cause__ is None


def test_missing_keys_are_no_value_or_an_error() -> None:
    world = Known(kv={"a": 1})
    text = '{{ with secret "kv" }}{{ .Data.b }}{{ end }}'
    assert rendered(text, world) == "<no value>"
    with pytest.raises(ExecutionError, match='map has no entry for key "b"'):
        rendered(text, world, error_on_missing_key=True)


def test_functions_on_the_denylist_fail() -> None:
    with pytest.raises(ExecutionError, match="function is disabled"):
        rendered('{{ env "HOME" }}', function_denylist=frozenset({"env"}))


def test_files_outside_of_the_sandbox_are_refused() -> None:
    for path in ("/etc/passwd", "/box/../etc/passwd", "/boxes/x"):
        with pytest.raises(ExecutionError, match="outside of the sandbox"):
            rendered(f'{{{{ file "{path}" }}}}', sandbox_path="/box")
    world = Known({FileContent("/box/in"): "yes"})
    assert rendered('{{ file "/box/in" }}', world, sandbox_path="/box") == "yes"


@pytest.mark.parametrize(
    "text",
    (
        "{{ range 1000000000 }}{{ range 1000000000 }}{{ end }}{{ end }}",
        '{{ define "x" }}{{ template "x" }}{{ end }}{{ template "x" }}',
        '{{ $x := "aaaaaaaaaa" }}{{ range 64 }}{{ $x = print $x $x }}{{ end }}',
        '{{ range 1000 }}{{ printf "%1000000d" 1 }}{{ end }}',
    ),
)
def test_templates_are_bounded(text: str) -> None:
    with pytest.raises(LimitExceeded):
        rendered(text, max_steps=100_000)


@pytest.mark.parametrize("text", ("{{" + "(" * 5000 + "1" + ")" * 5000 + "}}", "{{ if 1 }}" * 5000))
def test_nesting_is_bounded(text: str) -> None:
    with pytest.raises(SyntaxMistake):
        Template.parse(text)


def test_templates_can_have_other_delimiters() -> None:
    done = Template.parse("{{ a }} << print 1 >> <<- /* c */ ->> <<- 2 ->> .", left="<<", right=">>")
    assert done.render(Known()).text == "{{ a }} 12."


def test_bytes_that_are_no_text_survive() -> None:
    done = Template.parse('{{ printf "%s" "\\xff\\x00é" }}').render(Known())
    assert done.content == b"\xff\x00\xc3\xa9"
