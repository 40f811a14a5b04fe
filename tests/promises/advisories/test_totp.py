"""Codes by time."""

from __future__ import annotations

import pytest

from tests.identity.mfa.totp_device import Device
from tests.inprocess import InProcess, inprocess


@pytest.mark.parametrize(
    "spelling", (" {}", "{} ", "{}\t", "{}\n", "0{}", "+{}", "{}.0", "{}\x00", "\u200b{}")
)
def test_cve_2025_6014_a_used_code_in_another_spelling_is_no_other_code(spelling: str) -> None:
    async def scenario(api: InProcess) -> None:
        fields = {"generate": True, "issuer": "i", "account_name": "a"}
        assert (await api("POST", "sys/mounts/totp", {"type": "totp"})).status == 204
        code = Device((await api("POST", "totp/keys/k", fields)).data["url"]).now(api)
        assert (await api("POST", "totp/code/k", {"code": code})).data == {"valid": True}
        for given in (code, spelling.format(code), spelling.format(code)[: len(code)]):
            answer = await api("POST", "totp/code/k", {"code": given})
            assert answer.status == 400 or answer.data == {"valid": False}, answer

    inprocess(scenario)
