from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from strongroom.auth.app_id import salted
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import rows

Scenario = Callable[[InProcess], Awaitable[None]]
APP, USER = "app-6f1c", "machine-90aa"


def mapped(scenario: Scenario) -> None:
    async def run(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/app-id", {"type": "app-id"})).status == 204
        app = {"value": "surface,Base", "display_name": "surface"}
        assert (await api("POST", f"auth/app-id/map/app-id/{APP}", app)).status == 204
        user = {"value": f"other, {APP}", "cidr_block": "10.0.0.0/8"}
        assert (await api("POST", f"auth/app-id/map/user-id/{USER}", user)).status == 204
        await scenario(api)

    inprocess(run)


async def login(api: InProcess, app: str = APP, user: str = USER, address: str = "10.1.2.3") -> Answer:
    body = {"app_id": app, "user_id": user}
    return await api("POST", "auth/app-id/login", body, token=None, address=address)


def test_both_ids_give_the_policies_of_the_app() -> None:
    async def scenario(api: InProcess) -> None:
        auth = (await login(api)).json["auth"]
        assert auth["policies"] == ["base", "default", "surface"]
        assert auth["renewable"]
        assert set(auth["metadata"]) == {"app-id", "user-id"}
        assert all(value.startswith("sha1:") for value in auth["metadata"].values())
        seen = await api("GET", "auth/token/lookup-self", token=auth["client_token"])
        assert seen.data["display_name"] == "app-id-surface"

    mapped(scenario)


def test_the_app_id_may_stand_in_the_path() -> None:
    async def scenario(api: InProcess) -> None:
        path = f"auth/app-id/login/{APP.upper()}"
        answer = await api("POST", path, {"user_id": USER.upper()}, token=None, address="10.0.0.1")
        assert answer.status == 200, answer

    mapped(scenario)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    (
        ({"app": "another"}, "invalid user ID or app ID"),
        ({"app": "other"}, "invalid user ID or app ID"),
        ({"user": "another"}, "invalid user ID or app ID"),
        ({"app": USER, "user": APP}, "invalid user ID or app ID"),
        ({"address": "192.0.2.1"}, "unauthorized source address"),
        ({"app": ""}, "missing app_id"),
        ({"user": ""}, "missing user_id"),
    ),
)
def test_what_does_not_fit_is_refused(asked: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await login(api, **asked)
        assert (answer.status, answer.errors) == (400, [sentence])

    mapped(scenario)


def test_the_maps_are_read_by_id_and_listed_as_hashes() -> None:
    async def scenario(api: InProcess) -> None:
        app = await api("GET", f"auth/app-id/map/app-id/{APP}")
        assert app.data == {"key": APP, "value": "surface,Base", "display_name": "surface"}
        user = await api("GET", f"auth/app-id/map/user-id/{USER}")
        assert user.data == {"key": USER, "value": f"other, {APP}", "cidr_block": "10.0.0.0/8"}
        listed = await api("LIST", "auth/app-id/map/app-id")
        (name,) = listed.data["keys"]
        assert len(bytes.fromhex(name)) == 20
        assert name != hashlib.sha1(APP.encode()).hexdigest(), "it has a salt"
        assert (await api("GET", "auth/app-id/map/app-id/none")).status == 404

    mapped(scenario)


def test_ids_stand_in_no_key_of_the_storage_and_each_mount_has_its_salt() -> None:
    async def scenario(api: InProcess) -> None:
        for name in await rows(api.core):
            assert APP not in name
            assert USER not in name
        assert (await api("POST", "sys/auth/second", {"type": "app-id"})).status == 204
        await api("POST", f"auth/second/map/app-id/{APP}", {"value": "x"})
        first, second = [
            (await api("LIST", f"auth/{mount}/map/app-id")).data["keys"] for mount in ("app-id", "second")
        ]
        assert first != second

    mapped(scenario)


def test_renewal_ends_with_the_mapping() -> None:
    async def scenario(api: InProcess) -> None:
        token = (await login(api)).json["auth"]["client_token"]

        async def renewed(address: str = "10.1.2.3") -> int:
            return (await api("POST", "auth/token/renew-self", {}, token=token, address=address)).status

        assert await renewed() == 200
        assert await renewed("192.0.2.1") == 400
        await api("POST", f"auth/app-id/map/app-id/{APP}", {"value": "surface"})
        assert await renewed() == 400
        await api("POST", f"auth/app-id/map/app-id/{APP}", {"value": "base,surface"})
        assert await renewed() == 200
        assert (await api("DELETE", f"auth/app-id/map/user-id/{USER}")).status == 204
        assert await renewed() == 400
        assert (await login(api)).status == 400

    mapped(scenario)


def test_bad_maps_are_refused() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", "auth/app-id/map/app-id/x", {"value": "a,Root"})
        assert answer.status == 400
        answer = await api("POST", "auth/app-id/map/user-id/x", {"value": "a", "cidr_block": "somewhere"})
        assert answer.status == 400
        assert b"somewhere" not in answer.body

    mapped(scenario)


def test_the_case_of_an_id_does_not_count() -> None:
    assert salted("s", "ABC") == salted("s", "abc") != salted("t", "abc")
