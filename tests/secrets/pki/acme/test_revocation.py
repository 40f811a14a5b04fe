"""Who may revoke a certificate, and what comes of it."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.inprocess import InProcess
from tests.leasing import later
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.client import Client, problem
from tests.secrets.pki.acme.responders import Web, Zone
from tests.secrets.pki.acme.signing import Account, ec_key
from tests.secrets.pki.acme.test_orders import leaf_of, played, prove, ready

KEY = ec_key()


async def issued(api: InProcess, names: Zone, site: Web) -> tuple[Client, str, x509.Certificate]:
    order = await ready(api, names, site, "a.test")
    assert (await order.finalize(KEY, "a.test")).status == 200
    leaf = leaf_of((await order.certificate()).body)
    return order.client, signing.b64(leaf.public_bytes(serialization.Encoding.DER)), leaf


def serial(leaf: x509.Certificate) -> str:
    text = f"{leaf.serial_number:x}"
    text = text.zfill(len(text) + len(text) % 2)
    return ":".join(text[i : i + 2] for i in range(0, len(text), 2))


def test_by_the_account_that_ordered_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client, text, leaf = await issued(api, names, site)
        for reason in (2, 6, 7, 8, 10, 11, -1, "1", True, None, 1.0):
            wrong = await client.post("revoke-cert", {"certificate": text, "reason": reason})
            assert problem(wrong) == "badRevocationReason"
        done = await client.post("revoke-cert", {"certificate": text, "reason": 4})
        assert (done.status, done.body) == (200, b"")
        assert done.headers["replay-nonce"]
        assert problem(await client.post("revoke-cert", {"certificate": text})) == "alreadyRevoked"
        assert (await api("GET", f"pki/cert/{serial(leaf)}")).data["revocation_time"] > 0

    played(monkeypatch, scenario)


def test_by_the_key_of_the_certificate_and_of_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client, text, _ = await issued(api, names, site)
        for stranger in (Client(api), Client(api, Account(client.account.key))):
            assert problem(await stranger.post("revoke-cert", {"certificate": text})) == "unauthorized"
        holder = Client(api, Account(KEY))
        assert (await holder.post("revoke-cert", {"certificate": text})).status == 200

    played(monkeypatch, scenario)


def test_by_an_account_that_holds_all_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        _, text, _ = await issued(api, names, site)
        other = Client(api)
        await other.register()
        assert problem(await other.post("revoke-cert", {"certificate": text})) == "unauthorized"
        order = await other.order("a.test")
        assert problem(await other.post("revoke-cert", {"certificate": text})) == "unauthorized"
        await prove(order, 0, site)
        assert (await other.post("revoke-cert", {"certificate": text})).status == 200

    played(monkeypatch, scenario)


def test_what_cannot_be_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        client, text, _ = await issued(api, names, site)
        root = x509.load_pem_x509_certificate((await api("GET", "pki/ca/pem")).body)
        foreign = signing.b64(root.public_bytes(serialization.Encoding.DER))
        payloads: tuple[dict[str, Any], ...] = (
            {},
            {"certificate": "zz"},
            {"certificate": 1},
            {"certificate": text[:-8]},
            {"certificate": foreign},
        )
        for payload in payloads:
            assert problem(await client.post("revoke-cert", payload)) in ("malformed", "unauthorized")
        client.nonce = ""
        with later(api.core, 400 * 24 * 3600):
            assert problem(await client.post("revoke-cert", {"certificate": text})) == "malformed"

    played(monkeypatch, scenario)
