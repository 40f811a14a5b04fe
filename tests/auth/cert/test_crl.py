"""Revocation lists: uploaded and fetched, and what stands on them."""

from __future__ import annotations

from cryptography import x509

from tests.auth.cert.publisher import Publisher
from tests.auth.cert.visitor import CLIENT, DAY, MIDDLE, OTHER, ROOT, login, mounted, renew, role
from tests.certificates import DER, PEM, certificate, revocation_list
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.upstream.simulator import serving

SERIAL = str(CLIENT.certificate.serial_number)


def pem(*revoked: object, issuer: object = ROOT) -> str:
    return revocation_list(issuer, *revoked).public_bytes(PEM).decode()  # type: ignore[arg-type]


def test_whoever_is_on_a_list_stays_out() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, token_ttl=100)
        token = (await login(api, CLIENT)).json["auth"]["client_token"]
        assert (await api("POST", "auth/cert/crls/X", {"crl": pem(CLIENT)})).status == 204
        assert (await api("GET", "auth/cert/crls/x")).data == {"serials": {SERIAL: {}}}
        assert (await api("LIST", "auth/cert/crls")).data["keys"] == ["x"]
        assert (await login(api, CLIENT)).errors == [
            "no chain matching all constraints could be found for this login certificate"
        ]
        assert "no chain matching" in (await renew(api, token, CLIENT)).errors[0]
        assert (await login(api, certificate("x", ROOT))).status == 200
        await api("POST", "auth/cert/crls/x", {"crl": pem(CLIENT, issuer=OTHER)})
        assert (await login(api, CLIENT)).status == 200, "a number is its issuer's alone"
        await api("POST", "auth/cert/crls/x", {"crl": pem(CLIENT)})
        await api("POST", "auth/cert/crls/x", {"crl": pem()})
        assert (await api("GET", "auth/cert/crls/x")).data == {}
        assert (await login(api, CLIENT)).status == 200
        await api("POST", "auth/cert/crls/y", {"crl": pem(CLIENT)})
        assert (await login(api, CLIENT)).status == 400
        assert (await api("DELETE", "auth/cert/crls/y")).status == 204
        assert (await login(api, CLIENT)).status == 200

    inprocess(scenario)


def test_issuers_and_leaves_trusted_by_themselves() -> None:
    pinned = certificate("pinned", ROOT)

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api)
        await role(api, "pinned", trusted=pinned)
        below = certificate("x", MIDDLE)
        assert (await login(api, below, MIDDLE)).status == 200
        await api("POST", "auth/cert/crls/x", {"crl": pem(MIDDLE, pinned)})
        assert (await login(api, below, MIDDLE)).status == 400, "its issuer was revoked"
        assert (await login(api, pinned, name="pinned")).status == 400

    inprocess(scenario)


def test_what_is_no_list() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for body, words in (
            ({}, "one of 'crl' or 'url' must be provided"),
            ({"crl": "nonsense"}, "failed to parse CRL"),
            ({"crl": ROOT.pem}, "failed to parse CRL"),
            ({"crl": pem(), "url": "http://127.0.0.1/"}, "only one"),
            ({"url": "nonsense"}, "http or https"),
            ({"url": "file:///etc/passwd"}, "http or https"),
        ):
            answer = await api("POST", "auth/cert/crls/x", body)
            assert answer.status == 400, body
            assert words in answer.errors[0]
        for method in ("GET", "DELETE"):
            answer = await api(method, "auth/cert/crls/x")
            assert (answer.status, answer.errors) == (400, ["no such CRL x"])

    inprocess(scenario)


def test_a_published_list_is_fetched_again() -> None:
    async def scenario(api: InProcess) -> None:
        with serving(Publisher()) as publisher:
            publisher.list = revocation_list(ROOT, ends=0.5).public_bytes(DER)
            await mounted(api)
            await role(api)
            url = f"{publisher.url}/list"
            assert (await api("POST", "auth/cert/crls/x", {"url": url})).status == 204
            assert (await api("GET", "auth/cert/crls/x")).data == {"cdp": {"url": url}}
            assert (await login(api, CLIENT)).status == 200
            publisher.list = revocation_list(ROOT, CLIENT, ends=2).public_bytes(PEM)
            await reap(api.core)
            assert (await login(api, CLIENT)).status == 200
            with later(api.core, 0.6 * DAY):
                publisher.status = 500
                await reap(api.core)
                assert (await login(api, CLIENT)).status == 200, "the old list holds meanwhile"
            publisher.status = 200
            with later(api.core, 0.7 * DAY):
                await reap(api.core)
                assert (await login(api, CLIENT)).status == 400
            calls = len(publisher.calls)
            assert (await api("DELETE", "auth/cert/crls/x")).status == 204
            with later(api.core, 9 * DAY):
                await reap(api.core)
            assert len(publisher.calls) == calls
            assert not [name for name in await rows(api.core, "sys/expire/at/") if "/w/" in name]

    inprocess(scenario)


def test_a_list_that_cannot_be_fetched() -> None:
    async def scenario(api: InProcess) -> None:
        with serving(Publisher()) as publisher:
            await mounted(api)
            for path in ("none", "list"):
                answer = await api("POST", "auth/cert/crls/x", {"url": f"{publisher.url}/{path}"})
                assert answer.status in {400, 502}
            assert (await api("GET", "auth/cert/crls/x")).status == 400

    inprocess(scenario)


def test_a_delta_stands_beside_its_list() -> None:
    """The delta of a list goes under a name of its own; a complete list takes back what it told."""
    twin = certificate("twin", ROOT)
    delta = revocation_list(ROOT, twin, further=[(x509.DeltaCRLIndicator(1), True)])

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api)
        await api("POST", "auth/cert/crls/complete", {"crl": pem(CLIENT)})
        assert (await login(api, twin)).status == 200
        written = await api("POST", "auth/cert/crls/delta", {"crl": delta.public_bytes(PEM).decode()})
        assert written.status == 204
        for one in (CLIENT, twin):
            assert (await login(api, one)).status == 400
        emptied = revocation_list(ROOT, further=[(x509.DeltaCRLIndicator(2), True)])
        await api("POST", "auth/cert/crls/delta", {"crl": emptied.public_bytes(PEM).decode()})
        assert (await login(api, twin)).status == 200
        assert (await login(api, CLIENT)).status == 400

    inprocess(scenario)
