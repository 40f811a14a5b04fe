"""Chains: what leads from a leaf to an authority, and what must not. OpenSSL judges beside us."""

from __future__ import annotations

import datetime as dt
import ipaddress
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from strongroom.crypto import chain
from strongroom.crypto.chain import NoIssuer, Untrusted, chains
from tests.certificates import CLIENT, NOW, SERVER, certificate, raw_extension
from tests.listener.authority import Issued

ROOT = certificate("root", ca=True)
MIDDLE = certificate("middle", ROOT, ca=True)
LEAF = certificate("leaf", MIDDLE)


def judged(leaf: Issued, *sent: Issued, trusted: tuple[Issued, ...] = (ROOT,), now: dt.datetime = NOW) -> str:
    """Empty when there is a good chain, else why there is none."""
    try:
        found = chains(
            leaf.certificate, [one.certificate for one in sent], [one.certificate for one in trusted], now
        )
    except Untrusted as error:
        return str(error)
    assert all(one[0] == leaf.certificate for one in found)
    return ""


def openssl(folder: Path, leaf: Issued, *sent: Issued, trusted: tuple[Issued, ...] = (ROOT,)) -> bool:
    """Whether OpenSSL finds a good chain for a TLS client."""
    for name, certificates in (("leaf", (leaf,)), ("sent", sent), ("trusted", trusted)):
        (folder / name).write_text("".join(one.pem for one in certificates))
    command = [
        "openssl",
        "verify",
        "-partial_chain",
        "-purpose",
        "sslclient",
        "-CAfile",
        "trusted",
        "-no-CApath",
    ]
    command += ["-untrusted", "sent"] if sent else []
    done = subprocess.run([*command, "leaf"], cwd=folder, capture_output=True, timeout=20, check=False)
    return done.returncode == 0


def test_good_chains() -> None:
    assert judged(certificate("direct", ROOT)) == ""
    assert judged(LEAF, MIDDLE) == ""
    assert judged(LEAF, trusted=(MIDDLE,)) == "", "an authority in the middle may be trusted itself"
    assert judged(ROOT) == "", "what is trusted may show itself"
    assert judged(certificate("no usage", ROOT, usages=())) == ""
    assert judged(certificate("any", ROOT, usages=(ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,))) == ""


def test_what_leads_nowhere() -> None:
    impostor = certificate("middle", ca=True)
    for leaf, sent in ((LEAF, ()), (LEAF, (impostor,)), (certificate("alone"), ()), (LEAF, (LEAF,))):
        with pytest.raises(NoIssuer):
            chains(leaf.certificate, [one.certificate for one in sent], [ROOT.certificate], NOW)


def test_a_root_of_the_same_name_is_another() -> None:
    assert "no trusted authority" in judged(certificate("leaf", certificate("root", ca=True)))


def names(*permitted: x509.GeneralName, excluded: tuple[x509.GeneralName, ...] = ()) -> Issued:
    constraints = x509.NameConstraints(list(permitted) or None, list(excluded) or None)
    return certificate("constrained", ROOT, ca=True, further=[(constraints, True)])


DNS, MAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier
WITHIN = names(DNS("example.com"), MAIL("example.com"), URI(".example.com"))
WITHOUT = names(excluded=(DNS("bad.example.com"), MAIL("eve@example.com")))
UNDER = names(x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Ops")])))


def usage(**bits: bool) -> x509.KeyUsage:
    every = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**(dict.fromkeys(every, False) | bits))


SHORT = certificate("short", ROOT, ca=True, depth=0)
BELOW_SHORT = certificate("below", SHORT, ca=True)
NO_SIGNING = certificate("no signing", ROOT, ca=True, further=[(usage(crl_sign=True), True)])
SERVERS_ONLY = certificate("servers", ROOT, ca=True, further=[(x509.ExtendedKeyUsage([SERVER]), False)])
NO_CA = certificate("no ca", ROOT)
OLD = certificate("old", ROOT, ca=True, ends=-0.5)

