from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto.aead import Cipher, Unopenable, new_key, zeroize

VECTORS = Path(__file__).parent.parent / "vectors" / "gcm_decrypt_256.rsp"
CIPHER = Cipher(bytes(range(32)))


def nist() -> Iterator[dict[str, str]]:
    for block in VECTORS.read_text().split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0].startswith("Count"):
            yield {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


def test_nist_vectors() -> None:
    opened = refused = 0
    for case in nist():
        sealed = bytes.fromhex(case["IV"] + case["CT"] + case["Tag"])
        cipher = Cipher(bytes.fromhex(case["Key"]))
        if "FAIL" in case:
            with pytest.raises(Unopenable):
                cipher.open(sealed, bytes.fromhex(case["AAD"]))
            refused += 1
        else:
            assert cipher.open(sealed, bytes.fromhex(case["AAD"])) == bytes.fromhex(case["PT"])
            opened += 1
    assert (opened, refused) == (89, 111)


@settings(deadline=None)
@given(plaintext=st.binary(max_size=300), aad=st.binary(max_size=50), prefix=st.binary(max_size=9))
def test_round_trip_behind_a_prefix(plaintext: bytes, aad: bytes, prefix: bytes) -> None:
    sealed = prefix + CIPHER.seal(plaintext, aad)
    assert len(sealed) == len(prefix) + 12 + len(plaintext) + 16
    assert CIPHER.open(sealed, aad, len(prefix)) == plaintext


def test_other_aad_other_key_and_short_input_are_refused() -> None:
    sealed = CIPHER.seal(b"v", b"here")
    for cipher, octets, aad in (
        (CIPHER, sealed, b"there"),
        (Cipher(bytes(32)), sealed, b"here"),
        (CIPHER, sealed[:27], b"here"),
        (CIPHER, b"", b"here"),
    ):
        with pytest.raises(Unopenable):
            cipher.open(octets, aad)


@pytest.mark.parametrize("size", (0, 16, 24, 31, 33))
def test_only_256_bit_keys(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(bytes(size))


def test_zeroize_overwrites_in_place() -> None:
    key = new_key()
    alias = key
    assert any(key)
    zeroize(key)
    assert alias == bytes(32)
