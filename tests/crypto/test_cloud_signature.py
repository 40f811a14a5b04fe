"""Signatures of Cloud KMS: each algorithm verifies its own and nothing else."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from strongroom.crypto.cloud_signature import UnknownAlgorithm, digest_of, verify
from tests.upstream.cloudkms import account_key

DIGEST = hashlib.sha256(b"text").digest()
OTHER = hashlib.sha256(b"other").digest()
FORM = serialization.PublicFormat.SubjectPublicKeyInfo


def test_digests() -> None:
    assert digest_of("EC_SIGN_P256_SHA256") == ("sha256", 32)
    assert digest_of("EC_SIGN_P384_SHA384") == ("sha384", 48)
    assert digest_of("RSA_SIGN_PKCS1_4096_SHA512") == ("sha512", 64)
    for name in ("", "GOOGLE_SYMMETRIC_ENCRYPTION", "EC_SIGN_ED25519", "RSA_DECRYPT_OAEP_2048_SHA256"):
        with pytest.raises(UnknownAlgorithm):
            digest_of(name)


def test_elliptic_curves() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, FORM).decode()
    signature = key.sign(b"text", ec.ECDSA(hashes.SHA256()))
    assert verify("EC_SIGN_P256_SHA256", pem, DIGEST, signature)
    assert not verify("EC_SIGN_P256_SHA256", pem, OTHER, signature)
    assert not verify("EC_SIGN_P256_SHA256", pem, DIGEST, b"rubbish")
    with pytest.raises(UnknownAlgorithm):
        verify("RSA_SIGN_PSS_2048_SHA256", pem, DIGEST, signature)


def test_both_paddings_of_rsa() -> None:
    key = account_key()
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, FORM).decode()
    pss = key.sign(b"text", padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    older = key.sign(b"text", padding.PKCS1v15(), hashes.SHA256())
    for name, signature, valid in (
        ("RSA_SIGN_PSS_2048_SHA256", pss, True),
        ("RSA_SIGN_PSS_2048_SHA256", older, False),
        ("RSA_SIGN_PKCS1_2048_SHA256", older, True),
        ("RSA_SIGN_PKCS1_2048_SHA256", pss, False),
    ):
        assert verify(name, pem, DIGEST, signature) is valid


def test_what_is_no_key() -> None:
    assert not verify("EC_SIGN_P256_SHA256", "rubbish", DIGEST, b"")
