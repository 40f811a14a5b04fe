"""What a certificate says when more is asked for than a certificate should say."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from strongroom.errors import BadRequest
from strongroom.secrets.pki import issuance
from tests.inprocess import InProcess, inprocess
from tests.secrets.pki.authority import ANY, issued, mounted, role

_BITS = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _request(*usages: str, **attributes: str) -> str:
    """A request for a certificate whose key is for these usages."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = {"common_name": "a.example.com", **attributes}
    subject = x509.Name(
        [x509.NameAttribute(getattr(NameOID, name.upper()), value) for name, value in names.items() if value]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if usages:
        usage = x509.KeyUsage(**{bit: bit in usages for bit in _BITS})
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _usages(pem: str) -> set[str]:
    parsed = x509.load_pem_x509_certificate(pem.encode())
    try:
        usage = parsed.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return set()
    return {bit for bit in _BITS[:7] if getattr(usage, bit)}


def test_only_an_authority_has_a_key_that_signs_certificates() -> None:
    """Some take a certificate with that usage, and without constraints, for an authority."""

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "sign", **ANY, key_usage="CertSign,CRLSign,DigitalSignature")
        one = await api("POST", "pki/issue/sign", {"common_name": "a.example.com"})
        assert _usages(one.data["certificate"]) == {"crl_sign", "digital_signature"}
        assert any("CertSign" in note for note in one.json["warnings"])
        for path, asked in (("sign-verbatim", "key_cert_sign"), ("sign/sign", "key_cert_sign")):
            signed = await api("POST", f"pki/{path}", {"csr": _request(asked)})
            assert "key_cert_sign" not in _usages(signed.data["certificate"])
        kept = await api("POST", "pki/sign-verbatim", {"csr": _request("key_cert_sign", "key_agreement")})
        assert _usages(kept.data["certificate"]) == {"key_agreement"}
        body = {"csr": _request("key_cert_sign", "digital_signature"), "use_csr_values": True}
        below = await api("POST", "pki/root/sign-intermediate", body)
        assert _usages(below.data["certificate"]) == {"key_cert_sign", "crl_sign", "digital_signature"}
        narrow = {"csr": _request(), "common_name": "x", "key_usage": "DigitalSignature,KeyEncipherment"}
        below = await api("POST", "pki/root/sign-intermediate", narrow)
        assert _usages(below.data["certificate"]) == {"key_cert_sign", "crl_sign", "digital_signature"}

    inprocess(scenario)


def test_an_intermediate_without_a_name_has_that_of_its_request() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        csr = _request(serial_number="77")
        for body, subject in (
            ({}, "2.5.4.5=77,CN=a.example.com"),
            ({"common_name": "x"}, "2.5.4.5=77,CN=x"),
        ):
            answer = await api("POST", "pki/root/sign-intermediate", {"csr": csr, **body})
            made = x509.load_pem_x509_certificate(answer.data["certificate"].encode())
            assert made.subject.rfc4514_string() == subject
        nameless = await api(
            "POST", "pki/root/sign-intermediate", {"csr": _request(common_name=""), "max_path_length": 0}
        )
        notes = " ".join(nameless.json["warnings"])
        assert "no subject" in notes
        assert "path length is zero" in notes

    inprocess(scenario)


@pytest.mark.parametrize(
    "text",
    ("http://x/", "spiffe://a/b", "urn:uuid:1", "http://[::1]:80/", "mailto:a@b.org", "http://a/%20"),
)
def test_uris(text: str) -> None:
    assert issuance.uri_of(text) == text


@pytest.mark.parametrize(
    "text",
    ("", "foo", "::", "x y", "http://a b", "http://[::1", "http://a%zz", "http://\u00e4", "http://a:x", "a:"),
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(BadRequest):
        issuance.uri_of(text)


def test_addresses() -> None:
    assert issuance.address_of("::ffff:1.2.3.4") == ipaddress.ip_address("1.2.3.4")
    assert issuance.address_of("::1") == ipaddress.ip_address("::1")
    for text in ("fe80::1%eth0", "1.2.3.4/8", "01.2.3.4", ""):
        with pytest.raises(BadRequest):
            issuance.address_of(text)


def test_names_that_are_too_long_are_refused_and_not_left_out() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        body = {"common_name": "a.example.com", "alt_names": ".".join(["a" * 60] * 5)}
        assert (await api("POST", "pki/issue/any", body)).status == 400

    inprocess(scenario)


def test_several_other_names_in_one_text() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "other", **ANY, allowed_other_sans="1.2.3;utf8:*,1.2.4;utf8:b")
        one = await issued(api, "other", other_sans="1.2.3;utf8:a,1.2.4;utf8:b")
        parsed = x509.load_pem_x509_certificate(one["certificate"].encode())
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert [name.type_id.dotted_string for name in names.get_values_for_type(x509.OtherName)] == [
            "1.2.3",
            "1.2.4",
        ]

    inprocess(scenario)


def test_bits_of_the_hash_that_a_curve_signs() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "long", **ANY, signature_bits=512)
        signed = await api("POST", "pki/sign/long", {"csr": _request()})
        parsed = x509.load_pem_x509_certificate(signed.data["certificate"].encode())
        assert isinstance(parsed.signature_hash_algorithm, hashes.SHA512)
        assert (await api("POST", "pki/roles/none", {**ANY, "signature_bits": 111})).status == 400
        root = {"common_name": "x", "key_type": "rsa", "signature_bits": 111}
        assert (await api("POST", "pki/root/generate/internal", root)).status == 400

    inprocess(scenario)


def test_what_a_serial_number_of_a_subject_can_hold() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "serial", **ANY, allowed_serial_numbers="*")
        body = {"common_name": "a.example.com", "serial_number": "\u00e4"}
        answer = await api("POST", "pki/issue/serial", body)
        assert answer.status == 400
        assert answer.errors[0].startswith("serial_number:")

    inprocess(scenario)


def test_no_certificate_is_longer_than_what_can_be_read_again() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        many = {"common_name": "a.example.com", "alt_names": [f"h{n}.example.com" for n in range(20_000)]}
        refused = await api("POST", "pki/issue/any", many)
        assert (refused.status, refused.errors) == (400, ["this is more than a certificate can hold"])
        most = await issued(api, alt_names=[f"h{n}.example.com" for n in range(10_000)])
        assert (await api("GET", f"pki/cert/{most['serial_number']}")).status == 200
        assert (await api("LIST", "pki/certs/detailed")).status == 200
        assert (await api("POST", "pki/revoke", {"certificate": most["certificate"]})).status == 200

    inprocess(scenario)
