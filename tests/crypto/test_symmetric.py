from __future__ import annotations

import pytest

from strongroom.crypto.aead import Unopenable
from strongroom.crypto.symmetric import (
    CIPHERS,
    ConvergentSealer,
    Sealer,
    XChaCha20Poly1305,
    hchacha20,
    key_bytes,
)

KEY = bytes(range(32))
each_cipher = pytest.mark.parametrize("cipher", CIPHERS)


def test_hchacha20() -> None:
    # SOURCE: draft-irtf-cfrg-xchacha-03, section 2.2.1
    nonce = bytes.fromhex("000000090000004a0000000031415927")
    expected = "82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc"
    assert hchacha20(KEY, nonce).hex() == expected


_SUNSCREEN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)


def test_xchacha20_poly1305() -> None:
    # SOURCE: draft-irtf-cfrg-xchacha-03, appendix A.3.1
    key = bytes(range(0x80, 0xA0))
    nonce = bytes(range(0x40, 0x58))
    aad = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    sealed = XChaCha20Poly1305(key).encrypt(nonce, _SUNSCREEN, aad)
    assert sealed[:16].hex() == "bd6d179d3e83d43b9576579493c0e939"
    assert sealed[-16:].hex() == "c0875924c1c7987947deafd8780acf49"
    assert XChaCha20Poly1305(key).decrypt(nonce, sealed, aad) == _SUNSCREEN


@pytest.mark.parametrize(
    ("cipher", "key", "sealed", "aad", "plaintext"),
    (
        # SOURCE: McGrew and Viega, The Galois/Counter Mode of Operation, test case 4 (in NIST's CAVP as well)
        (
            "aes128-gcm96",
            "feffe9928665731c6d6a8f9467308308",
            (
                "cafebabefacedbaddecaf888"
                "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
                "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091"
                "5bc94fbc3221a5db94fae95ae7121a47"
            ),
            "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            (
                "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
            ),
        ),
        # SOURCE: the same, test case 14
        (
            "aes256-gcm96",
            "00" * 32,
            "00" * 12 + "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919",
            "",
            "00" * 16,
        ),
        # SOURCE: RFC 8439, section 2.8.2
        (
            "chacha20-poly1305",
            bytes(range(0x80, 0xA0)).hex(),
            (
                "070000004041424344454647"
                "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
                "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
                "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
                "3ff4def08e4b7a9de576d26586cec64b6116"
                "1ae10b594f09e26a7e902ecbd0600691"
            ),
            "50515253c0c1c2c3c4c5c6c7",
            _SUNSCREEN.hex(),
        ),
    ),
)
def test_known_answers(cipher: str, key: str, sealed: str, aad: str, plaintext: str) -> None:
    sealer = Sealer(cipher, bytes.fromhex(key))
    assert sealer.open(bytes.fromhex(sealed), bytes.fromhex(aad) or None).hex() == plaintext


@each_cipher
def test_nonces_are_never_the_same(cipher: str) -> None:
    sealer = Sealer(cipher, KEY[: key_bytes(cipher)])
    nonces = {sealer.seal(b"x", None)[: CIPHERS[cipher][2]] for _ in range(2000)}
    assert len(nonces) == 2000


@each_cipher
def test_what_is_changed_does_not_open(cipher: str) -> None:
    sealer = Sealer(cipher, KEY[: key_bytes(cipher)])
    sealed = sealer.seal(b"plain", b"data")
    assert sealer.open(sealed, b"data") == b"plain"
    for at in range(len(sealed)):
        with pytest.raises(Unopenable):
            sealer.open(sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :], b"data")
    for other in (sealed[:-1], sealed + b"\0", b"", sealed[: CIPHERS[cipher][2]]):
        with pytest.raises(Unopenable):
            sealer.open(other, b"data")
    for aad in (None, b"", b"date"):
        with pytest.raises(Unopenable):
            sealer.open(sealed, aad)


@each_cipher
def test_convergent_messages_share_a_nonce_only_when_they_are_the_same(cipher: str) -> None:
    size = CIPHERS[cipher][2]
    sealer = ConvergentSealer(cipher, KEY[: key_bytes(cipher)], b"context")
    texts, data = (b"", b"a", b"ab", b"b"), (None, b"a", b"ab", b"b", b"\0" * 7 + b"\1a")
    messages = [(text, aad) for text in texts for aad in data]
    sealed = {message: sealer.seal(*message) for message in messages}
    assert len({one[:size] for one in sealed.values()}) == len(messages)
    for message in messages:
        assert sealer.seal(*message) == sealed[message]
        assert sealer.open(sealed[message], message[1]) == message[0]
    other = ConvergentSealer(cipher, KEY[: key_bytes(cipher)], b"contexu")
    assert other.seal(b"a", None) != sealed[b"a", None]


@each_cipher
def test_keys_of_another_length_are_refused(cipher: str) -> None:
    for size in (0, 15, 24, 33):
        with pytest.raises(ValueError, match="bytes"):
            Sealer(cipher, bytes(size))
