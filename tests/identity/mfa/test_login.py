"""Logins with a second factor, from the first phase to the token."""

from __future__ import annotations

import asyncio
from base64 import b32encode
from pathlib import Path
from typing import Any

import pytest

from tests.entering import Entering, attempt, enable, entering, login, make
from tests.identity.mfa.totp_device import METHOD, Device, device, enforce, method, validate
from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later, reap, rows

__all__ = ["entering"]


class Scene:
    """Ann has a device, and her door asks for it."""

    def __init__(self, api: InProcess) -> None:
        self.api = api
        self.accessor = self.method = self.entity = ""
        self.device: Device

    @classmethod
    async def set(cls, api: InProcess, **fields: Any) -> Scene:
        scene = cls(api)
        scene.accessor = await enable(api)
        scene.entity = (await login(api, "ann"))["entity_id"]
        scene.method = await method(api, **fields)
        scene.device = await device(api, scene.method, scene.entity)
        await enforce(api, "e", scene.method, auth_method_accessors=[scene.accessor])
        return scene

    async def request_id(self, name: str = "ann") -> str:
        """The first phase."""
        found: str = (await login(self.api, name))["mfa_requirement"]["mfa_request_id"]
        return found

    async def validate(self, request_id: str, code: str) -> Answer:
        return await validate(self.api, request_id, **{self.method: code})

    async def single(self, value: str, name: str = "ann") -> Answer:
        """Both phases at once."""
        return await self.api("POST", f"auth/door/login/{name}", {}, {"X-Vault-MFA": value}, token=None)


def test_there_is_no_token_before_the_second_factor(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, method_name="phone")
        before = len(await rows(api.core, "sys/token/"))
        answer = await attempt(api, "ann", policies=["p"], metadata={"k": "v"})
        auth = answer.json["auth"]
        request_id = auth["mfa_requirement"]["mfa_request_id"]
        assert auth == {
            "client_token": "",
            "accessor": "",
            "policies": None,
            "metadata": None,
            "lease_duration": 0,
            "renewable": False,
            "entity_id": "",
            "token_type": "default",
            "orphan": False,
            "num_uses": 0,
            "mfa_requirement": {
                "mfa_request_id": request_id,
                "mfa_constraints": {
                    "e": {
                        "any": [{"type": "totp", "id": scene.method, "uses_passcode": True, "name": "phone"}]
                    }
                },
            },
        }
        assert answer.json["warnings"]
        assert len(await rows(api.core, "sys/token/")) == before
        done = await scene.validate(request_id, scene.device.now(api))
        assert done.status == 200, done
        auth = done.json["auth"]
        assert (auth["entity_id"], auth["token_policies"]) == (scene.entity, ["default", "p"])
        assert auth["mfa_requirement"] is None
        found = (await api("GET", "auth/token/lookup-self", token=auth["client_token"])).data
        assert (found["path"], found["display_name"]) == ("auth/door/login/ann", "door-ann")
        assert (found["entity_id"], found["orphan"]) == (scene.entity, True)
        again = await scene.validate(request_id, scene.device.now(api, 1))
        assert (again.status, again.errors) == (400, ["invalid request ID"])

    inprocess(scenario)


def test_a_code_serves_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, max_validation_attempts=100)
        code = scene.device.now(api)
        assert (await scene.validate(await scene.request_id(), code)).status == 200
        request_id = await scene.request_id()
        for spelling in (code, f" {code}", f"{code} ", f"{code[:3]} {code[3:]}", f"0{code}", f"+{code}"):
            refused = await scene.validate(request_id, spelling)
            assert (refused.status, "MFA credentials not supplied or incorrect" in refused.errors[0]) == (
                403,
                True,
            )
            assert (await scene.single(f"{scene.method}:{spelling}")).status == 403
        assert (await scene.validate(request_id, scene.device.now(api, 1))).status == 200

    inprocess(scenario)


def test_of_many_at_once_one_gets_a_token(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, max_validation_attempts=100)
        ids = [await scene.request_id() for _ in range(6)]
        code = scene.device.now(api)
        answers = await asyncio.gather(*(scene.validate(one, code) for one in ids))
        assert sorted(answer.status for answer in answers) == [200, 403, 403, 403, 403, 403]

    inprocess(scenario)


