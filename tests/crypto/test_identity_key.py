"""Keys and certificates of clients."""

from __future__ import annotations

import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from strongroom.crypto.identity_key import Authority, rsa_key_pair
from strongroom.crypto.selfsigned import self_signed

NOW = int(time.time())


def authority() -> Authority:
    """A certificate that signs for itself; that it may not is not what is tested."""
    made = self_signed(["ca.example"])
    return Authority(made.certificate.decode(), made.key.decode())


def test_an_rsa_pair_belongs_together_and_is_not_shown() -> None:
    pair = rsa_key_pair(2048)
    assert load_pem_private_key(pair.private.encode(), None).public_key() == load_pem_public_key(
        pair.public.encode()
    )
    assert "PRIVATE" not in repr(pair)


def test_a_certificate_ends_with_its_authority_at_the_latest() -> None:
    signer = authority()
    issuer = x509.load_pem_x509_certificate(signer.certificate.encode())
    made = signer.issue("a,b=c", kind="ec", bits=256, now=NOW, ttl=10 * 365 * 86_400)
    certificate = x509.load_pem_x509_certificate(made.certificate.encode())
    assert certificate.not_valid_after_utc == issuer.not_valid_after_utc
    assert certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value == "a,b=c"
    assert made.subject == "CN=a\\,b=c"
    assert "PRIVATE" not in repr(made)
    certificate.verify_directly_issued_by(issuer)


def test_a_key_of_somebody_elses_is_refused() -> None:
    with pytest.raises(ValueError, match="not that of the certificate"):
        Authority(authority().certificate, authority().private).check()
    with pytest.raises(ValueError):  # noqa: PT011  the library's own words
        Authority("", "").check()
    authority().check()
