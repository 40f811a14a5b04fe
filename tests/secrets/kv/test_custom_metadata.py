"""Custom metadata: what is taken, and the sentences for what is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.secrets.kv.custom_metadata import MAX_KEY, MAX_KEYS, MAX_VALUE, validated


@pytest.mark.parametrize(
    ("value", "text"),
    (
        ("x", "x"),
        (5, "5"),
        (True, "1"),
        (False, "0"),
        (msgspec.Raw(b"1.50"), "1.50"),
        ("smile \U0001f600", "smile \U0001f600"),
    ),
)
def test_scalars_become_strings(value: Any, text: str) -> None:
    assert validated({"k": value}) == {"k": text}


def test_nothing_is_none() -> None:
    assert validated({}) is None


@pytest.mark.parametrize(
    ("given_metadata", "faults"),
    (
        ({"": "x"}, ['length of key "" is 0 but must be 0 < len(key) <= 128']),
        ({"k": ""}, ['length of value for key "k" is 0 but must be 0 < len(value) <= 512']),
        ({"k": None}, ['length of value for key "k" is 0 but must be 0 < len(value) <= 512']),
        ({"k" * 129: "x"}, [f'length of key "{"k" * 129}" is 129 but must be 0 < len(key) <= 128']),
        ({"é": "ü" * 257}, ['length of value for key "é" is 514 but must be 0 < len(value) <= 512']),
        ({"a\n": "x"}, ['key "a\\n" contains unprintable characters']),
        ({"a": "x\t"}, ['value for key "a" contains unprintable characters']),
        (
            {"a": "", "b": ""},
            [f'length of value for key "{k}" is 0 but must be 0 < len(value) <= 512' for k in "ab"],
        ),
        ({f"k{i}": "v" for i in range(65)}, ["payload must contain at most 64 keys, provided 65"]),
    ),
)
def test_every_fault_is_told_at_once(given_metadata: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(BadRequest) as refused:
        validated(given_metadata)
    count = f"{len(faults)} error{'s' if len(faults) > 1 else ''} occurred:"
    lines = "".join(f"\n\t* custom_metadata validation failed: {fault}" for fault in faults)
    assert refused.value.public == f"{count}{lines}\n\n"


@pytest.mark.parametrize("value", ({"deep": "x"}, ["x"], []))
def test_values_are_scalars(value: Any) -> None:
    with pytest.raises(BadRequest, match="values must be strings"):
        validated({"k": value})


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=6))
@settings(deadline=None)
def test_what_passes_is_within_the_limits_and_no_refusal_shows_a_value(metadata: dict[str, str]) -> None:
    secret = {key: f"s3cr3t-{value}" for key, value in metadata.items()}
    try:
        passed = validated(secret)
    except BadRequest as error:
        refusal = error.public
        assert "s3cr3t-" not in refusal
    else:
        assert (passed or {}) == secret
        assert len(secret) <= MAX_KEYS
        assert all(0 < len(key.encode()) <= MAX_KEY and key.isprintable() for key in secret)
        assert all(len(value.encode()) <= MAX_VALUE and value.isprintable() for value in secret.values())