CRITICAL = raw_extension("1.2.3", b"\5\0", critical=True)
NO = "may not give"
CASES: dict[str, tuple[Issued, tuple[Issued, ...], str]] = {
    "expired": (certificate("x", ROOT, ends=-0.5), (), "expired"),
    "not yet": (certificate("x", ROOT, begins=1), (), "expired or is not yet valid"),
    "expired issuer": (certificate("x", OLD), (OLD,), "expired"),
    "for servers": (certificate("x", ROOT, usages=(SERVER,)), (), "incompatible key usage"),
    "issuer for servers": (certificate("x", SERVERS_ONLY), (SERVERS_ONLY,), "incompatible key usage"),
    "does not sign": (
        certificate("x", ROOT, further=[(usage(key_encipherment=True), True)]),
        (),
        "incompatible key usage",
    ),
    "signs": (certificate("x", ROOT, further=[(usage(digital_signature=True), True)]), (), ""),
    "no authority": (certificate("x", NO_CA), (NO_CA,), "may not issue"),
    "may not sign certificates": (certificate("x", NO_SIGNING), (NO_SIGNING,), "may not issue"),
    "short enough": (certificate("x", SHORT), (SHORT,), ""),
    "too deep": (certificate("x", BELOW_SHORT), (BELOW_SHORT, SHORT), "too many intermediates"),
    "critical": (
        certificate("x", ROOT, further=[raw_extension("1.2.3", b"\5\0", critical=True)]),
        (),
        "critical",
    ),
    "not critical": (certificate("x", ROOT, further=[raw_extension("1.2.3", b"\5\0")]), (), ""),
    "host within": (certificate("x", WITHIN, names=[DNS("a.example.com")]), (WITHIN,), ""),
    "host itself": (certificate("x", WITHIN, names=[DNS("EXAMPLE.com")]), (WITHIN,), ""),
    "host outside": (certificate("x", WITHIN, names=[DNS("a.example.org")]), (WITHIN,), NO),
    "host with that end": (
        certificate("x", WITHIN, names=[DNS("badexample.com")]),
        (WITHIN,),
        "may not give",
    ),
    "common name outside": (certificate("a.example.org", WITHIN), (WITHIN,), NO),
    "common name within": (certificate("a.example.com", WITHIN), (WITHIN,), ""),
    "mail within": (certificate("x", WITHIN, names=[MAIL("a@example.com")]), (WITHIN,), ""),
    "mail below": (certificate("x", WITHIN, names=[MAIL("a@b.example.com")]), (WITHIN,), NO),
    "uri below": (certificate("x", WITHIN, names=[URI("https://a.example.com/x")]), (WITHIN,), ""),
    "uri outside": (certificate("x", WITHIN, names=[URI("https://example.org/")]), (WITHIN,), NO),
    "host excluded": (
        certificate("x", WITHOUT, names=[DNS("a.bad.example.com")]),
        (WITHOUT,),
        "may not give",
    ),
    "host not excluded": (certificate("x", WITHOUT, names=[DNS("good.example.com")]), (WITHOUT,), ""),
    "mail excluded": (certificate("x", WITHOUT, names=[MAIL("eve@EXAMPLE.com")]), (WITHOUT,), NO),
    "mail not excluded": (certificate("x", WITHOUT, names=[MAIL("ann@example.com")]), (WITHOUT,), ""),
    "directory outside": (certificate("x", UNDER), (UNDER,), NO),
}


@pytest.mark.parametrize("name", CASES)
def test_rules_as_openssl_has_them(name: str, tmp_path: Path) -> None:
    leaf, sent, words = CASES[name]
    said = judged(leaf, *sent)
    assert words in said if words else said == ""
    assert openssl(tmp_path, leaf, *sent) == (not words)


def test_constraints_hold_for_authorities_in_between() -> None:
    between = certificate("between", WITHIN, ca=True)
    assert judged(certificate("x", between, names=[DNS("a.example.org")]), between, WITHIN) != ""
    assert judged(certificate("x", between, names=[DNS("a.example.com")]), between, WITHIN) == ""


