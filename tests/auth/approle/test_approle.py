"""Logins: who gets in, who does not, and what an answer gives away."""

from __future__ import annotations

import pytest

from strongroom.barrier.view import View
from strongroom.crypto.digest import HmacSha256
from tests.auth.approle.machine import (
    METHOD,
    ROLE,
    enable,
    login,
    make_role,
    method_rows,
    secret,
    secret_id,
    token,
)
from tests.inprocess import InProcess, inprocess
from tests.leasing import later


def test_a_machine_logs_in() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, token_policies="a,b", token_ttl="1h", token_max_ttl="2h")
        made = await secret(api, metadata='{"host": "a1", "role_name": "another"}')
        answer = await login(api, role_id, made["secret_id"])
        auth = answer.json["auth"]
        assert auth["policies"] == ["a", "b", "default"]
        assert auth["metadata"] == {"host": "a1", "role_name": "web"}
        assert (auth["lease_duration"], auth["renewable"], auth["orphan"]) == (3600, True, True)
        found = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        assert (found.data["display_name"], found.data["path"]) == ("approle", "auth/approle/login")
        assert found.data["meta"] == auth["metadata"]

    inprocess(scenario)


def test_a_role_is_one_entity_by_its_id() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        other = await make_role(api, "other")
        web = [(await login(api, role_id, await secret_id(api))).json["auth"] for _ in range(2)]
        others = (await login(api, other, await secret_id(api, "other"))).json["auth"]
        assert web[0]["entity_id"] == web[1]["entity_id"] != others["entity_id"]
        entity = (await api("GET", f"identity/entity/id/{web[0]['entity_id']}")).data
        (alias,) = entity["aliases"]
        assert (alias["name"], alias["mount_path"]) == (role_id, "auth/approle/")
        assert alias["metadata"] == {"role_name": "web"}

    inprocess(scenario)


def test_white_space_around_what_came_from_a_file_does_not_count() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        assert (await login(api, f"{role_id}\n", f" {await secret_id(api)}\n")).status == 200

    inprocess(scenario)


@pytest.mark.parametrize("wrong", ("role", "secret", "both", "another role's secret"))
def test_whatever_is_wrong_is_refused_in_the_same_words(wrong: str) -> None:
    async def scenario(api: InProcess) -> None:
        role_id, good = await enable(api), await secret_id(api)
        await make_role(api, "other")
        role_id = "planted-role" if wrong in {"role", "both"} else role_id
        good = "planted-secret" if wrong in {"secret", "both"} else good
        good = await secret_id(api, "other") if wrong.startswith("another") else good
        answer = await login(api, role_id, good)
        assert (answer.status, answer.errors) == (400, ["invalid role or secret ID"])
        assert b"planted" not in answer.body

    inprocess(scenario)


def test_an_unknown_role_costs_what_a_wrong_secret_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rows are read, opened and hashed, but for the one that has the role's name."""
    work: list[str] = []
    get, hexdigest = View.get, HmacSha256.hexdigest

    async def reading(view: View, key: str) -> bytes | None:
        value = await get(view, key)
        work.append(f"read {key.partition('/')[0]}{'' if value is None else ', opened'}")
        return value

    def hashing(self: HmacSha256, data: bytes) -> str:
        work.append("hash")
        return hexdigest(self, data)

    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        monkeypatch.setattr(View, "get", reading)
        monkeypatch.setattr(HmacSha256, "hexdigest", hashing)
        assert (await login(api, role_id, "wrong")).status == 400
        known, unknown = list(work), work
        unknown.clear()
        assert (await login(api, "nobody", "wrong")).status == 400
        told = [
            step.replace("read decoy", "read role").replace("read unknown", "read known") for step in unknown
        ]
        assert told == [step.replace("read role-id, opened", "read role-id") for step in known]
        assert "hash" in told
        assert "read role, opened" in told

    inprocess(scenario)


@pytest.mark.parametrize("known", (True, False))
def test_a_missing_secret_id_does_not_tell_whether_the_role_exists(known: bool) -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        answer = await login(api, role_id if known else "nobody")
        assert (answer.status, answer.errors) == (400, ["missing secret_id"])

    inprocess(scenario)


def test_bad_input_is_a_clear_refusal() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        for body in ({}, {"role_id": ""}, {"role_id": ["x"]}, {"role_id": {"a": 1}, "secret_id": "planted"}):
            answer = await api("POST", f"{METHOD}/login", body, token=None)
            assert answer.status == 400
            assert "role_id" in answer.errors[0]
            assert b"planted" not in answer.body

    inprocess(scenario)


