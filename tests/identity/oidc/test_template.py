"""Templates of claims: values go in as JSON, whatever they hold, and only what may be claimed is."""

from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.identity.oidc import template
from strongroom.identity.oidc.template import Subject, check, decoded, render
from strongroom.identity.record import Alias, Entity, Group
from strongroom.logical import SECOND

ANN = Subject(
    Entity(
        "e1",
        'Ann "x"',
        {"color": 'gr"een', "a.b": "dot"},
        aliases=[Alias("a1", "ann", "acc_1", "e1", {"m": "1"}, {"c": "2"})],
    ),
    [Group("g1", 'one"'), Group("g2", "two")],
    1_000 * SECOND,
)


@pytest.mark.parametrize(
    ("directive", "value"),
    (
        ("identity.entity.id", "e1"),
        (" identity.entity.name ", 'Ann "x"'),
        ("identity.entity.metadata", {"color": 'gr"een', "a.b": "dot"}),
        ("identity.entity.metadata.color", 'gr"een'),
        ("identity.entity.metadata.a.b", "dot"),
        ("identity.entity.metadata.none", ""),
        ("identity.entity.groups.names", ['one"', "two"]),
        ("identity.entity.groups.ids", ["g1", "g2"]),
        ("identity.entity.aliases.acc_1.id", "a1"),
        ("identity.entity.aliases.acc_1.name", "ann"),
        ("identity.entity.aliases.acc_1.metadata", {"m": "1"}),
        ("identity.entity.aliases.acc_1.metadata.m", "1"),
        ("identity.entity.aliases.acc_1.custom_metadata.c", "2"),
        ("identity.entity.aliases.none.name", ""),
        ("identity.entity.aliases.none.metadata", {}),
        ("time.now", 1000),
        ("time.now.plus.1h", 4600),
        ("time.now.minus.30", 970),
        ("time.now.plus.1.5h", 6400),
    ),
)
def test_what_a_directive_stands_for(directive: str, value: object) -> None:
    text = '{"a": [{{' + directive + "}}]}"
    assert render(text, ANN) == {"a": [value]}
    assert check(text) == {"a"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    (
        ('{"a": {{identity.entity.bogus}}}', "no value could be found"),
        ('{"a": {{identity.entity.name.x}}}', "no value could be found"),
        ('{"a": {{identity.entity.aliases.x.bogus}}}', "no value could be found"),
        ('{"a": {{}}}', "no value could be found"),
        ('{"a": {{time.now.plus}}}', "missing time operand"),
        ('{"a": {{time.now.times.2}}}', "invalid time operator"),
        ('{"a": {{time.now.plus.x}}}', "invalid duration"),
        ('{"a": {{time.now.plus.99999999999999999}}}', "invalid duration"),
        ('{"a": {{identity.groups.names.x.id}}}', "no groups were provided"),
        ('{"a": {{identity.entity.id', "unbalanced"),
        ("{{bad", "unbalanced"),
        ('{"a": "{{identity.entity.id}}"}', "template JSON"),
        ("[1]", "expected an object"),
        ("null", "expected an object"),
        ("no json", "template JSON"),
        *((f'{{"{name}": 1}}', f'top level key "{name}" not allowed') for name in template.RESERVED),
    ),
)
def test_what_is_no_template(text: str, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        check(text)


def test_braces_of_json_are_no_directives() -> None:
    assert render('{"a":{"b":{{identity.entity.id}}}}', ANN) == {"a": {"b": "e1"}}
    assert render('{"a":{"b":{}}}', ANN) == {"a": {"b": {}}}


def test_base64_is_undone() -> None:
    text = '{"a": {{identity.entity.id}}}'
    assert decoded(base64.b64encode(text.encode()).decode()) == text
    assert [decoded(one) for one in (text, "null", "no json")] == [text, "null", "no json"]
    assert render("", ANN) == render(decoded(""), ANN) == {}


@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_value_changes_the_shape(name: str, metadata: dict[str, str]) -> None:
    subject = Subject(Entity("e", _plain(name), {_plain(k): _plain(v) for k, v in metadata.items()}))
    claims = render('{"n": {{identity.entity.name}}, "m": {{identity.entity.metadata}}}', subject)
    assert claims == {"n": subject.entity.name, "m": subject.entity.metadata}


def _plain(text: str) -> str:
    return text.encode(errors="ignore").decode()


def test_a_name_with_a_directive_in_it_is_a_name() -> None:
    claims = render('{"n": {{identity.entity.name}}}', Subject(Entity("secret-id", "{{identity.entity.id}}")))
    assert orjson.dumps(claims) == b'{"n":"{{identity.entity.id}}"}'
