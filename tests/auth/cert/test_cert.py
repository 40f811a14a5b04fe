"""Logins with a client certificate, and renewals: who gets in, as whom, and who does not."""

from __future__ import annotations

from typing import Any

from strongroom.logical import SECOND
from tests.auth.cert.visitor import CLIENT, DAY, MIDDLE, OTHER, ROOT, login, mounted, role
from tests.certificates import SERVER, certificate
from tests.inprocess import InProcess, inprocess
from tests.leasing import later


def test_a_login() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        assert (await role(api, "Web", token_policies="a", token_ttl=60)).status == 204
        for body in ({}, {"name": "web"}, {"name": "WEB"}):
            auth = (await login(api, CLIENT, **body)).json["auth"]
            assert auth["token_policies"] == ["a", "default"]
            assert auth["lease_duration"] == 60
            assert auth["metadata"]["cert_name"] == "web"
            assert auth["metadata"]["common_name"] == "client"
            assert auth["metadata"]["serial_number"] == str(CLIENT.certificate.serial_number)
            assert auth["metadata"]["authority_key_id"].count(":") == 19
        found = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        assert found.data["display_name"] == "cert-web"
        entity = (await api("GET", f"identity/entity/id/{auth['entity_id']}")).data
        assert entity["aliases"][0]["name"] == "client"
        assert entity["aliases"][0]["metadata"] is None

    inprocess(scenario)


def test_who_is_refused() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api)
        for shown, words in (
            ((), "no client certificate found"),
            ((certificate("x", OTHER),), "invalid certificate or no client certificate supplied"),
            ((certificate("x", MIDDLE),), "invalid certificate"),
            (
                (certificate("x", ROOT, ends=-0.5),),
                "failed to verify client's certificate: certificate has expired",
            ),
            ((certificate("x", ROOT, usages=[SERVER]),), "incompatible key usage"),
            ((certificate("", ROOT),), "missing name in alias"),
        ):
            answer = await login(api, *shown)
            assert answer.status == 400
            assert answer.errors[0].startswith(words) or words in answer.errors[0]
        assert (await login(api, CLIENT, name="nobody")).errors == [
            "invalid certificate or no client certificate supplied"
        ]
        garbled = await api("POST", "auth/cert/login", {}, token=None, certificates=(b"0\x82",))
        assert garbled.errors == ["failed to verify client's certificate: the certificate cannot be read"]
        below = certificate("x", MIDDLE)
        assert (await login(api, below, MIDDLE)).status == 200
        assert (await login(api, CLIENT)).status == 200

    inprocess(scenario)


def test_a_certificate_expires_by_the_servers_clock() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api)
        with later(api.core, 40 * DAY):
            assert "expired" in (await login(api, CLIENT)).errors[0]

    inprocess(scenario)


def test_what_a_bundle_trusts() -> None:
    pinned = certificate("pinned")

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, certificate=ROOT.pem + pinned.pem)
        assert (await login(api, CLIENT)).status == 200
        assert (await login(api, pinned)).status == 200
        await role(api, certificate=pinned.pem + ROOT.pem)
        assert (await login(api, CLIENT)).status == 400, "the chain of a leaf is not trusted for others"
        assert (await login(api, pinned)).status == 200
        await role(api, certificate=OTHER.pem)
        assert (await login(api, pinned)).status == 400, "what was trusted before is not any more"

    inprocess(scenario)


def test_roles_that_cannot_be() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
        for fields, words in (
            ({"certificate": ""}, "failed to parse certificate"),
            ({"certificate": "nonsense"}, "failed to parse certificate"),
            ({"certificate": ROOT.pem + broken}, "failed to parse certificate"),
            ({"certificate": ROOT.pem * 101}, "too many"),
            ({"certificate": "x" * 1_000_001}, "too many"),
            ({"certificate": certificate("x", usages=[SERVER]).pem}, "client authentication"),
            ({"ocsp_ca_certificates": "junk"}, "ocsp_ca_certificates"),
            ({"ocsp_max_retries": -1}, "ocsp_max_retries"),
            ({"required_extensions": "nonsense"}, "OID:PATTERN"),
            ({"required_extensions": ["1.2.3"]}, "OID:PATTERN"),
            ({"allowed_metadata_extensions": "x"}, "OIDs"),
            ({"token_policies": "root"}, "root"),
        ):
            answer = await role(api, **fields)
            assert answer.status == 400, fields
            assert words in answer.errors[0]
        assert (await api("GET", "auth/cert/certs/web")).status == 404
        assert (await api("POST", "auth/cert/certs/web", {})).errors == ["failed to parse certificate"]

    inprocess(scenario)


