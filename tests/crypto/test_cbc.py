"""AES in CBC mode: what others encrypted so is read, and what is not so is refused."""

from __future__ import annotations

from base64 import b64decode

import pytest

from strongroom.crypto.cbc import decrypt, encrypt

KEY = b"secretkey".ljust(32, b"\0")
# What sprig's encryptAES made of "plain" under the key "secretkey".
SEALED = b64decode("uKtgD/lBpRdXmI/xXQsPSaKc4E5pufO6fo6TdW/8kSI=")


def test_what_others_encrypted() -> None:
    assert decrypt(KEY, SEALED) == b"plain"


@pytest.mark.parametrize("plain", (b"", b"x", b"sixteen bytes...", b"\x00" * 1000))
def test_there_and_back(plain: bytes) -> None:
    assert decrypt(KEY, encrypt(KEY, plain)) == plain
    assert encrypt(KEY, plain) != encrypt(KEY, plain)


@pytest.mark.parametrize("sealed", (b"", b"short", SEALED[:16], SEALED[:-1], SEALED[:-1] + b"\0"))
def test_what_was_not_encrypted_so(sealed: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of whatever sentence
        decrypt(KEY, sealed)
