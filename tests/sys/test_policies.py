from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess
from tests.leasing import later

READ = 'path "secret/data/a" { capabilities = ["read"] }'
ACL = "sys/policies/acl"
PASSWORD = "sys/policies/password"
MERGE = {"Content-Type": "application/merge-patch+json"}


def test_a_policy_reads_as_it_was_written() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", f"{ACL}/Own", {"policy": READ})).status == 204
        for name in ("own", "OWN"):
            found = (await api("GET", f"{ACL}/{name}")).data
            assert (found["name"], found["policy"], found["version"]) == ("own", READ, 1)
            assert found["modified"]
        encoded = base64.b64encode(b'{"path": {}}').decode()
        await api("PUT", f"{ACL}/own", {"policy": encoded})
        found = (await api("GET", f"{ACL}/own")).data
        assert (found["policy"], found["version"]) == ('{"path": {}}', 2)
        assert (await api("DELETE", f"{ACL}/own")).status == 204
        assert (await api("GET", f"{ACL}/own")).status == 404

    inprocess(scenario)


def test_the_older_paths_are_the_same_policies() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("PUT", "sys/policy/old", {"rules": READ})
        assert answer.json["warnings"]
        assert (await api("PUT", "sys/policy/new", {"policy": READ})).status == 204
        assert (await api("GET", f"{ACL}/old")).data["policy"] == READ
        old = (await api("GET", "sys/policy/new")).json
        assert old["rules"] == old["data"]["rules"] == READ
        names = ["default", "new", "old", "root"]
        for answer in (await api("GET", "sys/policy"), await api("LIST", "sys/policy")):
            assert answer.data == {"keys": names, "policies": names}
        assert (await api("LIST", ACL)).data == {"keys": names}
        assert (await api("DELETE", "sys/policy/old")).status == 204
        assert (await api("GET", "sys/policy/old")).status == 404

    inprocess(scenario)


def test_listings_have_pages_and_details() -> None:
    async def scenario(api: InProcess) -> None:
        for name in ("a", "b", "c"):
            await api("PUT", f"{ACL}/{name}", {"policy": READ})
        assert (await api("LIST", f"{ACL}?after=a&limit=2")).data["keys"] == ["b", "c"]
        detailed = (await api("LIST", "sys/policies/detailed/acl?after=b&limit=1")).data
        assert detailed["keys"] == ["c"]
        assert detailed["key_info"]["c"]["policy"] == READ

    inprocess(scenario)


