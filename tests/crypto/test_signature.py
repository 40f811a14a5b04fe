from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.crypto import private_key
from strongroom.crypto.signature import HASHES, Options, Unsignable, mldsa_from_seed, sign, verify

# SOURCE: RFC 6979, appendix A.2.5: P-256, message "sample"
X = 0x60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6
Y = 0x7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299
SAMPLE = {
    "sha1": (
        0x61340C88C3AAEBEB4F6D667F672CA9759A6CCAA9FA8811313039EE4A35471D32,
        0x6D7F147DAC089441BB2E2FE8F7A3FA264B9C475098FDCF6E00D7C996E1B8B7EB,
    ),
    "sha2-256": (
        0xEFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716,
        0xF7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8,
    ),
    "sha2-512": (
        0x8496A60B5E9B47C825488827E0495B0E3FA109EC4568FD3F8D1097678EB97F00,
        0x2362AB1ADBE2B8ADF9CB9EDAB740EA6049C028114F2460F96554F61FAE3302FE,
    ),
}


@pytest.mark.parametrize("name", SAMPLE)
def test_ecdsa(name: str) -> None:
    public = ec.EllipticCurvePublicNumbers(X, Y, ec.SECP256R1()).public_key()
    r, s = SAMPLE[name]
    assert verify(public, b"sample", encode_dss_signature(r, s), Options(name))
    both = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert verify(public, b"sample", both, Options(name, jws=True))
    assert not verify(public, b"sampled", both, Options(name, jws=True))
    assert not verify(public, b"sample", both[:-1], Options(name, jws=True))
    for r_, s_ in ((0, s), (r, 0), (0, 0), (r, s + 1), (2**256 - 1, s)):
        assert not verify(public, b"sample", encode_dss_signature(r_, s_), Options(name))


def test_ed25519() -> None:
    # SOURCE: RFC 8032, section 7.1, test 2
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    expected = (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    for options in (Options(), Options("sha2-512", prehashed=True), Options(jws=True)):
        assert sign(key, b"\x72", options).hex() == expected
    assert not verify(key.public_key(), b"\x73", bytes.fromhex(expected), Options())
    # SOURCE: a signature whose s is not below the group's order must be refused: RFC 8032, section 5.1.7
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(bytes.fromhex(expected)[32:], "little") + order
    assert not verify(
        key.public_key(), b"\x72", bytes.fromhex(expected)[:32] + s.to_bytes(32, "little"), Options()
    )


@pytest.mark.parametrize("parameter_set", ("44", "65", "87"))
def test_mldsa(parameter_set: str) -> None:
    key = mldsa_from_seed(parameter_set, bytes(range(32)))
    signature = sign(key, b"data", Options())
    assert verify(key.public_key(), b"data", signature, Options())
    assert not verify(key.public_key(), b"date", signature, Options())
    assert not verify(key.public_key(), b"data", signature[:-1], Options())


@pytest.mark.parametrize("bits", (256, 384, 521))
def test_ecdsa_takes_of_a_digest_what_the_curve_has_room_for(bits: int) -> None:
    key = private_key.generate("ec", bits)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    room, options = min(bits // 8, 64), Options(prehashed=True)
    for length in (1, 20, 27, 28, 32, 48, 64):
        digest = bytes(range(1, length + 1))
        signature = sign(key, digest, options)
        assert verify(key.public_key(), digest, signature, options)
        if length < room:  # a number with zeros in front is the same number
            assert verify(key.public_key(), b"\0" + digest, signature, options)
            assert not verify(key.public_key(), digest + b"x", signature, options)
        elif bits < 521:  # what is beyond the order's bits does not count
            assert verify(key.public_key(), digest + b"x", signature, options)
    if bits == 521:
        with pytest.raises(Unsignable):
            sign(key, bytes(65), Options(prehashed=True))


def test_hashes_have_their_names() -> None:
    assert {name: algorithm.digest_size * 8 for name, algorithm in HASHES.items()} == {
        "sha1": 160,
        **{f"sha{n}-{size}": size for n in (2, 3) for size in (224, 256, 384, 512)},
    }
