"""What HTTP-01 takes for a proof, and what it does not."""

from __future__ import annotations

import asyncio

import pytest

from strongroom.secrets.pki.acme.identifier import DNS, IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import http01, reach
from strongroom.secrets.pki.acme.validation.resolver import Resolver
from tests.secrets.pki.acme.responders import Web, web, zone

PATH = "/.well-known/acme-challenge/token"
HERE = Identifier(IP, "127.0.0.1")


def look(fill: object, monkeypatch: pytest.MonkeyPatch, identifier: Identifier = HERE) -> str:
    """The kind of problem that a look at a site ends with; empty for none."""

    async def scenario() -> str:
        async with web() as site, zone() as names:
            monkeypatch.setitem(http01.PORTS, "http", site.port)
            names.address("host.test")
            names.address("metadata.test", "169.254.169.254")
            assert callable(fill)
            fill(site)
            try:
                await http01.check(identifier, "token", "token.print", Resolver(f"127.0.0.1:{names.port}"))
            except Problem as problem:
                return problem.kind if "secret" not in problem.detail else problem.detail
            return ""

    return asyncio.run(scenario())


def test_the_file_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(lambda site: site.put(PATH, b"token.print"), monkeypatch) == ""
    assert look(lambda site: site.put(PATH, b"token.print\r\n \n"), monkeypatch) == ""
    host = Identifier(DNS, "host.test")

    def for_host(site: Web) -> None:
        site.put(PATH, b"token.print")

    assert look(for_host, monkeypatch, host) == ""


@pytest.mark.parametrize(
    "body", (b"", b"token.prin", b"token.printx", b" token.print", b"secret", b"x" * 100_000, b"\xff\0")
)
def test_other_contents_prove_nothing_and_are_not_told(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(lambda site: site.put(PATH, body), monkeypatch) == "incorrectResponse"


def test_a_body_in_chunks_is_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = {"Transfer-Encoding": "chunked"}
    body = b"6\r\ntoken.\r\n5\r\nprint\r\n0\r\n\r\n"
    assert look(lambda site: site.put(PATH, body, "200 OK", **chunks), monkeypatch) == ""


def test_other_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(lambda site: None, monkeypatch) == "unauthorized"
    assert look(lambda site: site.put(PATH, b"x", "500 Oops"), monkeypatch) == "unauthorized"
    assert look(lambda site: site.files.update({PATH: b"junk\r\n\r\n"}), monkeypatch) == "connection"
    assert look(lambda site: site.files.update({PATH: b""}), monkeypatch) == "connection"
    endless = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000
    assert look(lambda site: site.files.update({PATH: endless}), monkeypatch) == "connection"


def test_a_silent_host_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http01, "PATIENCE", 0.1)

    def be_silent(site: Web) -> None:
        site.silent = True

    assert look(be_silent, monkeypatch) == "connection"


@pytest.mark.parametrize(
    ("place", "kind"),
    (
        ("/elsewhere", ""),
        ("http://host.test/elsewhere", ""),
        ("//127.0.0.1/elsewhere", ""),
        (PATH, "connection"),
        ("http://127.0.0.1:8200/v1/sys/seal", "connection"),
        ("ftp://127.0.0.1/elsewhere", "connection"),
        ("file:///etc/passwd", "connection"),
        ("http://user@host.test/elsewhere", "connection"),
        ("http://metadata.test/elsewhere", "connection"),
        ("http://169.254.169.254/latest", "connection"),
        ("http://nowhere.test/elsewhere", "dns"),
        ("http://[::ffff:169.254.169.254]/latest", "connection"),
        ("/with space", "connection"),
        ("http://127.0.0.1/elsewhere\x7f", "connection"),
        ("http://[", "connection"),
    ),
)
def test_redirections_lead_to_hosts_and_their_usual_ports_only(
    place: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(site: Web) -> None:
        site.put(PATH, b"", "302 Found", Location=place)
        site.put("/elsewhere", b"token.print")

    assert look(fill, monkeypatch) == kind


@pytest.mark.parametrize(
    ("address", "allowed"),
    (
        ("10.0.0.1", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("fd00::1", True),
        ("8.8.8.8", True),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("::ffff:169.254.169.254", False),
    ),
)
def test_addresses_that_are_asked(address: str, allowed: bool) -> None:
    assert reach.may_be_asked(address) is allowed
