"""Rules that every certificate and CRL of a public authority is checked by, as far as they concern the form.

SOURCE: RFC 5280 and the CA/Browser Forum's Baseline Requirements, sections in the sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtensionOID, NameOID

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
_WEAK = {"md5", "sha1"}
_2050 = datetime(2050, 1, 1, tzinfo=UTC)


def lint(pem: str) -> list[str]:
    """What is wrong with a certificate; nothing, one hopes."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    extensions = {each.oid: each for each in certificate.extensions}
    return [
        *_frame(certificate),
        *_times(certificate, pem),
        *_key(certificate),
        *(
            _authority(certificate, extensions)
            if _is_ca(extensions)
            else _subscriber(certificate, extensions)
        ),
    ]


def lint_crl(pem: str) -> list[str]:
    """What is wrong with a CRL."""
    crl = x509.load_pem_x509_crl(pem.encode())
    found = {each.oid: each for each in crl.extensions}
    said = []
    if ExtensionOID.CRL_NUMBER not in found or found[ExtensionOID.CRL_NUMBER].critical:
        said.append("5.2.3: a CRL has a number, which is not critical")
    if ExtensionOID.AUTHORITY_KEY_IDENTIFIER not in found:
        said.append("5.2.1: a CRL names the key that signed it")
    if crl.next_update_utc is None or crl.next_update_utc <= crl.last_update_utc:
        said.append("5.1.2.5: a CRL says when the next one comes, later than this one")
    if (delta := found.get(ExtensionOID.DELTA_CRL_INDICATOR)) is not None and not delta.critical:
        said.append("5.2.4: the delta indicator is critical")
    serials = [each.serial_number for each in crl]
    if len(serials) != len(set(serials)):
        said.append("a serial number stands in a CRL once")
    for each in crl:
        reasons = each.extensions
        if any(one.critical for one in reasons):
            said.append("5.3: no extension of an entry is critical here")
    return said


def _frame(certificate: x509.Certificate) -> Iterator[str]:
    if certificate.version is not x509.Version.v3:
        yield "4.1.2.1: certificates are of version 3"
    if not 0 < certificate.serial_number < 1 << 159:
        yield "4.1.2.2: a serial number is positive, and its encoding 20 bytes at most"
    if certificate.serial_number.bit_length() < 64:
        yield "BR 7.1: a serial number holds 64 random bits"
    algorithm = certificate.signature_hash_algorithm
    if algorithm is not None and algorithm.name in _WEAK:
        yield "BR 7.1.3.2: no weak digest signs"
    oids = [each.oid for each in certificate.extensions]
    if len(oids) != len(set(oids)):
        yield "4.2: no extension stands twice"
    for attribute in certificate.subject:
        if not str(attribute.value).strip():
            yield "no part of a name is empty"
        if attribute.oid == NameOID.COUNTRY_NAME and not re.fullmatch("[A-Z]{2}", str(attribute.value)):
            yield "BR 7.1.4.2: a country is two letters"
        if attribute.oid == NameOID.COMMON_NAME and not 1 <= len(str(attribute.value)) <= 64:
            yield "A.1: a common name has 64 characters at most"


def _times(certificate: x509.Certificate, pem: str) -> Iterator[str]:
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if first >= last:
        yield "4.1.2.5: it begins before it ends"
    if first.microsecond or last.microsecond:
        yield "4.1.2.5: no fractions of seconds"
    der = x509.load_pem_x509_certificate(pem.encode()).tbs_certificate_bytes
    for moment in (first, last):
        short, long = moment.strftime("%y%m%d%H%M%SZ").encode(), moment.strftime("%Y%m%d%H%M%SZ").encode()
        form = b"\x17\x0d" + short if moment < _2050 else b"\x18\x0f" + long
        if form not in der:
            yield "4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on"


def _key(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        exponent = key.public_numbers().e
        if key.key_size < 2048 or key.key_size % 8:
            yield "BR 6.1.5: RSA of 2048 bits or more, in whole bytes"
        if not (exponent % 2 and 1 << 16 < exponent < 1 << 256):
            yield "BR 6.1.6: an odd exponent above 2^16"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name not in {
        "secp256r1", "secp384r1", "secp521r1", "secp224r1",
    }:  # fmt: skip
        yield "BR 6.1.5: a curve of NIST's"


def _is_ca(extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]) -> bool:
    found = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    return found is not None and isinstance(found.value, x509.BasicConstraints) and found.value.ca


def _authority(
    certificate: x509.Certificate, extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]
) -> Iterator[str]:
    if not extensions[ExtensionOID.BASIC_CONSTRAINTS].critical:
        yield "4.2.1.9: basic constraints of an authority are critical"
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    if usage is None or not usage.critical:
        yield "BR 7.1.2: an authority has a key usage, which is critical"
    elif isinstance(usage.value, x509.KeyUsage) and not (usage.value.key_cert_sign and usage.value.crl_sign):
        yield "BR 7.1.2: an authority signs certificates and CRLs"
    if ExtensionOID.SUBJECT_KEY_IDENTIFIER not in extensions:
        yield "4.2.1.2: an authority's key has an identifier"
    if certificate.subject != certificate.issuer and ExtensionOID.AUTHORITY_KEY_IDENTIFIER not in extensions:
        yield "4.2.1.1: it names the key that signed it"
    if not certificate.subject:
        yield "4.1.2.6: an authority has a name"


def _subscriber(
    certificate: x509.Certificate, extensions: dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]
) -> Iterator[str]:
    if ExtensionOID.AUTHORITY_KEY_IDENTIFIER not in extensions:
        yield "4.2.1.1: it names the key that signed it"
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    if usage is not None and isinstance(usage.value, x509.KeyUsage):
        if usage.value.key_cert_sign or usage.value.crl_sign:
            yield "4.2.1.3: who is no authority signs no certificates"
        if not usage.critical:
            yield "4.2.1.3: key usage is critical"
    names = extensions.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    if names is None:
        if not certificate.subject:
            yield "4.1.2.6: somebody is named"
        return
    if names.critical is bool(list(certificate.subject)):
        yield "4.2.1.6: alternative names are critical where there is no subject, and only there"
    assert isinstance(names.value, x509.SubjectAlternativeName)
    dns = names.value.get_values_for_type(x509.DNSName)
    yield from (f"BR 7.1.4.2: {name} is no name of a host" for name in dns if not _is_host(name))
    known = {
        *(name.lower() for name in dns),
        *map(str, names.value.get_values_for_type(x509.IPAddress)),
        *names.value.get_values_for_type(x509.RFC822Name),
    }
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        if str(attribute.value).lower() not in known:
            yield "BR 7.1.4.3: the common name is one of the alternative names"


def _is_host(name: str) -> bool:
    labels = name.removeprefix("*.").split(".")
    return len(name) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