FITS: tuple[tuple[str, str | list[str], bool], ...] = (
    ("allowed_names", "client", True),
    ("allowed_names", "client.example.com", True),
    ("allowed_names", "ann@example.com", True),
    ("allowed_names", "spiffe://example/ann", False),
    ("allowed_names", "CLIENT", False),
    ("allowed_names", "cl*", True),
    ("allowed_names", "nobody,*.example.com", True),
    ("allowed_common_names", "client", True),
    ("allowed_common_names", "*.example.com", False),
    ("allowed_dns_sans", "*.example.com", True),
    ("allowed_dns_sans", "client", False),
    ("allowed_email_sans", "*@example.com", True),
    ("allowed_email_sans", "*@example.org", False),
    ("allowed_uri_sans", "spiffe://example/*", True),
    ("allowed_uri_sans", "https://*", False),
    ("allowed_organizational_units", "ops", True),
    ("allowed_organizational_units", "sales", False),
    ("required_extensions", "1.2.3.4:hello", True),
    ("required_extensions", "1.2.3.4:h*o", True),
    ("required_extensions", "1.2.3.4:bye", False),
    ("required_extensions", "1.2.3.5:*", False),
    ("required_extensions", "1.2.3.6:*", False),
    ("required_extensions", ["1.2.3.4:hello", "1.2.3.6:*"], False),
    ("required_extensions", "hex:1.2.3.5:0101ff", True),
    ("required_extensions", "hex:1.2.3.5:0101FF", True),
    ("required_extensions", "hex:1.2.3.5:01*", True),
    ("required_extensions", "hex:1.2.3.5:02*", False),
    ("required_extensions", "hex:1.2.3.4:0c0568656c6c6f", True),
    ("required_extensions", "hex:2.5.29.19:*", True),
)


def test_what_a_certificate_has_to_say() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for name, value, fine in FITS:
            await api("DELETE", "auth/cert/certs/web")
            fields: dict[str, Any] = {name: value}
            assert (await role(api, **fields)).status == 204
            answer = await login(api, CLIENT)
            assert (answer.status == 200) is fine, (name, value)
            if not fine:
                assert answer.errors[0].startswith("no chain matching all constraints could be found")

    inprocess(scenario)


def test_the_first_role_by_name_that_fits() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "c")
        await role(api, "b", allowed_names="client")
        await role(api, "a", allowed_names="nobody")
        await role(api, "0", trusted=OTHER)
        assert (await login(api, CLIENT)).json["auth"]["metadata"]["cert_name"] == "b"
        assert (await login(api, CLIENT, name="c")).json["auth"]["metadata"]["cert_name"] == "c"
        assert (await login(api, CLIENT, name="a")).status == 400
        assert (await api("LIST", "auth/cert/certs")).data["keys"] == ["0", "a", "b", "c"]
        assert (await api("LIST", "auth/cert/certs?after=0&limit=2")).data["keys"] == ["a", "b"]
        await api("DELETE", "auth/cert/certs/b")
        await api("DELETE", "auth/cert/certs/none")
        assert (await login(api, CLIENT)).json["auth"]["metadata"]["cert_name"] == "c"

    inprocess(scenario)


def test_metadata() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, allowed_metadata_extensions="1.2.3.4,1.2.3.5,1.2.3.6", display_name="shown")
        await api("POST", "auth/cert/config", {"enable_identity_alias_metadata": True})
        auth = (await login(api, CLIENT)).json["auth"]
        told = {name: value for name, value in auth["metadata"].items() if name.startswith("1-2")}
        assert told == {"1-2-3-4": "hello", "1-2-3-5": ""}
        entity = (await api("GET", f"identity/entity/id/{auth['entity_id']}")).data
        assert entity["aliases"][0]["metadata"]["1-2-3-4"] == "hello"
        found = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        assert found.data["display_name"] == "cert-shown"
        refused = await login(api, certificate("x", OTHER))
        assert "data" not in refused.json
        await api("POST", "auth/cert/config", {"enable_metadata_on_failures": True})
        refused = await login(api, certificate("x", OTHER))
        assert refused.status == 400
        assert refused.json["data"]["metadata"]["common_name"] == "x"

    inprocess(scenario)


