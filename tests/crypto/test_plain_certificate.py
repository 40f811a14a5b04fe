"""An authority and a server's certificate from it, as OpenSSL's rules would have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store

from strongroom.crypto.plain_certificate import Pair, Wanted, check, issue, new_key

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def _loaded(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.encode())


@pytest.mark.parametrize("kind", ("ecdsa", "ed25519"))
def test_a_server_below_an_authority(kind: str) -> None:
    authority = issue(Wanted("house", NOW, 365, authority=True), new_key("ecdsa"))
    wanted = Wanted("a.example", NOW, 10, ("10.0.0.1", "::1"), ("a.example", "b.example"))
    pair = issue(wanted, new_key(kind), authority)
    made = _loaded(pair)
    assert made.not_valid_before_utc == NOW
    assert made.not_valid_after_utc == NOW + timedelta(days=10)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "b.example"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("10.0.0.1"), ip_address("::1")]
    made.verify_directly_issued_by(_loaded(authority))
    key = load_pem_private_key(pair.key.encode(), None)
    assert key.public_key() == made.public_key()


def test_a_verifier_takes_it() -> None:
    authority = issue(Wanted("house", NOW, 365, authority=True), new_key("ecdsa"))
    server = issue(Wanted("a.example", NOW, 10, (), ("a.example",)), new_key("ecdsa"), authority)
    verifier = PolicyBuilder().store(Store([_loaded(authority)])).time(NOW + timedelta(hours=1))
    built = verifier.build_server_verifier(x509.DNSName("a.example"))
    assert len(built.verify(_loaded(server), [])) == 2


def test_a_certificate_that_signed_itself() -> None:
    pair = issue(Wanted("", NOW, 1), new_key("ed25519"))
    made = _loaded(pair)
    assert made.issuer == made.subject
    made.verify_directly_issued_by(made)
    check(pair.certificate.encode(), pair.key.encode())


def test_what_cannot_be_read() -> None:
    pair = issue(Wanted("x", NOW, 1), new_key("ed25519"))
    with pytest.raises(ValueError, match="no private key"):
        issue(Wanted("x", NOW, 1), "canary")
    with pytest.raises(ValueError, match="certificate"):
        check(b"canary", pair.key.encode())
    with pytest.raises(ValueError, match="no such kind"):
        new_key("canary")
    assert "BEGIN" not in repr(pair)
