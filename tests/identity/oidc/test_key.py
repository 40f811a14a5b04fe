"""Named keys: what is published when, decided from the key and the time alone."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import jws
from strongroom.identity.oidc.key import NamedKey, Pair
from strongroom.logical import SECOND

HOUR = 3600
PAIRS = [Pair(f"k{n}", "EdDSA", jws.generate("EdDSA")) for n in range(40)]


def fresh(period: int = HOUR, ttl: int = HOUR) -> NamedKey:
    return NamedKey("EdDSA", period, ttl, ["*"], PAIRS[0], PAIRS[1], period * SECOND)


def kids(key: NamedKey, seconds: float) -> list[str]:
    return sorted(one.kid for one in key.published(int(seconds * SECOND)))


def test_the_next_key_is_published_before_it_signs() -> None:
    assert kids(fresh(), 0) == ["k0", "k1"]


def test_the_old_key_stays_until_what_it_signed_is_over() -> None:
    key = fresh(ttl=2 * HOUR).rotated(PAIRS[2], HOUR * SECOND)
    assert key.signing is PAIRS[1]
    assert kids(key, HOUR) == ["k0", "k1", "k2"]
    assert kids(key, 3 * HOUR - 1) == ["k0", "k1", "k2"]
    assert kids(key, 3 * HOUR) == ["k1", "k2"]


def test_a_rotation_that_comes_late_changes_nothing_of_what_is_published_when() -> None:
    key = fresh()
    assert not key.due(HOUR * SECOND - 1)
    assert key.due(HOUR * SECOND)
    assert kids(key, 2 * HOUR - 1) == ["k0", "k1"]
    assert kids(key, 2 * HOUR) == ["k1"]
    late = key.rotated(PAIRS[2], 90 * 60 * SECOND)
    assert kids(late, 2 * HOUR - 1) == ["k0", "k1", "k2"]
    assert kids(late, 2 * HOUR) == ["k1", "k2"]


def test_a_rotation_can_end_the_old_key_at_once() -> None:
    assert kids(fresh().rotated(PAIRS[2], 60 * SECOND, 0), 60) == ["k1", "k2"]


@settings(max_examples=50)
@given(
    st.integers(60, 5_000),
    st.integers(0, 10),
    st.lists(st.tuples(st.integers(1, 4_000), st.booleans()), max_size=30),
)
def test_what_was_signed_can_be_verified_as_long_as_it_says(
    period: int, ttl: int, steps: list[tuple[int, bool]]
) -> None:
    """Against the plain rule: a signature of time t by a key verifies until t + verification_ttl."""
    key, now, made = fresh(period, ttl * period), 0, 2
    signed: list[tuple[str, int]] = []
    for pause, manual in steps:
        now += pause * SECOND
        if key.due(now) or manual:
            key, made = key.rotated(PAIRS[made], now), made + 1
        assert key.signing is not None
        signed.append((key.signing.kid, now))
        published = {one.kid for one in key.published(now)}
        for kid, at in signed:
            if now < at + ttl * period * SECOND:
                assert kid in published
        assert len(published) <= 2 + len(steps)
