from __future__ import annotations

from collections.abc import Callable

import pytest

from strongroom.barrier.barrier import Barrier
from strongroom.seal import seal
from strongroom.seal.migration import migrate
from strongroom.seal.seal import WrongKey
from strongroom.seal.static import StaticSeal
from tests.seal.keepers import STATIC_KEY, Keep, key_of, run

STATIC = StaticSeal(("k1", STATIC_KEY))


def test_from_shamir_to_a_static_seal_and_back() -> None:
    keep = Keep.shamir(5, 3)
    key = key_of(keep.shares, 3)
    run(migrate(keep.tx, Barrier(), key, None, STATIC))
    assert keep.opens(STATIC)
    assert not keep.opens_with(keep.shares, 3)
    assert run(seal.keepers(keep.tx)).threshold == 3
    run(seal.authorise(keep.tx, key, STATIC))
    run(migrate(keep.tx, Barrier(), key, STATIC, None))
    assert keep.opens_with(keep.shares, 3)
    assert not keep.opens(STATIC)
    assert run(seal.require_config(keep.tx)).shares == 5


def test_from_one_static_seal_to_another() -> None:
    keep = Keep.static(3, 2)
    other = StaticSeal(("k9", bytes([9]) * 32))
    run(migrate(keep.tx, keep.barrier, key_of(keep.shares, 2), keep.sealers["static"], other))
    assert keep.opens(other)
    assert not keep.opens(keep.sealers["static"])
    run(seal.authorise(keep.tx, key_of(keep.shares, 2), other))


@pytest.mark.parametrize("make", (Keep.shamir, Keep.static))
def test_nothing_moves_without_the_keepers(make: Callable[[], Keep]) -> None:
    keep = make()
    before = dict(keep.tx.rows)
    old = keep.sealers.get("static")
    with pytest.raises(WrongKey):
        run(migrate(keep.tx, Barrier(), bytes(32), old, None if old else STATIC))
    assert keep.tx.rows == before
