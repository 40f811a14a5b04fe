"""Accounts: made, bound, changed, closed; and what a message needs to be heard at all."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from strongroom.secrets.pki.acme import nonce
from strongroom.secrets.pki.acme.records import Order, ending
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.client import BASE, Client, authority, engine, problem, settle
from tests.secrets.pki.acme.signing import Account, ec_key

DAY = 24 * 3600


def played(scenario: Any, **config: Any) -> None:
    async def run(api: InProcess) -> None:
        await authority(api, **config)
        await scenario(api)

    inprocess(run)


# -- accounts ------------------------------------------------------------------------------------------


def test_a_key_has_one_account_in_each_directory() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        none = await client.post("new-account", {"onlyReturnExisting": True})
        assert problem(none) == "accountDoesNotExist"
        made = await client.register(contact=["mailto:a@b.test"])
        assert made.status == 201
        assert made.json["status"] == "valid"
        assert made.json["contact"] == ["mailto:a@b.test"]
        assert made.json["orders"] == client.account.url + "/orders"
        again = Client(api, Account(client.account.key))
        found = await again.register()
        assert (found.status, found.headers["location"]) == (200, client.account.url)
        again.account.url = ""
        assert (await again.post("new-account", {"onlyReturnExisting": True})).status == 200
        await api("POST", "pki/roles/web", {"allow_any_name": True})
        elsewhere = Client(api, Account(client.account.key), "roles/web/acme")
        assert (await elsewhere.register()).status == 201
        assert elsewhere.account.url != client.account.url
        stranger = Client(api, client.account, "roles/web/acme")
        assert problem(await stranger.post("orders")) == "accountDoesNotExist"

    played(scenario)


@pytest.mark.parametrize("key", (ec_key(), signing.ed_key(), signing.rsa_key()), ids=("ec", "ed", "rsa"))
def test_keys_of_all_kinds_have_accounts(key: Any) -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api, Account(key))
        assert (await client.register()).status == 201
        assert (await client.post("orders")).json == {"orders": []}

    played(scenario)


def test_an_account_is_changed_and_closed_by_itself() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        url = client.account.url
        assert (await client.post(url, {"contact": ["mailto:c@d.test"]})).json["contact"] == [
            "mailto:c@d.test"
        ]
        assert (await client.post(url)).json["contact"] == ["mailto:c@d.test"]
        assert problem(await client.post(url, {"status": "revoked"})) == "malformed"
        closed = await client.post(url, {"status": "deactivated"})
        assert (closed.status, closed.json["status"]) == (200, "deactivated")
        assert problem(await client.post(url)) == "unauthorized"
        back = Client(api, Account(client.account.key))
        assert problem(await back.register()) == "unauthorized"

    played(scenario)


@pytest.mark.parametrize(
    ("contact", "kind"),
    (
        (["tel:1"], "unsupportedContact"),
        (["mailto:a@b.c,c@d.e"], "invalidContact"),
        (["mailto:a@b.c?cc=x"], "invalidContact"),
        (["mailto:x"], "invalidContact"),
        (["mailto:a@b.c"] * 11, "invalidContact"),
        (["mailto:" + "a" * 400 + "@b.c"], "invalidContact"),
        ("mailto:a@b.c", "malformed"),
        ([1], "malformed"),
    ),
)
def test_contacts_that_are_none(contact: Any, kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert problem(await Client(api).register(contact=contact)) == kind

    played(scenario)


def test_an_account_goes_by_another_key() -> None:
    async def scenario(api: InProcess) -> None:
        client, new = Client(api), ec_key()
        await client.register()
        old = client.account.key
        url = client.url("key-change")

        def inner(by: Any = new, **over: Any) -> dict[str, str]:
            payload = {"account": client.account.url, "oldKey": signing.jwk(old)}
            header = {"jwk": signing.jwk(by), "url": url} | over.pop("header", {})
            return signing.signed(by, header, payload | over)

        wrongs: tuple[Any, ...] = (
            {},
            "x",
            inner(account="https://x"),
            inner(oldKey=signing.jwk(ec_key())),
            inner(oldKey=None),
            inner(header={"url": "https://x"}),
            inner(header={"nonce": "x"}),
            inner(header={"jwk": signing.jwk(old)}),
            inner() | {"header": {}},
        )
        for wrong in wrongs:
            assert problem(await client.post(url, wrong)) == "malformed", wrong
        other = Client(api)
        await other.register()
        taken = await client.post(url, inner(other.account.key))
        assert (taken.status, taken.headers["location"]) == (409, other.account.url)
        done = await client.post(url, inner())
        assert (done.status, done.json["status"]) == (200, "valid")
        assert problem(await client.post("orders")) == "malformed"
        client.account.key = new
        assert (await client.post("orders")).status == 200
        fresh = Client(api, Account(old))
        assert (await fresh.register()).status == 201

    played(scenario)


# -- external accounts ---------------------------------------------------------------------------------


async def eab(api: InProcess, place: str = "acme") -> dict[str, Any]:
    answer = await api("POST", f"pki/{place}/new-eab", {})
    found: dict[str, Any] = answer.data
    return found


def test_accounts_are_made_by_who_was_given_a_key() -> None:
    async def scenario(api: InProcess) -> None:
        directory = (await api("GET", "pki/acme/directory", token=None)).json
        assert directory["meta"] == {"externalAccountRequired": True}
        key = await eab(api)
        assert set(key) == {"acme_directory", "created_on", "id", "key", "key_type"}
        assert (key["acme_directory"], key["key_type"]) == ("acme/directory", "hs")
        listed = (await api("LIST", "pki/eab")).data
        assert listed["keys"] == [key["id"]]
        assert "key" not in listed["key_info"][key["id"]]
        client = Client(api)
        assert problem(await client.register()) == "externalAccountRequired"
        proof = signing.binding(key["id"], key["key"], client.account.key, client.url("new-account"))
        assert (await client.register(externalAccountBinding=proof)).status == 201
        assert (await client.post(client.account.url)).json["externalAccountBinding"] == proof
        assert (await api("LIST", "pki/eab")).status == 404
        second = Client(api)
        proof = signing.binding(key["id"], key["key"], second.account.key, second.url("new-account"))
        assert problem(await second.register(externalAccountBinding=proof)) == "unauthorized"

    played(scenario, eab_policy="new-account-required")


def test_bindings_that_prove_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        key, other, elsewhere = await eab(api), await eab(api), await eab(api, "issuer/default/acme")
        await api("DELETE", f"pki/eab/{other['id']}")
        client = Client(api)
        url, mine = client.url("new-account"), client.account.key

        def bound(**over: Any) -> dict[str, str]:
            parts = {"kid": key["id"], "mac_key": key["key"], "account": mine, "url": url} | over
            return signing.binding(**parts)

        for wrong, kind in (
            ("x", "malformed"),
            ({}, "malformed"),
            (bound(url="https://x"), "malformed"),
            (bound(nonce="x"), "malformed"),
            (bound(alg="ES256"), "malformed"),
            (bound(alg="none"), "malformed"),
            (bound(account=ec_key()), "malformed"),
            (bound(kid="unknown"), "unauthorized"),
            (bound(kid=other["id"], mac_key=other["key"]), "unauthorized"),
            (bound(kid=elsewhere["id"], mac_key=elsewhere["key"]), "unauthorized"),
            (bound(mac_key=elsewhere["key"]), "unauthorized"),
            (bound() | {"signature": "AAAA"}, "unauthorized"),
            (bound() | {"signature": "!"}, "unauthorized"),
            (bound() | {"payload": signing.b64(b"x")}, "unauthorized"),
        ):
            assert problem(await client.register(externalAccountBinding=wrong)) == kind, wrong
        assert key["id"] in (await api("LIST", "pki/eab")).data["keys"]
        assert (await client.register(externalAccountBinding=bound())).status == 201

    played(scenario, eab_policy="always-required")


def test_always_is_also_for_accounts_that_are_there() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        await api("POST", "pki/config/acme", {"eab_policy": "new-account-required"})
        assert (await client.post("orders")).status == 200
        await api("POST", "pki/config/acme", {"eab_policy": "always-required"})
        assert problem(await client.post("orders")) == "externalAccountRequired"

    played(scenario)


def test_keys_for_accounts_need_a_token() -> None:
    async def scenario(api: InProcess) -> None:
        for verb, path in (("POST", "pki/acme/new-eab"), ("LIST", "pki/eab"), ("DELETE", "pki/eab/x")):
            assert (await api(verb, path, token=None)).status == 403
        assert (await api("POST", "pki/config/acme", {"enabled": False}, token=None)).status == 403

    played(scenario)


# -- messages ------------------------------------------------------------------------------------------


def test_messages_that_are_not_heard() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        url = client.url("orders")
        for header, kind, status in (
            ({"nonce": None}, "badNonce", 400),
            ({"nonce": "abc"}, "badNonce", 400),
            ({"nonce": "A" * 43}, "badNonce", 400),
            ({"url": "https://ca.test/v1/pki/acme/new-order"}, "unauthorized", 401),
            ({"url": url + "?a=b"}, "unauthorized", 401),
            ({"url": None}, "malformed", 400),
            ({"kid": None}, "malformed", 400),
            ({"kid": "x"}, "accountDoesNotExist", 400),
            ({"kid": client.account.url + "x"}, "accountDoesNotExist", 400),
            ({"kid": client.account.url.replace("account", "order")}, "accountDoesNotExist", 400),
            ({"kid": None, "jwk": signing.jwk(client.account.key)}, "malformed", 400),
            ({"jwk": signing.jwk(client.account.key)}, "malformed", 400),
            ({"alg": "none"}, "badSignatureAlgorithm", 400),
            ({"alg": "HS256"}, "badSignatureAlgorithm", 400),
            ({"alg": "RS256"}, "badSignatureAlgorithm", 400),
            ({"crit": ["exp"]}, "malformed", 400),
        ):
            given = dict(header)
            target = "orders"
            nonce_ = await client.fresh_nonce()
            protected = {"nonce": nonce_, "url": url} | client.account.identity | given
            protected = {name: value for name, value in protected.items() if value is not None}
            answer = await client.send(url, signing.signed(client.account.key, protected, None))
            assert (problem(answer), answer.status) == (kind, status), (target, header)
            assert answer.headers["replay-nonce"]
            assert "directory>" in answer.headers["link"]
        assert "ES256" in (await client.post("orders", alg="none")).json["algorithms"]

    played(scenario)


def test_bodies_that_are_no_messages() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        header = {"nonce": client.nonce, "url": client.url("orders"), **client.account.identity}
        good = signing.signed(client.account.key, header, None)
        bodies: tuple[Any, ...] = (
            {},
            None,
            {"protected": "x"},
            good | {"header": {"alg": "none"}},
            good | {"signatures": []},
            good | {"signature": good["signature"][:-4]},
            good | {"signature": ""},
            good | {"payload": signing.b64(b"{}")},
            good | {"protected": good["protected"] + "="},
            {"protected": signing.b64(b"[]"), "payload": "", "signature": ""},
        )
        for body in bodies:
            assert problem(await client.send(client.url("orders"), body)) == "malformed", body
        huge = await client.send(client.url("orders"), good | {"payload": "A" * 1_000_000})
        assert (problem(huge), huge.status) == ("malformed", 413)
        assert (await client.send(client.url("orders"), good)).status == 200
        assert (await client.send(client.url("orders"), b"junk")).status == 400

    played(scenario)


def test_a_nonce_is_good_once() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        held = await client.fresh_nonce()
        url = client.url("orders")
        header = {"nonce": held, "url": url, **client.account.identity}
        body = signing.signed(client.account.key, header, None)
        answers = await asyncio.gather(*(client.send(url, body) for _ in range(8)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 7
        assert {problem(answer) for answer in answers if answer.status == 400} == {"badNonce"}
        assert problem(await client.send(url, body)) == "badNonce"
        # Used with a message that is refused for its content is used as well, but not with one nobody signed.
        held = await client.fresh_nonce()
        assert problem(await client.post("new-order", {}, nonce=held)) == "malformed"
        assert problem(await client.post("orders", nonce=held)) == "badNonce"
        held = await client.fresh_nonce()
        thief = Client(api, Account(ec_key(), client.account.url))
        assert problem(await thief.post("orders", nonce=held)) == "malformed"
        assert (await client.post("orders", nonce=held)).status == 200

    played(scenario)


def test_nonces_cost_no_rows_and_end() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        before = await rows(api.core)
        for _ in range(50):
            await client.fresh_nonce()
            assert (await client.post("orders")).status == 200
        assert await rows(api.core) == before
        old = await client.fresh_nonce()
        with later(api.core, nonce.LIFE):
            assert problem(await client.post("orders", nonce=old)) == "badNonce"
            assert (await client.post("orders")).status == 200
        assert len(engine(api.core).remembered) == 1

    played(scenario)


def test_no_nonce_outlives_the_memory_of_which_were_used() -> None:
    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        used = await client.fresh_nonce()
        assert (await client.post("orders", nonce=used)).status == 200
        unused = await client.fresh_nonce()
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        for old in (used, unused):
            assert problem(await client.post("orders", nonce=old)) == "badNonce"
        assert (await client.post("orders")).status == 200

    played(scenario)


def test_more_nonces_than_are_remembered_are_stored_until_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonce, "MOST", 3)

    async def scenario(api: InProcess) -> None:
        client = Client(api)
        await client.register()
        uuid = api.core.mounts.by_prefix["pki/"].entry.uuid
        stored = f"logical/{uuid}/acme/nonces/"
        held = [await client.fresh_nonce() for _ in range(6)]
        for one in held:
            assert (await client.post("orders", nonce=one)).status == 200
        for one in held:
            assert problem(await client.post("orders", nonce=one)) == "badNonce"
        assert len(await rows(api.core, stored)) == 4
        assert len(engine(api.core).remembered) == 3
        one = await client.fresh_nonce()
        url = client.url("orders")
        header = {"nonce": one, "url": url, **client.account.identity}
        body = signing.signed(client.account.key, header, None)
        answers = await asyncio.gather(*(client.send(url, body) for _ in range(6)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 5
        with later(api.core, nonce.LIFE + 2 * nonce.SPAN):
            await settle(api.core)
        assert not await rows(api.core, stored)

    played(scenario)


def test_a_nonce_of_another_mount_is_none() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/other", {"type": "pki"})
        await api("POST", "other/root/generate/internal", {"common_name": "Root", "key_type": "ec"})
        await api("POST", "other/config/cluster", {"path": "https://ca.test/v1/other"})
        await api("POST", "other/config/acme", {"enabled": True})
        foreign = (await api("GET", "other/acme/new-nonce", token=None)).headers["replay-nonce"]
        client = Client(api)
        assert problem(await client.post("new-account", {}, nonce=foreign)) == "badNonce"

    played(scenario)


# -- directories ---------------------------------------------------------------------------------------


def test_directories() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "pki/roles/web", {"allow_any_name": True})
        for place in ("acme", "roles/web/acme", "issuer/default/acme", "issuer/default/roles/web/acme"):
            answer = await api("GET", f"pki/{place}/directory", token=None)
            assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
            names = {"keyChange", "newAccount", "newNonce", "newOrder", "revokeCert", "meta"}
            assert set(answer.json) == names
            assert answer.json["newOrder"] == f"{BASE}/{place}/new-order"
            nonces = await api("GET", f"pki/{place}/new-nonce", token=None)
            assert (nonces.status, nonces.body) == (204, b"")
            assert nonces.headers["cache-control"] == "no-store"
            assert nonces.headers["link"] == f'<{BASE}/{place}/directory>;rel="index"'
        for place in ("roles/none/acme", "issuer/none/acme", "issuer/none/roles/web/acme"):
            assert problem(await api("GET", f"pki/{place}/directory", token=None)) == "malformed"
            assert problem(await api("HEAD", f"pki/{place}/new-nonce", token=None)) == "malformed"
        assert (await api("HEAD", "pki/acme/directory", token=None)).status == 405

    played(scenario)


def test_directories_that_are_closed() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "pki/roles/web", {"allow_any_name": True})
        await api("POST", "pki/roles/mail", {"allow_any_name": True})
        other = await api("POST", "pki/root/generate/internal", {"common_name": "Two", "key_type": "ec"})
        await api("POST", f"pki/issuer/{other.data['issuer_id']}", {"issuer_name": "two"})

        async def opened(place: str) -> bool:
            return (await api("GET", f"pki/{place}/directory", token=None)).status == 200

        await api("POST", "pki/config/acme", {"allowed_roles": "web", "allowed_issuers": "two"})
        assert not await opened("acme")
        assert await opened("issuer/two/acme")
        assert await opened("issuer/two/roles/web/acme")
        assert not await opened("issuer/two/roles/mail/acme")
        assert not await opened("roles/web/acme")
        config = {"allowed_issuers": "*", "default_directory_policy": "forbid"}
        await api("POST", "pki/config/acme", config)
        assert not await opened("acme")
        assert not await opened("issuer/two/acme")
        assert await opened("roles/web/acme")
        await api("POST", "pki/config/acme", {"default_directory_policy": "role:mail"})
        assert await opened("acme")
        await api("POST", "pki/config/acme", {"enabled": False})
        answer = await api("GET", "pki/acme/directory", token=None)
        assert (answer.status, answer.errors) == (404, [])
        client = Client(api)
        body = signing.signed(client.account.key, {"nonce": "x", "url": client.url("new-account")}, {})
        assert (await client.send(client.url("new-account"), body)).status == 404

    played(scenario)


def test_acme_needs_to_know_its_address() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/pki", {"type": "pki"})
        answer = await api("POST", "pki/config/acme", {"enabled": True})
        assert answer.status == 400
        assert "path" in answer.errors[0]
        assert (await api("GET", "pki/config/acme")).data["enabled"] is False
        assert (await api("GET", "pki/acme/new-nonce", token=None)).status == 404

    inprocess(scenario)


def test_in_a_namespace() -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/namespaces/team", {})
        header = {"X-Vault-Namespace": "team"}
        for path, body in (
            ("sys/mounts/pki", {"type": "pki"}),
            ("pki/root/generate/internal", {"common_name": "Root", "key_type": "ec"}),
            ("pki/config/cluster", {"path": "https://ca.test/v1/team/pki"}),
            ("pki/config/acme", {"enabled": True}),
        ):
            assert (await api("POST", path, body, header)).status < 300
        answer = await api("GET", "team/pki/acme/directory", token=None)
        url = answer.json["newAccount"]
        held = (await api("HEAD", "team/pki/acme/new-nonce", token=None)).headers["replay-nonce"]
        key = ec_key()
        body = signing.signed(key, {"nonce": held, "url": url, "jwk": signing.jwk(key)}, {})
        answer = await api("POST", url.removeprefix("https://ca.test/v1/"), body, token=None)
        assert (answer.status, answer.json["status"]) == (201, "valid")

    inprocess(scenario)


# -- tidying -------------------------------------------------------------------------------------------


async def tidied(api: InProcess, seconds: float, page_size: int = 1000) -> dict[str, int]:
    """What a run of tidying does, so much later."""
    with later(api.core, seconds):
        task = {"tidy_acme": True, "safety_buffer": "24h", "page_size": page_size}
        answer = await api("POST", "pki/tidy", task | {"acme_account_safety_buffer": "720h"})
        assert answer.status == 202, answer
        await reap(api.core)
        status = (await api("GET", "pki/tidy-status")).data
    assert status["state"] == "Finished", status
    return {
        name: status[f"acme_{name}_count"]
        for name in ("orders_deleted", "account_revoked", "account_deleted")
        if status[f"acme_{name}_count"]
    } | {"accounts": status["total_acme_account_count"]}


def test_orders_and_accounts_that_are_of_no_use_go() -> None:
    async def scenario(api: InProcess) -> None:
        clients = [Client(api) for _ in range(3)]
        for client in clients:
            await client.register()
        uuid = api.core.mounts.by_prefix["pki/"].entry.uuid
        request = api.core.internal_request()
        for number in range(3):  # orders of long ago: those of today are forgotten by themselves
            order = Order(str(number), clients[0].account.url.rpartition("/")[2], [], [], request.now, 0)
            view = api.core.view(request.tx, f"logical/{uuid}/")
            view.put_json(f"acme/orders/{order.account}/{order.id}", order)
            view.mark(ending(order))
        await api.core.store.commit(request.tx)
        request.tx.close()
        assert await tidied(api, DAY - 10) == {"accounts": 3}
        assert await tidied(api, DAY + 2, page_size=2) == {"accounts": 3, "orders_deleted": 3}
        assert await tidied(api, 31 * DAY, page_size=2) == {"accounts": 3, "account_revoked": 3}
        assert problem(await clients[0].post("orders")) == "unauthorized"
        assert await tidied(api, 62 * DAY, page_size=1) == {"accounts": 3, "account_deleted": 3}
        assert (await Client(api, Account(clients[0].account.key)).register()).status == 201
        left = {name.partition("/")[0] for name in await rows(api.core, f"logical/{uuid}/acme/")}
        assert left - {"nonces"} == {"config", "nonce-key", "accounts", "account-keys"}

    played(scenario)


def test_nothing_of_a_message_is_told_in_clear_to_the_audit(tmp_path: Any) -> None:
    async def scenario(api: InProcess) -> None:
        log = tmp_path / "audit.log"
        await api("PUT", "sys/audit/file", {"type": "file", "options": {"file_path": str(log)}})
        await authority(api)
        key = await eab(api)
        client = Client(api)
        await client.register()
        lines = [orjson.loads(line) for line in log.read_bytes().splitlines()]
        text = log.read_text()
        assert key["key"] not in text
        accounts = [line for line in lines if line["request"]["path"] == "pki/acme/new-account"]
        assert [line["type"] for line in accounts] == ["request", "response"]
        assert accounts[0]["request"]["data"]["signature"].startswith("hmac-sha256:")
        assert engine(api.core)

    inprocess(scenario)
