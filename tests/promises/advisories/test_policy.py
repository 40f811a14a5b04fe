"""What policies let through."""

from __future__ import annotations

import pytest

from strongroom.errors import PermissionDenied
from strongroom.policy.parser import parse_policy
from strongroom.policy.template import render
from tests.inprocess import InProcess, inprocess
from tests.promises.advisories.asking import asked, seeded


@pytest.mark.parametrize(
    "denied",
    (
        "secret/metadata/team/*",
        "secret/metadata/+/inner/*",
        "secret/metadata/+/inner/",
        "secret/+/team/inner/",
    ),
)
def test_ghsa_xp3c_3jw3_4vcr_a_listing_does_not_slip_past_a_deny(denied: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "team/inner/a", "open/a")
        token = await api.policy_token(
            'path "secret/*" { capabilities = ["list", "scan", "read"] }'
            f'path "{denied}" {{ capabilities = ["deny"] }}'
        )
        assert await asked(api, "LIST", "secret/metadata/open/", token) == 200
        for form in ("secret/metadata/team/inner", "secret/metadata/team/inner/"):
            assert await asked(api, "LIST", form, token) == 403
            assert await asked(api, "GET", f"{form}?list=true", token) == 403
            assert await asked(api, "SCAN", f"{form.rstrip('/')}/", token) == 403

    inprocess(scenario)


@pytest.mark.parametrize("value", ("*", "+", "a*", "a/b", "../x", "a/+/b"))
def test_ghsa_59w7_v8rr_pr4p_a_templated_value_does_not_widen_the_path(value: str) -> None:
    policy = parse_policy("mine", 'path "secret/{{identity.entity.name}}/*" { capabilities = ["read"] }')
    with pytest.raises(PermissionDenied):
        render(policy, {"entity": {"id": "e", "name": value}})


@pytest.mark.parametrize("limit", ("", "limit=0", "limit=-1", "limit=-9999999999999999999999", "limit="))
def test_gh_3518_a_limit_of_zero_or_less_does_not_lift_that_of_the_policy(limit: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a", "b", "c", "d")
        token = await api.policy_token(
            'path "secret/metadata/*" { capabilities = ["list", "scan"] pagination_limit = 2 }'
        )
        for method in ("LIST", "SCAN"):
            answer = await api(method, f"secret/metadata/?{limit}", token=token)
            assert answer.status in (400, 403) or len(answer.data["keys"]) <= 2, answer
            assert await asked(api, method, "secret/metadata/?limit=3", token) == 403

    inprocess(scenario)
