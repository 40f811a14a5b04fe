from __future__ import annotations

import hashlib
import hmac
import json
from collections import OrderedDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import codec
from strongroom.audit.mask import Mask
from strongroom.secret import Secret

SALT = b"0123456789abcdef0123456789abcdef"
CANARY = "canary-a7f3"

mask = Mask(SALT)


def expected(value: str | bytes) -> str:
    data = value.encode() if isinstance(value, str) else value
    return "hmac-sha256:" + hmac.new(SALT, data, hashlib.sha256).hexdigest()


class Colour(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize("value", ("secret", "", "ünïcode", "12", "true", "a" * 10_000))
def test_text_is_replaced_by_its_hmac(value: str) -> None:
    assert mask.tree({"k": value}) == {"k": expected(value)}
    assert mask.hash(value) == expected(value)


@pytest.mark.parametrize("value", (0, 1, -5, 1.5, True, False, None, 1 << 63, -(1 << 63)))
def test_numbers_booleans_and_null_stay(value: object) -> None:
    assert mask.tree({"k": value, "l": [value]}) == {"k": value, "l": [value]}


@pytest.mark.parametrize("value", (1 << 64, -(1 << 63) - 1, 10**40))
def test_numbers_of_any_size_can_be_written(value: int) -> None:
    assert json.loads(orjson.dumps(mask.tree({"k": value, "l": [value]}))) == {"k": value, "l": [value]}


@pytest.mark.parametrize(
    "value",
    (
        "2020-01-01T00:00:00Z",
        "2026-11-22T22:22:43.728915833Z",
        "2026-11-22T22:22:43.7+02:00",
    ),
)
def test_times_stay_readable_as_the_peer_leaves_them(value: str) -> None:
    assert mask.tree({"created_time": value, "l": [value]}) == {"created_time": value, "l": [value]}


@pytest.mark.parametrize(
    "value",
    (
        "2020-01-01T00:00:00",
        "2020-01-01T00:00:00.1234567890Z",
        "2020-01-01T00:00:00Z and a secret",
        "2020-01-01T00:00:00Z\n",
        "secret 2020-01-01T00:00:00Z",
        "0123456789T0123456789",
        "２020-01-01T00:00:00Z",
    ),
)
def test_what_only_begins_like_a_time_is_masked(value: str) -> None:
    assert mask.tree({"k": value, "l": [value]}) == {"k": expected(value), "l": [expected(value)]}


@pytest.mark.parametrize("value", (b"secret", bytearray(b"secret"), memoryview(b"secret")))
def test_bytes_are_masked_by_their_content(value: object) -> None:
    assert mask.tree({"k": value, "l": [value]}) == {"k": expected("secret"), "l": [expected("secret")]}


def test_bytes_that_are_no_text_are_masked() -> None:
    assert mask.tree({"k": b"\xff\xfe"}) == {"k": expected(b"\xff\xfe")}


def test_types_json_has_no_word_for() -> None:
    data = {
        "secret": Secret("hidden"),
        "enum": Colour.RED,
        "level": Level.HIGH,
        "decimal": Decimal("1.5"),
        "tuple": ("a", 1),
        "mapping": OrderedDict(a="b"),
        "time": datetime(2026, 1, 2, tzinfo=UTC),
    }
    masked = mask.tree(data)
    assert masked == {
        "secret": expected("hidden"),
        "enum": expected("red"),
        "level": 3,
        "decimal": expected("Decimal('1.5')"),
        "tuple": [expected("a"), 1],
        "mapping": {"a": expected("b")},
        "time": "2026-01-02T00:00:00+00:00",
    }
    orjson.dumps(masked)


def test_sets_are_written_as_lists_of_masks() -> None:
    assert mask.tree({"k": {"a"}}) == {"k": [expected("a")]}


def test_keys_stay_readable_unless_they_are_odd() -> None:
    masked = mask.tree({"name": 1, 1: 2, None: 3, Colour.RED: 4, b"key": 5, (1, "x"): 6})
    assert set(masked) == {"name", "1", "None", "red", expected("key"), expected(repr((1, "x")))}
    orjson.dumps(masked)


def test_exempt_keys_follow_the_nearest_key() -> None:
    """As measured on the peer with audit_non_hmac_request_keys=[a, l]."""
    data = {"a": "secret", "e": "", "n": 5, "l": ["q", {"k": "v"}], "o": {"a": "inner", "b": ["c"]}}
    assert mask.tree(data, frozenset({"a", "l"})) == {
        "a": "secret",
        "e": expected(""),
        "n": 5,
        "l": ["q", {"k": expected("v")}],
        "o": {"a": "inner", "b": [expected("c")]},
    }


def test_exempt_empty_text_stays_empty() -> None:
    assert mask.tree({"a": ""}, frozenset({"a"})) == {"a": ""}


def test_raw_leaves_text_readable() -> None:
    raw = Mask(SALT, raw=True)
    data = {"a": "secret", "e": "", "l": ["q", {"k": b"v"}]}
    assert raw.tree(data) == {"a": "secret", "e": "", "l": ["q", {"k": "v"}]}
    assert raw.text("token") == "token"
    assert raw.hash("token") == expected("token")


def test_raw_still_hides_a_secret_object() -> None:
    assert Mask(SALT, raw=True).tree({"k": Secret("hidden")}) == {"k": expected("hidden")}


@pytest.mark.parametrize("wrap", (lambda value: {"k": value}, lambda value: [value]))
def test_any_depth_can_be_written(wrap: Any) -> None:
    value: Any = CANARY
    for _ in range(900):
        value = wrap(value)
    line = orjson.dumps(mask.tree({"k": value}))
    assert CANARY.encode() not in line
    other: Any = "another"
    for _ in range(900):
        other = wrap(other)
    assert orjson.dumps(mask.tree({"k": other})) != line


def test_the_data_itself_is_left_alone() -> None:
    data = {"a": "secret", "l": ["q"], "d": {"x": "y"}}
    mask.tree(data)
    assert data == {"a": "secret", "l": ["q"], "d": {"x": "y"}}


def test_other_salts_give_other_masks() -> None:
    assert Mask(b"other" * 8).hash("secret") != mask.hash("secret")


leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text().map(lambda text: text + CANARY),
    st.binary().map(lambda data: data + CANARY.encode()),
    st.binary().map(lambda data: bytearray(data + CANARY.encode())),
    st.just(Secret(CANARY)),
    st.just(Decimal(1)),
)
keys = st.one_of(st.text(max_size=5), st.integers(), st.binary().map(lambda data: data + CANARY.encode()))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=20,
)


@given(st.dictionaries(keys, trees, max_size=5))
def test_no_planted_secret_ever_appears(data: dict[Any, Any]) -> None:
    line = orjson.dumps(mask.tree(data))
    assert CANARY.encode() not in line
    json.loads(line)


@given(st.text())
def test_masks_are_hmac_sha256(value: str) -> None:
    assert mask.hash(value) == expected(value)


def test_a_number_with_a_fraction_stays_as_it_was_written() -> None:
    data = codec.decode(b'{"k": 1.10, "l": [1e5]}')
    assert orjson.dumps(mask.tree(data)) == b'{"k":1.10,"l":[1e5]}'
