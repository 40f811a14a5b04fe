from __future__ import annotations

import os
import threading
import uuid
from collections import Counter

import pytest

from strongroom.crypto import entropy


def test_every_value_is_another() -> None:
    for take in (entropy.take_nonce, entropy.uuid4_str, lambda: entropy.random_bytes(16)):
        assert len({take() for _ in range(5000)}) == 5000


@pytest.mark.parametrize("count", (0, 1, 12, 16, 31, 32, 33, 1000))
def test_random_bytes_gives_as_many_as_asked(count: int) -> None:
    assert len(entropy.random_bytes(count)) == count
    assert count < 12 or entropy.random_bytes(count) != entropy.random_bytes(count)


def test_nonces_are_96_bits() -> None:
    assert len(entropy.take_nonce()) == 12


def test_uuids_are_of_version_four() -> None:
    variants = set()
    for _ in range(500):
        text = entropy.uuid4_str()
        parsed = uuid.UUID(text)
        assert str(parsed) == text
        assert parsed.version == 4
        assert parsed.variant == uuid.RFC_4122
        variants.add(text[19])
    assert variants == set("89ab")


@pytest.mark.parametrize("length", (0, 1, 24, 28, 31, 32, 33, 95, 400))
def test_base62_length_and_alphabet(length: int) -> None:
    text = entropy.base62(length)
    assert len(text) == length
    assert set(text) <= set(entropy.BASE62)


def test_base62_is_unbiased() -> None:
    """Folding all 256 bytes would make the first 8 letters 25 % likelier; 6 sigma is 10 % here."""
    counts = Counter(entropy.base62(62 * 4000))
    assert len(counts) == 62
    assert max(counts.values()) < 4000 * 1.1
    assert min(counts.values()) > 4000 * 0.9


def test_texts_of_later_ticks_sort_behind_and_those_of_one_tick_begin_alike() -> None:
    tick, start = 8_000_000, 1_795_860_000_000_000_000
    texts = [entropy.ordered(start + number * tick, 24) for number in range(5_000)]
    assert texts == sorted(texts)
    near = [entropy.ordered(start + 1_000 * number, 24) for number in range(1_000)]
    assert len({text[: entropy.ORDER] for text in near}) == 1
    assert len({text[entropy.ORDER :] for text in near}) == len(near)
    assert {len(text) for text in texts} == {24}


def test_the_ticks_start_again() -> None:
    tick, ticks = 8_000_000, 62**entropy.ORDER
    for number in (0, 1, 61, 62, 3_843, 3_844, ticks - 1):
        assert entropy.ordered(number * tick, 4) == entropy.ordered((number + ticks) * tick, 4)
    assert entropy.ordered((ticks - 1) * tick, 4) == "zzzz"
    assert entropy.ordered(0, 4) == "0000"


def test_threads_never_share_a_piece() -> None:
    pool = entropy.Pool(12)
    taken: list[list[bytes]] = [[] for _ in range(8)]

    def work(into: list[bytes]) -> None:
        into.extend(pool.take() for _ in range(5000))

    threads = [threading.Thread(target=work, args=(into,)) for into in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [piece for into in taken for piece in into]
    assert len(set(everything)) == len(everything) == 40_000


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_shares_nothing_with_its_parent() -> None:
    entropy.take_nonce()
    entropy.uuid4_str()
    entropy.base62(8)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(entropy.take_nonce() for _ in range(300)))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        theirs = pipe.read()
    os.waitpid(child, 0)
    ours = {entropy.take_nonce() for _ in range(300)}
    assert len(theirs) == 3600
    assert ours.isdisjoint(theirs[at : at + 12] for at in range(0, 3600, 12))