def test_guesses_are_counted_however_they_come(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, max_validation_attempts=4)
        request_id = await scene.request_id()
        wrong = "000000" if scene.device.now(api) != "000000" else "000001"
        assert (await scene.single(f"{scene.method}:{wrong}")).status == 403
        answers = await asyncio.gather(*(scene.validate(request_id, wrong) for _ in range(3)))
        assert {answer.status for answer in answers} == {403}
        refused = await scene.validate(request_id, scene.device.now(api))
        assert "attempts 5 exceeded the allowed attempts 4" in refused.errors[0]
        assert (await scene.single(f"{scene.method}:{scene.device.now(api)}")).status == 403
        with later(api.core, 31):
            assert (await scene.validate(request_id, scene.device.now(api))).status == 200

    inprocess(scenario)


def test_both_phases_at_once(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, method_name="phone")
        for value in ("phone", "phone:", "phone:12", scene.method, "other:123456", "x"):
            refused = await scene.single(value)
            assert (refused.status, refused.errors) == (403, ["permission denied"])
        with later(api.core, 31):
            code = scene.device.now(api)
            answer = await scene.single(f"phone:passcode={code}")
            assert answer.status == 200, answer
            assert answer.json["auth"]["client_token"]
            assert (await scene.single(f"phone:{code}")).status == 403

    inprocess(scenario)


