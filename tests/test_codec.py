from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import codec
from strongroom.codec import MAX_DEPTH, NotJSON, decode, decode_object, encode

LIMIT = 1000


@pytest.mark.parametrize(
    "number",
    (
        "0",
        "-1",
        "1.10",
        "1e5",
        "1E-7",
        "-0.0",
        "123456789012345678901234567890",
        "1.0",
        "0.30000000000000001",
    ),
)
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    assert (
        encode(decode_object(f'{{"n":{number}}}'.encode(), max_strings=LIMIT)) == f'{{"n":{number}}}'.encode()
    )


def test_integers_of_any_size_are_integers() -> None:
    assert decode(b'{"n": 340282366920938463463374607431768211456}') == {"n": 2**128}


@pytest.mark.parametrize(
    "body",
    (
        b"",
        b" ",
        b"nonsense",
        b"[]",
        b'"text"',
        b"5",
        b'{"a":1}x',
        b'{"a":1,}',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":01}',
        b'{"a":\xff}',
        b'{"a":"\xff\xfe"}',
        b'{"a":"\\ud800"}x',
        b"\xef\xbb\xbf{}",
        b'{"a"',
        b"\x00",
    ),
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(NotJSON, match="failed to decode JSON input: "):
        decode_object(body, max_strings=LIMIT)


def test_refusals_never_quote_the_body() -> None:
    with pytest.raises(NotJSON) as caught:
        decode_object(b'{"password": "hunter22" "again": 1}', max_strings=LIMIT)
    assert "hunter22" not in caught.value.public


@pytest.mark.parametrize("opening", ("[", '{"a":'))
def test_depth_is_bounded_cve_2025_6203(opening: str) -> None:
    closing = "]" if opening == "[" else "}"

    def nested(depth: int) -> bytes:
        return ('{"deep":' + opening * depth + "1" + closing * depth + "}").encode()

    assert decode_object(nested(MAX_DEPTH - 1), max_strings=LIMIT)
    with pytest.raises(NotJSON, match="nested too deeply"):
        decode_object(nested(MAX_DEPTH), max_strings=LIMIT)
    with pytest.raises(NotJSON, match="high complexity"):
        decode_object(nested(1_000_000), max_strings=LIMIT)


def test_brackets_in_strings_are_no_depth() -> None:
    text = '\\"[{' * 400 + "\\\\"
    assert decode_object(f'{{"a":"{text}","b":[1]}}'.encode(), max_strings=LIMIT)["b"] == [1]


def test_number_of_strings_is_bounded_cve_2025_6203() -> None:
    def many(strings: int) -> bytes:
        return b'{"a":[' + b",".join([b'"x"'] * (strings - 1)) + b"]}"

    assert decode_object(many(LIMIT), max_strings=LIMIT)
    with pytest.raises(NotJSON, match="exceeded maximum number of strings"):
        decode_object(many(LIMIT + 1), max_strings=LIMIT)


def test_quotes_in_strings_are_no_strings() -> None:
    text = '\\"' * 3000
    assert decode_object(f'{{"a":"{text}"}}'.encode(), max_strings=LIMIT) == {"a": '"' * 3000}


def test_refusing_a_large_body_costs_neither_memory_nor_time_cve_2025_6203() -> None:
    body = b'{"a":[' + b",".join([b'"x"'] * 2_000_000) + b"]}"
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(NotJSON):
        decode_object(body, max_strings=100_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.process_time() - started < 5
    assert peak < 3 * len(body)


@pytest.mark.parametrize("element", (b"[]", b"{}", b"[[]]", b"1", b'""'))
def test_memory_of_what_is_decoded_is_bounded_cve_2025_6203(element: bytes) -> None:
    body = b'{"a":[' + b",".join([element] * 1_500_000) + b"]}"
    with pytest.raises(NotJSON, match="exceeded maximum memory"):
        decode_object(body, max_strings=10**9)
    small = b'{"a":[' + b",".join([element] * 10_000) + b"]}"
    assert len(decode_object(small, max_strings=10**9)["a"]) == 10_000
    with pytest.raises(NotJSON, match="exceeded maximum memory"):
        decode_object(small, max_strings=10**9, max_memory=200_000)


def test_one_long_string_is_no_complexity() -> None:
    body = b'{"a":"' + b'[{,\\"' * 1_000_000 + b'"}'
    assert len(decode_object(body, max_strings=LIMIT)["a"]) == 4_000_000


VALUES: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), VALUES))
def test_values_survive(value: dict[str, Any]) -> None:
    assert decode_object(encode(value), max_strings=10**6) == value
    assert decode_object(json.dumps(value).encode(), max_strings=10**6) == value


@given(st.dictionaries(st.text(), VALUES))
def test_strings_are_counted_exactly(value: dict[str, Any]) -> None:
    def strings(item: Any) -> int:
        if isinstance(item, dict):
            return sum(1 + strings(inner) for inner in item.values())
        if isinstance(item, list):
            return sum(map(strings, item))
        return int(isinstance(item, str))

    body = encode(value)
    assert codec._strings(body) == strings(value)


def test_null_is_an_empty_object() -> None:
    assert decode_object(b" null ", max_strings=1) == {}
