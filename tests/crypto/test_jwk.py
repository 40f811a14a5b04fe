"""Keys that strangers present: their names, what they sign, and which are refused."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import import_key

from strongroom.crypto import base64url, jwk
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.signing import Key

KEYS: dict[str, Key] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
    "ES512": ec.generate_private_key(ec.SECP521R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
each_key = pytest.mark.parametrize("algorithm", KEYS)


def test_the_thumbprint_of_rfc_7638() -> None:
    # SOURCE: RFC 7638, section 3.1
    key = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert jwk.parse(key).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@each_key
def test_keys_are_named_as_others_name_them(algorithm: str) -> None:
    members = signing.jwk(KEYS[algorithm])
    found = jwk.parse({**members, "use": "sig", "kid": "x"})
    assert found.members == members
    assert found.thumbprint == import_key(dict(members)).thumbprint()
    assert algorithm in found.algorithms
    assert jwk.restored(found.members) == found
    assert found.der.startswith(b"0")


@each_key
def test_signatures_hold_for_what_was_signed(algorithm: str) -> None:
    key = KEYS[algorithm]
    found, message = jwk.parse(signing.jwk(key)), signing.signed(key, {}, {"a": 1})
    text, signature = f"{message['protected']}.{message['payload']}".encode(), message["signature"]
    found.check(algorithm, text, base64url.decode(signature))
    for wrong in (
        (algorithm, text + b"x", base64url.decode(signature)),
        (algorithm, text, base64url.decode(signature)[:-1]),
        (algorithm, text, b""),
        ("HS256", text, base64url.decode(signature)),
        ("none", text, b""),
        ("RS512" if algorithm != "RS256" else "ES256", text, base64url.decode(signature)),
    ):
        with pytest.raises(jwk.BadSignature):
            found.check(*wrong)
    other = jwk.parse(signing.jwk(signing.ec_key()))
    with pytest.raises(jwk.BadSignature):
        other.check(other.algorithms[0], text, base64url.decode(signature))


def test_der_signatures_are_no_json_web_signatures() -> None:
    key = signing.ec_key()
    with pytest.raises(jwk.BadSignature):
        jwk.parse(signing.jwk(key)).check("ES256", b"x", key.sign(b"x", ec.ECDSA(hashes.SHA256())))


EC = signing.jwk(KEYS["ES256"])
RSA = signing.jwk(KEYS["RS256"])
_FACTOR = base64url.encode((3 * ((1 << 2046) + 1)).to_bytes(256, "big"))


@pytest.mark.parametrize(
    "value",
    (
        None,
        "x",
        [],
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {**EC, "d": "AAAA"},
        {**EC, "crv": "P-224"},
        {**EC, "crv": "secp256k1"},
        {**EC, "x": EC["y"]},
        {**EC, "x": EC["x"][:-2]},
        {**EC, "x": EC["x"] + "="},
        {**EC, "x": 1},
        {**EC, "y": base64url.encode(bytes(32))},
        {**EC, "alg": "ES384"},
        {k: v for k, v in EC.items() if k != "y"},
        {"kty": "OKP", "crv": "X25519", "x": base64url.encode(bytes(32))},
        {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(bytes(31))},
        {**RSA, "e": "AQ"},
        {**RSA, "e": "AAEAAQ"},
        {**RSA, "e": base64url.encode(b"\x01\x00\x00\x00\x00\x01")},
        {**RSA, "e": base64url.encode(b"\x01\x00")},
        {**RSA, "n": base64url.encode((1 << 1023 | 1).to_bytes(128, "big"))},
        {**RSA, "n": base64url.encode((1 << 16_383 | 1).to_bytes(2048, "big"))},
        {**RSA, "n": _FACTOR},
        {**RSA, "n": ""},
    ),
)
def test_keys_that_are_refused(value: object) -> None:
    with pytest.raises(jwk.BadKey):
        jwk.parse(value)


def test_codes_of_a_shared_key() -> None:
    for algorithm in jwk.CODES:
        code = hmac.digest(b"key", b"text", f"sha{algorithm[2:]}")
        jwk.check_code(algorithm, b"key", b"text", code)
        for wrong in ((b"kex", b"text", code), (b"key", b"texx", code), (b"key", b"text", code[:-1])):
            with pytest.raises(jwk.BadSignature):
                jwk.check_code(algorithm, *wrong)
    with pytest.raises(jwk.BadSignature):
        jwk.check_code("ES256", b"key", b"text", hmac.digest(b"key", b"text", "sha256"))
