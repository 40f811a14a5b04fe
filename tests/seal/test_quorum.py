from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.seal import shamir
from strongroom.seal.quorum import Quorum, decode_key


@settings(deadline=None)
@given(key=st.binary(min_size=16, max_size=33))
def test_keys_come_in_hex_or_base64(key: bytes) -> None:
    assert decode_key(key.hex()) == key
    assert decode_key(key.hex().upper()) == key
    encoded = base64.b64encode(key).decode()
    if not set(encoded) <= set("0123456789abcdefABCDEF"):
        assert decode_key(encoded) == key


@pytest.mark.parametrize("text", ("zz!!", "abc", "é", "a b c d"))
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        decode_key(text)
    assert caught.value.public == "'key' must be a valid hex or base64 string"


def test_impossible_lengths_are_refused() -> None:
    for size, words in ((15, "shorter than minimum 16"), (34, "longer than maximum 33")):
        with pytest.raises(BadRequest, match=f"invalid key: key is {words} bytes"):
            Quorum(3).add(bytes(size))


def test_a_quorum_of_one_holds_the_key() -> None:
    quorum = Quorum(1).add(b"k" * 32)
    assert quorum.complete
    assert quorum.combined() == b"k" * 32


def test_shares_that_do_not_combine_are_refused() -> None:
    share = shamir.split(b"k" * 32, 3, 2)[0]
    quorum = Quorum(2).add(share).add(bytes(32) + share[-1:])
    with pytest.raises(BadRequest, match="failed to compute combined key: duplicate part detected"):
        quorum.combined()


def test_shares_do_not_show() -> None:
    assert "kkkk" not in repr(Quorum(2).add(b"k" * 32))
