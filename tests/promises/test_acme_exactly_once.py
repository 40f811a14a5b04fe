"""However many clients ask at the same time: one account a key, one certificate an order."""

from __future__ import annotations

import asyncio

import pytest

from tests.inprocess import InProcess
from tests.secrets.pki.acme.client import Client, problem
from tests.secrets.pki.acme.responders import Web, Zone
from tests.secrets.pki.acme.signing import Account, binding, csr, ec_key
from tests.secrets.pki.acme.test_orders import played, ready


def test_one_account_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        key = ec_key()
        answers = await asyncio.gather(*(Client(api, Account(key)).register() for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] * 7 + [201]
        assert len({answer.headers["location"] for answer in answers}) == 1

    played(monkeypatch, scenario)


def test_one_certificate_for_an_order(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        order = await ready(api, names, site, "a.test")
        before = (await api("LIST", "pki/certs")).data["keys"]
        payload = {"csr": csr(ec_key(), "a.test")}
        clients = [Client(api, order.client.account) for _ in range(6)]
        answers = await asyncio.gather(*(one.post(order.told["finalize"], payload) for one in clients))
        assert sorted(answer.status for answer in answers) == [200] + [403] * 5
        assert {problem(answer) for answer in answers if answer.status == 403} == {"orderNotReady"}
        after = (await api("LIST", "pki/certs")).data["keys"]
        assert len(after) - len(before) == 1

    played(monkeypatch, scenario)


def test_one_account_for_an_external_key(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess, names: Zone, site: Web) -> None:
        given = (await api("POST", "pki/acme/new-eab", {})).data
        clients = [Client(api) for _ in range(5)]
        answers = await asyncio.gather(
            *(
                one.register(
                    externalAccountBinding=binding(
                        given["id"], given["key"], one.account.key, one.url("new-account")
                    )
                )
                for one in clients
            )
        )
        assert sorted(answer.status for answer in answers) == [201] + [401] * 4

    played(monkeypatch, scenario, eab_policy="always-required")
