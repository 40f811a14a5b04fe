"""TOTP: keys from anywhere, codes that other software agrees with, and that count once."""

from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import quote

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import totp
from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.totp import Key
from tests.crypto.test_totp import KEY, TOTP
from tests.framework.test_barcode import pixels
from tests.identity.mfa.totp_device import Device
from tests.secrets.clocked import START, Clocked, run

PROVIDED = {"generate": True, "issuer": "Strongroom", "account_name": "ann@example.com"}


def base32(key: bytes) -> str:
    return base64.b32encode(key).decode()


async def provided(served: Clocked, name: str = "k", **fields: Any) -> Device:
    """A key that was generated, in the hands of its device."""
    answer = await served("POST", f"keys/{name}", {**PROVIDED, **fields})
    assert answer.status == 200, answer
    return Device(answer.data["url"])


async def check(served: Clocked, code: str, name: str = "k") -> bool:
    answer = await served("POST", f"code/{name}", {"code": code})
    assert answer.status == 200, answer
    assert set(answer.data) == {"valid"}
    valid: bool = answer.data["valid"]
    return valid


def test_the_codes_of_rfc_6238() -> None:
    async def scenario(served: Clocked) -> None:
        for size, algorithm, column in ((20, "SHA1", 1), (32, "SHA256", 2), (64, "SHA512", 3)):
            fields = {"key": base32((KEY * 4)[:size]), "algorithm": algorithm, "digits": 8}
            await served.done("POST", "keys/k", fields)
            for vector in TOTP:
                served.clock.now = vector[0] * SECOND
                shown = await served.get("code/k")
                assert shown["code"] == vector[column]
                assert shown["generated"] == vector[0]
                assert shown["expire_time"] == vector[0] // 30 * 30 + 30
                assert shown["period"] == "30s"
                assert await check(served, str(vector[column]))
            served.clock.now = START

    run(scenario, kind="totp")


@pytest.mark.parametrize("fields", ({}, {"algorithm": "SHA512", "digits": 8, "period": "1m", "key_size": 64}))
def test_a_device_reads_the_barcode_and_its_codes_are_right(fields: dict[str, Any]) -> None:
    async def scenario(served: Clocked) -> None:
        answer = await served("POST", "keys/k", {**PROVIDED, **fields, "qr_size": 400})
        (found,) = zxingcpp.read_barcodes(pixels(base64.b64decode(answer.data["barcode"])))
        assert found.text == answer.data["url"]
        device = Device(found.text)
        assert len(device.key) == fields.get("key_size", 20)
        code = device.code(served.clock.now / SECOND)
        assert (await served.get("code/k"))["code"] == code
        assert await check(served, code)
        shown = await served.get("keys/k")
        assert (shown["issuer"], shown["account_name"]) == ("Strongroom", "ann@example.com")
        assert not set(shown) & {"key", "secret", "url", "barcode"}

    run(scenario, kind="totp")


def test_what_is_shown_of_a_generated_key() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done("POST", "keys/hidden", {**PROVIDED, "exported": False})
        answer = await served("POST", "keys/plain", {**PROVIDED, "qr_size": 0})
        assert set(answer.data) == {"url"}
        long = {**PROVIDED, "account_name": "a" * 3000}
        assert "qr_size" in await served.refused("POST", "keys/long", long)
        assert (await served("GET", "keys/long")).status == 404
        assert (await served("POST", "keys/long", {**long, "qr_size": 0})).status == 200

    run(scenario, kind="totp")


