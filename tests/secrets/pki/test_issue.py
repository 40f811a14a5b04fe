"""Issuing and signing: identities in templates, limits of issuers, what is stored, and what is no request."""

from __future__ import annotations

import base64

import pytest

from strongroom.crypto import certificate, signing_request
from tests.inprocess import InProcess, inprocess
from tests.secrets.pki import csr
from tests.secrets.pki.authority import ANY, issued, mounted, role


def test_domains_of_an_identity() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("POST", "sys/auth/userpass", {"type": "userpass"})
        await api("PUT", "sys/policies/acl/pki", {"policy": 'path "pki/*" { capabilities = ["update"] }'})
        templates = ["{{identity.entity.name}}.example.com", "{{identity.entity.metadata.glob}}.org"]
        for name, globs in (("t", False), ("g", True)):
            await role(
                api, name, key_type="ec", allowed_domains=templates, allowed_domains_template=True,
                allow_bare_domains=True, allow_glob_domains=True, allow_globs_in_identity_templates=globs,
            )  # fmt: skip
        accessor = (await api("GET", "sys/auth")).data["userpass/"]["accessor"]
        entity = await api("POST", "identity/entity", {"name": "ann", "metadata": {"glob": "*"}})
        await api(
            "POST", "identity/entity-alias",
            {"name": "ann", "canonical_id": entity.data["id"], "mount_accessor": accessor},
        )  # fmt: skip
        await api("POST", "auth/userpass/users/ann", {"password": "pw", "token_policies": "pki"})
        login = await api("POST", "auth/userpass/login/ann", {"password": "pw"})
        token = login.json["auth"]["client_token"]
        for role_name, common_name, status in (
            ("t", "ann.example.com", 200),
            ("t", "bob.example.com", 400),
            ("t", "anything.org", 400),
            ("g", "anything.org", 200),
        ):
            answer = await api("POST", f"pki/issue/{role_name}", {"common_name": common_name}, token=token)
            assert answer.status == status, (role_name, common_name, answer)
        nobody = await api("POST", "pki/issue/t", {"common_name": ".example.com"})
        assert nobody.status == 400

    inprocess(scenario)


def test_no_certificate_outlives_its_issuer_unless_it_may() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api, ttl="48h")
        assert (await api("POST", "pki/issue/any", {"common_name": "x", "ttl": "72h"})).status == 400
        for behavior, end in (("truncate", root["expiration"]), ("permit", root["expiration"] + 24 * 3600)):
            changed = await api(
                "PATCH", "pki/issuer/root", {"leaf_not_after_behavior": behavior},
                {"Content-Type": "application/merge-patch+json"},
            )  # fmt: skip
            assert changed.status == 200, changed
            assert abs((await issued(api, ttl="72h"))["expiration"] - end) <= 5

    inprocess(scenario)


def test_what_is_not_stored_is_not_there() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "gone", **ANY, no_store=True)
        one = await issued(api, "gone")
        assert (await api("GET", f"pki/cert/{one['serial_number']}")).status == 404
        brought = await api("POST", "pki/revoke", {"certificate": one["certificate"]})
        assert brought.data["state"] == "revoked"
        told = await api("GET", f"pki/cert/{one['serial_number']}")
        assert told.data["revocation_time"] > 0

    inprocess(scenario)


def test_only_the_key_of_a_certificate_revokes_it() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        one, two = await issued(api), await issued(api)
        body = {"serial_number": one["serial_number"], "private_key": two["private_key"]}
        assert (await api("POST", "pki/revoke-with-key", body)).status == 403
        assert (await api("LIST", "pki/certs/revoked")).status == 404
        body["private_key"] = one["private_key"]
        assert (await api("POST", "pki/revoke-with-key", body)).status == 200

    inprocess(scenario)