def test_a_login_that_fails_uses_nothing_up() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        made = await secret_id(api, num_uses=1, cidr_list="10.0.0.0/8")
        for _ in range(3):
            assert (await login(api, role_id, made)).status == 400
        assert (await login(api, role_id, made, address="10.1.2.3")).status == 200
        assert (await login(api, role_id, made, address="10.1.2.3")).status == 400

    inprocess(scenario)


def test_networks_of_the_role_bind_every_login() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, secret_id_bound_cidrs="10.0.0.0/8")
        made = await secret_id(api)
        assert (await login(api, role_id, made)).status == 400
        assert (await login(api, role_id, made, address="10.1.2.3")).status == 200

    inprocess(scenario)


def test_a_token_is_bound_to_the_networks_of_its_secret_id() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, token_bound_cidrs="10.0.0.0/8")
        made = await secret_id(api, token_bound_cidrs="10.1.0.0/16")
        assert (await login(api, role_id, made, address="10.2.0.1")).status == 403
        found = (await login(api, role_id, made, address="10.1.0.1")).json["auth"]["client_token"]
        for address, status in (("10.1.0.2", 200), ("10.2.0.1", 403)):
            answer = await api("GET", "auth/token/lookup-self", token=found, address=address)
            assert answer.status == status

    inprocess(scenario)


def test_a_token_is_bound_to_its_address_where_the_role_says_so() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, token_strictly_bind_ip=True)
        made = await secret_id(api, token_bound_cidrs="10.1.0.0/16")
        found = (await login(api, role_id, made, address="10.1.0.1")).json["auth"]["client_token"]
        for address, status in (("10.1.0.1", 200), ("10.1.0.2", 403)):
            answer = await api("GET", "auth/token/lookup-self", token=found, address=address)
            assert answer.status == status

    inprocess(scenario)


def test_without_a_secret_id_the_network_is_the_proof() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, bind_secret_id=False, secret_id_bound_cidrs="10.0.0.0/8")
        assert (await login(api, role_id)).status == 400
        assert (await login(api, role_id, address="10.0.0.1")).status == 200
        assert (await api("POST", f"{ROLE}/secret-id", {})).status == 400

    inprocess(scenario)


def test_a_renewal_asks_the_role_as_it_is_today() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, token_ttl="1h")
        found = await token(api, role_id, await secret_id(api))
        assert (await api("POST", ROLE, {"token_ttl": "10m"})).status == 204
        renewed = await api("POST", "auth/token/renew-self", {}, token=found)
        assert renewed.json["auth"]["lease_duration"] == 600
        assert (await api("POST", f"{ROLE}/period", {"token_period": "2h"})).status == 204
        renewed = await api("POST", "auth/token/renew-self", {}, token=found)
        assert renewed.json["auth"]["lease_duration"] == 7200
        assert (await api("DELETE", ROLE)).status == 204
        assert (await api("POST", "auth/token/renew-self", {}, token=found)).status == 400
        assert (await api("GET", "auth/token/lookup-self", token=found)).status == 200

    inprocess(scenario)


def test_root_is_not_given_away() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api)
        for name in ("root", "ROOT ", "a,root"):
            assert (await api("POST", ROLE, {"token_policies": name})).status == 400
            assert (await api("POST", f"{ROLE}/policies", {"policies": name})).status == 400

    inprocess(scenario)


def test_logins_without_a_count_write_nothing_of_the_method() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        made = await secret_id(api)
        before = await method_rows(api)
        assert (await login(api, role_id, made)).status == 200
        assert (await login(api, role_id, "wrong")).status == 400
        assert await method_rows(api) == before

    inprocess(scenario)


def test_no_secret_id_or_accessor_stands_in_a_key_or_a_value() -> None:
    async def scenario(api: InProcess) -> None:
        await enable(api, role_id="planted-role")
        made = [await secret(api, ttl="1h"), await secret(api)]
        own = await api("POST", f"{ROLE}/custom-secret-id", {"secret_id": "planted-secret"})
        planted = [one[name] for one in (*made, own.data) for name in ("secret_id", "secret_id_accessor")]
        for name, row in (await method_rows(api)).items():
            for text in (*planted, "planted-role"):
                assert text not in name
                assert text.encode() not in row

    inprocess(scenario)


