"""The LDAP engine on a real slapd: accounts made, taken over, and lent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from strongroom.framework.rotation import changed
from strongroom.secrets.ldap import ldif, rotation
from strongroom.secrets.ldap.config import Config
from strongroom.secrets.ldap.rotation import Change
from tests.inprocess import InProcess, inprocess
from tests.leasing import later, reap, rows
from tests.slapd import ADMIN, PASSWORD, PEOPLE, Slapd, slapd

__all__ = ["slapd"]  # a fixture

CREATION = f"""\
dn: cn={{{{.Username}}}},{PEOPLE}
objectClass: inetOrgPerson
cn: {{{{.Username}}}}
sn: {{{{.DisplayName}}}}
userPassword: {{{{.Password}}}}
"""
DELETION = f"dn: cn={{{{.Username}}}},{PEOPLE}\nchangetype: delete\n"
ROLE = {"creation_ldif": CREATION, "deletion_ldif": DELETION, "default_ttl": "1h", "max_ttl": "2h"}


async def mounted(api: InProcess, slapd: Slapd) -> None:
    assert (await api("POST", "sys/mounts/ldap", {"type": "ldap"})).status == 204
    answer = await api("POST", "ldap/config", slapd.config)
    assert answer.status == 204, answer


async def ok(api: InProcess, method: str, path: str, body: Any = None, token: str = "") -> Any:
    answer = await api(method, path, body, token=token)
    assert answer.status in {200, 204}, answer
    return answer.json


def dn(name: str) -> str:
    return f"cn={name},{PEOPLE}"


# -- configuration -----------------------------------------------------------------------------------


def test_the_configuration_never_shows_its_password(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        answer = await api("GET", "ldap/config")
        assert answer.data["binddn"] == ADMIN
        assert answer.data["userattr"] == "cn"
        assert PASSWORD.encode() not in answer.body
        assert (await api("POST", "ldap/config", {"url": "file:///etc/passwd"})).status == 400
        assert (await api("POST", "ldap/config", {"schema": "nis"})).status == 400
        await ok(api, "DELETE", "ldap/config")
        assert (await api("GET", "ldap/config")).status == 404
        assert (await api("POST", "ldap/rotate-root", {})).status == 400

    inprocess(scenario)


def test_rotate_root_leaves_one_password_that_works(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/rotate-root", {})
        assert not slapd.accepts(ADMIN, PASSWORD)
        await ok(api, "POST", "ldap/static-role/ann", {"username": "ann", "rotation_period": "1h"})
        await ok(api, "POST", "ldap/rotate-root", {})

    inprocess(scenario)


def test_a_directory_is_trusted_by_its_certificate_alone(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        role = {"username": "ann", "dn": dn("ann"), "rotation_period": "1h"}
        for url, starttls in ((slapd.secure_url, False), (slapd.url, True)):
            secure = {"url": url, "starttls": starttls, "tls_max_version": "tls13"}
            await ok(api, "POST", "ldap/config", secure | {"certificate": ""})
            assert (await api("POST", "ldap/static-role/ann", role)).status == 502
            await ok(api, "POST", "ldap/config", secure | {"certificate": slapd.authority})
            await ok(api, "POST", "ldap/static-role/ann", role)
            await ok(api, "POST", "ldap/rotate-role/ann", {})
            await ok(api, "DELETE", "ldap/static-role/ann")

    inprocess(scenario)


# -- dynamic accounts --------------------------------------------------------------------------------


def test_an_account_lives_as_long_as_its_lease(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/role/team/app", ROLE)
        assert (await ok(api, "GET", "ldap/role/team/app"))["data"]["default_ttl"] == 3600
        assert (await api("LIST", "ldap/role")).data["keys"] == ["team/"]
        assert (await api("LIST", "ldap/role/team")).data["keys"] == ["app"]
        made = await ok(api, "GET", "ldap/creds/team/app")
        assert (made["lease_duration"], made["renewable"]) == (3600, True)
        account = made["data"]["distinguished_names"][0]
        assert slapd.accepts(account, made["data"]["password"])
        renewed = await ok(api, "PUT", "sys/leases/renew", {"lease_id": made["lease_id"], "increment": 1800})
        assert renewed["lease_duration"] == 1800
        with later(api.core, 1900):
            await reap(api.core)
        assert account not in slapd.names()
        second = await ok(api, "GET", "ldap/creds/team/app")
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": second["lease_id"], "sync": True})
        assert second["data"]["distinguished_names"][0] not in slapd.names()

    inprocess(scenario)


def test_an_account_outlives_an_outage_but_not_for_long(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/role/app", ROLE)
        made = await ok(api, "GET", "ldap/creds/app")
        slapd.stop()
        assert (await api("GET", "ldap/creds/app")).status == 502
        queued = {"lease_id": made["lease_id"], "sync": False}
        assert (await api("PUT", "sys/leases/revoke", queued)).status == 202
        await reap(api.core)
        slapd.start()
        with later(api.core, 3600):
            await reap(api.core)
        assert made["data"]["distinguished_names"][0] not in slapd.names()
        assert not await rows(api.core, "sys/expire/id/ldap/")

    inprocess(scenario)


def test_an_account_that_is_gone_already_ends_its_lease(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/role/app", ROLE)
        made = await ok(api, "GET", "ldap/creds/app")
        gone = ldif.parse(f"dn: {made['data']['distinguished_names'][0]}\nchangetype: delete")
        await Config(ADMIN, PASSWORD, slapd.url).directory().apply(gone)
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": made["lease_id"], "sync": True})
        assert not await rows(api.core, "sys/expire/id/ldap/")

    inprocess(scenario)


@pytest.mark.parametrize(
    "change",
    (
        {"creation_ldif": ""},
        {"deletion_ldif": "dn: x\nchangetype: moddn"},
        {"creation_ldif": "dn: {{.Nobody}}\ncn: x"},
        {"default_ttl": "3h"},
        {"username_template": "{{random"},
    ),
)
def test_roles_that_cannot_work_are_refused(slapd: Slapd, change: dict[str, str]) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        assert (await api("POST", "ldap/role/app", ROLE | change)).status == 400
        assert (await api("GET", "ldap/creds/app")).status == 400

    inprocess(scenario)


def test_a_creation_that_fails_in_the_middle_leaves_nothing(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        before = slapd.names()
        broken = CREATION + "\ndn: cn=no,ou=nowhere,dc=example,dc=test\nobjectClass: person\ncn: no\nsn: no\n"
        await ok(api, "POST", "ldap/role/app", ROLE | {"creation_ldif": broken})
        answer = await api("GET", "ldap/creds/app")
        assert answer.status == 400
        assert slapd.names() == before
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


# -- static accounts ---------------------------------------------------------------------------------


def test_a_static_account_changes_its_password_by_plan(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        role = {"username": "ann", "dn": dn("ann"), "rotation_period": "1h"}
        await ok(api, "POST", "ldap/static-role/ann", role)
        first = (await ok(api, "GET", "ldap/static-cred/ann"))["data"]
        assert slapd.accepts(dn("ann"), first["password"])
        assert not slapd.accepts(dn("ann"), "first-of-ann")
        assert first["ttl"] == 3600
        with later(api.core, 3601):
            await reap(api.core)
        second = (await ok(api, "GET", "ldap/static-cred/ann"))["data"]
        assert second["last_password"] == first["password"]
        assert slapd.accepts(dn("ann"), second["password"])
        await ok(api, "POST", "ldap/rotate-role/ann", {})
        third = (await ok(api, "GET", "ldap/static-cred/ann"))["data"]
        assert third["password"] != second["password"]
        assert slapd.accepts(dn("ann"), third["password"])
        await ok(api, "DELETE", "ldap/static-role/ann")
        with later(api.core, 9000):
            await reap(api.core)
        assert slapd.accepts(dn("ann"), third["password"])

    inprocess(scenario)


def test_an_account_belongs_to_one_role_or_set(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        role = {"username": "ann", "rotation_period": "1h", "skip_import_rotation": True}
        await ok(api, "POST", "ldap/static-role/one", role)
        assert slapd.accepts(dn("ann"), "first-of-ann")
        assert (await api("POST", "ldap/static-role/two", role)).status == 400
        assert (await api("POST", "ldap/library/set", {"service_account_names": "ann"})).status == 400
        assert (await api("POST", "ldap/static-role/none", role | {"username": "nobody"})).status == 204
        assert (await api("POST", "ldap/rotate-role/none", {})).status == 400
        assert (await api("POST", "ldap/static-role/one", {"username": "bob"})).status == 400

    inprocess(scenario)


@pytest.mark.parametrize("set_before_the_end", (False, True))
def test_a_rotation_that_is_cut_off_leaves_one_password_known(
    slapd: Slapd, monkeypatch: pytest.MonkeyPatch, *, set_before_the_end: bool
) -> None:
    async def cut_off(change: Change) -> None:
        if set_before_the_end:
            await changed(change)
        raise RuntimeError("the process dies here")

    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/static-role/ann", {"username": "ann", "rotation_period": "1h"})
        monkeypatch.setattr(rotation, "changed", cut_off)
        assert (await api("POST", "ldap/rotate-role/ann", {})).status == 500
        assert (await api("POST", "ldap/rotate-root", {})).status == 500
        monkeypatch.undo()
        known = (await ok(api, "GET", "ldap/static-cred/ann"))["data"]["password"]
        assert slapd.accepts(dn("ann"), known)
        await ok(api, "POST", "ldap/rotate-role/ann", {})

    inprocess(scenario)


# -- libraries ---------------------------------------------------------------------------------------


def test_accounts_are_lent_one_borrower_at_a_time(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/library/ops", {"service_account_names": ["svc1", "svc2"], "ttl": "1h"})
        await ok(api, "POST", "ldap/library/ops", {"max_ttl": "2h"})
        assert (await api("LIST", "ldap/library")).data["keys"] == ["ops"]
        ann = await api.policy_token(
            'path "ldap/library/ops/*" { capabilities = ["create", "update", "read"] }'
        )
        bob = await api.policy_token(
            'path "ldap/library/+/check-in" { capabilities = ["create", "update"] }', display_name="b"
        )
        first = await ok(api, "POST", "ldap/library/ops/check-out", {"ttl": "10m"}, token=ann)
        assert first["lease_duration"] == 600
        lent = first["data"]["service_account_name"]
        assert slapd.accepts(dn(lent), first["data"]["password"])
        second = await ok(api, "POST", "ldap/library/ops/check-out", {}, token=ann)
        assert {lent, second["data"]["service_account_name"]} == {"svc1", "svc2"}
        assert (await api("POST", "ldap/library/ops/check-out", {})).status == 400
        status = (await ok(api, "GET", "ldap/library/ops/status"))["data"]
        assert [status[name]["available"] for name in ("svc1", "svc2")] == [False, False]
        assert (await api("DELETE", "ldap/library/ops")).status == 400
        asked = {"service_account_names": lent}
        assert (await api("POST", "ldap/library/ops/check-in", asked, token=bob)).status == 403
        done = await ok(api, "POST", "ldap/library/ops/check-in", asked, token=ann)
        assert done["data"]["check_ins"] == [lent]
        assert not slapd.accepts(dn(lent), first["data"]["password"])
        await ok(api, "POST", "ldap/library/manage/ops/check-in", {})
        assert (await ok(api, "GET", "ldap/library/ops/status"))["data"]["svc2"] == {"available": True}

    inprocess(scenario)


def test_who_borrows_at_the_same_time_gets_a_password_that_holds(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/library/ops", {"service_account_names": ["svc1", "svc2"]})
        asked = [api("POST", "ldap/library/ops/check-out", {}) for _ in range(6)]
        answers = await asyncio.gather(*asked)
        assert sorted(answer.status for answer in answers) == [200, 200, 400, 400, 400, 400]
        lent = [answer.data for answer in answers if answer.status == 200]
        assert {one["service_account_name"] for one in lent} == {"svc1", "svc2"}
        assert all(slapd.accepts(dn(one["service_account_name"]), one["password"]) for one in lent)
        answers = await asyncio.gather(*(api("POST", "ldap/rotate-root") for _ in range(3)))
        assert {answer.status for answer in answers} == {204}
        both = {"service_account_names": ["svc2", "svc1"]}
        await ok(api, "POST", "ldap/library/manage/ops/check-in", both)

    inprocess(scenario)


def test_a_loan_ends_with_its_lease_and_not_that_of_the_next(slapd: Slapd) -> None:
    async def scenario(api: InProcess) -> None:
        await mounted(api, slapd)
        await ok(api, "POST", "ldap/library/ops", {"service_account_names": ["svc1"], "ttl": "1h"})
        first = await ok(api, "POST", "ldap/library/ops/check-out", {"ttl": "10m"})
        await ok(api, "POST", "ldap/library/ops/check-in", {})
        second = await ok(api, "POST", "ldap/library/ops/check-out", {"ttl": "1h"})
        with later(api.core, 700):
            await reap(api.core)
        assert slapd.accepts(dn("svc1"), second["data"]["password"])
        await ok(api, "PUT", "sys/leases/revoke", {"lease_id": second["lease_id"], "sync": True})
        assert not slapd.accepts(dn("svc1"), second["data"]["password"])
        assert first["data"]["password"] != second["data"]["password"]

    inprocess(scenario)
