"""What openssl says of certificates, chains, CRLs and OCSP answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inprocess import InProcess, inprocess
from tests.secrets.pki.authority import issued, mounted, openssl, revoke, role, text_of

_QUESTION = {"Content-Type": "application/ocsp-request"}


def _files(folder: Path, **texts: str) -> dict[str, Path]:
    for name, text in texts.items():
        (folder / name).write_text(text + "\n")
    return {name: folder / name for name in texts}


@pytest.mark.parametrize("kind", ("ec", "ed25519"))
def test_a_chain_of_three_is_valid(tmp_path: Path, kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api, key_type=kind)
        await mounted(api, "inter", common_name="Unused", issuer_name="unused")
        asked = await api(
            "POST", "inter/intermediate/generate/internal", {"common_name": "Inter", "key_type": kind}
        )
        signed = await api(
            "POST",
            "pki/root/sign-intermediate",
            {"csr": asked.data["csr"], "common_name": "Inter"},
        )
        chain = signed.data["certificate"] + "\n" + root["certificate"]
        taken = await api("POST", "inter/intermediate/set-signed", {"certificate": chain})
        assert [*taken.data["mapping"].values()] == [asked.data["key_id"], ""]
        await api("POST", "inter/config/issuers", {"default": taken.data["imported_issuers"][0]})
        leaf = await issued(api, at="inter", alt_names="b.example.com", ip_sans="10.0.0.1", ttl="1h")
        assert leaf["ca_chain"] == [signed.data["certificate"], root["certificate"]]
        without = await issued(api, at="inter", ttl="1h", remove_roots_from_chain=True)
        assert without["ca_chain"] == [signed.data["certificate"]]
        files = _files(
            tmp_path, root=root["certificate"], inter=signed.data["certificate"], leaf=leaf["certificate"]
        )
        said = openssl(
            "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "b.example.com",
            "-verify_ip", "10.0.0.1", "-CAfile", files["root"], "-untrusted", files["inter"], files["leaf"],
        )  # fmt: skip
        assert "OK" in said
        pem_chain = await api("GET", "inter/ca_chain", token=None)
        assert pem_chain.body.decode().count("BEGIN CERTIFICATE") == 2

    inprocess(scenario)


def test_each_kind_of_key_issues_for_each_kind(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        kinds = ("ec", "ed25519", "mldsa")
        for above in kinds:
            root = await mounted(api, above, key_type=above)
            await role(api, "r", at=above, key_type="any", allow_any_name=True)
            for kind in kinds:
                leaf = await issued(api, "r", at=above, key_type=kind, ttl="1h")
                assert leaf["private_key_type"] == kind
                if "mldsa" not in (above, kind):  # openssl 3.0 does not know it
                    files = _files(tmp_path, root=root["certificate"], leaf=leaf["certificate"])
                    assert "OK" in openssl("verify", "-CAfile", files["root"], files["leaf"])
                    read = openssl("pkey", "-noout", "-text", given=leaf["private_key"].encode())
                    assert "Private-Key" in read

    inprocess(scenario)


def test_a_certificate_says_what_its_role_says() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
        urls = {
            "issuing_certificates": "http://{{issuer_id}}.example/ca",
            "crl_distribution_points": "{{cluster_aia_path}}/crl",
            "delta_crl_distribution_points": "{{cluster_aia_path}}/delta",
            "ocsp_servers": "{{cluster_path}}/ocsp",
            "enable_templating": True,
        }
        await api("POST", "pki/config/urls", urls)
        refused = await api("POST", "pki/root/generate/internal", {"common_name": "R", "key_type": "ec"})
        assert refused.status == 400
        await api("POST", "pki/config/cluster", {"path": "https://h/v1/pki", "aia_path": "http://aia"})
        await api("POST", "pki/config/urls", {**urls, "issuing_certificates": []})
        root = await api("POST", "pki/root/generate/internal", {"common_name": "R", "key_type": "ec"})
        await api("POST", "pki/config/urls", urls)
        await role(
            api, "r", key_type="ec", allow_any_name=True, allowed_other_sans="*", allowed_uri_sans="*",
            allowed_user_ids="*", allowed_serial_numbers="*", country="DE", organization="A,B", ou="U",
            policy_identifiers='[{"oid":"1.2.3.4","cps":"http://cps","notice":"read this"}]',
            key_usage="DigitalSignature", ext_key_usage="TimeStamping", ext_key_usage_oids="1.2.3.5",
            client_flag=False, basic_constraints_valid_for_non_ca=True, not_before_duration="2h",
        )  # fmt: skip
        leaf = await issued(
            api,
            "r",
            other_sans="1.2.3;utf8:abc",
            uri_sans="spiffe://a/b",
            user_ids="u1",
            serial_number="77",
            ttl="1h",
        )
        said = text_of(leaf["certificate"])
        for wanted in (
            "C = DE, O = A + O = B, OU = U, CN = a.example.com, serialNumber = 77, UID = u1",
            f"URI:http://{root.data['issuer_id']}.example/ca",
            "URI:http://aia/crl",
            "URI:http://aia/delta",
            "OCSP - URI:https://h/v1/pki/ocsp",
            "Policy: 1.2.3.4",
            "CPS: http://cps",
            "Explicit Text: read this",
            "CA:FALSE",
            "URI:spiffe://a/b",
            "othername: 1.2.3::abc",
            "TLS Web Server Authentication, Time Stamping, 1.2.3.5",
        ):
            assert wanted in said, (wanted, said)
        assert "Client Authentication" not in said
        assert "Key Encipherment" not in said
        assert leaf["expiration"] - leaf["not_before"] == 3 * 3600

    inprocess(scenario)


def test_crl_and_ocsp_tell_of_what_is_revoked(tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        bad, good = await issued(api, ttl="1h"), await issued(api, ttl="1h")
        await revoke(api, bad["serial_number"])
        crl = await api("GET", "pki/crl/pem", token=None)
        files = _files(
            tmp_path, root=root["certificate"], bad=bad["certificate"], good=good["certificate"],
            crl=crl.body.decode(), both=root["certificate"] + "\n" + crl.body.decode(),
        )  # fmt: skip
        said = openssl("crl", "-in", files["crl"], "-CAfile", files["root"], "-noout", "-text")
        assert "verify OK" in said
        assert said.count("Serial Number:") == 1
        assert "OK" in openssl("verify", "-crl_check", "-CAfile", files["both"], files["good"])
        with pytest.raises(AssertionError, match="certificate revoked"):
            openssl("verify", "-crl_check", "-CAfile", files["both"], files["bad"])
        for name, status in (("bad", "revoked"), ("good", "good")):
            for digest in ("-sha1", "-sha256"):
                question, reply = tmp_path / "question", tmp_path / "reply"
                openssl(
                    "ocsp",
                    digest,
                    "-issuer",
                    files["root"],
                    "-cert",
                    files[name],
                    "-reqout",
                    question,
                    "-nonce",
                )
                answer = await api(
                    "POST",
                    "pki/ocsp",
                    question.read_bytes(),
                    _QUESTION,
                    token=None,
                )
                assert answer.status == 200
                assert answer.headers["content-type"] == "application/ocsp-response"
                reply.write_bytes(answer.body)
                said = openssl(
                    "ocsp",
                    "-reqin",
                    question,
                    "-respin",
                    reply,
                    "-CAfile",
                    files["root"],
                    "-verify_other",
                    files["root"],
                    "-resp_text",
                )
                assert "Response verify OK" in said
                assert f"Cert Status: {status}" in said

    inprocess(scenario)


def test_a_root_is_signed_by_another() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        await mounted(api, "other", common_name="Other", issuer_name="other")
        other = await api("GET", "other/ca/pem")
        crossed = await api("POST", "pki/root/sign-self-issued", {"certificate": other.body.decode()})
        assert crossed.status == 200, crossed
        said = text_of(crossed.data["certificate"])
        assert "Issuer: CN = Root" in said
        assert "Subject: CN = Other" in said
        leaf = await issued(api, at="other", ttl="1h")
        taken = await api(
            "POST", "other/issuers/import/cert",
            {"pem_bundle": crossed.data["certificate"] + "\n" + root["certificate"]},
        )  # fmt: skip
        assert len(taken.data["imported_issuers"]) == 2
        crossed_id = taken.data["imported_issuers"][0]
        chain = (await api("GET", f"other/issuer/{crossed_id}/json", token=None)).data["ca_chain"]
        assert [one.strip() for one in chain] == [crossed.data["certificate"], root["certificate"]]
        assert leaf["issuing_ca"] == other.body.decode()

    inprocess(scenario)