def test_a_waiting_login_ends(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        request_id = await scene.request_id()
        with later(api.core, 299):
            await reap(api.core)
            assert len(await waiting(api)) == 1
        with later(api.core, 301):
            refused = await scene.validate(request_id, scene.device.now(api))
            assert refused.errors == ["invalid request ID"]
            await reap(api.core)
            assert not await waiting(api)

    inprocess(scenario)


async def waiting(api: InProcess) -> list[str]:
    """The rows of waiting logins."""
    return [name for name in await rows(api.core) if "/mfa/waiting/" in name]


def test_waiting_logins_are_bounded_and_say_nothing(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        ids = [await scene.request_id() for _ in range(40)]
        assert len(await waiting(api)) == 16
        assert (await scene.validate(ids[0], scene.device.now(api))).status == 400
        for name, blob in (await rows(api.core)).items():
            assert not any(one in name or one.encode() in blob for one in ids)
            assert scene.device.key not in blob
        assert (await scene.validate(ids[-1], scene.device.now(api))).status == 200
        assert len(await waiting(api)) == 15

    inprocess(scenario)


@pytest.mark.parametrize("kind", ("accessor", "type", "entity", "group", "group of a group"))
def test_whom_an_enforcement_is_for(kind: str, entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        inside, _ = await enable(api, "in"), await enable(api, "out")
        ann = (await login(api, "ann", "in"))["entity_id"]
        totp = await method(api)
        group = await make(api, "group", member_entity_ids=[ann])
        outer = await make(api, "group", member_group_ids=[group])
        targets = {
            "accessor": {"auth_method_accessors": inside},
            "type": {"auth_method_types": "entering"},
            "entity": {"identity_entity_ids": ann},
            "group": {"identity_group_ids": group},
            "group of a group": {"identity_group_ids": outer},
        }
        await enforce(api, "e", totp, **targets[kind])
        held = {
            (name, path): bool((await login(api, name, path))["mfa_requirement"])
            for name in ("ann", "bob")
            for path in ("in", "out")
        }
        wanted = {"accessor": {"in"}, "type": {"in", "out"}}.get(kind)
        for (name, path), asked in held.items():
            assert asked == (path in wanted if wanted else (name, path) == ("ann", "in")), (name, path)
        assert (await api("POST", "auth/token/create", {})).json["auth"]["client_token"]
        await api("DELETE", "identity/mfa/login-enforcement/e")
        assert (await login(api, "ann", "in"))["client_token"]

    inprocess(scenario)


def test_every_enforcement_has_to_be_satisfied(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        second = await method(api)
        other = await device(api, second, scene.entity)
        await enforce(api, "f", second, scene.method, identity_entity_ids=[scene.entity])
        await enforce(api, "g", second, auth_method_types=["entering"])
        request_id = await scene.request_id()
        refused = await scene.validate(request_id, scene.device.now(api))
        assert (refused.status, "enforcement g" in refused.errors[0]) == (403, True)
        codes = {scene.method: scene.device.now(api, 1), second: other.now(api)}
        done = await validate(api, request_id, **codes)
        assert done.status == 200, done  # one code serves all that ask for its method

    inprocess(scenario)


def test_what_changed_meanwhile_counts(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api, max_validation_attempts=100)
        request_id = await scene.request_id()
        await api("POST", f"identity/entity/id/{scene.entity}", {"disabled": True})
        assert (await scene.validate(request_id, scene.device.now(api))).status == 403
        await api("POST", f"identity/entity/id/{scene.entity}", {"disabled": False})
        await enforce(api, "new", await method(api), auth_method_types=["entering"])
        assert (await scene.validate(request_id, scene.device.now(api))).status == 403
        await api("DELETE", "identity/mfa/login-enforcement/new")
        await api("DELETE", "sys/auth/door")
        assert (await scene.validate(request_id, scene.device.now(api, 1))).errors == ["invalid request ID"]

    inprocess(scenario)


def test_who_has_no_secret_cannot_pass(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        request_id = await scene.request_id("bob")
        refused = await scene.validate(request_id, scene.device.now(api))  # ann's
        assert (refused.status, "not present in entity" in refused.errors[0]) == (403, True)
        bob = await device(api, scene.method, (await entity_of(api, "bob", scene.accessor)))
        assert (await scene.validate(request_id, scene.device.now(api))).status == 403
        assert (await scene.validate(request_id, bob.now(api))).status == 200
        await api("POST", f"{METHOD}/admin-destroy", {"method_id": scene.method, "entity_id": scene.entity})
        assert (await scene.validate(await scene.request_id(), scene.device.now(api))).status == 403

    inprocess(scenario)


async def entity_of(api: InProcess, name: str, accessor: str) -> str:
    fields = {"alias_name": name, "alias_mount_accessor": accessor}
    found: str = (await api("POST", "identity/lookup/entity", fields)).data["id"]
    return found


def test_secrets_go_with_a_merge_and_with_their_entity(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        other = await make(api, "entity", name="other")
        merge = {"to_entity_id": other, "from_entity_ids": [scene.entity]}
        assert (await api("POST", "identity/entity/merge", merge)).status == 204
        done = await scene.validate(await scene.request_id(), scene.device.now(api))
        assert done.json["auth"]["entity_id"] == other
        assert [name for name in await rows(api.core) if "/mfa/secret/" in name]
        await api("DELETE", f"identity/entity/id/{other}")
        assert not [name for name in await rows(api.core) if "/mfa/secret/" in name]

    inprocess(scenario)


def test_a_wrapped_login_wraps_what_has_to_be_proved(entering: type[Entering]) -> None:
    async def scenario(api: InProcess) -> None:
        scene = await Scene.set(api)
        wrapped = await api("POST", "auth/door/login/ann", {}, {"X-Vault-Wrap-TTL": "60s"}, token=None)
        inner = await api("POST", "sys/wrapping/unwrap", token=wrapped.json["wrap_info"]["token"])
        request_id = inner.json["auth"]["mfa_requirement"]["mfa_request_id"]
        assert (await scene.validate(request_id, scene.device.now(api))).status == 200

    inprocess(scenario)


def test_nothing_secret_is_in_the_audit_log_in_clear(entering: type[Entering], tmp_path: Path) -> None:
    async def scenario(api: InProcess) -> None:
        log = tmp_path / "audit.log"
        options = {"type": "file", "options": {"file_path": str(log)}}
        assert (await api("PUT", "sys/audit/log", options)).status == 204
        scene = await Scene.set(api)
        code = scene.device.now(api)
        done = await scene.validate(await scene.request_id(), code)
        token = done.json["auth"]["client_token"]
        written = log.read_text()
        assert "sys/mfa/validate" in written
        key = b32encode(scene.device.key).decode()
        assert not [secret for secret in (f'"{code}"', token, key) if secret in written]

    inprocess(scenario)
