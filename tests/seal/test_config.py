from __future__ import annotations

import orjson
import pytest

from strongroom.seal.config import SealConfig


@pytest.mark.parametrize(
    ("shares", "threshold", "problem"),
    (
        (1, 2, "threshold cannot be larger than shares"),
        (0, 0, "shares must be at least one"),
        (-5, 3, "shares must be at least one"),
        (5, 0, "threshold must be at least one"),
        (3, 1, "threshold must be greater than one for multiple shares"),
        (300, 2, "shares must be less than 256"),
        (1, 1, ""),
        (5, 3, ""),
        (255, 255, ""),
    ),
)
def test_numbers_are_judged_in_the_wire_s_words(shares: int, threshold: int, problem: str) -> None:
    assert SealConfig("shamir", shares, threshold).problem() == problem


def test_as_many_pgp_keys_as_shares() -> None:
    assert SealConfig("shamir", 3, 2, ("a", "b")).problem().startswith("count mismatch")
    assert SealConfig("shamir", 3, 2, ("a", "b", "c")).problem() == ""


def test_the_form_stored() -> None:
    config = SealConfig("shamir", 3, 2)
    assert orjson.loads(config.dump()) == {
        "type": "shamir",
        "secret_shares": 3,
        "secret_threshold": 2,
        "pgp_keys": None,
        "nonce": "",
        "backup": False,
    }
    assert SealConfig.load(config.dump()) == config
    full = SealConfig("static", 2, 2, ("a", "b"), "n", backup=True)
    assert SealConfig.load(full.dump()) == full
