"""Jinja2 as a language of templates."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.template import (
    ExecutionError,
    FileContent,
    Options,
    SecretList,
    SecretRead,
    SyntaxMistake,
    World,
    parse,
    read_numbers,
)
from tests.template.world import Known

KV = read_numbers(
    '{"data": {"user": "ann", "port": 5432, "rate": 1.5, "big": 12345678901234567890, "list": ["a"]}}'
)


def rendered(text: str, world: World | None = None, **options: Any) -> str:
    done = parse(text, engine="jinja2", name="app.j2").render(world or Known(kv=KV), Options(**options))
    assert done.missing == ()
    return done.text


@pytest.mark.parametrize(
    ("text", "expected"),
    (
        ("{{ secret('kv').Data.data.user }}\n", "ann\n"),
        ("{{ secret('kv').Data.data.port + 1 }} {{ secret('kv').Data.data.rate }}", "5433 1.5"),
        ("{{ secret('kv').Data.data.big }}", "12345678901234567890"),
        ("{% for k in secret('kv').Data.data | sort %}{{ k }};{% endfor %}", "big;list;port;rate;user;"),
        ("{{ env('HOME') }}|{{ env('NOPE') }}", "/home/app|"),
        ("{{ 'a-b' | replaceAll('-', '_') | toUpper }} {{ base64Encode('x') }}", "A_B eA=="),
        ("{{ {'a': [1, true, none]} | toJSON }}", '{"a":[1,true,null]}'),
        ("{{ parseJSON('[1, 2]') | length }} {{ none }}{{ true }}", "2 true"),
        ("{{ join(',', ['a', 'b']) }} {{ sprig_add(1, 2) }} {{ sprig_b64enc('a') }}", "a,b 3 YQ=="),
        ("{{ secrets('kv') | join(' ') }} {{ file('/f') }}", "x y text"),
        ("{{ secret('kv').Data.data.nope }}|", "|"),
    ),
)  # fmt: skip
def test_rendering(text: str, expected: str) -> None:
    world = Known({SecretList("kv"): ["x", "y"], FileContent("/f"): "text"}, {"HOME": "/home/app"}, kv=KV)
    assert rendered(text, world) == expected


def test_what_is_missing_is_named_and_nothing_is_rendered() -> None:
    template = parse(
        "{{ secret('a').Data.x.y }}{{ secrets('b') }}{% for k in secret('c').Data %}{{ k }}{% endfor %}",
        engine="jinja2",
    )
    done = template.render(Known(), Options(error_on_missing_key=True))
    assert done.text == ""
    assert done.missing == (SecretRead("a"), SecretList("b"), SecretRead("c"))


def test_files_to_write_are_collected() -> None:
    done = parse("{{ writeToFile('/k', '', '', '0600', 'key') }}", engine="jinja2").render(Known())
    assert [(write.path, write.content) for write in done.writes] == [("/k", "key")]


def test_missing_keys_can_be_errors() -> None:
    with pytest.raises(ExecutionError) as caught:
        rendered("a\n\n{{ secret('kv').Data.data.nope }}", error_on_missing_key=True)
    assert (caught.value.name, caught.value.line) == ("app.j2", 3)


def test_what_is_no_template_is_told_with_its_place() -> None:
    with pytest.raises(SyntaxMistake) as caught:
        parse("a\n{{ if }", engine="jinja2", name="app.j2")
    assert (caught.value.name, caught.value.line) == ("app.j2", 2)
    with pytest.raises(SyntaxMistake):
        parse("x", engine="erb")


@pytest.mark.parametrize(
    "text",
    (
        "{{ ''.__class__.__mro__ }}",
        "{{ secret.__globals__ }}",
        "{{ env.__closure__ }}",
        "{% include '/etc/passwd' %}",
        "{{ 'a' * 10000000 }}",
        "{{ 9 ** 999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{% for i in range(99999999) %}{% for j in range(99999999) %}{% endfor %}{% endfor %}",
        "{% set d = secret('kv').Data %}{{ d.update({'a': 1}) }}",
    ),
)
def test_the_sandbox_holds(text: str) -> None:
    with pytest.raises(ExecutionError):
        rendered(text, max_steps=10_000, error_on_missing_key=True)


@pytest.mark.parametrize(
    "call",
    (
        "parseInt(s)",
        "s + 1",
        "s.nope.x",
        "{}[s]",
        "parseJSON(s)",
        "regexMatch(s, 1, 2)",
        "sprig_fail(s)",
        "s | int / 0",
    ),
)
def test_errors_never_show_values(call: str) -> None:
    world = Known(kv={"s": "canary-5309("})
    with pytest.raises(ExecutionError) as caught:
        rendered(f"{{% set s = secret('kv').Data.s %}}{{{{ {call} }}}}", world, error_on_missing_key=True)
    assert "canary" not in str(caught.value)
    assert caught.value.line == 1


def test_functions_on_the_denylist_fail() -> None:
    with pytest.raises(ExecutionError, match="function is disabled"):
        rendered("{{ env('HOME') }}", function_denylist=frozenset({"env"}))


def test_parts_that_multiply_are_refused() -> None:
    grow = '{% set a = sprig_dict("p", a, "q", a) %}' * 40
    with pytest.raises(ExecutionError, match="too large"):
        rendered('{% set a = sprig_dict("x", 1) %}' + grow)


def test_lists_stay_lists() -> None:
    assert rendered('{{ toJSON(sprig_regexFindAll("a", "banana", -1)) }} {{ join("-", ["a", 2]) }}') == (
        '["a","a","a"] a-2'
    )


def test_large_values_cost_steps() -> None:
    with pytest.raises(ExecutionError, match="steps"):
        rendered('{% set s = "a" * 1000000 %}{% for i in range(999) %}{{ trimSpace(s)[0] }}{% endfor %}')
