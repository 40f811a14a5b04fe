from __future__ import annotations

import pytest

from tests.echoing import Echoing, echoing
from tests.inprocess import InProcess, inprocess

__all__ = ["echoing"]  # a fixture


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    (
        ("GET", "nowhere/a", 404, 'no handler for route "nowhere/a". route entry not found.'),
        ("GET", "e/none", 404, "unsupported path"),
        ("DELETE", "e/echo", 405, "unsupported operation"),
        ("POST", "e/", 400, "cannot write to a path ending in '/'"),
    ),
)
def test_paths_that_lead_nowhere(
    echoing: type[Echoing], method: str, path: str, status: int, error: str
) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/e", {"type": "echoing"})
        answer = await api(method, path, {} if method == "POST" else None)
        assert answer.status == status
        assert error in answer.errors[0]

    inprocess(scenario)


def test_who_may_not_ask_does_not_learn_what_there_is(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/e", {"type": "echoing"})
        token = await api.policy_token('path "x" { capabilities = ["read"] }')
        answers = [
            await api(method, path, token=token)
            for method, path in (
                ("GET", "e/echo"),
                ("GET", "e/none"),
                ("GET", "nowhere/a"),
                ("DELETE", "e/echo"),
            )
        ]
        assert {answer.status for answer in answers} == {403}
        assert len({str(answer.errors) for answer in answers}) == 1

    inprocess(scenario)


def test_the_longest_mount_answers() -> None:
    async def scenario(api: InProcess) -> None:
        for path in ("a", "ab", "a-b/c"):
            assert (await api("POST", f"sys/mounts/{path}", {"type": "kv"})).status == 204
            assert (await api("PUT", f"{path}/x", {"from": path})).status == 204
        for path in ("a", "ab", "a-b/c"):
            assert (await api("GET", f"{path}/x")).data == {"from": path}
        assert (await api("GET", "a-b/x")).status == 404

    inprocess(scenario)


def test_a_mount_may_be_named_without_its_slash(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/kv", {"type": "kv"})
        await api("PUT", "kv/a", {"x": "y"})
        for path in ("kv", "kv/"):
            assert (await api("LIST", path)).data == {"keys": ["a"]}

    inprocess(scenario)


def test_a_value_that_does_not_convert_is_told_to_who_may_use_the_path() -> None:
    async def scenario(api: InProcess) -> None:
        body = {"increment": "soon"}
        mine = await api("POST", "auth/token/renew-self", body)
        assert mine.status == 400
        assert "increment" in mine.errors[0]
        token = await api.policy_token('path "auth/token/renew-self" { capabilities = ["deny"] }')
        assert (await api("POST", "auth/token/renew-self", body, token=token)).status == 403

    inprocess(scenario)


def test_a_route_that_is_remembered_is_forgotten_with_its_mount(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        for _ in range(3):
            assert (await api("GET", "e/echo")).status == 404
            assert (await api("POST", "sys/mounts/e", {"type": "echoing"})).status == 204
            assert (await api("GET", "e/echo")).status == 200
            assert (await api("DELETE", "sys/mounts/e")).status == 204

    inprocess(scenario)


def test_a_path_that_declares_headers_sets_them_on_any_mount(
    echoing: type[Echoing],
) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/e", {"type": "echoing"})
        answer = await api("GET", "e/marked")
        assert answer.headers["x-declared"] == "yes"
        assert "x-other" not in answer.headers
        await api("POST", "sys/mounts/e/tune", {"allowed_response_headers": ["X-Other"]})
        assert (await api("GET", "e/marked")).headers["x-other"] == "yes"

    inprocess(scenario)


def test_head_is_for_paths_that_say_so(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        await api("POST", "sys/mounts/e", {"type": "echoing"})
        answer = await api("HEAD", "e/marked")
        assert answer.status == 200
        assert answer.headers["x-declared"] == "yes"
        for path in ("e/echo", "e/none", "nowhere/a", "sys/mounts", "secret/data/x"):
            answer = await api("HEAD", path)
            assert (answer.status, answer.json) == (405, {"errors": []})
        assert (await api("HEAD", "e/marked", token=None)).status == 403

    inprocess(scenario)
