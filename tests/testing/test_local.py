from __future__ import annotations

import json
import sys
import threading
import time
import urllib.request
import warnings

import pytest

from strongroom.client.error import ApiError, TransportError
from strongroom.client.request import Request
from strongroom.errors import StrongroomError
from strongroom.testing import local
from strongroom.testing.local import LocalServer


def health(address: str) -> dict[str, object]:
    with urllib.request.urlopen(f"{address}/v1/sys/health", timeout=5) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def test_a_server_listens_unsealed() -> None:
    with LocalServer() as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert health(server.address)["sealed"] is False


def test_nothing_is_shared_between_two() -> None:
    with LocalServer() as one, LocalServer() as two:
        one.client().write("secret/data/x", {"data": {"a": "1"}})
        assert one.address != two.address
        assert two.client().read("secret/data/x") is None
        assert health(one.address)["cluster_id"] != health(two.address)["cluster_id"]


def test_a_server_that_stopped_answers_no_more() -> None:
    with LocalServer() as server:
        client = server.client()
        assert client.read("auth/token/lookup-self")
    with pytest.raises(TransportError):
        client.read("auth/token/lookup-self")
    assert not [thread for thread in threading.enumerate() if thread.name == "strongroom"]


def test_stopping_twice_is_fine() -> None:
    server = LocalServer().start()
    server.stop()
    server.stop()


def test_stopping_before_starting_is_fine() -> None:
    LocalServer().stop()


def test_starting_takes_less_than_50_milliseconds_after_the_first() -> None:
    with LocalServer():
        pass
    taken = []
    for _ in range(10):
        before = time.perf_counter()
        with LocalServer():
            taken.append(time.perf_counter() - before)
    assert min(taken) < 0.05, taken  # the best of ten: the machine may be busy


def test_clients_come_with_the_token_wanted() -> None:
    with LocalServer() as server:
        assert server.client().read("auth/token/lookup-self")
        assert server.client("").send(Request("GET", "sys/health")).status == 200
        for token in ("", "wrong"):
            with pytest.raises(ApiError, match="permission denied"):
                server.client(token).read("auth/token/lookup-self")


def test_the_environment_leads_other_clients_here() -> None:
    with LocalServer() as server:
        assert server.environment == {"VAULT_ADDR": server.address, "VAULT_TOKEN": "root"}


def test_hvac_is_ready() -> None:
    with LocalServer() as server:
        assert server.hvac().is_authenticated()
        assert not server.hvac("wrong").is_authenticated()


def test_without_hvac_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hvac", None)
    with LocalServer() as server, pytest.raises(StrongroomError, match=r"strongroom\[testing\]"):
        server.hvac()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(core: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(local, "_open", fail)
    server = LocalServer()
    with pytest.raises(OSError, match="no room"):
        server.start()
    server.stop()


def test_nothing_is_left_open() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with LocalServer() as server:
            server.client().read("sys/health")
            server.hvac().is_authenticated()
    assert not [str(each.message) for each in caught if issubclass(each.category, ResourceWarning)]
