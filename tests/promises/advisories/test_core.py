"""The core, the barrier, the storage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom import registry
from strongroom.errors import PermissionDenied, StrongroomError
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path as EnginePath
from strongroom.logical import Auth, Request, Response
from tests.conftest import SealedServer
from tests.inprocess import InProcess, inprocess
from tests.promises.advisories.asking import CANARY, seeded


class Door(EnginePath):
    """A login that makes a token and then fails."""

    pattern = "login"
    unauthenticated = True

    async def write(self, doors: Doors, request: Request) -> Response:
        auth = Auth(policies=["default"], display_name="d")
        await doors.core.login(request, auth, Response(auth=auth))
        raise PermissionDenied


class Doors(Backend):
    """An auth method with a mistake."""

    type = "doors"
    kind = "auth"
    paths = (Door,)


def test_cve_2026_46405_an_engine_that_fails_leaves_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.BUILTIN["auth"], "doors", f"{__name__}:Doors")

    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/auth/doors", {"type": "doors"})).status == 204
        before = (await api("LIST", "auth/token/accessors")).data["keys"]
        answer = await api("POST", "auth/doors/login", {}, token=None)
        assert (answer.status, answer.json) == (403, {"errors": ["permission denied"]})
        assert (await api("LIST", "auth/token/accessors")).data["keys"] == before
        assert (await api("LIST", "sys/leases/lookup/auth/doors/")).status == 404

    inprocess(scenario)


@pytest.mark.parametrize(
    "method",
    (
        "REVOKE",
        "RENEW",
        "ROLLBACK",
        "HELP",
        "ALIAS-LOOKAHEAD",
        "RESOLVE-ROLE",
        "CREATE",
        "ROTATION",
        "OPTIONS",
    ),
)
def test_ghsa_rh46_vc3j_w2w3_internal_operations_have_no_verb(method: str) -> None:
    async def scenario(api: InProcess) -> None:
        await seeded(api, "a")
        for path in ("secret/data/a", "sys/mounts", "auth/token/lookup-self"):
            answer = await api(method, path)
            assert answer.status in (204, 400, 404, 405), answer  # 204 is CORS answering OPTIONS
            assert b"data" not in answer.body
            answer = await api("GET", path, headers={"X-HTTP-Method-Override": method})
            assert answer.status == 200, answer

    inprocess(scenario)


async def progress(api: InProcess, path: str) -> dict[str, Any]:
    body: dict[str, Any] = (await api("GET", f"sys/{path}")).json
    return body.get("data") or {name: value for name, value in body.items() if name != "request_id"}


def test_cve_2026_5807_gh_2125_nobody_without_a_token_touches_a_ceremony() -> None:
    async def scenario(api: InProcess) -> None:
        weak = await api.policy_token('path "secret/*" { capabilities = ["read"] }')
        for path in (
            "rekey/init",
            "rotate/root/init",
            "generate-root/attempt",
            "generate-root-token/attempt",
        ):
            assert (
                await api("PUT", f"sys/{path}", {"secret_shares": 1, "secret_threshold": 1})
            ).status == 200
            begun = await progress(api, path)
            assert begun["started"] is True
            for token in (None, "srs.nobody", weak):
                for method in ("DELETE", "PUT"):
                    answer = await api(method, f"sys/{path}", {} if method == "PUT" else None, token=token)
                    assert answer.status in (400, 403), (path, method, answer)
            assert await progress(api, path) == begun
            assert (await api("DELETE", f"sys/{path}")).status in (200, 204)

    inprocess(scenario)


def test_hardening_barrier_an_entry_moved_to_another_path_does_not_open() -> None:
    async def scenario(api: InProcess) -> None:
        barrier = api.core.barrier
        blob = barrier.encrypt("secret/of/one", CANARY.encode())
        assert barrier.decrypt("secret/of/one", blob) == CANARY.encode()
        with pytest.raises(StrongroomError):
            barrier.decrypt("secret/of/another", blob)

    inprocess(scenario)


def test_hardening_storage_no_memory_is_left_in_core_dumps(sealed_server: SealedServer) -> None:
    server = sealed_server("dumps")
    limits = Path(f"/proc/{server.process.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]


@pytest.mark.parametrize("path", ("challenge", "join", "bootstrap/challenge", "bootstrap/answer"))
def test_cve_2024_8185_nobody_outside_makes_the_server_keep_challenges(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        for token in (None, "root"):
            answer = await api("PUT", f"sys/storage/raft/{path}", {"server_id": "x" * 1000}, token=token)
            assert answer.status in (400, 403, 404), answer

    inprocess(scenario)
