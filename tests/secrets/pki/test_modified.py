"""Certificates and CRLs that are sent only if they changed."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from strongroom.logical import SECOND
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later
from tests.secrets.pki.authority import issued, mounted, revoke

_FILES = (
    *("ca", "ca/pem", "ca_chain", "cert/ca", "cert/ca_chain", "cert/ca/raw", "cert/ca/raw/pem"),
    *("issuer/root/json", "issuer/root/pem", "issuer/root/der"),
)
_LISTS = ("crl", "crl/pem", "cert/crl", "issuer/root/crl", "issuer/root/crl/der", "issuer/root/crl/pem")


async def _since(api: InProcess, path: str, date: Any) -> Answer:
    text = date if isinstance(date, str) else formatdate(date, usegmt=True)
    return await api("GET", f"pki/{path}", None, {"If-Modified-Since": text}, token=None)


def test_what_a_client_has_is_not_sent_again() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for path in (*_FILES, *_LISTS):
            await api("GET", f"pki/{path}")
        with later(api.core, 60):
            for path in (*_FILES, *_LISTS):
                full = await api("GET", f"pki/{path}", token=None)
                assert full.status == 200, path
                again = await _since(api, path, full.headers["last-modified"])
                assert (again.status, again.body) == (304, b""), path
                assert (await _since(api, path, "Sat, 01 Jan 2000 00:00:00 GMT")).status == 200
        assert (await _since(api, "ca", "yesterday")).status == 400

    inprocess(scenario)


def test_what_changed_is_sent() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        one = await issued(api)
        for path in _LISTS:
            await api("GET", f"pki/{path}")
        with later(api.core, 60):
            now = api.core.clock() // SECOND
            await revoke(api, one["serial_number"])
            second = {"common_name": "second", "key_type": "ec", "issuer_name": "second"}
            await api("POST", "pki/root/generate/internal", second)
            for (
                path
            ) in _LISTS:  # asked for within the second of the change, by the time of the client's clock
                assert (await _since(api, path, now)).status == 200
            assert (await _since(api, "ca", now)).status == 304
            await api("POST", "pki/config/issuers", {"default": "second"})
            for path in ("ca", "ca/pem", "cert/ca", "ca_chain"):
                assert (await _since(api, path, now)).status == 200
            assert (await _since(api, "issuer/root/der", now)).status == 304
            await api(
                "PATCH",
                "pki/issuer/root",
                {"issuer_name": "other"},
                {"Content-Type": "application/merge-patch+json"},
            )
            assert (await _since(api, "issuer/other/json", now)).status == 200

    inprocess(scenario)
