from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap_with_padding

from strongroom.crypto import private_key
from strongroom.crypto.keywrap import HASHES, LONGEST, Unwrappable, unwrap, wrap
from tests.secrets.transit.material import RSA_2048


@pytest.fixture(scope="module")
def own() -> rsa.RSAPrivateKey:
    key = private_key.load(RSA_2048)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


@pytest.mark.parametrize(
    ("wrapped", "key"),
    (
        # SOURCE: RFC 5649, section 6
        (
            "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
            "c37b7e6492584340bed12207808941155068f738",
        ),
        ("afbeb0f07dfbf5419200f2ccb50bb24f", "466f7250617369"),
    ),
)
def test_known_answers(wrapped: str, key: str) -> None:
    passing = bytes.fromhex("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8")
    assert aes_key_unwrap_with_padding(passing, bytes.fromhex(wrapped)).hex() == key


@pytest.mark.parametrize("name", HASHES)
def test_round(own: rsa.RSAPrivateKey, name: str) -> None:
    for secret in (b"x", bytes(16), bytes(range(32)), bytes(2400)):
        wrapped = wrap(own.public_key(), secret, name)
        assert unwrap(own, wrapped, name) == secret
        other = "SHA256" if name != "SHA256" else "SHA384"
        with pytest.raises(Unwrappable):
            unwrap(own, wrapped, other)


def test_what_is_malformed(own: rsa.RSAPrivateKey) -> None:
    wrapped = wrap(own.public_key(), bytes(32), "SHA256")
    changed = (wrapped[:-1] + bytes((wrapped[-1] ^ 1,)), bytes((wrapped[0] ^ 1,)) + wrapped[1:])
    for other in (b"", wrapped[:256], wrapped[:-8], wrapped + bytes(8), *changed, bytes(257 + LONGEST)):
        with pytest.raises(Unwrappable):
            unwrap(own, other, "SHA256")
