"""Revocation lists and OCSP answers: what they say, and when their word counts."""

from __future__ import annotations

import datetime as dt
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from strongroom.crypto.client_certificate import name_id
from strongroom.crypto.revocation import BadAnswer, BadList, Verdict, judge, question, read_list, responders
from tests.certificates import DER, NOW, PEM, Responder, authority_access, certificate, revocation_list
from tests.listener.authority import Issued

ROOT = certificate("root", ca=True)
LEAF = certificate("leaf", ROOT, further=[authority_access("http://ocsp.example.com/")])
OTHER = certificate("other", ROOT)
STRANGER = certificate("root", ca=True)
DELEGATE = certificate("answers", ROOT, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,))


def test_lists_of_revoked_certificates() -> None:
    made = revocation_list(ROOT, LEAF)
    for form in (PEM, DER):
        found = read_list(made.public_bytes(form))
        assert found.revoked == {name_id(ROOT.certificate.subject): [LEAF.certificate.serial_number]}
        assert found.next_update == NOW + dt.timedelta(days=1)
    assert read_list(revocation_list(ROOT).public_bytes(PEM)).revoked == {}


def test_an_indirect_list_names_the_issuers() -> None:
    issuer = x509.CertificateIssuer([x509.DirectoryName(OTHER.certificate.subject)])
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + dt.timedelta(days=1))
    )
    for number, extensions in ((5, []), (6, [issuer]), (7, [])):
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW)
        for extension in extensions:
            entry = entry.add_extension(extension, critical=True)
        builder = builder.add_revoked_certificate(entry.build())
    found = read_list(builder.sign(ROOT.key, hashes.SHA256()).public_bytes(DER))
    assert found.revoked == {
        name_id(ROOT.certificate.subject): [5],
        name_id(OTHER.certificate.subject): [6, 7],
    }


def test_a_delta_adds_and_takes_nothing_back() -> None:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ROOT.certificate.subject)
        .last_update(NOW)
        .next_update(NOW + dt.timedelta(days=1))
        .add_extension(x509.DeltaCRLIndicator(1), critical=True)
    )
    for number, reason in ((5, x509.ReasonFlags.key_compromise), (6, x509.ReasonFlags.remove_from_crl)):
        entry = x509.RevokedCertificateBuilder().serial_number(number).revocation_date(NOW)
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    found = read_list(builder.sign(ROOT.key, hashes.SHA256()).public_bytes(DER))
    assert found.revoked == {name_id(ROOT.certificate.subject): [5]}


def test_what_is_no_list() -> None:
    for data in (b"", b"nonsense", ROOT.der, ROOT.pem.encode()):
        with pytest.raises(BadList):
            read_list(data)


def test_addresses_of_responders() -> None:
    assert responders(LEAF.certificate) == ["http://ocsp.example.com/"]
    assert responders(OTHER.certificate) == []


def said(answer: bytes, **options: object) -> Verdict:
    options.setdefault("now", NOW)
    return judge(answer, LEAF.certificate, ROOT.certificate, **options)  # type: ignore[arg-type]


def asked() -> bytes:
    return question(LEAF.certificate, ROOT.certificate)


def test_standings() -> None:
    serial = frozenset([LEAF.certificate.serial_number])
    assert said(Responder(ROOT, ROOT).answer(asked())).standing == "good"
    assert said(Responder(ROOT, ROOT, revoked=serial).answer(asked())).standing == "revoked"
    assert said(Responder(ROOT, ROOT, unknown=serial).answer(asked())).standing == "unknown"
    assert said(Responder(ROOT, DELEGATE).answer(asked())).standing == "good"
    assert said(Responder(ROOT, ROOT, lasts=None).answer(asked())).until is None


@pytest.mark.parametrize(
    ("responder", "words"),
    (
        (Responder(ROOT, STRANGER), "signed"),
        (Responder(ROOT, OTHER), "signed"),  # the issuer's, but it may not answer
        (Responder(ROOT, certificate("x", STRANGER, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,))), "signed"),
        (
            Responder(ROOT, certificate("x", ROOT, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,), ends=-0.5)),
            "signed",
        ),
        (Responder(STRANGER, STRANGER), "another certificate"),
        (Responder(ROOT, ROOT, began=-3), "out of date"),
        (Responder(ROOT, ROOT, began=1), "future"),
    ),
    ids=("stranger", "no responder", "strange responder", "expired responder", "other", "old", "early"),
)
def test_answers_that_prove_nothing(responder: Responder, words: str) -> None:
    with pytest.raises(BadAnswer, match=words):
        said(responder.answer(asked()))


def test_others_may_be_trusted() -> None:
    theirs = certificate("x", STRANGER, usages=(ExtendedKeyUsageOID.OCSP_SIGNING,))
    for signer in (STRANGER, theirs):
        answer = Responder(ROOT, signer).answer(asked())
        assert said(answer, trusted=[STRANGER.certificate]).standing == "good"


def test_another_certificates_answer() -> None:
    answer = Responder(ROOT, ROOT).about(OTHER.certificate.serial_number, ocsp.OCSPCertStatus.GOOD)
    with pytest.raises(BadAnswer, match="another"):
        said(answer)


def test_age() -> None:
    answer = Responder(ROOT, ROOT, began=-0.5).answer(asked())
    assert said(answer, max_age=24 * 3600).standing == "good"
    with pytest.raises(BadAnswer, match="too old"):
        said(answer, max_age=3600)


def test_refusals_and_rubbish() -> None:
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER).public_bytes(DER)
    with pytest.raises(BadAnswer, match="try later"):
        said(refusal)
    good = Responder(ROOT, ROOT).answer(asked())
    for answer in (b"", b"rubbish", good[:-1], good[:-1] + bytes((good[-1] ^ 1,))):
        with pytest.raises(BadAnswer):
            said(answer)


def test_openssl_as_responder(tmp_path: Path) -> None:
    """Questions that OpenSSL understands, answers of its that we do."""
    (tmp_path / "index.txt").write_text(
        f"V\t491231235959Z\t\t{LEAF.certificate.serial_number:040X}\tunknown\t/CN=leaf\n"
        f"R\t491231235959Z\t200101000000Z\t{OTHER.certificate.serial_number:040X}\tunknown\t/CN=other\n"
    )
    ROOT.save(tmp_path, "root")
    for one, standing in ((LEAF, "good"), (OTHER, "revoked"), (certificate("new", ROOT), "unknown")):
        assert _openssl(tmp_path, one) == standing


def _openssl(folder: Path, one: Issued) -> str:
    (folder / "asked").write_bytes(question(one.certificate, ROOT.certificate))
    command = ["openssl", "ocsp", "-index", "index.txt", "-CA", "root.crt", "-rsigner", "root.crt"]
    command += ["-rkey", "root.key", "-reqin", "asked", "-respout", "answer", "-ndays", "1"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=20, check=True)
    now = dt.datetime.now(dt.UTC)
    return judge((folder / "answer").read_bytes(), one.certificate, ROOT.certificate, now=now).standing
