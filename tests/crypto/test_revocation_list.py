"""Revocation lists put together here are those that the library would have made."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from strongroom.crypto import certificate_plan, revocation_list, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.certificate_plan import Plan
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import KeyKind, SigningKey

NOW, LATE = 1_800_000_000, 2_600_000_000  # the second is after 2049
REVOKED = [
    ("01", NOW),
    ("80:00", NOW + 1),
    ("7f", NOW),
    (":".join(["7f", *["ff"] * 18]), LATE),
    ("0a:0b", NOW),
]


def _root(key: SigningKey) -> Certificate:
    plan = Plan(key.public_key(), Subject(common_name="Root"), not_after=4_000_000_000, is_ca=True)
    return certificate_plan.sign(plan, key)


@pytest.mark.parametrize(("kind", "bits"), (("ec", 256), ("ec", 384), ("ed25519", 0), ("mldsa", 44)))
def test_what_is_listed_is_read_again(kind: KeyKind, bits: int) -> None:
    key = signing_key.generate(kind, bits)
    root = _root(key)
    der = revocation_list.sign(
        revocation_list.entries(REVOKED), key, root, number=7, this_update=NOW, next_update=LATE, base=3
    )
    read = revocation_list.load(der)
    assert read.revoked == REVOKED
    assert list(read.validity) == [NOW, LATE]
    assert [read.is_of(one) for one in (root, _root(signing_key.generate("ec", 256)))] == [True, False]
    extensions = read.parsed.extensions
    assert extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == 7
    assert extensions.get_extension_for_class(x509.DeltaCRLIndicator).value.crl_number == 3


def test_the_library_encodes_the_same() -> None:
    key = signing_key.generate("ed25519", 0)
    root = _root(key)
    ours = revocation_list.sign(
        revocation_list.entries(REVOKED), key, root, number=1, this_update=NOW, next_update=LATE
    )
    entries = [
        x509.RevokedCertificateBuilder()
        .serial_number(int(serial.replace(":", ""), 16))
        .revocation_date(datetime.fromtimestamp(when, UTC))
        .build()
        for serial, when in REVOKED
    ]
    aki = x509.AuthorityKeyIdentifier(root.subject_key_id, None, None)
    extensions = [x509.Extension(value.oid, False, value) for value in (aki, x509.CRLNumber(1))]
    builder = x509.CertificateRevocationListBuilder(
        root.parsed.subject,
        datetime.fromtimestamp(NOW, UTC),
        datetime.fromtimestamp(LATE, UTC),
        extensions,  # type: ignore[arg-type]  # a list of both kinds
        entries,
    )
    theirs = builder.sign(key, None)
    assert ours == theirs.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("algorithm", ("", "SHA384WithRSA", "SHA512WithRSAPSS"))
def test_rsa_signs_as_it_is_told(algorithm: str, rsa_key: SigningKey) -> None:
    root = _root(rsa_key)
    der = revocation_list.sign(
        revocation_list.entries(REVOKED),
        rsa_key,
        root,
        number=1,
        this_update=NOW,
        next_update=LATE,
        algorithm=algorithm,
    )
    parsed = revocation_list.load(der).parsed
    assert parsed.is_signature_valid(rsa_key.public_key())
    digest = parsed.signature_hash_algorithm
    assert digest is not None
    assert digest.name == {"SHA384WithRSA": "sha384", "SHA512WithRSAPSS": "sha512"}.get(algorithm, "sha256")


@pytest.fixture(scope="module")
def rsa_key() -> SigningKey:
    return signing_key.generate("rsa", 2048)


@pytest.mark.parametrize("data", (b"", b"foo", b"-----BEGIN X509 CRL-----\n", b"\x30\x80" * 1000))
def test_what_is_no_list(data: bytes) -> None:
    with pytest.raises(ValueError, match="no revocation list"):
        revocation_list.load(data)
