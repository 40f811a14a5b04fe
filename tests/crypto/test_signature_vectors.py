"""Signatures and codes that others published, and signatures that must not pass for one of a key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.crypto import digest, private_key
from strongroom.crypto.signature import Options, Unsignable, sign, verify
from tests.secrets.transit.material import RSA_2048

# SOURCE: RFC 8032, section 7.1: seed, public key, message, signature of tests 1, 3 and SHA(abc)
ED25519 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
)

# SOURCE: RFC 6979, appendices A.2.6 and A.2.7, message "sample": curve, private key, hash, r, s
P384 = "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5"
P521 = (
    "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8"
    "FBEC67DB89EC0C08B0E996B83538"
)
ECDSA = (
    (
        ec.SECP384R1(),
        P384,
        "sha2-256",
        "21B13D1E013C7FA1392D03C5F99AF8B30C570C6F98D4EA8E354B63A21D3DAA33BDE1E888E63355D92FA2B3C36D8FB2CD",
        "F3AA443FB107745BF4BD77CB3891674632068A10CA67E3D45DB2266FA7D1FEEBEFDC63ECCD1AC42EC0CB8668A4FA0AB0",
    ),
    (
        ec.SECP384R1(),
        P384,
        "sha2-384",
        "94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46",
        "99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
    ),
    (
        ec.SECP384R1(),
        P384,
        "sha2-512",
        "ED0959D5880AB2D869AE7F6C2915C6D60F96507F9CB3E047C0046861DA4A799CFE30F35CC900056D7C99CD7882433709",
        "512C8CCEEE3890A84058CE1E22DBC2198F42323CE8ACA9135329F03C068E5112DC7CC3EF3446DEFCEB01A45C2667FDD5",
    ),
    (
        ec.SECP521R1(),
        P521,
        "sha2-512",
        (
            "00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4"
            "E8455CC91F9B15BF05EC36E377FA"
        ),
        (
            "00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8"
            "CCB1DCCC43997F1EE0E44DA4A67A"
        ),
    ),
)

# SOURCE: RFC 2202, section 3, and RFC 4231, section 4.3: test case 2, key "Jefe"
HMAC = {
    "sha1": "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    "sha2-224": "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
    "sha2-256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "sha2-384": (
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649"
    ),
    "sha2-512": (
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    ),
}


@pytest.mark.parametrize("vector", ED25519)
def test_ed25519(vector: tuple[str, str, str, str]) -> None:
    seed, public, message, signature = map(bytes.fromhex, vector)
    key = private_key.ed25519_from_seed(seed)
    assert key.public_key().public_bytes_raw() == public
    assert sign(key, message, Options()) == signature
    assert verify(key.public_key(), message, signature, Options())
    assert not verify(key.public_key(), message + b"x", signature, Options())


@pytest.mark.parametrize("vector", ECDSA)
def test_ecdsa(vector: tuple[ec.EllipticCurve, str, str, str, str]) -> None:
    curve, secret, name, r, s = vector
    public = ec.derive_private_key(int(secret, 16), curve).public_key()
    assert verify(public, b"sample", encode_dss_signature(int(r, 16), int(s, 16)), Options(name))
    size = (curve.key_size + 7) // 8
    both = int(r, 16).to_bytes(size, "big") + int(s, 16).to_bytes(size, "big")
    assert verify(public, b"sample", both, Options(name, jws=True))
    hashed = digest.digest(name, b"sample")
    assert verify(public, hashed, both, Options(name, prehashed=True, jws=True))


@pytest.mark.parametrize("name", HMAC)
def test_hmac(name: str) -> None:
    assert digest.hmac(name, b"Jefe", b"what do ya want for nothing?").hex() == HMAC[name]


# -- what must not pass ----------------------------------------------------------------------------------
# The cases are of the kinds that Wycheproof collects; the keys are the tests' own.


def passes(key: object, data: bytes, signature: bytes, options: Options) -> bool:
    """Whether it is taken; an error is a refusal as well."""
    try:
        return verify(key, data, signature, options)  # type: ignore[arg-type]  # of any of the kinds
    except Unsignable:
        return False


def _integer(value: bytes) -> bytes:
    return bytes((2, len(value))) + value


def malformed_ecdsa(r: int, s: int, order: int, size: int) -> Iterator[bytes]:
    """Encodings of a good signature that are none, and of numbers that are none of a signature."""
    good = encode_dss_signature(r, s)
    body = good[2:]
    yield from (b"", good[:-1], good + b"\0", good[:1], b"\x30\0", b"\x30\x80" + body + b"\0\0")
    yield bytes((0x30, 0x81, len(body))) + body  # the length in two bytes where one holds it
    yield bytes((0x31, len(body))) + body
    yield bytes((0x30, len(body) + 3)) + body + b"\x02\x01\0"
    wide = [number.to_bytes(size + 1, "big") for number in (r, s)]
    padded = [_integer(b"\0" + number) for number in wide]
    yield bytes((0x30, len(b"".join(padded)))) + b"".join(padded)  # zeros in front
    narrow = [_integer(number.to_bytes(size, "big")) for number in (r | 1 << (8 * size - 1), s)]
    yield bytes((0x30, len(b"".join(narrow)))) + b"".join(narrow)  # a number below zero
    for r_, s_ in ((r + order, s), (r, s + order), (order, s), (r, order), (0, 0), (1, 0), (s, r)):
        yield encode_dss_signature(r_, s_)
    yield encode_dss_signature(2 ** (8 * size * 4), s)


@pytest.mark.parametrize("curve", (ec.SECP256R1(), ec.SECP384R1()))
def test_what_is_no_signature_of_ecdsa(curve: ec.EllipticCurve) -> None:
    key = ec.derive_private_key(0xC0FFEE, curve)
    size, public = curve.key_size // 8, key.public_key()
    both = sign(key, b"data", Options(jws=True))
    r, s = int.from_bytes(both[:size], "big"), int.from_bytes(both[size:], "big")
    assert verify(public, b"data", encode_dss_signature(r, s), Options())
    assert verify(public, b"data", encode_dss_signature(r, curve.group_order - s), Options()), "as good"
    for bad in malformed_ecdsa(r, s, curve.group_order, size):
        assert not passes(public, b"data", bad, Options()), bad.hex()
    for bad in (b"", both[:-1], both + b"\0", b"\0" + both, bytes(2 * size), encode_dss_signature(r, s)):
        assert not passes(public, b"data", bad, Options(jws=True)), bad.hex()


def test_what_is_no_signature_of_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, good = key.public_key(), sign(key, b"data", Options())
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(good[32:], "little")
    identity = b"\x01" + bytes(31)
    for bad in (
        b"",
        good[:-1],
        good + b"\0",
        bytes(64),
        identity + bytes(32),
        good[:32] + (s + order).to_bytes(32, "little"),
        good[:32] + order.to_bytes(32, "little"),
        good[32:] + good[:32],
        b"\xff" * 64,
        *(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :] for at in (0, 31, 32, 63)),
    ):
        assert not passes(public, b"data", bad, Options()), bad.hex()


_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
"""What stands before a SHA-256 digest in PKCS #1 v1.5. SOURCE: RFC 8017, section 9.2, note 1"""


