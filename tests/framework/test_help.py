from __future__ import annotations

import os
import subprocess
from typing import Any

from strongroom.testing.local import LocalServer
from tests.inprocess import InProcess, inprocess
from tests.server import PEER, STRONGROOM


def test_help_of_a_path() -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("GET", "secret/data/a/b?help=1")
        assert answer.status == 200
        body: dict[str, Any] = answer.json
        assert set(body) == {"help", "see_also", "openapi"}
        assert body["see_also"] is None
        assert body["help"].startswith("Request:        data/a/b\nMatching Route: data/{path*}\n")
        for part in (
            "## PARAMETERS",
            "version (integer)",
            "Which version to read",
            "## OPERATIONS",
            "create, update",
        ):
            assert part in body["help"]
        assert list(body["openapi"]["paths"]) == ["/data/{path}"]

    inprocess(scenario)


def test_help_of_an_engine_lists_its_paths() -> None:
    async def scenario(api: InProcess) -> None:
        for target in ("secret", "secret/"):
            body = (await api("GET", f"{target}?help=1")).json
            assert "## PATHS" in body["help"]
            assert "metadata/{path*}" in body["help"]
            assert "/metadata/{path}" in body["openapi"]["paths"]

    inprocess(scenario)


def test_help_where_there_is_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "sys/no-such-thing?help=1")).status == 404
        assert (await api("GET", "nowhere/x?help=1")).status == 404

    inprocess(scenario)


def test_help_needs_a_token_where_the_path_does() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("GET", "secret/data/x?help=1", token=None)).status == 403
        token = await api.policy_token('path "nothing" { capabilities = ["read"] }')
        assert (await api("GET", "secret/data/x?help=1", token=token)).status == 200

    inprocess(scenario)


def test_help_of_what_works_while_sealed() -> None:
    async def scenario(api: InProcess) -> None:
        assert "Health of the node." in (await api("GET", "sys/health?help=1")).json["help"]

    inprocess(scenario)


def test_path_help_of_both_command_lines() -> None:
    with LocalServer() as server:
        environment = {
            **os.environ,
            **server.environment,
            "BAO_ADDR": server.address,
            "BAO_TOKEN": server.root_token,
        }
        for program in (STRONGROOM, PEER):
            done = subprocess.run(
                [*program, "path-help", "secret/config"],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
            assert "Settings of the mount" in done.stdout
            assert "cas_required" in done.stdout
