"""Orders from the first message to the certificate, and what keeps one from it."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from strongroom.secrets.pki.acme import order_paths
from strongroom.secrets.pki.acme.validation import http01, tls_alpn01
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.client import Client, Order, authority, engine, exhaust, problem, settle
from tests.secrets.pki.acme.responders import Web, Zone, alpn, alpn_certificate, web, zone
from tests.secrets.pki.acme.signing import Account, ec_key

KEY = ec_key()
HERE = x509.IPAddress(ip_address("127.0.0.1"))
MERGE = {"Content-Type": "application/merge-patch+json"}


async def prove(order: Order, number: int, site: Web) -> None:
    """Put the file there and have it looked at."""
    challenge = await order.challenge(number, "http-01")
    path = f"/.well-known/acme-challenge/{challenge['token']}"
    site.put(path, order.client.authorization(challenge["token"]).encode())
    answer = await order.respond(number, "http-01")
    assert answer.status == 200, answer
    assert answer.json["status"] == "processing"
    assert answer.headers["retry-after"]
    await engine(order.client.api.core).validations.settle()


async def ready(api: InProcess, names: Zone, site: Web, *wanted: str, **fields: Any) -> Order:
    """An order whose names were all shown to be held."""
    client = Client(api)
    await client.register()
    for name in wanted:
        names.address(name)
    order = await client.order(*wanted, **fields)
    for number in range(len(wanted)):
        await prove(order, number, site)
    assert (await order.again())["status"] == "ready"
    return order


def played(monkeypatch: pytest.MonkeyPatch, scenario: Any, **config: Any) -> None:
    """A scenario with a server, a resolver and a web server."""

    async def run(api: InProcess) -> None:
        async with zone() as names, web() as site:
            monkeypatch.setitem(http01.PORTS, "http", site.port)
            await authority(api, dns_resolver=f"127.0.0.1:{names.port}", **config)
            await scenario(api, names, site)

    inprocess(run)


def leaf_of(body: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(body)[0]


def names_of(one: x509.Certificate) -> set[str]:
    san = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in san}


def test_a_whole_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test", "b.test", "127.0.0.1")
        early = await order.client.post(order.url + "/cert")
        assert problem(early) == "orderNotReady"
        answer = await order.finalize(KEY, "a.test", "B.test", others=(HERE,))
        assert answer.status == 200, answer
        assert answer.json["status"] == "valid"
        answer = await order.certificate()
        assert answer.headers["content-type"] == "application/pem-certificate-chain"
        leaf, root = x509.load_pem_x509_certificates(answer.body)
        leaf.verify_directly_issued_by(root)
        assert names_of(leaf) == {"a.test", "b.test", "127.0.0.1"}
        assert leaf.public_key() == KEY.public_key()
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
        again = await order.finalize(KEY, "a.test", "b.test")
        assert problem(again) == "orderNotReady"
        kept = await api("LIST", "pki/certs")
        assert f"{leaf.serial_number:040x}" in "".join(kept.data["keys"]).replace(":", "")

    played(monkeypatch, scenario)


def test_a_wildcard_is_shown_by_its_names_and_a_host_by_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        order = await client.order("*.a.test", "b.test")
        first = (await client.post(order.told["authorizations"][0])).json
        assert first["wildcard"] is True
        assert first["identifier"] == {"type": "dns", "value": "a.test"}
        assert [challenge["type"] for challenge in first["challenges"]] == ["dns-01"]
        token = first["challenges"][0]["token"]
        proof = signing.hashed(client.authorization(token))
        names.txt("_acme-challenge.a.test", proof)
        await order.respond(0, "dns-01")
        challenge = await order.challenge(1, "tls-alpn-01")
        names.address("b.test")
        context = alpn_certificate(x509.DNSName("b.test"), client.authorization(challenge["token"]))
        async with alpn(context) as port:
            monkeypatch.setattr(tls_alpn01, "PORT", port)
            await order.respond(1, "tls-alpn-01")
            await engine(api.core).validations.settle()
        assert (await order.again())["status"] == "ready"
        answer = await order.finalize(KEY, "*.a.test", "b.test", cn="b.test")
        assert answer.json["status"] == "valid", answer
        leaf = leaf_of((await order.certificate()).body)
        assert names_of(leaf) == {"*.a.test", "b.test"}
        assert leaf.subject.rfc4514_string() == "CN=b.test"

    played(monkeypatch, scenario)


def test_a_challenge_that_fails_ends_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        names.address("a.test")
        order = await client.order("a.test")
        await order.respond(0, "http-01")
        await engine(api.core).validations.settle()
        waiting = await order.challenge(0, "http-01")
        assert waiting["status"] == "processing"
        assert waiting["error"]["type"].endswith(":unauthorized")
        assert (await order.again())["status"] == "pending"
        await exhaust(api.core)
        assert len(site.asked) == 4
        authorization = (await client.post(order.told["authorizations"][0])).json
        assert authorization["status"] == "invalid"
        assert [c["type"] for c in authorization["challenges"]] == ["http-01"]
        assert (await order.again())["status"] == "invalid"
        assert problem(await order.finalize(KEY, "a.test")) == "orderNotReady"
        await order.respond(0, "http-01")
        await exhaust(api.core)
        assert len(site.asked) == 4

    played(monkeypatch, scenario)


def test_a_host_that_is_late_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        names.address("a.test")
        order = await client.order("a.test")
        await order.respond(0, "http-01")
        await engine(api.core).validations.settle()
        challenge = await order.challenge(0, "http-01")
        path = f"/.well-known/acme-challenge/{challenge['token']}"
        site.put(path, client.authorization(challenge["token"]).encode())
        with later(api.core, 3):
            await settle(api.core)
        done = await order.challenge(0, "http-01")
        assert (done["status"], "error" in done, "validated" in done) == ("valid", False, True)

    played(monkeypatch, scenario)


def test_a_validation_goes_on_after_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        names.address("a.test")
        order = await client.order("a.test")
        site.silent = True
        await order.respond(0, "http-01")
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        assert problem(await client.post(order.url)) == "badNonce"  # none outlives a restart
        assert (await order.challenge(0, "http-01"))["status"] == "processing"
        site.silent = False
        challenge = await order.challenge(0, "http-01")
        path = f"/.well-known/acme-challenge/{challenge['token']}"
        site.put(path, client.authorization(challenge["token"]).encode())
        with later(api.core, 31):
            await settle(api.core)
        assert (await order.again())["status"] == "ready"

    played(monkeypatch, scenario)


@pytest.mark.parametrize(
    "wrong",
    (
        {"names": ("a.test", "c.test")},
        {"names": ()},
        {"names": ("*.a.test",)},
        {"names": ("a.test",), "cn": "c.test"},
        {"names": ("a.test",), "others": (x509.RFC822Name("x@a.test"),)},
        {"names": ("a.test",), "others": (x509.UniformResourceIdentifier("spiffe://a"),)},
        {"names": ("a.test",), "others": (HERE,)},
    ),
)
def test_a_request_has_the_names_of_the_order(wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        options = {name: value for name, value in wrong.items() if name != "names"}
        assert problem(await order.finalize(KEY, *wrong["names"], **options)) == "badCSR"
        assert (await order.again())["status"] == "ready"
        assert (await order.finalize(KEY, "a.test", cn="A.test")).status == 200

    played(monkeypatch, scenario)


def test_bad_requests_for_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        for payload, kind in (
            ({}, "malformed"),
            ({"csr": "!"}, "malformed"),
            ({"csr": 1}, "malformed"),
            ({"csr": "zzzz"}, "badCSR"),
            ({"csr": signing.csr(order.client.account.key, "a.test")}, "badCSR"),
        ):
            assert problem(await order.client.post(order.told["finalize"], payload)) == kind

    played(monkeypatch, scenario)


def test_a_role_governs_its_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        role = {"allowed_domains": "a.test", "allow_subdomains": True, "key_type": "ec", "ttl": "1h"}
        await api(
            "POST", "pki/roles/web", role | {"organization": "Us", "no_store": True, "client_flag": True}
        )
        client = Client(api, place="roles/web/acme")
        await client.register()
        identifiers = [{"type": "dns", "value": "b.test"}]
        assert problem(await client.post("new-order", {"identifiers": identifiers})) == "rejectedIdentifier"
        names.address("x.a.test")
        order = await client.order("x.a.test")
        await prove(order, 0, site)
        rsa = signing.rsa_key()
        assert problem(await order.finalize(rsa, "x.a.test")) == "badCSR"
        assert (await order.finalize(KEY, "x.a.test")).status == 200
        leaf = leaf_of((await order.certificate()).body)
        assert leaf.subject.rfc4514_string() in ("CN=x.a.test,O=Us", "O=Us,CN=x.a.test")
        life = leaf.not_valid_after_utc - datetime.now(UTC)
        assert 3500 < life.total_seconds() < 3700
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert list(usage) == [ExtendedKeyUsageOID.SERVER_AUTH]
        await api("POST", "pki/config/acme", {"allow_role_ext_key_usage": True})
        order = await client.order("x.a.test")
        await prove(order, 0, site)
        await order.finalize(KEY, "x.a.test")
        leaf = leaf_of((await order.certificate()).body)
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}

    played(monkeypatch, scenario)


def test_nobody_gets_longer_than_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        for wish, most in (("2099-01-01T00:00:00Z", 7200), (None, 7200)):
            order = await ready(api, names, site, "a.test", **({"notAfter": wish} if wish else {}))
            assert (await order.finalize(KEY, "a.test")).status == 200
            leaf = leaf_of((await order.certificate()).body)
            life = (leaf.not_valid_after_utc - datetime.now(UTC)).total_seconds()
            assert most - 60 < life <= most
        client = Client(api)
        await client.register()
        past = "2020-01-01T00:00:00Z"
        for given in ({"notAfter": "soon"}, {"notAfter": past}, {"notBefore": past}):
            body = {"identifiers": [{"type": "dns", "value": "a.test"}], **given}
            assert problem(await client.post("new-order", body)) == "malformed"

    played(monkeypatch, scenario, max_ttl="2h")


def test_allowed_addresses_of_a_role_hold_for_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    """GHSA-g892-p242-8g86: networks that a role allows hold for whatever way an address takes."""

    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        role = {"allow_any_name": True, "key_type": "any", "allowed_ip_sans_cidr": "10.0.0.0/8"}
        await api("POST", "pki/roles/web", role)
        client = Client(api, place="roles/web/acme")
        await client.register()
        identifiers = [{"type": "ip", "value": "127.0.0.1"}]
        assert problem(await client.post("new-order", {"identifiers": identifiers})) == "rejectedIdentifier"
        await api("PATCH", "pki/roles/web", {"allowed_ip_sans_cidr": "127.0.0.0/8"}, MERGE)
        order = await client.order("127.0.0.1")
        await prove(order, 0, site)
        await api("PATCH", "pki/roles/web", {"allowed_ip_sans_cidr": "10.0.0.0/8"}, MERGE)
        assert problem(await order.finalize(KEY, others=(HERE,))) == "badCSR"

    played(monkeypatch, scenario)


def test_what_belongs_to_another_account_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        other = Client(api)
        await other.register()
        challenge = await order.challenge(0, "http-01")
        for url in (
            order.url,
            order.told["finalize"],
            order.url + "/cert",
            order.told["authorizations"][0],
            challenge["url"],
        ):
            payload = {"csr": signing.csr(KEY, "a.test")} if url.endswith("finalize") else None
            assert problem(await other.post(url, payload)) == "malformed"
        assert problem(await other.post(order.client.account.url)) == "unauthorized"
        assert problem(await other.post(order.client.account.url + "/orders")) == "unauthorized"
        assert (await other.post("orders")).json == {"orders": []}
        assert (await order.client.post("orders")).json == {"orders": [order.url]}

    played(monkeypatch, scenario)


def test_an_order_that_comes_to_nothing_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        view = f"logical/{api.core.mounts.by_prefix['pki/'].entry.uuid}/acme/"
        await client.fresh_nonce()
        order = await client.order("a.test", "b.test")
        kept = {name for name in await rows(api.core, view) if not name.startswith("nonces/")}
        assert len([name for name in kept if name.startswith("authorizations/")]) == 2
        client.nonce = ""  # too old by then
        with later(api.core, order_paths.LIFE + 1):
            assert (await Order(client, order.url, {}).again())["status"] == "invalid"
        with later(api.core, order_paths.LIFE + order_paths.KEPT + 1):
            await settle(api.core)
        left = {name.partition("/")[0] for name in await rows(api.core, view)}
        assert left == {"config", "nonce-key", "accounts", "account-keys"}

    played(monkeypatch, scenario)


def test_an_authorization_that_is_given_up_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        place = order.told["authorizations"][0]
        assert problem(await order.client.post(place, {"status": "valid"})) == "malformed"
        answer = await order.client.post(place, {"status": "deactivated"})
        assert answer.json["status"] == "deactivated"
        assert (await order.again())["status"] == "invalid"

    played(monkeypatch, scenario)


def test_accounts_of_others_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        thief = Client(api, Account(ec_key(), client.account.url))
        assert problem(await thief.post("orders")) == "malformed"
        await reap(api.core)

    played(monkeypatch, scenario)


def test_whatever_is_in_a_message_is_answered_with_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        client, other = order.client, await order.client.order("b.test")
        challenge = await other.challenge(0, "dns-01")
        good: dict[str, dict[str, Any]] = {
            client.url("new-order"): {"identifiers": [{"type": "dns", "value": "a.test"}]},
            order.told["finalize"]: {"csr": "zz"},
            client.account.url: {"contact": [], "status": "valid"},
            other.told["authorizations"][0]: {"status": "deactivated"},
            client.url("revoke-cert"): {"certificate": "zz", "reason": 1},
            client.url("key-change"): {"protected": "", "payload": "", "signature": ""},
            challenge["url"]: {},
        }
        odd: tuple[Any, ...] = (
            None,
            True,
            -1,
            1.5,
            10**30,
            "",
            "\0",
            "é" * 300,
            [],
            [[]],
            [None],
            {},
            {"a": []},
        )
        for url, payload in good.items():
            for name in (*payload, "notBefore", "notAfter", "type"):
                for value in odd:
                    answer = await client.post(url, payload | {name: value})
                    assert answer.status < 500, (url, name, value, answer)
            for whole in (b"[]", b"null", b"1", b"{", b"\xff", b'{"a":' * 300):
                assert problem(await client.post(url, whole)) == "malformed"

    played(monkeypatch, scenario)


def test_nobody_waits_for_a_closed_account(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client = Client(api)
        await client.register()
        names.address("a.test")
        order = await client.order("a.test")
        site.silent = True
        await order.respond(0, "http-01")
        await client.post(client.account.url, {"status": "deactivated"})
        await engine(api.core).validations.stop()
        site.silent = False
        asked = len(site.asked)
        await exhaust(api.core)
        assert len(site.asked) == asked
        assert not [name for name in await rows(api.core, "sys/expire/") if "acme-challenge" in name]

    played(monkeypatch, scenario)