def test_what_is_no_signature_of_rsa() -> None:
    """Blocks that a careless reader takes for PKCS #1 v1.5, brought under the key by its private exponent."""
    key = private_key.load(RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    numbers = key.private_numbers()
    n, size, options = numbers.public_numbers.n, key.key_size // 8, Options(scheme="pkcs1v15")
    hashed = hashlib.sha256(b"data").digest()

    def under(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), numbers.d, n).to_bytes(size, "big")

    def block(tail: bytes, head: bytes = b"\0\x01", fill: bytes = b"\xff") -> bytes:
        return head + fill * (size - len(head) - 1 - len(tail)) + b"\0" + tail

    good = under(block(_SHA256 + hashed))
    assert verify(key.public_key(), b"data", good, options)
    without_null = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + hashed
    garbage = b"\0\x01" + b"\xff" * 8 + b"\0" + _SHA256 + hashed
    for bad in (
        b"",
        good[:-1],
        b"\0" + good,
        good + b"\0",
        bytes(size),
        b"\0" * (size - 1) + b"\x01",
        (int.from_bytes(good, "big") + n).to_bytes(size + 1, "big"),
        under(garbage + bytes(size - len(garbage))),
        under(block(without_null)),
        under(block(hashed)),
        under(block(_SHA256 + hashed + b"\0")),
        under(block(_SHA256 + hashed, head=b"\0\x02")),
        under(block(_SHA256 + hashed, fill=b"\xfe")),
        under(block(_SHA256 + hashed, fill=b"\0")),
        under(block(bytes.fromhex("3021300906052b0e03021a05000414") + hashed[:20])),  # as if by SHA-1
        sign(key, b"data", Options()),
    ):
        assert not passes(key.public_key(), b"data", bad, options), bad.hex()
    salted = sign(key, b"data", Options())
    for bad in (b"", salted[:-1], salted + b"\0", bytes(size), good):
        assert not passes(key.public_key(), b"data", bad, Options())
    assert not passes(key.public_key(), b"data", salted, Options(salt=20))
    assert not passes(key.public_key(), b"data", salted, Options("sha2-384"))
