"""An engine sees the request headers that its mount passes through, and no others."""

from __future__ import annotations

import pytest

from strongroom.logical import Operation, Request
from tests.echoing import Echoing, echoing
from tests.inprocess import InProcess, inprocess

__all__ = ["echoing"]

SENT = {"X-Team": "red", "X-Needed": "n", "X-Other": "o", "Authorization": "Negotiate abc", "Accept": "*/*"}


@pytest.mark.parametrize("method", ("GET", "POST"))
def test_an_engine_sees_what_its_mount_lists(echoing: type[Echoing], method: str) -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/mounts/e", {"type": "echoing"})).status == 204
        assert (await api(method, "e/echo", headers=SENT)).data == {}
        for listed in (["X-TEAM"], ["x-team", "X-Absent"]):
            tuned = await api("POST", "sys/mounts/e/tune", {"passthrough_request_headers": listed})
            assert tuned.status == 204
            assert (await api(method, "e/echo", headers=SENT)).data == {"x-team": "red"}
        await api("POST", "sys/mounts/e/tune", {"passthrough_request_headers": "Authorization,X-Other"})
        seen = (await api(method, "e/echo", headers=SENT)).data
        assert seen == {"authorization": "Negotiate abc", "x-other": "o"}
        await api("POST", "sys/mounts/e/tune", {"passthrough_request_headers": []})
        assert (await api(method, "e/echo", headers=SENT)).data == {}

    inprocess(scenario)


def test_a_path_sees_what_it_declares(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        config = {"passthrough_request_headers": ["X-Team"]}
        await api("POST", "sys/mounts/e", {"type": "echoing", "config": config})
        assert (await api("GET", "e/declared/a", headers=SENT)).data == {"x-needed": "n", "x-team": "red"}
        assert (await api("GET", "e/declared/a")).data == {}

    inprocess(scenario)


def test_no_header_shows_the_token(echoing: type[Echoing]) -> None:
    async def scenario(api: InProcess) -> None:
        config = {"passthrough_request_headers": ["Authorization", "X-Copy"]}
        await api("POST", "sys/mounts/e", {"type": "echoing", "config": config})
        sent = {"Authorization": f"Bearer {api.token}", "X-Copy": api.token}
        assert (await api("GET", "e/echo", headers=sent, token=None)).data == {}
        refused = await api("POST", "sys/mounts/e/tune", {"passthrough_request_headers": ["X-Vault-Token"]})
        assert refused.status == 400

    inprocess(scenario)


def test_headers_without_a_mount_are_a_mistake() -> None:
    request = Request("r", Operation.READ, "x", received={"a": "b"})
    with pytest.raises(AssertionError):
        _ = request.headers
