"""Roles: what none can be, and that writing one again replaces it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.secrets.clocked import Clocked, run

CA = {"key_type": "ca", "allow_user_certificates": True}
OTP = {"key_type": "otp", "default_user": "ann"}


@pytest.mark.parametrize(
    "fields",
    (
        {**OTP, "port": 65536},
        {**OTP, "port": -1},
        {**OTP, "cidr_list": "10.0.0.0/33"},
        {**OTP, "cidr_list": "0/0"},
        {**OTP, "exclude_cidr_list": "10.0.0.0/8,,x/8"},
        {**CA, "algorithm_signer": "rsa-sha2-257"},
        {**CA, "ttl": "2h", "max_ttl": "1h"},
        {**CA, "default_extensions": {"a": ["b"]}},
        {**CA, "default_critical_options": {"a": {"b": "c"}}},
        {**CA, "allowed_user_key_lengths": {"rsa": True}},
        {**CA, "allowed_user_key_lengths": {"rsa": 2048.5}},
        {**CA, "allowed_user_key_lengths": {"rsa": "9" * 5000}},
        {**CA, "allowed_user_key_lengths": {"rsa": ["٢"]}},
    ),
)
def test_what_no_role_can_be(fields: dict[str, Any]) -> None:
    async def scenario(served: Clocked) -> None:
        await served.refused("POST", "roles/r", fields)
        assert (await served("GET", "roles/r")).status == 404

    run(scenario, kind="ssh")


def test_a_role_that_is_written_again_keeps_nothing() -> None:
    async def scenario(served: Clocked) -> None:
        await served.done(
            "POST", "roles/r", {**CA, "allowed_users": "root", "ttl": "1h", "allow_host_certificates": 1}
        )
        await served.done("POST", "roles/r", CA)
        role = await served.get("roles/r")
        assert (role["allowed_users"], role["ttl"], role["allow_host_certificates"]) == ("", 0, False)

    run(scenario, kind="ssh")


def test_values_are_texts() -> None:
    async def scenario(served: Clocked) -> None:
        extensions = {"a": 5, "b": True, "c": None, "d": 1.5, "e": "x"}
        await served.done("POST", "roles/r", {**CA, "default_extensions": extensions})
        shown = (await served.get("roles/r"))["default_extensions"]
        assert shown == {"a": "5", "b": "true", "c": "", "d": "1.5", "e": "x"}

    run(scenario, kind="ssh")
