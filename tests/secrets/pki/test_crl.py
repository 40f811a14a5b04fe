"""CRLs hold what is revoked, no more and no less, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from cryptography import x509

from strongroom.crypto import revocation_list
from strongroom.secrets.pki import crl
from strongroom.secrets.pki.crl import Published, State
from strongroom.secrets.pki.crl_config import CrlConfig
from strongroom.secrets.pki.issuer import Issuer
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap
from tests.secrets.pki.authority import issued, mounted, revoke, role

HOUR, DAY = 3600, 86_400


async def _listed(api: InProcess, path: str = "crl") -> set[str]:
    answer = await api("GET", f"pki/{path}", token=None)
    assert answer.status == 200, answer
    return {serial for serial, _ in revocation_list.load(answer.body).revoked}


async def _number(api: InProcess, path: str = "crl") -> int:
    parsed = revocation_list.load((await api("GET", f"pki/{path}", token=None)).body).parsed
    return int(parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number)


def test_contents_follow_revocation_and_tidying() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        chance, revoked, alive, number = random.Random(5), set(), [], 0
        for _ in range(40):
            match chance.randrange(4):
                case 0 | 1:
                    alive.append((await issued(api, ttl="1h"))["serial_number"])
                case 2 if alive:
                    serial = alive.pop(chance.randrange(len(alive)))
                    await revoke(api, serial)
                    revoked.add(serial)
                case _:
                    assert await _listed(api) == revoked
                    assert await _listed(api, "crl/delta") == set()
                    assert await _number(api) >= number
                    number = await _number(api)
        assert await _listed(api) == revoked
        listed = await api("LIST", "pki/certs/revoked")
        assert set(listed.data["keys"]) == revoked

    inprocess(scenario)


def test_a_crl_is_made_once_for_what_it_says() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        first = (await api("GET", "pki/crl", token=None)).body
        assert (await api("GET", "pki/crl", token=None)).body == first
        await revoke(api, (await issued(api))["serial_number"])
        second = (await api("GET", "pki/crl", token=None)).body
        assert second != first
        answers = await asyncio.gather(*(api("GET", "pki/crl", token=None) for _ in range(5)))
        assert {answer.body for answer in answers} == {second}

    inprocess(scenario)


def test_what_is_revoked_while_a_crl_is_made_stands_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        serials = [(await issued(api))["serial_number"] for _ in range(6)]
        await revoke(api, serials[0])
        build, builds = crl._build, 0

        async def disturbed(*words: Any, **named: Any) -> Any:
            nonlocal builds
            made = await build(*words, **named)
            builds += 1
            if builds <= 3:
                await revoke(api, serials[builds])
            return made

        monkeypatch.setattr(crl, "_build", disturbed)
        assert serials[0] in await _listed(api)
        assert builds == 1, "a race that is lost does not make it again"
        assert await _listed(api) >= {serials[0], serials[1]}
        await _listed(api)
        assert await _listed(api) == set(serials[:4])

    inprocess(scenario)


def test_many_who_ask_at_once_get_one_and_the_same() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await revoke(api, (await issued(api))["serial_number"])
        answers = await asyncio.gather(*(api("GET", "pki/crl", token=None) for _ in range(12)))
        assert {answer.status for answer in answers} == {200}
        final = (await api("GET", "pki/crl", token=None)).body
        assert answers[-1].body == final
        assert await _number(api) <= 3

    inprocess(scenario)


def test_delta_crls_tell_what_the_complete_one_does_not_yet() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        on = {"auto_rebuild": True, "enable_delta": True, "expiry": "72h"}
        assert (await api("POST", "pki/config/crl", on)).status == 200
        assert await _listed(api) == set()
        one, two = [(await issued(api, ttl="900h"))["serial_number"] for _ in range(2)]
        await revoke(api, one)
        assert await _listed(api) == set()
        assert await _listed(api, "crl/delta") == {one}
        await revoke(api, two)
        assert await _listed(api, "crl/delta") == {one}
        with later(api.core, 16 * 60):
            assert await _listed(api, "crl/delta") == {one, two}
            assert await _listed(api) == set()
        with later(api.core, 61 * HOUR):
            assert await _listed(api) == {one, two}
            assert await _listed(api, "crl/delta") == set()
        rotated = await api("GET", "pki/crl/rotate-delta")
        assert rotated.data == {"success": True}

    inprocess(scenario)


def test_a_disabled_crl_is_empty() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        serial = (await issued(api))["serial_number"]
        await revoke(api, serial)
        await api("POST", "pki/config/crl", {"disable": True})
        assert await _listed(api) == set()
        await api("POST", "pki/config/crl", {"disable": False})
        assert await _listed(api) == {serial}

    inprocess(scenario)


def test_issuers_with_one_name_and_key_share_a_crl() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        again = await api(
            "POST",
            "pki/root/generate/existing",
            {"common_name": "Root", "key_ref": root["key_id"], "issuer_name": "again"},
        )
        assert again.data["key_id"] == root["key_id"]
        other = {"common_name": "Other", "key_type": "ec", "issuer_name": "other"}
        assert (await api("POST", "pki/root/generate/internal", other)).status == 200
        serial = (await issued(api))["serial_number"]
        await revoke(api, serial)
        assert await _listed(api, "issuer/again/crl/der") == {serial}
        assert await _listed(api, "issuer/other/crl/der") == set()
        gone = await api("DELETE", "pki/issuer/root")
        assert gone.status == 200
        assert await _listed(api, "issuer/again/crl/der") == {serial}

    inprocess(scenario)


def test_a_lease_that_ends_revokes_its_certificate() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(api, "leased", key_type="ec", allow_any_name=True, generate_lease=True)
        answer = await api("POST", "pki/issue/leased", {"common_name": "x", "ttl": "1h"})
        assert answer.json["lease_id"].startswith("pki/issue/leased/")
        assert not answer.json["renewable"]
        revoked = await api("POST", "sys/leases/revoke", {"lease_id": answer.json["lease_id"], "sync": True})
        assert revoked.status == 204, revoked
        assert await _listed(api) == {answer.data["serial_number"]}

    inprocess(scenario)


def test_tidying_takes_what_ended_long_ago_out_page_by_page() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        short = [(await issued(api, ttl="1h"))["serial_number"] for _ in range(7)]
        long = (await issued(api, ttl="2000h"))["serial_number"]
        for serial in (*short[:5], long):
            await revoke(api, serial)
        with later(api.core, 4 * DAY):
            task = {"tidy_cert_store": True, "tidy_revoked_certs": True, "page_size": 2}
            assert (await api("POST", "pki/tidy", task)).status == 202
            status = await _finished(api)
            assert status["revoked_cert_deleted_count"] == 5
            assert status["cert_store_deleted_count"] == 7
            assert await _listed(api) == {long}
            assert (await api("LIST", "pki/certs/revoked")).data["keys"] == [long]
            assert (await api("GET", f"pki/cert/{short[0]}")).status == 404

    inprocess(scenario)


async def _finished(api: InProcess) -> dict[str, Any]:
    for _ in range(400):
        status = (await api("GET", "pki/tidy-status")).data
        if status["state"] not in ("Running", "Cancelling"):
            return dict(status)
        await asyncio.sleep(0.01)
    raise AssertionError(status)


def test_tidying_begins_by_itself_and_can_be_told_to_stop() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for _ in range(3):
            await issued(api, ttl="1h")
        auto = {"enabled": True, "tidy_cert_store": True, "interval_duration": "96h"}
        assert (await api("POST", "pki/config/auto-tidy", auto)).status == 200
        with later(api.core, 5 * DAY):
            await reap(api.core)
            status = await _finished(api)
            assert status["cert_store_deleted_count"] == 3
            assert status["last_auto_tidy_finished"]
            for _ in range(3):
                await issued(api, ttl="1h")
        with later(api.core, 15 * DAY):
            slow = {"tidy_revoked_certs": True, "page_size": 1, "pause_duration": "1h"}
            for _ in range(2):
                await revoke(api, (await issued(api, ttl="1h"))["serial_number"])
        with later(api.core, 20 * DAY):
            await api("POST", "pki/config/auto-tidy", {"enabled": False})
            await _finished(api)
            await api("POST", "pki/tidy", slow)
            await reap(api.core)
            assert (await api("GET", "pki/tidy-status")).data["revoked_cert_deleted_count"] == 1
            stopped = await api("POST", "pki/tidy-cancel")
            assert stopped.data["state"] == "Cancelling"
        with later(api.core, 21 * DAY):
            await reap(api.core)
            status = (await api("GET", "pki/tidy-status")).data
            assert (status["state"], status["revoked_cert_deleted_count"]) == ("Cancelled", 1)

    inprocess(scenario)


@pytest.mark.parametrize(
    ("config", "age", "news", "fresh"),
    (
        (CrlConfig(), 0, False, True),
        (CrlConfig(), 0, True, False),
        (CrlConfig(), 64 * HOUR, False, True),
        (CrlConfig(), 66 * HOUR, False, False),
        (CrlConfig(auto_rebuild=True), 0, True, True),
        (CrlConfig(auto_rebuild=True), 59 * HOUR, True, True),
        (CrlConfig(auto_rebuild=True), 60 * HOUR, False, False),
        (CrlConfig(expiry="48h"), 0, False, False),
        (CrlConfig(disable=True), 0, False, False),
    ),
)
def test_when_a_crl_is_made_anew(config: CrlConfig, age: int, news: bool, fresh: bool) -> None:
    issuer = Issuer("i", "", "g")
    made = Published(1, 0, 72 * HOUR, 0, crl.settings_of(CrlConfig(), issuer))
    state = State(1, made)
    assert crl.complete_is_fresh(state, config, issuer, age, news=news) is fresh
