"""Issuers: who is told of them, what they may do, and what their URLs need."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from tests.inprocess import Answer, InProcess, inprocess
from tests.secrets.pki.authority import mounted

_PATCH = {"Content-Type": "application/merge-patch+json"}


async def _change(api: InProcess, **fields: Any) -> Answer:
    return await api("PATCH", "pki/issuer/root", fields, _PATCH)


def test_issuers_are_listed_for_everyone() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        answer = await api("LIST", "pki/issuers", token=None)
        assert answer.data["keys"] == [root["issuer_id"]]
        assert (await api("LIST", "pki/keys", token=None)).status == 403

    inprocess(scenario)


def test_an_issuer_can_always_be_read() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        assert (await _change(api, usage="")).data["usage"] == "read-only"
        assert (await _change(api, usage="crl-signing")).data["usage"] == "crl-signing,read-only"
        assert (await _change(api, usage="reading")).status == 400

    inprocess(scenario)


def test_algorithms_of_crls_by_any_case() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        answer = await _change(api, revocation_signature_algorithm="ecdsawithsha512")
        assert answer.data["revocation_signature_algorithm"] == "ECDSAWithSHA512"
        listed = x509.load_pem_x509_crl((await api("GET", "pki/crl/pem")).body)
        assert listed.signature_hash_algorithm is not None
        assert listed.signature_hash_algorithm.name == "sha512"
        assert (await _change(api, revocation_signature_algorithm="SHA256WithRSA")).status == 400

    inprocess(scenario)


def test_a_root_knows_its_own_id_in_its_urls() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        urls = {"crl_distribution_points": "{{cluster_aia_path}}/{{issuer_id}}", "enable_templating": True}
        noted = await api("POST", "pki/config/urls", urls)
        assert "config/cluster" in noted.json["warnings"][0]
        body = {"common_name": "second", "key_type": "ec"}
        refused = await api("POST", "pki/root/generate/internal", body)
        assert refused.status == 400
        await api("POST", "pki/config/cluster", {"aia_path": "http://ca.example"})
        made = (await api("POST", "pki/root/generate/internal", body)).data
        parsed = x509.load_pem_x509_certificate(made["certificate"].encode())
        (point,) = parsed.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        assert point.full_name is not None
        assert point.full_name[0].value == f"http://ca.example/{made['issuer_id']}"

    inprocess(scenario)


def test_a_bundle_of_nothing_is_refused() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for path in ("issuers/import/bundle", "issuers/import/cert", "config/ca"):
            for text in ("x" * 100, "-----BEGIN CERTIFICATE-----" + "x" * 100):
                assert (await api("POST", f"pki/{path}", {"pem_bundle": text})).status == 400

    inprocess(scenario)


def test_what_no_authority_can_be() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for fields in ({"max_path_length": -2}, {"permitted_dns_domains": "a b"}, {"uri_sans": "::"}):
            body = {"common_name": "x", "key_type": "ec", **fields}
            assert (await api("POST", "pki/root/generate/internal", body)).status == 400, fields
        existing = {"common_name": "x", "key_type": "rsa"}
        assert (await api("POST", "pki/root/generate/existing", existing)).status == 400

    inprocess(scenario)


def test_the_default_is_the_first_that_can_sign() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("POST", "sys/mounts/below", {"type": "pki"})
        root = (await api("GET", "pki/ca/pem")).body.decode()
        csr = await api(
            "POST", "below/intermediate/generate/internal", {"common_name": "b", "key_type": "ec"}
        )
        body = {"csr": csr.data["csr"], "common_name": "b", "ttl": "24h"}
        signed = (await api("POST", "pki/root/sign-intermediate", body)).data["certificate"]
        await api("POST", "below/intermediate/set-signed", {"certificate": f"{root}\n{signed}"})
        assert (await api("GET", "below/cert/ca")).data["certificate"] == signed.strip()
        refused = await api("DELETE", "below/key/default")
        assert (refused.status, "in Use" in refused.errors[0]) == (400, True)
        issuers = (await api("LIST", "below/issuers")).data["key_info"]
        (alone,) = [one for one, about in issuers.items() if not about["key_id"]]
        for path in ("crl", "crl/pem", "crl/delta"):
            assert (await api("GET", f"below/issuer/{alone}/{path}")).status == 404

    inprocess(scenario)


def test_an_issuer_whose_key_comes_later() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/one", {"type": "pki"})
        await api("POST", "sys/mounts/two", {"type": "pki"})
        made = (await api("POST", "one/root/generate/exported", {"common_name": "r", "key_type": "ec"})).data
        await api("POST", "two/issuers/import/cert", {"pem_bundle": made["certificate"]})
        assert (await api("GET", "two/config/issuers")).data["default"] == ""
        await api("POST", "two/keys/import", {"pem_bundle": made["private_key"]})
        assert (await api("GET", "two/config/issuers")).data["default"] != ""
        assert (await api("GET", "two/crl/pem")).status == 200

    inprocess(scenario)


def test_several_issuers_that_can_sign_are_told_of() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/one", {"type": "pki"})
        await api("POST", "sys/mounts/two", {"type": "pki"})
        bundle = ""
        for name in ("a", "b"):
            body = {"common_name": name, "key_type": "ec", "format": "pem_bundle"}
            bundle += (await api("POST", "one/root/generate/exported", body)).data["certificate"] + "\n"
        answer = await api("POST", "two/issuers/import/bundle", {"pem_bundle": bundle})
        assert "several" in answer.json["warnings"][0]
        first = (await api("GET", "two/config/issuers")).data["default"]
        assert first == answer.data["imported_issuers"][0]

    inprocess(scenario)
