from __future__ import annotations

import itertools

import pyshamir
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.seal import shamir
from strongroom.seal.shamir import Uncombinable

NUMBERS = st.integers(2, 255).flatmap(lambda parts: st.tuples(st.just(parts), st.integers(2, min(parts, 12))))
FEW_PARTS = st.integers(2, 12).flatmap(lambda parts: st.tuples(st.just(parts), st.integers(2, parts)))
SECRETS = st.binary(min_size=1, max_size=48)


@settings(deadline=None)
@given(secret=SECRETS, numbers=NUMBERS, data=st.data())
def test_any_threshold_of_shares_gives_the_secret(
    secret: bytes, numbers: tuple[int, int], data: st.DataObject
) -> None:
    parts, threshold = numbers
    shares = shamir.split(secret, parts, threshold)
    assert {len(share) for share in shares} == {len(secret) + 1}
    chosen = data.draw(st.permutations(range(parts)))[: data.draw(st.integers(threshold, threshold + 2))]
    assert shamir.combine([shares[at] for at in chosen]) == secret


def test_every_three_of_five() -> None:
    secret = bytes(range(32))
    for chosen in itertools.combinations(shamir.split(secret, 5, 3), 3):
        assert shamir.combine(chosen) == secret


@settings(max_examples=30, deadline=None)
@given(secret=SECRETS, numbers=FEW_PARTS)
def test_the_oracle_combines_our_shares(secret: bytes, numbers: tuple[int, int]) -> None:
    shares = shamir.split(secret, *numbers)
    assert bytes(pyshamir.combine([bytearray(share) for share in shares[: numbers[1]]])) == secret


@settings(max_examples=30, deadline=None)
@given(secret=SECRETS, numbers=FEW_PARTS)
def test_we_combine_the_oracle_s_shares(secret: bytes, numbers: tuple[int, int]) -> None:
    shares = [bytes(share) for share in pyshamir.split(secret, *numbers)]
    assert shamir.combine(shares[-numbers[1] :]) == secret


def test_shares_of_the_peer_combine() -> None:
    """Three of five shares that the peer's init gave, in both orders, make one key."""
    shares = [
        bytes.fromhex(share)
        for share in (
            "ec564d9985837480c15a1017b6642e14a73c5b2b26dbfa473dc1307dc88911edd3",
            "201fb998cf970449338b41d8e2c18696226f7b47a6bc2c7024b33b3bd8dfbf59ee",
            "5b93df86367e80242afdf40c0622fbc42d2ca97d44e094a770910190076b5bf043",
            "6ad4f8260e491d4071a208b78904ed122edc5a005a2ee66a151c5a9c13aacd6942",
            "7df73ba749046c03fd6c080300a407bc73237650a03173b6ca37ee4a5aa29215bc",
        )
    ]
    assert len({shamir.combine(chosen) for chosen in itertools.permutations(shares, 3)}) == 1


def test_too_few_shares_tell_nothing_useful() -> None:
    secret = bytes(32)
    assert shamir.combine(shamir.split(secret, 5, 3)[:2]) != secret


def test_share_places_are_distinct_and_not_in_order() -> None:
    places = [share[-1] for share in shamir.split(b"secret", 255, 2)]
    assert sorted(places) == list(range(1, 256))
    assert places != sorted(places)


def test_one_share_is_the_key_itself() -> None:
    assert shamir.split(b"k" * 32, 1, 1) == [b"k" * 32]


@pytest.mark.parametrize(("parts", "threshold"), ((0, 0), (1, 2), (5, 1), (2, 3), (256, 2), (5, 0)))
def test_numbers_that_make_no_sense(parts: int, threshold: int) -> None:
    with pytest.raises(ValueError, match="2 to 255"):
        shamir.split(b"secret", parts, threshold)


@pytest.mark.parametrize(
    ("shares", "words"),
    (
        ((), "less than two"),
        ((b"ab",), "less than two"),
        ((b"a", b"b"), "at least two bytes"),
        ((b"abc", b"abcd"), "same length"),
        ((b"abc", b"xbc"), "duplicate"),
        ((b"ab\0", b"abc"), "place"),
    ),
)
def test_shares_that_do_not_belong_together(shares: tuple[bytes, ...], words: str) -> None:
    with pytest.raises(Uncombinable, match=words):
        shamir.combine(shares)