def test_settings() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        whole = (await api("GET", "auth/cert/config")).data
        assert whole == {
            "disable_binding": False,
            "enable_identity_alias_metadata": False,
            "enable_metadata_on_failures": False,
            "ocsp_cache_size": 100,
            "role_cache_size": 200,
        }
        for bad in ({"ocsp_cache_size": 1}, {"ocsp_cache_size": 100_001}, {"role_cache_size": -2}):
            assert (await api("POST", "auth/cert/config", bad)).status == 400
        assert (await api("POST", "auth/cert/config", {"disable_binding": True})).status == 204
        assert (await api("POST", "auth/cert/config", {"role_cache_size": -1})).status == 204
        changed = {"disable_binding": True, "role_cache_size": -1}
        assert (await api("GET", "auth/cert/config")).data == whole | changed

    inprocess(scenario)


def test_parameters_of_tokens() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, token_strictly_bind_ip=True)
        auth = (await login(api, CLIENT)).json["auth"]
        here = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        there = await api("GET", "auth/token/lookup-self", token=auth["client_token"], address="10.9.9.9")
        assert (here.status, there.status) == (200, 403)
        await role(api, token_strictly_bind_ip=False, token_bound_cidrs="10.0.0.0/8")
        assert (await login(api, CLIENT)).status == 403
        await role(api, token_bound_cidrs="", token_type="batch")
        assert (await login(api, CLIENT)).json["auth"]["token_type"] == "batch"
        await role(api, token_type="default", lease=500, period=50)
        told = (await api("GET", "auth/cert/certs/web")).data
        assert (told["token_ttl"], told["ttl"], told["token_period"], told["period"]) == (500, 500, 50, 50)
        assert told["allowed_names"] is None
        assert told["certificate"] == ROOT.pem

    inprocess(scenario)


def test_what_roles_trust_is_known_to_tls() -> None:
    async def scenario(api: InProcess) -> None:
        trust = api.core.client_trust
        assert await trust.authorities() == []
        await mounted(api)
        await role(api, "a")
        await role(api, "b")
        await role(api, "c", trusted=OTHER)
        assert await trust.authorities() == sorted([ROOT.pem, OTHER.pem])
        assert await trust.authorities() is await trust.authorities()
        assert (await role(api, "d", certificate="nonsense")).status == 400
        await api("DELETE", "auth/cert/certs/c")
        assert await trust.authorities() == [ROOT.pem]
        await api("POST", "sys/auth/second", {"type": "cert"})
        await api("POST", "auth/second/certs/x", {"certificate": OTHER.pem})
        await api("POST", "sys/remount", {"from": "auth/second", "to": "auth/third"})
        assert len(await trust.authorities()) == 2
        await api("DELETE", "sys/auth/third")
        assert await trust.authorities() == [ROOT.pem]
        await api("POST", "sys/namespaces/ns")
        inside = {"X-Vault-Namespace": "ns"}
        assert (await api("POST", "sys/auth/cert", {"type": "cert"}, inside)).status == 204
        await api("POST", "auth/cert/certs/x", {"certificate": OTHER.pem}, inside)
        assert len(await trust.authorities()) == 2
        await api("DELETE", "sys/namespaces/ns")
        assert await trust.authorities() == [ROOT.pem]
        await api.core.lifecycle.seal()
        assert await trust.authorities() == [ROOT.pem]
        await api.core.lifecycle.submit(api.key)
        assert await trust.authorities() == [ROOT.pem]

    inprocess(scenario)


def test_quotas_of_a_role() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "slow")
        await role(api, "fast")
        rule = {"path": "auth/cert", "role": "slow", "rate": 1, "interval": "1h"}
        assert (await api("POST", "sys/quotas/rate-limit/slow", rule)).status == 204
        assert (await login(api, CLIENT, name="slow")).status == 200
        assert (await login(api, CLIENT, name="slow")).status == 429
        assert (await login(api, CLIENT, name="fast")).status == 200

    inprocess(scenario)


def test_the_clock_of_the_request_is_nanoseconds() -> None:
    from strongroom.crypto.chain import moment  # noqa: PLC0415

    assert moment(1_700_000_000 * SECOND).isoformat() == "2023-11-14T22:13:20+00:00"
