"""What the corpus cannot compare: chance, files, and what templates may not change."""

from __future__ import annotations

import re

import pytest

from strongroom.template import Secret, SecretRead, Template
from strongroom.template.yamldocument import read
from strongroom.template.yamltext import write
from tests.template.world import Known, rendered


@pytest.mark.parametrize(
    ("call", "shape"),
    (
        ("sprig_randAlphaNum 20", "[A-Za-z0-9]{20}"),
        ("sprig_randAlpha 5", "[A-Za-z]{5}"),
        ("sprig_randNumeric 7", "[0-9]{7}"),
        ("sprig_randAscii 7", "[ -~]{7}"),
        ("sprig_uuidv4", "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
        ("sprig_randBytes 3", "[A-Za-z0-9+/]{4}"),
        ("sprig_randInt 5 7", "[56]"),
        ("sprig_shuffle `aaab`", "a*ba*"),
    ),
)
def test_chance(call: str, shape: str) -> None:
    assert re.fullmatch(shape, rendered(f"{{{{ {call} }}}}"))


def test_what_the_world_keeps_is_never_changed() -> None:
    world = Known(kv={"map": {"a": 1}})
    text = '{{ with secret "kv" }}{{ $_ := sprig_set .Data.map "b" 2 }}{{ .Data.map }}{{ end }}'
    assert rendered(text, world) == "map[a:1 b:2]"
    assert rendered('{{ (secret "kv").Data.map }}', world) == "map[a:1]"


def test_nothing_is_printed_for_debugging(capfd: pytest.CaptureFixture[str]) -> None:
    world = Known(kv={"a": "canary"})
    assert rendered('{{ spew_dump (secret "kv") }}{{ spew_printf "%v" (secret "kv") }}', world) == ""
    assert capfd.readouterr() == ("", "")


def test_aliases_that_multiply_are_refused() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Exception, match="too large"):
        read("\n".join(lines))


@pytest.mark.parametrize(
    "value",
    (
        "", "a", "true", "1", "0x1", "1e3", ".5", "~", "a: b", "- a", " a", "a ", "a\nb", "\n", "\ta", "#",
        "a #b", "'", '"', "é", "2020-01-01", "12:30", "=", "<<", "!a", "&a", "*a", "{", "[", "?", "-", ":",
        "a\r\nb", "\x01", "long " * 40, "x\n\n", " x\ny",
    ),
)  # fmt: skip
def test_texts_come_back_from_yaml(value: str) -> None:
    key = value.replace("<<", "<")  # a key that merges
    everywhere = {"key": value, "list": [value, [value]], "map": {key: 1}, "z": "what stands last"}
    assert read(write(everywhere) + "\n") == everywhere


def test_secrets_from_answers() -> None:
    answer = b"""{"request_id":"r","lease_id":"l","lease_duration":60,"renewable":true,"data":{"n":1.50},
        "auth":{"client_token":"t","policies":["p"],"metadata":{"k":"v"},"lease_duration":5,"renewable":true},
        "wrap_info":{"token":"w","ttl":9},"warnings":["careful"]}"""
    world = Known({SecretRead("p"): Secret.from_json(answer)})
    text = """{{ with secret "p" }}{{ .LeaseID }} {{ add .LeaseDuration 1 }} {{ .Renewable }} {{ .Data.n }}
{{- " " }}{{ .Auth.ClientToken }} {{ .Auth.Policies }} {{ .Auth.Metadata.k }} {{ .WrapInfo.TTL }}
{{- " " }}{{ .Warnings }}{{ end }}"""
    assert rendered(text, world) == "l 61 true 1.50 t [p] v 9 [careful]"


def test_a_template_renders_again_and_again() -> None:
    template = Template.parse("{{ $x := 1 }}{{ scratch.SetX `a` $x }}{{ scratch.Get `a` }}")
    assert [template.render(Known()).text for _ in range(2)] == ["1", "1"]


def test_what_has_no_usual_parts_is_data() -> None:
    world = Known({SecretRead("sys/health"): Secret.from_json(b'{"sealed":false,"version":"1"}')})
    assert rendered(
        '{{ with secret "sys/health" }}{{ .Data.version }}{{ .Data.sealed }}{{ end }}', world
    ) == ("1false")


def test_no_warnings_are_nil() -> None:
    world = Known({SecretRead("p"): Secret.from_json(b'{"request_id":"r","data":{}}')})
    text = '{{ with secret "p" }}{{ toJSON .Warnings }} {{ .Warnings }} {{ toYAML .Auth }}{{ end }}'
    assert rendered(text, world) == "null [] null"
