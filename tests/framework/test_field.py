from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.codec import Number
from strongroom.framework.field import (
    MISSING,
    Anything,
    CommaList,
    Duration,
    Field,
    IntList,
    KVPairs,
    LowerCase,
    Mapped,
    SignedDuration,
    StringList,
    Unconvertible,
    field,
    kind_of,
)

Colour = Literal["red", "green"]


def number(text: str) -> Any:
    """A JSON number with a fraction or an exponent, as the decoder leaves it."""
    return Number(text.encode())


GOOD: tuple[tuple[Any, Any, Any], ...] = (
    (str, "a", "a"),
    (str, "", ""),
    (str, 30, "30"),
    (str, True, "1"),
    (str, False, "0"),
    (str, number("1.10"), "1.10"),
    (int, 30, 30),
    (int, "30", 30),
    (int, " 30 ", 30),
    (int, "-3", -3),
    (int, "", 0),
    (int, "0x1f", 31),
    (int, True, 1),
    (int, (1 << 63) - 1, (1 << 63) - 1),
    (int, "017", 15),
    (int, "1_000", 1000),
    (bool, True, True),
    (bool, 1, True),
    (bool, 0, False),
    (bool, "true", True),
    (bool, "T", True),
    (bool, "0", False),
    (bool, "", False),
    (Duration, 30, 30),
    (Duration, "30", 30),
    (Duration, "1h", 3600),
    (Duration, "1h30m", 5400),
    (Duration, "2d", 172_800),
    (Duration, "", 0),
    (SignedDuration, "-1h", -3600),
    (SignedDuration, -5, -5),
    (CommaList, "a,b", ["a", "b"]),
    (CommaList, " a , b ,", ["a", "b"]),
    (CommaList, ["a", 2], ["a", "2"]),
    (CommaList, "", []),
    (CommaList, {}, []),
    (StringList, {}, []),
    (IntList, {}, []),
    (StringList, "a,b", ["a,b"]),
    (StringList, ["a", "b"], ["a", "b"]),
    (StringList, "", []),
    (IntList, "1,2", [1, 2]),
    (IntList, [1, "2"], [1, 2]),
    (IntList, "", []),
    (KVPairs, {"a": "1", "b": 2}, {"a": "1", "b": "2"}),
    (KVPairs, ["a=1", "b = 2=3"], {"a": "1", "b": "2=3"}),
    (KVPairs, "a=1,b=2", {"a": "1,b=2"}),
    (KVPairs, {"a": None}, {"a": ""}),
    (CommaList, [None, "a"], ["a"]),
    (StringList, [None, "a"], ["", "a"]),
    (LowerCase, " A_b-C ", "a_b-c"),
    (KVPairs, '{"a": "1"}', {"a": "1"}),
    (Mapped, {"a": [1, None]}, {"a": [1, None]}),
    (Anything, [{"a": None}], [{"a": None}]),
    (Colour, "green", "green"),
)

BAD: tuple[tuple[Any, Any], ...] = (
    (str, []),
    (str, {}),
    (int, "seven"),
    (int, []),
    (int, {}),
    (int, number("1.5")),
    (int, number("3.0")),
    (int, number("1e3")),
    (int, number("1e400")),
    (int, "08"),
    (int, 1 << 63),
    (int, -(1 << 63) - 1),
    (int, number("1e30")),
    (bool, "yes"),
    (bool, 2),
    (bool, -1),
    (bool, []),
    (Duration, "soon"),
    (Duration, "-1h"),
    (Duration, -1),
    (Duration, True),
    (Duration, number("1e10")),
    (Duration, number("1.5")),
    (Duration, number("1.0")),
    (Duration, 9_223_372_037),
    (Duration, []),
    (CommaList, {"a": "b"}),
    (CommaList, [[]]),
    (StringList, {"a": "b"}),
    (IntList, "1,x"),
    (IntList, {"a": 1}),
    (KVPairs, "a"),
    (KVPairs, ["a"]),
    (KVPairs, {"a": []}),
    (KVPairs, "{"),
    (KVPairs, 3),
    (Mapped, "a"),
    (Mapped, ["a"]),
    (Mapped, 3),
    (Colour, "blue"),
    (Colour, 1),
)


def declared(annotation: Any, **flags: Any) -> Field:
    made: Field = field("What it is.", name="one", **flags)
    made.kind = kind_of(annotation)
    return made


@pytest.mark.parametrize(("annotation", "value", "wanted"), GOOD)
def test_what_clients_send_is_coerced(annotation: Any, value: Any, wanted: Any) -> None:
    found = declared(annotation).coerce(value)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(("annotation", "value"), BAD)
def test_what_cannot_be_coerced_is_refused_by_name(annotation: Any, value: Any) -> None:
    with pytest.raises(Unconvertible, match=r'^error converting input for field "one": ') as caught:
        declared(annotation).coerce(value)
    assert caught.value.status == 400


def refusal(annotation: Any, value: Any) -> tuple[str, BaseException | None]:
    """What is said of a value, and what is kept of the reason."""
    try:
        declared(annotation).coerce(value)
    except Unconvertible as error:
        return error.public, error.__cause__
    return "", None


@pytest.mark.parametrize("annotation", (int, bool, CommaList, IntList, KVPairs, Mapped, Colour))
def test_a_refusal_never_echoes_the_value(annotation: Any) -> None:
    canary = "hunter2-hunter2"
    for value in (canary, [canary, {}], {canary: [canary]}, {"a": [canary]}):
        public, cause = refusal(annotation, value)
        assert canary not in public
        assert cause is None


@given(
    st.sampled_from([annotation for annotation, *_ in GOOD]),
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.floats(allow_nan=False).map(lambda f: number(repr(f))),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=6,
    ),
)
def test_any_json_value_is_coerced_or_refused(annotation: Any, value: Any) -> None:
    one = declared(annotation)
    try:
        found = one.coerce(value)
    except Unconvertible:
        return
    assert one.coerce(found) == found


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_an_integer_means_the_same_as_its_text(value: int) -> None:
    assert declared(int).coerce(str(value)) == value


@pytest.mark.parametrize(
    ("annotation", "zero"), ((str, ""), (int, 0), (bool, False), (Duration, 0), (CommaList, []), (Mapped, {}))
)
def test_every_type_has_a_zero(annotation: Any, zero: Any) -> None:
    assert kind_of(annotation).zero == zero


def test_the_zero_of_a_choice_is_its_first() -> None:
    assert kind_of(Colour).zero == "red"
    assert kind_of(Colour).schema == {"type": "string", "enum": ["red", "green"]}


def test_a_type_that_fields_do_not_have_is_a_mistake_at_import() -> None:
    with pytest.raises(TypeError, match="no field can be of type"):
        kind_of(set[str])


def test_a_declaration_keeps_its_flags() -> None:
    made = declared(str, sensitive=True, required=True, query=True, deprecated=True)
    assert (made.sensitive, made.required, made.query, made.deprecated) == (True, True, True, True)
    assert made.default is MISSING
