from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.upstream import http
from strongroom.upstream.http import Answer, Target, basic, segment, send
from tests.listener.authority import issue
from tests.upstream.simulator import Call, Simulator, serving

SECRET = "hunter2-never-shown"


class Echo(Simulator):
    def answer(self, call: Call) -> tuple[int, Any]:
        if call.parts[0] == "big":
            return 200, b"x" * int(call.parts[1])
        if call.parts[0] == "status":
            return int(call.parts[1]), {"at": call.raw}
        return 200, {
            "raw": call.raw,
            "headers": call.headers,
            "body": call.body.decode(),
            "method": call.method,
        }

    def headers(self) -> dict[str, str]:
        return {"Location": self.url + "/elsewhere", "Set-Cookie": "session=1"}


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        try:
            async with asyncio.timeout(20):
                await scenario()
        finally:
            await http.close()

    asyncio.run(bounded())


def test_a_request_and_its_answer() -> None:
    async def scenario() -> None:
        target = Target("Echo", echo.url + "/base/")
        answer = await send(
            target,
            "PUT",
            "/a/" + segment("b/c d"),
            headers=basic("me", "pw"),
            query={"x": "&"},
            json={"y": 1},
        )
        assert answer.status == 200
        said = answer.json()
        assert said["raw"] == "/base/a/b%2Fc%20d?x=%26"
        assert said["method"] == "PUT"
        assert said["body"] == '{"y":1}'
        assert said["headers"]["authorization"] == "Basic bWU6cHc="
        assert said["headers"]["content-type"] == "application/json"

    with serving(Echo()) as echo:
        run(scenario)


def test_connections_are_kept_and_cookies_are_not() -> None:
    async def scenario() -> None:
        named = Target("Echo", echo.url.replace("127.0.0.1", "localhost"))  # a jar ignores numbers
        for _ in range(5):
            answer = await send(named, "GET", "/")
        assert echo.connections == 1
        assert "cookie" not in answer.json()["headers"]

    with serving(Echo()) as echo:
        run(scenario)


@pytest.mark.parametrize("status", (301, 302, 307, 403, 404, 500))
def test_statuses_come_back_as_they_are_and_redirects_are_not_followed(status: int) -> None:
    async def scenario() -> None:
        answer = await send(Target("Echo", echo.url), "GET", f"/status/{status}")
        assert (answer.status, answer.ok) == (status, False)
        assert len(echo.calls) == 1
        error = answer.failed("doing it")
        assert error.public == f"doing it failed: Echo answered {status}"
        assert error.status == (400 if status == 404 else 502)

    with serving(Echo()) as echo:
        run(scenario)


def test_an_answer_has_a_limit() -> None:
    async def scenario() -> None:
        target = Target("Echo", echo.url, limit=1000)
        assert len((await send(target, "GET", "/big/1000")).body) == 1000
        with pytest.raises(UpstreamFailed, match="more than 1000 bytes"):
            await send(target, "GET", "/big/1001")

    with serving(Echo()) as echo:
        run(scenario)


def test_what_is_no_json_is_the_fault_of_the_other_side() -> None:
    with pytest.raises(UpstreamFailed, match="Echo answered something that is not JSON"):
        Answer(Target("Echo", "http://x"), 200, {}, b"<html>").json()


def test_nobody_listens() -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and not listening: a connection is refused
            target = Target("Echo", f"http://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(UpstreamFailed, match="Echo cannot be reached: no connection"):
                await send(target, "GET", "/")

    run(scenario)


def test_a_connection_that_is_dropped() -> None:
    async def scenario() -> None:
        echo.down = True
        with pytest.raises(UpstreamFailed, match="the connection was lost"):
            await send(Target("Echo", echo.url), "POST", "/", headers={"Authorization": SECRET})

    with serving(Echo()) as echo:
        run(scenario)


def test_no_answer_in_time() -> None:
    async def scenario() -> None:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen()
            target = Target("Echo", f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2)
            with pytest.raises(UpstreamFailed, match=r"no answer within 0\.2 seconds"):
                await send(target, "GET", "/")

    run(scenario)


def test_no_http() -> None:
    async def scenario() -> None:
        async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"220 mail.example ESMTP\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(babble, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(UpstreamFailed, match="not HTTP"):
            await send(Target("Echo", f"http://127.0.0.1:{port}"), "GET", "/")
        server.close()
        await server.wait_closed()

    run(scenario)


def test_no_error_quotes_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        caplog.set_level(logging.DEBUG)
        target = Target("Echo", echo.url)
        with pytest.raises(UpstreamFailed) as refused:
            await send(target, "GET", "/", headers={"Authorization": SECRET + "\r\nX: y"})
        assert len(echo.calls) == 0
        await send(target, "GET", "/" + SECRET, headers={"Authorization": SECRET})
        error = refused.value
        assert SECRET not in f"{error.public}{error.cause}{error.__cause__}{caplog.text}"
        assert error.__suppress_context__

    with serving(Echo()) as echo:
        run(scenario)


def server_context(folder: Path, *, wants: str = "") -> tuple[ssl.SSLContext, str]:
    """TLS of a server for 127.0.0.1, and the PEM of its authority."""
    ca = issue("authority", ca=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issue("localhost", ca).save(folder, "server"))
    if wants:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=wants)
    return context, ca.pem