def test_directory_names_compare_without_case() -> None:
    constraint = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "The  Team")])
    above = names(x509.DirectoryName(constraint))
    assert judged(certificate("the team", above), above) == ""
    assert judged(certificate("the other team", above), above) != ""


def test_addresses() -> None:
    above = names(x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")))
    for address, fine in (("10.1.2.3", True), ("11.1.2.3", False), ("::1", False)):
        named = certificate("x", above, names=[x509.IPAddress(ipaddress.ip_address(address))])
        assert (judged(named, above) == "") is fine


def test_a_wildcard_reaches_no_excluded_host() -> None:
    assert judged(certificate("x", WITHOUT, names=[DNS("*.example.com")]), WITHOUT) != ""
    assert judged(certificate("x", WITHOUT, names=[DNS("*.example.org")]), WITHOUT) == ""


def test_weak_signatures_and_keys() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "small")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(ROOT.certificate.subject)
        .public_key(small.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
    )
    weak = builder.sign(ROOT.key, hashes.SHA256())
    with pytest.raises(Untrusted, match="size"):
        chains(weak, [], [ROOT.certificate], NOW)


def test_several_ways_and_cross_signed_authorities() -> None:
    """One key, two issuers: both chains are found, and one that fails does not spoil the other."""
    other = certificate("other root", ca=True)
    crossed = Issued(_signed_again(MIDDLE, other), MIDDLE.key, other)
    found = chains(
        LEAF.certificate,
        [MIDDLE.certificate, crossed.certificate],
        [ROOT.certificate, other.certificate],
        NOW,
    )
    assert {one[-1].subject.rfc4514_string() for one in found} == {"CN=root", "CN=other root"}


def _signed_again(authority: Issued, issuer: Issued) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(authority.certificate.subject)
        .issuer_name(issuer.certificate.subject)
        .public_key(authority.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return builder.sign(issuer.key, hashes.SHA256())


def test_work_is_bounded() -> None:
    """Authorities that have all signed each other make factorially many ways."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(8)]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "one of many")])
    many = [
        Issued(
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(keys[0].public_key())
            .serial_number(1 + number)
            .not_valid_before(NOW)
            .not_valid_after(NOW + dt.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(keys[0], hashes.SHA256()),
            keys[0],
            None,
        )
        for number in range(10)
    ]
    began = time.monotonic()
    assert judged(certificate("x", many[0]), *many) != ""
    assert time.monotonic() - began < 1


def test_unreadable() -> None:
    for der in (b"", b"\x30\x00", b"\x30\x82\xff\xff", LEAF.der[:-1], LEAF.der + b"\0"):
        with pytest.raises(Untrusted):
            chain.load(der)


def test_serial_numbers_count_from_one() -> None:
    der = certificate("x", ROOT, serial=0x7FFF).der
    assert chain.load(der).serial_number == 0x7FFF
    for serial in (b"\x02\x02\x80\x01", b"\x02\x02\x00\x00", b"\x04\x02\x7f\xff"):
        with pytest.raises(Untrusted):
            chain.load(der.replace(b"\x02\x02\x7f\xff", serial, 1))
    long = certificate("x", ROOT, serial=2**158 + 1)
    assert chain.load(long.der).serial_number == 2**158 + 1


def test_an_extension_twice_is_refused() -> None:
    value = x509.ExtendedKeyUsage([CLIENT]).public_bytes()
    der = certificate("x", ROOT, usages=(), further=[raw_extension("2.5.29.40", value)]).der
    once = certificate("x", ROOT, further=[raw_extension("2.5.29.40", value)]).der
    assert chain.load(der)
    with pytest.raises(Untrusted):
        chain.load(once.replace(b"\x06\x03\x55\x1d\x28", b"\x06\x03\x55\x1d\x25"))


def test_pem_of_a_certificate_is_what_the_library_makes() -> None:
    assert LEAF.certificate.public_bytes(serialization.Encoding.PEM).decode() == LEAF.pem