@pytest.mark.parametrize(
    ("name", "body"),
    (
        ("x", {}),
        ("x", {"policy": ""}),
        ("x", {"policy": 'path "a" { capabilities = ["fly"] }'}),
        ("x", {"policy": 'path "a" {'}),
        ("root", {"policy": READ}),
        ("response-wrapping", {"policy": READ}),
        ("x", {"policy": READ, "expiration": "yesterday"}),
        ("x", {"policy": READ, "expiration": "2001-01-01T00:00:00Z"}),
        ("x", {"policy": READ, "expiration": "2101-01-01T00:00:00Z", "ttl": "1h"}),
    ),
)
def test_what_cannot_be_a_policy_is_not_stored(name: str, body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        before = (await api("LIST", ACL)).data["keys"]
        assert (await api("PUT", f"{ACL}/{name}", body)).status == 400
        assert (await api("LIST", ACL)).data["keys"] == before

    inprocess(scenario)


@pytest.mark.parametrize("name", ("root", "default", "response-wrapping"))
def test_builtin_policies_stay(name: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("DELETE", f"{ACL}/{name}")).status == 400
        assert (await api("GET", f"{ACL}/{name}")).status == 200

    inprocess(scenario)


def test_the_default_policy_can_be_rewritten() -> None:
    async def scenario(api: InProcess) -> None:
        token = (await api("POST", "auth/token/create", {"policies": ["default"]})).json["auth"][
            "client_token"
        ]
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 200
        assert (await api("PUT", f"{ACL}/default", {"policy": READ})).status == 204
        assert (await api("GET", "auth/token/lookup-self", token=token)).status == 403
        assert (await api("GET", "secret/data/a", token=token)).status == 404

    inprocess(scenario)


def test_a_version_that_was_seen_guards_against_other_writers() -> None:
    async def scenario(api: InProcess) -> None:
        statuses = []
        for cas in (1, -1, -1, 0, 1, 1, 2):
            body = {"policy": READ, "cas": cas}
            statuses.append((await api("PUT", f"{ACL}/x", body)).status)
        assert statuses == [400, 204, 400, 400, 204, 400, 204]
        assert (await api("GET", f"{ACL}/x")).data["version"] == 3
        body = {"policy": READ, "cas": 3, "cas_required": True}
        assert (await api("PUT", f"{ACL}/x", body)).status == 204
        assert (await api("PUT", f"{ACL}/x", {"policy": READ})).status == 400
        assert (await api("PUT", f"{ACL}/x", {"policy": READ, "cas": 4})).status == 204

    inprocess(scenario)


def test_a_patch_changes_what_is_given() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PATCH", f"{ACL}/x", {"cas_required": True}, MERGE)).status == 404
        await api("PUT", f"{ACL}/x", {"policy": READ})
        assert (await api("PATCH", f"{ACL}/x", {"cas": 1, "cas_required": True}, MERGE)).status in {200, 204}
        found = (await api("GET", f"{ACL}/x")).data
        assert (found["policy"], found["cas_required"], found["version"]) == (READ, True, 2)

    inprocess(scenario)


def test_a_policy_that_ends_grants_nothing_afterwards() -> None:
    async def scenario(api: InProcess) -> None:
        await api("PUT", f"{ACL}/x", {"policy": READ, "ttl": "1h"})
        token = (await api("POST", "auth/token/create", {"policies": ["x"]})).json["auth"]["client_token"]
        assert (await api("GET", "secret/data/a", token=token)).status == 404
        with later(api.core, 3_601):
            assert (await api("GET", "secret/data/a", token=token)).status == 403
            assert (await api("GET", f"{ACL}/x")).status == 404
            assert "x" not in (await api("LIST", ACL)).data["keys"]

    inprocess(scenario)


# -- passwords -----------------------------------------------------------------------------------------

RULES = """
length = 12
rule "charset" { charset = "abc" min-chars = 2 }
rule "charset" { charset = "0123" min-chars = 3 }
"""


def test_passwords_follow_their_policy() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", f"{PASSWORD}/p", {"policy": RULES})).status == 204
        assert (await api("GET", f"{PASSWORD}/p")).data == {"policy": RULES}
        made = [(await api("GET", f"{PASSWORD}/p/generate")).data["password"] for _ in range(20)]
        assert len(set(made)) == 20
        for password in made:
            assert re.fullmatch(r"[abc0123]{12}", password)
            assert len(re.findall("[abc]", password)) >= 2
            assert len(re.findall("[0123]", password)) >= 3
        assert (await api("LIST", PASSWORD)).data == {"keys": ["p"]}
        assert (await api("DELETE", f"{PASSWORD}/p")).status == 204
        for path in ("p", "p/generate"):
            assert (await api("GET", f"{PASSWORD}/{path}")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "policy",
    ("", "length = 12", RULES.replace("12", "4"), 'length = 5\nrule "charset" { charset = "" }', "nonsense"),
)
def test_a_policy_that_no_password_can_follow(policy: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("PUT", f"{PASSWORD}/p", {"policy": policy})).status == 400
        assert (await api("GET", f"{PASSWORD}/p")).status == 404

    inprocess(scenario)


def test_interfaces_learn_what_the_caller_may_do() -> None:
    async def scenario(api: InProcess) -> None:
        token = await api.policy_token(READ + '\npath "secret/metadata/*" { capabilities = ["list"] }')
        found = (await api("GET", "sys/internal/ui/resultant-acl", token=token)).data
        assert found["exact_paths"]["secret/data/a"]["capabilities"] == ["read"]
        assert found["glob_paths"]["secret/metadata/"]["capabilities"] == ["list"]
        assert found["root"] is False
        assert (await api("GET", "sys/internal/ui/resultant-acl")).data["root"] is True

    inprocess(scenario)
