"""What authorities here make keeps the rules of public ones, whatever was asked for."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.secrets.pki import csr
from tests.secrets.pki.authority import issued, mounted, revoke, role
from tests.secrets.pki.lint import lint, lint_crl

WISHES: tuple[dict[str, Any], ...] = (
    {},
    {"common_name": "a.example.com", "alt_names": "b.example.com,*.example.com"},
    {"common_name": "10.0.0.1", "ip_sans": "10.0.0.1,::1"},
    {"common_name": "someone@example.com"},
    {"common_name": "a.example.com", "uri_sans": "spiffe://a/b", "other_sans": "1.2.3;UTF8:x"},
    {"common_name": "a.example.com", "not_after": "2055-01-01T00:00:00Z"},
    {"common_name": "a.example.com", "ttl": "1s"},
)
ROLES: tuple[dict[str, Any], ...] = (
    {},
    {"key_usage": "", "ext_key_usage": "", "server_flag": False, "client_flag": False},
    {
        "organization": "Acme",
        "country": "DE",
        "ou": "a,b",
        "locality": "",
        "policy_identifiers": "1.3.6.1.4.1.1",
    },
    {"basic_constraints_valid_for_non_ca": True, "not_before_duration": "2h"},
)


def test_certificates_of_every_kind_keep_the_rules() -> None:
    async def scenario(api: InProcess) -> None:
        root = await mounted(api, ttl="400000h", max_path_length=1)
        assert lint(root["certificate"]) == []
        anything: dict[str, Any] = {
            "key_type": "ec",
            "allow_any_name": True,
            "allowed_uri_sans": "*",
            "allowed_other_sans": "*",
        }
        for number, rules in enumerate(ROLES):
            await role(api, f"r{number}", **anything, **rules)
        for number, wish in itertools.product(range(len(ROLES)), WISHES):
            made = await api("POST", f"pki/issue/r{number}", {"common_name": "a.example.com", **wish})
            if made.status == 400:
                continue
            wrong = lint(made.data["certificate"])
            assert not wrong, (ROLES[number], wish, wrong)

    inprocess(scenario)


@pytest.mark.parametrize("request_", (csr.PLAIN, csr.FULL, csr.ADDRESS, csr.URI))
def test_what_is_signed_for_others_keeps_them_too(request_: str) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        made = await api("POST", "pki/sign/any", {"csr": request_, "common_name": "a.example.com"})
        if made.status == 200:
            assert lint(made.data["certificate"]) == []
        above = await api(
            "POST",
            "pki/root/sign-intermediate",
            {"csr": request_, "common_name": "Below", "max_path_length": 0},
        )
        assert above.status == 200, above
        assert lint(above.data["certificate"]) == []

    inprocess(scenario)


def test_crls_keep_theirs() -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await api("POST", "pki/config/crl", {"auto_rebuild": True, "enable_delta": True})
        first = await issued(api)
        await revoke(api, first["serial_number"])
        await api("GET", "pki/crl/rotate")
        await revoke(api, (await issued(api))["serial_number"])
        await api("GET", "pki/crl/rotate-delta")
        for path in ("pki/crl/pem", "pki/crl/delta/pem"):
            answer = await api("GET", path, token=None)
            assert answer.status == 200, answer
            assert lint_crl(answer.body.decode()) == [], path

    inprocess(scenario)


def test_the_rules_are_rules() -> None:
    """A throw-away certificate that breaks some is told of."""

    async def scenario(api: InProcess) -> None:
        await mounted(api)
        await role(
            api, "odd", key_type="ec", allow_any_name=True, enforce_hostnames=False, cn_validations="disabled"
        )
        made = await api("POST", "pki/issue/odd", {"common_name": "not a host", "exclude_cn_from_sans": True})
        assert made.status == 200, made
        named = await api(
            "POST",
            "pki/issue/odd",
            {"common_name": "x", "alt_names": "y.example.com", "exclude_cn_from_sans": True},
        )
        assert named.status == 200, named
        assert "BR 7.1.4.3: the common name is one of the alternative names" in lint(
            named.data["certificate"]
        )

    inprocess(scenario)
