"""How many certificates are kept: exact whatever happens, and counted once."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.inprocess import InProcess, inprocess
from tests.leasing import later
from tests.secrets.pki.authority import ANY, issued, mounted, revoke, role

DAY = 24 * 3600
_COUNTED = {"maintain_stored_certificate_counts": True}


async def _numbers(api: InProcess) -> tuple[int | None, int | None]:
    data: dict[str, Any] = (await api("GET", "pki/tidy-status")).data
    return data["current_cert_store_count"], data["current_revoked_cert_count"]


async def _tidied(api: InProcess) -> None:
    task = {"tidy_cert_store": True, "tidy_revoked_certs": True, "page_size": 2}
    assert (await api("POST", "pki/tidy", task)).status == 202
    for _ in range(400):
        if (await api("GET", "pki/tidy-status")).data["state"] == "Finished":
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the run does not end")


def test_the_numbers_follow_all_that_happens() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        one = (await issued(api, ttl="1h"))["serial_number"]
        assert await _numbers(api) == (None, None)
        await api("POST", "pki/config/auto-tidy", _COUNTED)
        assert await _numbers(api) == (2, 0)
        await asyncio.gather(*(issued(api, ttl="1h") for _ in range(20)))
        assert await _numbers(api) == (22, 0)
        await revoke(api, one)
        await revoke(api, one)
        assert await _numbers(api) == (22, 1)
        await role(api, "gone", **ANY, no_store=True)
        unkept = await issued(api, "gone")
        assert (await api("POST", "pki/issue/any", {"common_name": ""})).status == 400
        assert await _numbers(api) == (22, 1)
        await api("POST", "pki/revoke", {"certificate": unkept["certificate"]})
        assert await _numbers(api) == (23, 2)
        with later(api.core, 5 * DAY):
            await _tidied(api)
            assert await _numbers(api) == (2, 1)  # the root, and what was brought and is valid for a month

    inprocess(scenario)


async def _shown(api: InProcess) -> list[str]:
    text = (await api("GET", "sys/metrics?format=prometheus")).body.decode()
    found = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [value for name, value in found if name.endswith("_total_certificates_stored")]


def test_the_numbers_are_metrics() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        wanted = {**_COUNTED, "publish_stored_certificate_count_metrics": True}
        assert (await api("POST", "pki/config/auto-tidy", wanted)).status == 200
        assert await _numbers(api) == (1, 0)
        assert await _shown(api) == ["1"]
        await api("POST", "pki/config/auto-tidy", {"publish_stored_certificate_count_metrics": False})
        assert await _shown(api) == []

    inprocess(scenario)
