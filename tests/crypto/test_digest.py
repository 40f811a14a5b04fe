from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto.digest import NAMES, HmacSha256, KeyedBlake2b, KeyedDigest, digest


@settings(deadline=None)
@given(key=st.binary(max_size=200), data=st.binary(max_size=200))
def test_hmac_agrees_with_the_standard_library(key: bytes, data: bytes) -> None:
    keyed: KeyedDigest = HmacSha256(key)
    expected = hmac.digest(key, data, "sha256")
    assert keyed.digest(data) == expected
    assert keyed.hexdigest(data) == expected.hex()
    assert keyed.digest(data) == expected


@settings(deadline=None)
@given(key=st.binary(min_size=1, max_size=64), data=st.binary(max_size=200), size=st.integers(1, 64))
def test_blake2b_agrees_with_the_standard_library(key: bytes, data: bytes, size: int) -> None:
    keyed: KeyedDigest = KeyedBlake2b(key, size)
    assert keyed.digest(data) == hashlib.blake2b(data, key=key, digest_size=size).digest()
    assert keyed.hexdigest(data) == keyed.digest(data).hex()


def test_a_keyed_digest_without_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        KeyedBlake2b(b"")


def test_hmac_rfc_4231_case_2() -> None:
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert HmacSha256(b"Jefe").hexdigest(b"what do ya want for nothing?") == expected


def test_digests_by_their_wire_names() -> None:
    """FIPS 180-4 and FIPS 202, the message "abc"."""
    assert digest("sha2-256", b"abc").hex().startswith("ba7816bf8f01cfea414140de5dae2223")
    assert digest("sha3-256", b"abc").hex().startswith("3a985da74fe225b2045c172d6bd390bd")
    sizes = {name: len(digest(name, b"")) * 8 for name in NAMES}
    assert sizes == {name: int(name[-3:]) for name in NAMES}
    with pytest.raises(KeyError):
        digest("md5", b"")
