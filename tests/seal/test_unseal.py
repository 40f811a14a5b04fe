from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strongroom.errors import BadRequest
from strongroom.seal import shamir
from strongroom.seal.unseal import UnsealProgress

KEY = bytes(range(32))
SHARES = shamir.split(KEY, 5, 3)


class Unsealing(RuleBasedStateMachine):
    """Whatever the keepers do, progress is the number of distinct shares of this attempt."""

    def __init__(self) -> None:
        super().__init__()
        self.progress = UnsealProgress()
        self.given: list[bytes] = []

    @rule(share=st.sampled_from(SHARES))
    def submit(self, share: bytes) -> None:
        new = share not in self.given
        key = self.progress.submit(share, threshold=3)
        self.given += [share] if new else []
        if len(self.given) == 3:
            assert key == KEY
            self.given = []
        else:
            assert key is None

    @rule(size=st.sampled_from((0, 15, 34, 100)))
    def submit_nonsense(self, size: int) -> None:
        with pytest.raises(BadRequest):
            self.progress.submit(bytes(size), threshold=3)

    @rule()
    def submit_forged_duplicate_place(self) -> None:
        if len(self.given) == 2:
            with pytest.raises(BadRequest, match="duplicate part"):
                self.progress.submit(bytes(32) + self.given[0][-1:], threshold=3)
            self.given = []

    @rule()
    def reset(self) -> None:
        self.progress.reset()
        self.given = []

    @invariant()
    def counts(self) -> None:
        assert self.progress.progress == len(self.given)
        assert bool(self.progress.nonce) == bool(self.given)


TestUnsealing = Unsealing.TestCase
TestUnsealing.settings = settings(max_examples=50, deadline=None)


def test_the_nonce_names_one_attempt() -> None:
    progress = UnsealProgress()
    progress.submit(SHARES[0], 3)
    nonce = progress.nonce
    progress.submit(SHARES[0], 3)
    progress.submit(SHARES[1], 3)
    assert progress.nonce == nonce
    progress.reset()
    progress.submit(SHARES[0], 3)
    assert progress.nonce != nonce


def test_a_single_key_unseals_at_once() -> None:
    assert UnsealProgress().submit(KEY, threshold=1) == KEY
