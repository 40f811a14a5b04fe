from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strongroom.client.client import Client
from strongroom.client.error import ApiError, ClientError, TransportError
from strongroom.client.request import Request
from strongroom.client.settings import Settings
from tests.client.recorder import Recorder, UnixServer, recording


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    with recording() as started:
        yield started


Make = Callable[..., Client]


@pytest.fixture
def make(recorder: Recorder) -> Iterator[Make]:
    made: list[Client] = []

    def build(**environ: str) -> Client:
        settings = Settings({"STRONGROOM_ADDR": recorder.address, **environ})
        client = Client(settings, sleep=lambda seconds: None)
        made.append(client)
        return client

    yield build
    for client in made:
        client.close()


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_what_goes_over_the_wire(recorder: Recorder, make: Make) -> None:
    client = make(VAULT_TOKEN="t", VAULT_NAMESPACE="/team/", VAULT_WRAP_TTL="5m", VAULT_MFA="m:1")
    recorder.answers = [(200, {}, body({"data": {"a": 1}}))]
    assert client.write("/secret/a b/ü?#", {"k": "v"}) == {"data": {"a": 1}}
    method, path, headers, sent = recorder.asked[0]
    assert (method, path) == ("PUT", "/v1/secret/a%20b/%C3%BC%3F%23")
    assert json.loads(sent) == {"k": "v"}
    assert headers["x-vault-token"] == "t"
    assert headers["x-vault-namespace"] == "team/"
    assert headers["x-vault-wrap-ttl"] == "5m"
    assert headers["x-vault-mfa"] == "m:1"
    assert headers["x-vault-request"] == "true"


def test_verbs(recorder: Recorder, make: Make) -> None:
    client = make()
    client.read("a", {"version": "2"})
    client.list("b")
    client.scan("c", {"after": "x"})
    client.patch("d", {"e": None})
    client.delete("f", {"g": ["1", "2"]})
    assert [(method, path) for method, path, *_ in recorder.asked] == [
        ("GET", "/v1/a?version=2"),
        ("GET", "/v1/b?list=true"),
        ("GET", "/v1/c?after=x&scan=true"),
        ("PATCH", "/v1/d"),
        ("DELETE", "/v1/f?g=1&g=2"),
    ]
    assert recorder.asked[3][2]["content-type"] == "application/merge-patch+json"
    assert "x-vault-token" not in recorder.asked[0][2]


def test_refusals_are_errors(recorder: Recorder, make: Make) -> None:
    recorder.answers = [(403, {}, body({"errors": ["permission denied", "really"]})), (400, {}, b"<html>")]
    with pytest.raises(ApiError) as caught:
        make(BAO_NAMESPACE="n").read("x")
    assert caught.value.status == 403
    assert str(caught.value) == (
        f"Error making API request.\n\nNamespace: n/\nURL: GET {recorder.address}/v1/x\n"
        "Code: 403. Errors:\n\n* permission denied\n* really"
    )
    with pytest.raises(ApiError, match="Raw Message:\n\n<html>"):
        make().write("x")


@pytest.mark.parametrize(
    ("answer", "expected"),
    (
        (b'{"errors": []}', None),
        (b'{"errors": ["no handler for route"]}', None),
        (b'{"warnings": ["w"], "data": null}', {"warnings": ["w"], "data": None}),
        (b'{"data": {"metadata": {}}}', {"data": {"metadata": {}}}),
        (b"", None),
    ),
)
def test_not_found_is_nothing_unless_it_says_something(
    recorder: Recorder, make: Make, answer: bytes, expected: object
) -> None:
    recorder.answers = [(404, {}, answer)]
    assert make().read("x") == expected


def test_not_found_by_something_else(recorder: Recorder, make: Make) -> None:
    recorder.answers = [(404, {}, b"<html>")]
    with pytest.raises(ApiError):
        make().read("x")


