"""Private keys: drawn, written, read back."""

from __future__ import annotations

import pytest

from strongroom.crypto import private_key
from strongroom.crypto.private_key import SIZES, Kind


@pytest.mark.parametrize("kind", ("rsa", "ec", "ed25519"))
def test_what_is_drawn_is_read_back(kind: Kind) -> None:
    for bits in SIZES[kind][:2]:
        key = private_key.generate(kind, bits)
        assert bits in (0, getattr(key, "key_size", 0))
        for written in (private_key.pem(key).encode(), private_key.der(key)):
            assert private_key.load(written).public_key() == key.public_key()


def test_a_size_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="not a size"):
        private_key.generate("rsa", 1024)


@pytest.mark.parametrize(
    "bad", (b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----")
)
def test_what_is_no_key_is_refused_and_not_repeated(bad: bytes) -> None:
    with pytest.raises(ValueError, match="no private key") as told:
        private_key.load(bad)
    assert "hunter2" not in str(told.value)
