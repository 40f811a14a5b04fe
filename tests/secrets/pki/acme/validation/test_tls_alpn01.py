"""What TLS-ALPN-01 takes for a proof."""

from __future__ import annotations

import asyncio
import ssl
from ipaddress import ip_address

import pytest
from cryptography import x509

from strongroom.secrets.pki.acme.identifier import DNS, IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import tls_alpn01
from strongroom.secrets.pki.acme.validation.resolver import Resolver
from tests.secrets.pki.acme.responders import alpn, alpn_certificate, zone

HOST = x509.DNSName("host.test")
NAMED = Identifier(DNS, "host.test")
PROVEN = "token.print"


def look(
    context: ssl.SSLContext,
    monkeypatch: pytest.MonkeyPatch,
    identifier: Identifier = NAMED,
    protocol: str = "acme-tls/1",
) -> str:
    asked: list[str | None] = []
    context.sni_callback = lambda session, name, _: asked.append(name)

    async def scenario() -> str:
        async with alpn(context, protocol) as port, zone() as names:
            monkeypatch.setattr(tls_alpn01, "PORT", port)
            names.address("host.test")
            try:
                await tls_alpn01.check(identifier, "token", PROVEN, Resolver(f"127.0.0.1:{names.port}"))
            except Problem as problem:
                return problem.kind
            return ""

    kind = asyncio.run(scenario())
    wanted = "1.0.0.127.in-addr.arpa" if identifier.type == IP else identifier.value
    assert asked in ([wanted], [])
    return kind


def test_the_certificate_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(alpn_certificate(HOST, PROVEN), monkeypatch) == ""
    address = x509.IPAddress(ip_address("127.0.0.1"))
    assert look(alpn_certificate(address, PROVEN), monkeypatch, Identifier(IP, "127.0.0.1")) == ""


def test_other_certificates_prove_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for context in (
        alpn_certificate(HOST, "token.other"),
        alpn_certificate(x509.DNSName("other.test"), PROVEN),
        alpn_certificate(HOST, PROVEN, critical=False),
        alpn_certificate(HOST, PROVEN, value=b"\x04\x1f" + bytes(31)),
    ):
        assert look(context, monkeypatch) == "incorrectResponse"


def test_an_ordinary_web_server_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(alpn_certificate(HOST, PROVEN), monkeypatch, protocol="http/1.1") == "tls"


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with alpn(alpn_certificate(HOST, PROVEN)) as port:
            monkeypatch.setattr(tls_alpn01, "PORT", port)
        with pytest.raises(Problem) as caught:
            await tls_alpn01.check(Identifier(IP, "127.0.0.1"), "token", PROVEN, Resolver())
        assert caught.value.kind == "connection"

    asyncio.run(scenario())
