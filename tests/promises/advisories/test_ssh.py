"""SSH certificates."""

from __future__ import annotations

from typing import Any

import pytest

from tests.entering import Entering, enable, entering
from tests.entering import login as enter
from tests.inprocess import InProcess, inprocess

__all__ = ["entering"]

SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGgX0mr41eUkEmBDK8AEtRZadchJ8ThaWV+hpVaw2nzM"


async def ssh_role(api: InProcess, **fields: Any) -> None:
    assert (await api("POST", "sys/mounts/ssh", {"type": "ssh"})).status == 204
    assert (await api("POST", "ssh/config/ca", {"key_type": "ed25519"})).status == 200
    role = {"key_type": "ca", "allow_user_certificates": True, "allow_host_certificates": True, **fields}
    assert (await api("POST", "ssh/roles/r", role)).status == 204


@pytest.mark.parametrize("cert_type", ("user", "host"))
@pytest.mark.parametrize("allowed", ("", "*", "a"))
@pytest.mark.parametrize("wanted", (None, "", " ", ",", " , ,"))
def test_cve_2024_7594_no_certificate_is_for_everybody_unless_the_role_says_so(
    cert_type: str, allowed: str, wanted: str | None
) -> None:
    async def scenario(api: InProcess) -> None:
        await ssh_role(api, allowed_users=allowed, allowed_domains=allowed, allow_bare_domains=True)
        body = {"public_key": SSH_KEY, "cert_type": cert_type, "valid_principals": wanted}
        for path in ("sign", "issue"):
            answer = await api("POST", f"ssh/{path}/r", {**body, "key_type": "ed25519"})
            assert answer.status == 400, answer
            assert "no principals" in answer.errors[0]

    inprocess(scenario)


@pytest.mark.parametrize("value", ("ann,root", "*", "ro?t", " root", "root\n", "root ,x"))
@pytest.mark.parametrize("field", ("allowed_users", "default_user", "allowed_domains"))
def test_ghsa_59w7_v8rr_pr4p_a_value_of_an_entity_is_one_principal(
    entering: type[Entering], value: str, field: str
) -> None:
    async def scenario(api: InProcess) -> None:
        fields = {
            "allowed_users": "*",
            field: "{{identity.entity.metadata.login}}",
            f"{field}_template": True,
        }
        await ssh_role(api, allow_bare_domains=True, **fields)
        policy = {"policy": 'path "ssh/sign/r" { capabilities = ["update"] }'}
        assert (await api("PUT", "sys/policies/acl/ssh", policy)).status == 204
        await enable(api)
        about = await enter(api, "ann")
        entity = {"policies": ["ssh"], "metadata": {"login": value}}
        assert (await api("POST", f"identity/entity/id/{about['entity_id']}", entity)).status == 204
        wish = {"public_key": SSH_KEY}
        if field != "default_user":
            wish |= {"valid_principals": "root", "cert_type": "host" if "domains" in field else "user"}
        answer = await api("POST", "ssh/sign/r", wish, token=about["client_token"])
        assert answer.status == 400, answer
        assert "forbidden value" in answer.errors[0]

    inprocess(scenario)