def test_a_foreign_certificate_with_a_known_serial_revokes_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await mounted(api, "other")
        foreign = await issued(api, at="other")
        refused = await api("POST", "pki/revoke", {"certificate": foreign["certificate"]})
        assert refused.status == 400
        root = await api("GET", "pki/ca/pem")
        assert (await api("POST", "pki/revoke", {"certificate": root.body.decode()})).status == 400

    inprocess(scenario)


def test_a_request_never_makes_an_authority() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for path in ("sign-verbatim", "sign/any"):
            signed = await api("POST", f"pki/{path}", {"csr": csr.FULL})
            assert signed.status == 200, signed
            assert not certificate.load(signed.data["certificate"].encode()).is_ca

    inprocess(scenario)


def test_an_issuer_that_is_revoked_or_may_not_issues_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        patch = {"Content-Type": "application/merge-patch+json"}
        await api("PATCH", "pki/issuer/root", {"usage": "read-only,crl-signing"}, patch)
        assert (await api("POST", "pki/issue/any", {"common_name": "x"})).status == 400
        assert (await api("POST", "pki/root/sign-intermediate", {"csr": csr.PLAIN})).status == 400
        await api("PATCH", "pki/issuer/root", {"usage": "read-only,issuing-certificates"}, patch)
        await issued(api)
        assert (await api("GET", "pki/crl", token=None)).status == 204
        assert (await api("POST", "pki/issuer/root/revoke")).status == 200
        assert (await api("POST", "pki/issue/any", {"common_name": "x"})).status == 400
        refused = await api("PATCH", "pki/issuer/root", {"usage": "read-only,issuing-certificates"}, patch)
        assert refused.status == 400
        again = await api("POST", "pki/issuer/root", {"issuer_name": "root"})
        assert "issuing-certificates" not in again.data["usage"]
        assert (await api("POST", "pki/issue/any", {"common_name": "x"})).status == 400

    inprocess(scenario)


def test_keys_go_out_only_when_they_are_exported() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        inside = await api("POST", "pki/keys/generate/internal", {"key_type": "ec"})
        assert "private_key" not in inside.data
        outside = await api("POST", "pki/keys/generate/exported", {"key_type": "ec", "key_name": "k"})
        again = await api("POST", "pki/keys/import", {"pem_bundle": outside.data["private_key"]})
        assert again.data["key_id"] == outside.data["key_id"]
        kms = await api("POST", "pki/keys/generate/kms", {"key_type": "ec"})
        assert kms.status == 400
        assert "KMS" in kms.errors[0]
        told = (await api("GET", "pki/key/k")).body + (await api("LIST", "pki/keys")).body
        assert b"PRIVATE" not in told

    inprocess(scenario)


def test_an_issuer_signs_once_its_key_is_here() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        made = await api("POST", "pki/root/generate/exported", {"common_name": "Other", "key_type": "ec"})
        await mounted(api, "other")
        taken = await api("POST", "other/issuers/import/cert", {"pem_bundle": made.data["certificate"]})
        [issuer] = taken.data["imported_issuers"]
        path = f"other/issuer/{issuer}/issue/any"
        body = {"common_name": "x", "ttl": "1h"}
        assert (await api("POST", path, body)).status == 400
        key = await api("POST", "other/keys/import", {"pem_bundle": made.data["private_key"]})
        assert (await api("GET", f"other/issuer/{issuer}")).data["key_id"] == key.data["key_id"]
        assert (await api("POST", path, body)).status == 200
        place = f"other/key/{key.data['key_id']}"
        assert (await api("DELETE", place)).status == 400  # an issuer signs with it
        assert (await api("DELETE", f"other/issuer/{issuer}")).status == 200
        assert (await api("DELETE", place)).status in (200, 204)

    inprocess(scenario)


def _der(text: str) -> bytearray:
    return bytearray(base64.b64decode("".join(text.splitlines()[1:-1])))


def _pem(der: bytes, label: str = "CERTIFICATE REQUEST") -> str:
    return f"-----BEGIN {label}-----\n{base64.b64encode(der).decode()}\n-----END {label}-----\n"