@pytest.mark.parametrize("status", (412, 500, 503))
def test_tries_again(recorder: Recorder, make: Make, status: int) -> None:
    waits: list[float] = []
    client = Client(make().settings, sleep=waits.append)
    recorder.answers = [(status, {}, b""), (status, {}, b""), (200, {}, body({"data": 1}))]
    assert client.read("x") == {"data": 1}
    assert waits == [0.25, 0.5]
    client.close()


@pytest.mark.parametrize(("status", "attempts"), ((503, 3), (501, 1), (400, 1), (429, 1)))
def test_gives_up(recorder: Recorder, make: Make, status: int, attempts: int) -> None:
    recorder.answers = [(status, {}, body({"errors": []}))] * 5
    with pytest.raises(ApiError):
        make().read("x")
    assert len(recorder.asked) == attempts


def test_retries_are_the_users_choice(recorder: Recorder, make: Make) -> None:
    recorder.answers = [(503, {}, b"")] * 5
    with pytest.raises(ApiError):
        make(VAULT_MAX_RETRIES="0").read("x")
    assert len(recorder.asked) == 1


def test_follows_one_redirect_with_method_and_body(recorder: Recorder, make: Make) -> None:
    recorder.answers = [
        (307, {"Location": f"{recorder.address}/v1/y?z=1"}, b""),
        (200, {}, body({"data": 2})),
    ]
    assert make(VAULT_TOKEN="t").write("x", {"a": 1}) == {"data": 2}
    method, path, headers, sent = recorder.asked[1]
    assert (method, path, headers["x-vault-token"], json.loads(sent)) == ("PUT", "/v1/y?z=1", "t", {"a": 1})


def test_does_not_follow_when_told_so(recorder: Recorder, make: Make) -> None:
    recorder.answers = [(307, {"Location": "/v1/y"}, b"")]
    response = make(VAULT_DISABLE_REDIRECTS="1").send(Request("GET", "x"))
    assert response.status == 307
    assert len(recorder.asked) == 1


def test_connection_is_kept_and_replaced_when_it_was_closed(recorder: Recorder, make: Make) -> None:
    client = make()
    recorder.answers = [(200, {}, body({"data": n})) for n in range(3)]
    assert client.read("x") == {"data": 0}
    assert client._kept is not None
    connection = client._kept[1]
    assert client.read("x") == {"data": 1}
    assert client._kept[1] is connection
    connection.sock.shutdown(socket.SHUT_RDWR)
    assert client.read("x") == {"data": 2}


def test_unix_socket(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.answers = [(200, {}, body({"data": 1}))]
    path = tmp_path / "s"
    with UnixServer(str(path), recorder.handler()) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        client = Client(Settings({"STRONGROOM_ADDR": f"unix://{path}"}))
        assert client.read("x") == {"data": 1}
        client.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("address", "reason"),
    (
        ("http://127.0.0.1:1", "connection refused"),
        ("unix:///nonexistent.sock", "no such file"),
        ("zzz", "unsupported protocol scheme"),
        ("http://", "no host"),
    ),
)
def test_no_answer(address: str, reason: str) -> None:
    with pytest.raises(TransportError, match=reason):
        Client(Settings({"STRONGROOM_ADDR": address}, retries=0)).read("x")


def test_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(TransportError, match="timed out"):
            Client(Settings({"VAULT_ADDR": address, "VAULT_CLIENT_TIMEOUT": "50ms"}, retries=0)).read("x")


def test_stream(recorder: Recorder, make: Make) -> None:
    recorder.answers = [(200, {}, b"one\ntwo\n"), (403, {}, body({"errors": ["no"]}))]
    with make().stream(Request("GET", "sys/monitor")) as answer:
        assert answer.readline() == b"one\n"
        assert answer.read() == b"two\n"
    with pytest.raises(ApiError, match="no"):
        make().stream(Request("GET", "sys/monitor"))


def test_bad_numbers_in_the_environment() -> None:
    for name in ("VAULT_MAX_RETRIES", "VAULT_CLIENT_TIMEOUT"):
        with pytest.raises(ClientError):
            Settings({name: "x"})
