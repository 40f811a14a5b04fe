"""CRLs whose contents others decide."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509

from tests.inprocess import Answer, InProcess, inprocess
from tests.secrets.pki.authority import issued, mounted, openssl, revoke

_TIME = "2026-01-01T00:00:00Z"


def _extension(dotted: str, value: bytes, *, critical: bool = False) -> dict[str, Any]:
    return {"id": dotted, "critical": critical, "value": base64.b64encode(value).decode()}


async def _signed(api: InProcess, **fields: Any) -> Answer:
    return await api("POST", "pki/issuer/root/sign-revocation-list", {"crl_number": 7, **fields})


def test_a_list_says_what_else_is_given() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api)
        reason = _extension("2.5.29.21", b"\x0a\x01\x01")
        revoked = [
            {"serial_number": "11:22", "revocation_time": _TIME, "extensions": [reason]},
            {"serial_number": "33", "revocation_time": _TIME},
        ]
        more = [_extension("1.2.3.4", b"\x0c\x01x"), _extension("1.2.3.5", b"\x05\x00", critical=True)]
        answer = await _signed(api, revoked_certs=revoked, extensions=more)
        text = answer.data["crl"]
        parsed = x509.load_pem_x509_crl(text.encode())
        issuer = x509.load_pem_x509_certificate(root["certificate"].encode())
        assert parsed.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]  # of a kind that is
        said = openssl("crl", "-noout", "-text", given=text.encode())
        assert "Key Compromise" in said
        flags = {one.oid.dotted_string: one.critical for one in parsed.extensions}
        assert (flags["1.2.3.4"], flags["1.2.3.5"]) == (False, True)
        assert {hex(one.serial_number): len(one.extensions) for one in parsed} == {"0x1122": 1, "0x33": 0}
        again = await api("POST", "pki/issuer/root/resign-crls", {"crls": [text], "crl_number": 8})
        merged = x509.load_pem_x509_crl(again.data["crl"].encode())
        assert {hex(one.serial_number): len(one.extensions) for one in merged} == {"0x1122": 1, "0x33": 0}

    inprocess(scenario)


_IMPOSSIBLE: tuple[dict[str, Any], ...] = (
    {"extensions": [_extension("2.5.29.20", b"\x02\x01\x05")]},
    {"extensions": [_extension("2.5.29.35", b"\x02\x01\x05")]},
    {"extensions": [_extension("2.5.29.27", b"\x02\x01\x05", critical=True)]},
    {"extensions": [_extension("1.2.3", b"a"), _extension("1.2.3", b"b")]},
    {"extensions": [{"id": "x", "value": "AAAA"}]},
    {"extensions": [{"id": "1.2.3"}]},
    {"extensions": [{"id": "1.2.3", "value": "!!"}]},
    {"extensions": [{"value": "AAAA"}]},
    {"extensions": ["x"]},
    {"extensions": "x"},
    {"revoked_certs": "x"},
    {"revoked_certs": [{"serial_number": "11:22"}]},
    {"revoked_certs": [{"serial_number": "zz", "revocation_time": _TIME}]},
    {"revoked_certs": [{"serial_number": "11", "revocation_time": _TIME, "extensions": [{"id": "1"}]}]},
    {"crl_number": str(2**200)},
)


def test_what_no_list_can_say() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        for fields in _IMPOSSIBLE:
            assert (await _signed(api, **fields)).status == 400, fields

    inprocess(scenario)


def test_an_entry_is_as_old_as_the_oldest_of_its_lists() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        one = await issued(api)
        await revoke(api, one["serial_number"])
        entry = {"serial_number": one["serial_number"], "revocation_time": _TIME}
        older = (await _signed(api, revoked_certs=[entry])).data["crl"]
        newer = (await api("GET", "pki/crl/pem")).body.decode()
        answer = await api("POST", "pki/issuer/root/resign-crls", {"crls": [newer, older], "crl_number": 9})
        (listed,) = x509.load_pem_x509_crl(answer.data["crl"].encode())
        assert listed.revocation_date_utc.year == 2026
        assert listed.revocation_date_utc.month == 1

    inprocess(scenario)


def test_times_of_all_years() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        years = (1, 1949, 1950, 2049, 2050, 9999)
        entries = [
            {"serial_number": f"{number:02x}", "revocation_time": f"{year:04d}-01-02T03:04:05Z"}
            for number, year in enumerate(years, 1)
        ]
        parsed = x509.load_pem_x509_crl((await _signed(api, revoked_certs=entries)).data["crl"].encode())
        assert [one.revocation_date_utc.year for one in parsed] == list(years)

    inprocess(scenario)