def test_tls_is_verified_with_the_authority_given(tmp_path: Path) -> None:
    context, ca = server_context(tmp_path)

    async def scenario() -> None:
        assert (await send(Target("Echo", echo.url, ca=ca), "GET", "/")).ok
        assert (await send(Target("Echo", echo.url, verify=False), "GET", "/")).ok
        assert (await send(Target("Echo", echo.url, ca=ca, server_name="localhost"), "GET", "/")).ok
        for wrong in (
            Target("Echo", echo.url),
            Target("Echo", echo.url, ca=issue("authority", ca=True).pem),
            Target("Echo", echo.url, ca=ca, server_name="elsewhere"),
        ):
            with pytest.raises(UpstreamFailed, match="certificate is not trusted"):
                await send(wrong, "GET", "/")

    with serving(Echo(context)) as echo:
        run(scenario)


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    clients = issue("clients", ca=True)
    context, ca = server_context(tmp_path, wants=clients.pem)
    certificate, key = (Path(name).read_text() for name in issue("me", clients).save(tmp_path, "me"))

    async def scenario() -> None:
        shown = Target("Echo", echo.url, ca=ca, certificate=certificate, key=key)
        shown.check()
        assert key not in repr(shown)
        assert (await send(shown, "GET", "/")).ok
        with pytest.raises(UpstreamFailed):
            await send(Target("Echo", echo.url, ca=ca), "GET", "/")

    with serving(Echo(context)) as echo:
        run(scenario)


@pytest.mark.parametrize(
    "target",
    (
        Target("Echo", ""),
        Target("Echo", "ftp://host"),
        Target("Echo", "host:80"),
        Target("Echo", "http://"),
        Target("Echo", "http://host:x"),
        Target("Echo", f"http://me:{SECRET}@host"),
        Target("Echo", f"http://host/?token={SECRET}"),
        Target("Echo", "https://host", ca=SECRET),
        Target("Echo", "https://host", ca=f"{SECRET}é"),
        Target("Echo", "https://host", certificate=SECRET),
        Target("Echo", "https://host", key=SECRET),
        Target("Echo", "https://host", certificate=SECRET, key=SECRET),
    ),
)
def test_what_is_no_target_is_refused(target: Target) -> None:
    with pytest.raises(BadRequest) as refused:
        target.check()
    assert SECRET not in refused.value.public


def test_without_the_extra_its_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiohttp", None)

    async def scenario() -> None:
        with pytest.raises(http.ExtraMissing, match=r"pip install strongroom\[http\]"):
            await send(Target("Echo", "http://127.0.0.1:1"), "GET", "/")

    run(scenario)


def test_what_nobody_asks_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(http, "monotonic", lambda: now[0])

    async def scenario() -> None:
        old = Target("Echo", echo.url, timeout=5)
        await send(old, "GET", "/")
        await send(old, "GET", "/")
        session = await http._session(old)
        now[0] += 601
        await send(Target("Echo", echo.url, timeout=6), "GET", "/")
        assert session.closed
        assert (await send(old, "GET", "/")).ok

    with serving(Echo()) as echo:
        run(scenario)


def test_the_library_is_imported_with_the_first_call_only() -> None:
    code = "import sys, strongroom.server, strongroom.upstream.http; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("text", "escaped"), (("a b", "a%20b"), ("..", "%2E%2E"), (".a", ".a"), ("/", "%2F"))
)
def test_a_segment_stays_one(text: str, escaped: str) -> None:
    assert segment(text) == escaped
