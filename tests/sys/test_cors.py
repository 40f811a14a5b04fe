from __future__ import annotations

from typing import Any

import pytest

from strongroom.sys.cors import STANDARD_HEADERS, Cors
from strongroom.wire import Message
from tests.inprocess import InProcess, inprocess

ORIGIN = "https://ui.example"


def configured(**settings: Any) -> Cors:
    cors = Cors()
    cors.configure({"enabled": True, "allowed_origins": [ORIGIN], **settings})
    return cors


def message(method: str = "GET", **headers: str) -> Message:
    return Message(method, "/v1/x", {name.replace("_", "-"): value for name, value in headers.items()}, b"")


def test_off_it_says_nothing() -> None:
    for cors in (Cors(), configured(enabled=False)):
        assert cors.screen(message(origin="https://evil.example")) is None
        assert cors.headers(message(origin=ORIGIN)) == []


def test_foreign_origins_are_refused_and_requests_without_one_pass() -> None:
    cors = configured()
    assert cors.screen(message()) is None
    assert cors.screen(message(origin=ORIGIN)) is None
    for foreign in ("https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.upper(), ""):
        reply = cors.screen(message(origin=foreign))
        assert reply is not None, foreign
        assert (reply.status, reply.body) == (403, b'{"errors":["origin not allowed"]}\n')
        assert cors.headers(message(origin=foreign)) == []


def test_an_answer_names_the_one_origin_it_is_for() -> None:
    expected = [("Access-Control-Allow-Origin", ORIGIN), ("Vary", "Origin")]
    assert configured().headers(message(origin=ORIGIN)) == expected
    assert configured(allowed_origins=["*"]).headers(message(origin=ORIGIN)) == expected
    trusting = configured(allow_credentials=True)
    assert ("Access-Control-Allow-Credentials", "true") in trusting.headers(message(origin=ORIGIN))


def test_a_preflight_is_answered_without_asking_anybody() -> None:
    cors = configured(allowed_headers=["X-Own", "X-Vault-Token"])
    reply = cors.screen(message("OPTIONS", origin=ORIGIN, access_control_request_method="LIST"))
    assert reply is not None
    headers = dict(reply.headers)
    assert reply.status == 200
    assert headers["Access-Control-Allow-Headers"].split(",") == [*STANDARD_HEADERS, "X-Own"]
    assert "SCAN" in headers["Access-Control-Allow-Methods"].split(",")
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    refused = cors.screen(message("OPTIONS", origin=ORIGIN, access_control_request_method="TRACE"))
    assert refused is not None
    assert refused.status == 405
    assert cors.screen(message("OPTIONS", origin=ORIGIN)) is None


def test_settings_hold_from_the_next_request_and_over_a_seal() -> None:
    async def scenario(api: InProcess) -> None:
        foreign = {"Origin": "https://evil.example"}
        assert (await api("GET", "sys/mounts", headers=foreign)).status == 200
        assert (await api("PUT", "sys/config/cors", {"allowed_origins": ORIGIN})).status == 204
        for _ in range(2):
            assert (await api("GET", "sys/mounts", headers=foreign)).status == 403
            answer = await api("GET", "sys/mounts", headers={"Origin": ORIGIN})
            assert answer.status == 200
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert (await api("GET", "sys/config/cors")).data["allowed_origins"] == [ORIGIN]
            await api.core.lifecycle.seal()
            await api.core.lifecycle.submit(api.key)
        assert (await api("DELETE", "sys/config/cors")).status == 204
        answer = await api("GET", "sys/mounts", headers=foreign)
        assert (answer.status, "access-control-allow-origin" in answer.headers) == (200, False)
        assert (await api("GET", "sys/config/cors")).data == {"enabled": False}

    inprocess(scenario)


@pytest.mark.parametrize("origins", ([], ["*", ORIGIN]))
def test_origins_that_make_no_sense(origins: list[str]) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", "sys/config/cors", {"allowed_origins": origins})).status == 400
        assert (await api("GET", "sys/config/cors")).data == {"enabled": False}

    inprocess(scenario)