def test_an_address_says_what_the_fields_do_not() -> None:
    async def scenario(served: Clocked) -> None:
        label = quote("Big Bank:ann:1@example.com")
        url = f"otpauth://totp/{label}?secret={base32(KEY).lower()}&algorithm=SHA256&digits=8&period=45"
        await served.done("POST", "keys/k", {"url": url, "digits": 6, "issuer": "other"})
        assert await served.get("keys/k") == {
            "account_name": "ann:1@example.com",
            "algorithm": "SHA256",
            "digits": 8,
            "issuer": "Big Bank",
            "period": 45,
        }
        code = totp.code(KEY, served.clock.now // SECOND // 45, 8, "SHA256")
        assert (await served.get("code/k"))["code"] == code

    run(scenario, kind="totp")


@pytest.mark.parametrize(
    "fields",
    (
        {"key": "A"},
        {"key": "="},
        {"key": "AAA1"},
        {"key": "é" * 8},
        {"key": "AAAA AAAA"},
        {"url": "otpauth://totp/a?secret="},
        {"url": "otpauth://[/a?secret=AAAA"},
        {"url": "otpauth://totp/a?secret=AAAA&" + "x=1&" * 100},
        {"url": "otpauth://totp/a?secret=AAAA&period=" + "9" * 5000},
        {"url": "otpauth://totp/a?secret=AAAA&digits=٦"},
        {**PROVIDED, "key_size": 1025},
        {**PROVIDED, "qr_size": 2001},
        {**PROVIDED, "period": "-1s"},
    ),
)
def test_what_is_no_key_is_refused(fields: dict[str, Any]) -> None:
    async def scenario(served: Clocked) -> None:
        said = await served.refused("POST", "keys/k", fields)
        assert str(fields.get("key", "secret")) not in said
        assert (await served("GET", "keys/k")).status == 404

    run(scenario, kind="totp")


def test_which_codes_count() -> None:
    async def scenario(served: Clocked) -> None:
        device = await provided(served)
        strict = await provided(served, "strict", skew=0)
        now = served.clock.now / SECOND
        for offset, counts in ((-2, False), (-1, True), (0, True), (1, True), (2, False)):
            assert await check(served, device.code(now, offset)) is counts
            assert await check(served, strict.code(now, offset), "strict") is (offset == 0)
        assert await check(served, "abcdef") is False

    run(scenario, kind="totp")


def test_a_code_counts_once() -> None:
    async def scenario(served: Clocked) -> None:
        device = await provided(served)
        code = device.code(served.clock.now / SECOND)
        assert await check(served, code)
        for seconds in (0, 15, 15):
            served.clock.advance(seconds)
            assert "already used" in await served.refused("POST", "code/k", {"code": code})
        served.clock.advance(30)
        assert not await check(served, code)
        again = await provided(served)
        assert await check(served, again.code(served.clock.now / SECOND))
        for fields in ({"key": base32(again.key)}, {"key": base32(again.key), "skew": 0}):
            await served.done("POST", "keys/k", fields)
            code = again.code(served.clock.now / SECOND)
            assert "already used" in await served.refused("POST", "code/k", {"code": code})

    run(scenario, kind="totp")


def test_a_code_counts_once_however_many_come_with_it() -> None:
    async def scenario(served: Clocked) -> None:
        device = await provided(served)
        code = device.code(served.clock.now / SECOND)
        answers = await asyncio.gather(*(served("POST", "code/k", {"code": code}) for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [200] + [400] * 19

    run(scenario, kind="totp")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 45), st.integers(-2, 2)), max_size=30), st.integers(0, 1))
def test_against_a_set_of_used_codes(tries: list[tuple[int, int]], skew: int) -> None:
    key, now, used = Key(KEY, skew=skew), 1_000_000, set[str]()
    for pause, offset in tries:
        now += pause
        code = totp.code(KEY, now // 30 + offset, 6, "SHA1")
        window = {totp.code(KEY, now // 30 + near, 6, "SHA1") for near in range(-skew, skew + 1)}
        try:
            valid = key.use(code, now * SECOND)
        except BadRequest:
            assert code in used & window
        else:
            assert valid is (code in window)
            assert not valid or code not in used
        if code in window:
            used.add(code)
        assert len(key.used) <= 2 * skew + 1


def test_a_period_longer_than_all_time_so_far() -> None:
    async def scenario(served: Clocked) -> None:
        device = await provided(served, period=5_000_000_000)
        assert await check(served, device.code(served.clock.now / SECOND))

    run(scenario, kind="totp")
