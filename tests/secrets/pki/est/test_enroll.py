"""Enrolling: who may, what is signed, and what is left behind."""

from __future__ import annotations

import base64

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from tests.inprocess import InProcess, inprocess
from tests.secrets.pki.est.enrolling import DEFAULT, certificates, enroll, prepare, request

_DER = Encoding.DER


def test_a_name_and_a_password_are_enough() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        before = (await api("LIST", "auth/token/accessors")).data["keys"]
        (made,) = certificates(await enroll(api, request()))
        assert made.subject.rfc4514_string() == "CN=d.example.com"
        above = certificates(await api("GET", f"{DEFAULT}/cacerts", token=None))
        made.verify_directly_issued_by(above[0])
        assert (await api("LIST", "auth/token/accessors")).data["keys"] == before
        serials = (await api("LIST", "pki/certs")).data["keys"]
        assert made.serial_number in {int(one.replace(":", ""), 16) for one in serials}
        at = "pki/roles/dev/est/simpleenroll"
        assert len(certificates(await enroll(api, request(), at=at))) == 1

    inprocess(scenario)


def test_who_is_not_known_gets_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        for user in ("", "ann:no", "nobody:pw", "ann", ":pw", "ann:", "a/b:pw", "..:pw", "ann\u00e4:pw"):
            answer = await enroll(api, request(), user)
            assert answer.status == 401, (user, answer)
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
        known = await enroll(api, request(), "bob:pw")
        assert (known.status, known.errors) == (403, ["permission denied"])
        broken = {"content-type": "application/pkcs10", "authorization": "Basic !!"}
        assert (await api("POST", f"{DEFAULT}/simpleenroll", b"x", broken, token=None)).status == 401
        assert (await api("LIST", "pki/certs")).data["keys"] != []
        assert len((await api("LIST", "pki/certs")).data["keys"]) == 1  # the root alone

    inprocess(scenario)


def test_passwords_are_not_tried_forever() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        for _ in range(5):
            assert (await enroll(api, request(), "ann:no")).status == 401
        assert (await enroll(api, request(), "ann:pw")).status == 403
        assert (await api("POST", "auth/userpass/login/ann", {"password": "pw"})).status == 403

    inprocess(scenario)


def test_a_success_ends_the_count_of_failures() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        for _ in range(3):
            for _ in range(4):
                assert (await enroll(api, request(), "ann:no")).status == 401
            assert (await enroll(api, request())).status == 200

    inprocess(scenario)


def test_a_certificate_is_renewed_by_itself() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        key = ec.generate_private_key(ec.SECP256R1())
        (first,) = certificates(await enroll(api, request(key=key)))
        at = f"{DEFAULT}/simplereenroll"
        shown = first.public_bytes(_DER)
        (second,) = certificates(await enroll(api, request(), "", at, shown))
        assert second.subject == first.subject
        assert second.public_key() != first.public_key()
        other = await enroll(api, request("e.example.com"), "", at, shown)
        assert other.status == 400
        assert len(certificates(await enroll(api, request("e.example.com"), "", certificate=shown))) == 1
        await api("POST", "pki/revoke", {"serial_number": first.serial_number.to_bytes(20, "big").hex(":")})
        crl = (await api("GET", "pki/crl/pem")).body.decode()
        await api("POST", "auth/cert/crls/pki", {"crl": crl})
        assert (await enroll(api, request(), "", at, shown)).status == 401

    inprocess(scenario)


def test_the_role_decides_what_is_signed() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api, label_to_path_policy={"any": "sign-verbatim"})
        foreign = request("d.example.org")
        assert (await enroll(api, foreign)).status == 400
        verbatim = f"{DEFAULT}/any/simpleenroll"
        assert (await enroll(api, foreign, at=verbatim)).status == 403  # the policy is for the role
        await api("PUT", "sys/policies/acl/est", {"policy": 'path "pki/est/*" {capabilities=["update"]}'})
        (made,) = certificates(await enroll(api, foreign, at=verbatim))
        assert made.subject.rfc4514_string() == "CN=d.example.org"
        assert (await enroll(api, request())).status == 403
        assert (await enroll(api, foreign, at="pki/roles/any/est/simpleenroll")).status == 404

    inprocess(scenario)


def test_what_is_no_request() -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        for body in (b"", b"x", request()[:-9], b"\x30" * 1000):
            assert (await enroll(api, body)).status == 400
        assert (await enroll(api, b"x" * 70_000)).status == 413
        headers = {
            "content-type": "application/pkcs10; charset=utf-8",
            "authorization": "Basic " + base64.b64encode(b"ann:pw").decode(),
        }
        lines = base64.encodebytes(request())
        assert (await api("POST", f"{DEFAULT}/simpleenroll", lines, headers, token=None)).status == 200
        raw = await api("POST", f"{DEFAULT}/simpleenroll", request(), headers, token=None)
        assert raw.status == 200

    inprocess(scenario)


def test_a_second_factor_cannot_be_brought() -> None:
    async def scenario(api: InProcess) -> None:
        accessors = await prepare(api)
        method = await api(
            "POST", "identity/mfa/method/totp", {"issuer": "x", "method_name": "m", "period": 30}
        )
        enforced = {"mfa_method_ids": [method.data["method_id"]]}
        enforced |= {"auth_method_accessors": [accessors["userpass"]]}
        assert (await api("POST", "identity/mfa/login-enforcement/all", enforced)).status == 204
        assert (await enroll(api, request())).status == 403

    inprocess(scenario)


def test_who_enrolled_stands_in_the_audit_log(tmp_path: object) -> None:
    async def scenario(api: InProcess) -> None:
        await prepare(api)
        path = f"{tmp_path}/audit.log"
        await api("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": path}})
        await enroll(api, request())
        with open(path, encoding="utf-8") as log:  # noqa: ASYNC230, PTH123  a small file of this test
            text = log.read()
        assert '"display_name":"userpass-ann"' in text.splitlines()[-1]
        assert "pki/roles/dev/est/simpleenroll" in text
        assert base64.b64encode(b"ann:pw").decode() not in text

    inprocess(scenario)