def test_a_quota_for_a_role_counts_its_logins_alone() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        other = await make_role(api, "other")
        quota = {"path": METHOD, "role": "web", "rate": 1, "interval": "1h"}
        assert (await api("POST", "sys/quotas/rate-limit/q", quota)).status == 204
        made, others = await secret_id(api), await secret_id(api, "other")
        assert [(await login(api, role_id, made)).status for _ in range(3)] == [200, 429, 429]
        assert [(await login(api, other, others)).status for _ in range(3)] == [200] * 3
        assert (await login(api, "nobody", others)).status == 400
        assert (await api("GET", ROLE)).status == 200
        assert (await api("POST", f"{METHOD}/login", {"role_id": 5}, token=None)).status == 400

    inprocess(scenario)


def test_a_bound_on_leases_counts_a_role_alone() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        other = await make_role(api, "other")
        quota = {"path": METHOD, "role": "web", "max_leases": 1}
        assert (await api("POST", "sys/quotas/lease-count/q", quota)).status == 204
        made, others = await secret_id(api), await secret_id(api, "other")
        assert [(await login(api, role_id, made)).status for _ in range(2)] == [200, 429]
        assert [(await login(api, other, others)).status for _ in range(2)] == [200] * 2

    inprocess(scenario)


def test_mounts_know_nothing_of_each_other() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        made = await secret_id(api)
        assert (await api("POST", "sys/auth/second", {"type": "approle"})).status == 204
        body = {"role_id": role_id, "secret_id": made}
        assert (await api("POST", "auth/second/login", body, token=None)).status == 400
        assert (await api("LIST", "auth/second/role")).status == 404

    inprocess(scenario)


def test_a_wrapped_secret_id_shows_where_it_was_made_and_opens_once() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        wrap = {"X-Vault-Wrap-TTL": "60"}
        info = (await api("POST", f"{ROLE}/secret-id", {}, wrap)).json["wrap_info"]
        told = (await api("POST", "sys/wrapping/lookup", {"token": info["token"]}, token=None)).data
        assert told["creation_path"] == f"{ROLE}/secret-id"
        accessor = {"secret_id_accessor": info["wrapped_accessor"]}
        assert (await api("POST", f"{ROLE}/secret-id-accessor/lookup", accessor)).status == 200
        opened = await api("POST", "sys/wrapping/unwrap", token=info["token"])
        assert (await login(api, role_id, opened.data["secret_id"])).status == 200
        again = await api("POST", "sys/wrapping/unwrap", token=info["token"])
        assert again.status == 400

    inprocess(scenario)


def test_a_forged_wrapping_is_told_by_its_path() -> None:
    """Who intercepted the secret ID can wrap it again, but not as if the role had made it."""

    async def scenario(api: InProcess) -> None:
        await enable(api)
        wrap = {"X-Vault-Wrap-TTL": "60"}
        forged = await api("POST", "sys/wrapping/wrap", {"secret_id": "x"}, wrap)
        body = {"token": forged.json["wrap_info"]["token"]}
        told = (await api("POST", "sys/wrapping/lookup", body, token=None)).data
        assert told["creation_path"] == "sys/wrapping/wrap"

    inprocess(scenario)


def test_a_secret_id_ends_when_it_said() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, secret_id_ttl="10m")
        made = await secret_id(api)
        with later(api.core, 599):
            assert (await login(api, role_id, made)).status == 200
        with later(api.core, 600):
            assert (await login(api, role_id, made)).status == 400

    inprocess(scenario)


def test_a_role_whose_logins_keep_failing_is_locked_out_for_a_while() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api)
        made = await secret_id(api)
        for spelling in (role_id, f" {role_id}", f"{role_id}\n", role_id, role_id):
            assert (await login(api, spelling, "wrong")).status == 400
        refused = await login(api, role_id, made)
        assert (refused.status, refused.errors) == (403, ["permission denied"])
        accessor = (await api("GET", "sys/auth/approle")).data["accessor"]
        locked = (await api("GET", "sys/locked-users")).data["by_namespace"][0]["mount_accessors"][0]
        assert (locked["mount_accessor"], locked["alias_identifiers"]) == (accessor, [role_id])
        with later(api.core, 15 * 60):
            assert (await login(api, role_id, made)).status == 200
        unlock = f"sys/locked-users/{accessor}/unlock/{role_id}"
        assert (await api("POST", unlock)).status == 204
        assert (await login(api, role_id, made)).status == 200

    inprocess(scenario)


def test_what_is_no_guess_locks_nobody_out() -> None:
    async def scenario(api: InProcess) -> None:
        role_id = await enable(api, secret_id_bound_cidrs="127.0.0.1")
        made = await secret_id(api)
        for _ in range(6):
            assert (await login(api, role_id)).status == 400
            assert (await login(api, role_id, made, address="10.0.0.1")).status == 400
        assert (await login(api, role_id, made)).status == 200

    inprocess(scenario)