def _spoilt() -> list[str]:
    der = _der(csr.FULL)
    forged, cut = bytearray(der), bytes(der[:-20])
    forged[-5] ^= 1
    other_key = bytearray(der)
    other_key[der.index(b"\x03\x42\x00\x04") + 10] ^= 1
    return [
        _pem(bytes(forged)),
        _pem(cut),
        _pem(bytes(other_key)),
        _pem(b""),
        _pem(b"\x30\x84\xff\xff\xff\xff"),
    ]


def _bombs() -> list[str]:
    nested = b""
    for _ in range(60_000):
        nested = b"\x30\x80" + nested
        if len(nested) > 120_000:
            break
    return [
        "-----BEGIN CERTIFICATE REQUEST-----\n" * 5000,
        _pem(nested),
        _pem(b"\x00" * 300_000),
        "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 400_000,
        csr.PLAIN * 500 + "x" * 300_000,
    ]


def test_malformed_requests_are_mistakes_of_the_caller() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for text in (*_spoilt(), *_bombs()):
            for path in ("sign/any", "sign-verbatim", "root/sign-intermediate"):
                answer = await api("POST", f"pki/{path}", {"csr": text, "common_name": "x"})
                assert answer.status == 400, (text[:80], answer)

    inprocess(scenario)


def test_malformed_bundles_are_mistakes_of_the_caller() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        der = _der(root["certificate"])
        negative = bytearray(der)
        position = der.index(b"\x02\x14")
        negative[position + 2] |= 0x80
        block = root["certificate"] + "\n"
        for text in (
            _pem(bytes(negative), "CERTIFICATE"),
            _pem(bytes(der[:-9]), "CERTIFICATE"),
            block * 101,
            block + "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
            block + "-----BEGIN ",
            _pem(b"\x30" * 300_000, "CERTIFICATE"),
            _pem(bytes(_der(csr.PLAIN))),
            (await issued(api))["certificate"],
        ):
            for path in ("issuers/import/bundle", "config/ca", "intermediate/set-signed"):
                answer = await api("POST", f"pki/{path}", {"pem_bundle": text, "certificate": text})
                assert answer.status == 400, (path, text[:60], answer)
        assert len((await api("LIST", "pki/issuers")).data["keys"]) == 1

    inprocess(scenario)


def test_weak_keys_and_strange_exponents_are_refused() -> None:
    with pytest.raises(ValueError, match="unsafe"):
        signing_request.load(csr.WEAK.encode())


def test_names_that_no_certificate_holds_are_refused() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "long", **ANY, country="Germany")
        assert (await api("POST", "pki/issue/long", {"common_name": "x"})).status == 400
        await role(api, "uri", **ANY, allowed_uri_sans="*", allowed_other_sans="*")
        for field, value in (
            ("uri_sans", "http://ä"),
            ("other_sans", "x;utf8:y"),
            ("other_sans", "9.9.9;utf8:y"),
            ("serial_number", "x" * 100),
            ("common_name", "x" * 63 + " " + "y" * 63),
        ):
            answer = await api("POST", "pki/issue/uri", {"common_name": "x", field: value})
            assert answer.status == 400, (field, answer)

    inprocess(scenario)


def test_serials_in_paths_are_no_paths() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for serial in ("zz", "11:2", "11:22:", "aa" * 200, "%00", "ca%2f", "é"):
            assert (await api("GET", f"pki/cert/{serial}", token=None)).status in (400, 403, 404)
            revoked = await api("POST", "pki/revoke", {"serial_number": serial})
            assert revoked.status == 400

    inprocess(scenario)


def test_questions_that_are_none() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        kind = {"Content-Type": "application/ocsp-request"}
        for body in (b"", b"foo", b"\x30\x80" * 600, b"\x30" * 5000):
            answer = await api("POST", "pki/ocsp", body, kind, token=None)
            assert answer.status == 400
            assert answer.body.hex() == "30030a0101"
        assert (await api("GET", "pki/ocsp/%25%25", token=None)).status == 400

    inprocess(scenario)
