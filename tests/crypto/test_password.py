from __future__ import annotations

from strongroom.crypto import password as passwords


def test_a_hash_matches_its_password_only() -> None:
    kept = passwords.hashed(b"a\0b", 4)
    assert passwords.matches(b"a\0b", kept)
    assert not passwords.matches(b"a\0c", kept)
    assert not passwords.matches(b"a", kept)
    assert passwords.hashed(b"a", 4) != passwords.hashed(b"a", 4)


def test_hashes_made_here_are_taken_from_outside() -> None:
    kept = passwords.hashed(b"a")
    assert passwords.acceptable(kept)
    assert passwords.cost_of(kept) == passwords.COST
    assert passwords.COST in passwords.COSTS


def test_what_is_no_hash_matches_nothing() -> None:
    assert not passwords.matches(b"a", "nothing")
    assert not passwords.matches(b"x" * 73, passwords.hashed(b"x" * 72, 4))


def test_a_decoy_costs_what_a_hash_costs() -> None:
    for cost in (4, 7):
        kept = passwords.decoy(cost)
        assert passwords.acceptable(kept)
        assert passwords.cost_of(kept) == cost
        assert not passwords.matches(b"", kept)
        assert passwords.decoy(cost) is kept
