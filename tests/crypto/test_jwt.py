from __future__ import annotations

import base64

import orjson
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from strongroom.crypto.jwt import SigningKey, Unverifiable

KEY = SigningKey.generate()
CLAIMS = {"jti": "s.token", "exp": 1795377930, "type": "wrapping"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def test_claims_survive() -> None:
    token = KEY.sign(CLAIMS)
    assert KEY.verify(token) == CLAIMS
    header, _, signature = token.split(".")
    assert orjson.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "ES512", "typ": "JWT"}
    assert len(base64.urlsafe_b64decode(signature + "==")) == 132


def test_a_key_survives_the_storage() -> None:
    assert SigningKey.load(KEY.dump()).verify(KEY.sign(CLAIMS)) == CLAIMS


def test_the_public_half_verifies_elsewhere() -> None:
    public = serialization.load_pem_public_key(KEY.public_pem().encode())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signed, _, signature = KEY.sign(CLAIMS).rpartition(".")
    raw = base64.urlsafe_b64decode(signature)
    r, s = int.from_bytes(raw[:66], "big"), int.from_bytes(raw[66:], "big")
    public.verify(encode_dss_signature(r, s), signed.encode(), ec.ECDSA(hashes.SHA512()))


def test_any_changed_character_is_refused() -> None:
    token = KEY.sign(CLAIMS)
    for at, was in enumerate(token):
        changed = token[:at] + ("A" if was != "A" else "B") + token[at + 1 :]
        with pytest.raises(Unverifiable):
            KEY.verify(changed)


def test_other_keys_and_other_algorithms_are_refused() -> None:
    payload = b64(orjson.dumps(CLAIMS))
    none = ".".join((b64(orjson.dumps({"alg": "none"})), payload, ""))
    header, body, signature = KEY.sign(CLAIMS).split(".")
    raw = base64.urlsafe_b64decode(signature)
    for token in (
        SigningKey.generate().sign(CLAIMS),
        none,
        f"{header}.{body}",
        f"{header}.{body}.{signature}=",
        f"{header}.{body}.{signature}.{signature}",
        f"{header}.{body}.{b64(bytes(132))}",
        f"{header}.{body}.{b64(raw[:66] + bytes(1) + raw[66:])}",
        f"{b64(b'[]')}.{body}.{signature}",
        "s.plainToken",
        "",
        "é.é.é",
    ):
        with pytest.raises(Unverifiable):
            KEY.verify(token)


def test_only_p521_keys() -> None:
    with pytest.raises(TypeError):
        SigningKey(ec.generate_private_key(ec.SECP256R1()))
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(TypeError):
        SigningKey.load(other)
    with pytest.raises(ValueError, match="deserialize"):
        SigningKey.load(b"junk")
