"""Certificates and requests are read with care, and made as the library makes them."""

from __future__ import annotations

import base64
import ipaddress
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import (
    alternative_names,
    certificate,
    certificate_plan,
    distinguished_name,
    pem,
    revocation_list,
    signing_key,
    signing_request,
)
from strongroom.crypto.alternative_names import AlternativeNames, OtherName
from strongroom.crypto.certificate_plan import Plan
from strongroom.crypto.distinguished_name import Subject

KEY = signing_key.generate("ec", 256)
_ASCII = st.text("abcxyz.-", min_size=1, max_size=40)


def _made(**fields: object) -> certificate.Certificate:
    plan = Plan(KEY.public_key(), Subject(common_name="x"), not_after=2_000_000_000, **fields)  # type: ignore[arg-type]
    return certificate_plan.sign(plan, KEY)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(_ASCII, max_size=3), st.lists(_ASCII, max_size=3), st.lists(st.ip_addresses(), max_size=2),
    st.lists(st.text(max_size=200), max_size=2), st.lists(st.integers(0, 2**70), min_size=1, max_size=4),
)  # fmt: skip
def test_names_are_encoded_as_the_library_does(
    dns: list[str],
    uris: list[str],
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
    texts: list[str],
    arcs: list[int],
) -> None:
    oid = ".".join(map(str, (1, 3, *arcs)))
    names = AlternativeNames(
        dns, [f"me@{name}" for name in dns], addresses, uris, [OtherName(oid, t) for t in texts]
    )
    if not names:
        return
    value = alternative_names.extension_of(names).public_bytes()
    parsed = _made(names=names).alternative_names
    assert parsed == names
    again = x509.SubjectAlternativeName(list(_extension(_made(names=names))))
    assert again.public_bytes() == value


def _extension(one: certificate.Certificate) -> x509.SubjectAlternativeName:
    return one.parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value


CERTIFICATE = _made().der
REQUEST = signing_request.make(KEY, Subject(common_name="x"), AlternativeNames(dns=["x.y"])).der


@pytest.mark.parametrize(("kind", "bits"), (("ec", 256), ("ec", 521), ("ed25519", 0), ("mldsa", 65)))
def test_identifiers_of_keys_are_those_of_rfc_5280(kind: signing_key.KeyKind, bits: int) -> None:
    public = signing_key.generate(kind, bits).public_key()
    assert signing_key.key_identifier(public) == x509.SubjectKeyIdentifier.from_public_key(public).digest
    assert (signing_key.kind_of(public), signing_key.bits_of(public)) == (kind, bits)


def test_keys_that_no_one_should_certify() -> None:
    large = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key().public_numbers()
    for exponent in (2**40 + 15, 2**200 + 1):
        odd = rsa.RSAPublicNumbers(exponent, large.n).public_key()
        with pytest.raises(ValueError, match="exponent"):
            signing_key.check_public(odd)
    with pytest.raises(ValueError, match="curve"):
        signing_key.check_public(ec.generate_private_key(ec.SECP256K1()).public_key())


def test_serial_numbers_are_positive() -> None:
    der = bytearray(_made(serial=0x7F1122).der)
    position = bytes(der).index(b"\x02\x03\x7f\x11\x22")
    der[position + 2] = 0xFF
    with pytest.raises(ValueError, match="no certificate"):
        certificate.load(bytes(der))
    der[position + 2 : position + 5] = b"\0\0\0"
    with pytest.raises(ValueError, match="no certificate"):
        certificate.load(bytes(der))


def test_an_extension_comes_once() -> None:
    one = _made(key_usage=["digitalsignature"], ext_key_usage=["1.3.6.1.5.5.7.3.1"])
    twice = one.der.replace(b"\x06\x03\x55\x1d\x25", b"\x06\x03\x55\x1d\x0e")
    assert twice != one.der
    with pytest.raises(ValueError, match="no certificate"):
        certificate.load(twice)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_certificates_and_requests_are_mistakes(data: st.DataObject) -> None:
    for whole, load in ((CERTIFICATE, certificate.load), (REQUEST, signing_request.load)):
        changed = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 3))):
            changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
        with suppress(ValueError):
            load(bytes(changed[: data.draw(st.integers(0, len(changed)))]))


def test_subjects_are_read_as_they_are_written() -> None:
    subject = Subject(
        common_name="x", serial_number="7", country=["DE"], organization=["A", "B"], ou=["U"], locality=["L"],
        province=["P"], street_address=["S"], postal_code=["1"], user_ids=["u"],
    )  # fmt: skip
    assert distinguished_name.subject_of(distinguished_name.name_of(subject)) == subject
    for wrong in (Subject(country=["Germany"]), Subject(common_name="x" * 65), Subject(ou=[""])):
        with pytest.raises(ValueError, match="has to have"):
            distinguished_name.name_of(wrong)


def test_a_text_in_a_certificate_does_not_make_it_one() -> None:
    subject = Subject(ou=["-----BEGIN CERTIFICATE-----"])
    plan = Plan(KEY.public_key(), subject, not_after=2_000_000_000)
    made = certificate_plan.sign(plan, KEY)
    assert certificate.load(made.der).subject == subject
    assert certificate.load(f"0x\n{made.pem}".encode()).subject == subject
    asked = signing_request.make(KEY, subject, AlternativeNames())
    assert signing_request.load(asked.der).subject == subject


def test_names_that_no_one_could_read_are_refused() -> None:
    with pytest.raises(ValueError, match="can hold"):
        _made(extensions=[("2.5.29.17", False, b"\x30\x03\x82\x05a")])


def test_bundles_hold_what_they_hold() -> None:
    one = _made()
    certificates, keys = pem.blocks(
        f"junk\n{one.pem}\n{signing_key.pem(KEY)}\n{signing_key.pem(KEY, pkcs8=False)}"
    )
    assert [each.der for each in certificates] == [one.der]
    assert all(signing_key.proves(key, KEY.public_key()) for key in keys)
    assert len(keys) == 2
    assert pem.encode("CERTIFICATE", one.der) == one.pem
    for wrong in ("-----BEGIN X-----\n-----END X-----", "-----BEGIN CERTIFICATE-----", one.pem * 101):
        with pytest.raises(ValueError, match=r"bundle|damaged"):
            pem.blocks(wrong)


def test_a_key_is_read_without_repeating_any_of_it() -> None:
    text = (
        "-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(b"secret").decode() + "\n-----END PRIVATE KEY-----"
    )
    with pytest.raises(ValueError, match="no private key") as caught:
        signing_key.load(text.encode())
    assert "c2Vj" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_version_that_there_is_not() -> None:
    place = CERTIFICATE.index(b"\xa0\x03\x02\x01\x02") + 4
    with pytest.raises(ValueError, match="no certificate"):
        certificate.load(CERTIFICATE[:place] + b"\x07" + CERTIFICATE[place + 1 :])
    place = REQUEST.index(b"\x02\x01\x00") + 2
    with pytest.raises(ValueError, match="no certificate request"):
        signing_request.load(REQUEST[:place] + b"\x07" + REQUEST[place + 1 :])
    authority = certificate.load(CERTIFICATE)
    listed = revocation_list.sign(
        b"", KEY, authority, number=1, this_update=1_700_000_000, next_update=1_800_000_000
    )
    place = listed.index(b"\x02\x01\x01") + 2
    with pytest.raises(ValueError, match="no revocation list"):
        revocation_list.load(listed[:place] + b"\x07" + listed[place + 1 :])
