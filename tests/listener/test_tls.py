"""TLS: versions, reloading, client certificates; on both event loops where they differ."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.listener import ListenerConfig
from strongroom.listener.tls import server_context
from strongroom.wire import Message, Reply
from tests.certificates import certificate
from tests.listener.authority import Issued, client_context, issue
from tests.listener.served import Served, ask, ended, read_all, read_reply

both_loops = pytest.mark.parametrize("fast", (True, False), ids=("uvloop", "asyncio"))


# In TLS 1.3 a client has finished before the server has judged its certificate: it hears of it on reading.
REFUSED = (ssl.SSLError, ConnectionError, AssertionError)


@dataclass
class Place:
    """A folder with a CA, a server's certificate, and a listener's settings for it."""

    folder: Path
    ca: Issued
    cert: str
    key: str

    def config(self, **settings: object) -> ListenerConfig:
        settings.setdefault("address", "127.0.0.1:0")
        return ListenerConfig(tls_cert_file=self.cert, tls_key_file=self.key, **settings)  # type: ignore[arg-type]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    ca = issue("test CA", ca=True)
    cert, key = issue("localhost", ca).save(tmp_path, "server")
    return Place(tmp_path, ca, cert, key)


def show_certificates(message: Message) -> Reply:
    assert message.tls
    return Reply(200, [], b"|".join((message.certificate or b"none", *message.certificate_chain)))


@both_loops
def test_requests_over_tls(place: Place, *, fast: bool) -> None:
    with Served(place.config(), fast=fast) as served, served.connect(client_context(place.ca)) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.version() == "TLSv1.3"
        assert ask(sock, "LIST /v1/x HTTP/1.1") == b"LIST /v1/x from 127.0.0.1 by 127.0.0.1"
        assert ask(sock, "GET / HTTP/1.1", "A: " + "x" * 20_000).startswith(b"GET /")


@both_loops
def test_plain_http_on_a_tls_port(place: Place, *, fast: bool) -> None:
    with Served(place.config(), fast=fast) as served, served.connect() as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_all(sock) == (
            b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"
        )


@both_loops
def test_failed_handshakes_are_no_news(place: Place, caplog: pytest.LogCaptureFixture, *, fast: bool) -> None:
    with Served(place.config(), fast=fast) as served:
        for noise in (b"\x16\x03\x01\x00\x05rubbish", b"\0\0", b"\x80" * 50, b"", b"PROXY TCP4 "):
            with served.connect() as sock:
                sock.sendall(noise)
                sock.shutdown(socket.SHUT_WR)
                with contextlib.suppress(ConnectionResetError):
                    read_all(sock)
        with pytest.raises(ssl.SSLError):
            served.connect(ssl.create_default_context())  # a client that does not trust us
        with served.connect(client_context(place.ca)) as sock:
            assert ask(sock).startswith(b"GET /")
            assert served.listener.counters.requests == 1
    assert not [record for record in caplog.records if record.levelname != "DEBUG" or record.exc_info]


def test_a_client_that_never_speaks_is_dropped(place: Place) -> None:
    with Served(place.config(read_header_timeout=0.2)) as served, served.connect() as sock:
        assert ended(sock)


@both_loops
def test_proxy_protocol_before_tls(place: Place, *, fast: bool) -> None:
    config = place.config(proxy_protocol_behavior="use_always")
    with Served(config, fast=fast) as served:
        sock = served.connect()
        sock.sendall(b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n")
        with client_context(place.ca).wrap_socket(sock, server_hostname="localhost") as secure:
            assert ask(secure) == b"GET / from 203.0.113.7 by 127.0.0.1"


def test_reload(place: Place) -> None:
    """New connections get the new certificate, those that are open stay, and a bad file changes nothing."""
    with Served(place.config()) as served, served.connect(client_context(place.ca)) as old:
        Path(place.cert).write_text("rubbish")
        with pytest.raises(ssl.SSLError):
            served.listener.reload()
        with served.connect(client_context(place.ca)) as sock:
            assert ask(sock).startswith(b"GET /")
        other = issue("other CA", ca=True)
        issue("localhost", other).save(place.folder, "server")
        served.listener.reload()
        with served.connect(client_context(other)) as sock:
            assert ask(sock).startswith(b"GET /")
        with pytest.raises(ssl.SSLCertVerificationError):
            served.connect(client_context(place.ca))
        assert ask(old).startswith(b"GET /")


@both_loops
def test_client_certificates_and_changing_trust(place: Place, *, fast: bool) -> None:
    root = issue("client root", ca=True)
    middle = issue("client middle", root, ca=True)
    leaf = issue("client", middle)
    shown = client_context(place.ca, leaf.save(place.folder, "client", middle))
    with Served(place.config(), show_certificates, fast=fast) as served:
        with served.connect(shown) as sock:
            assert ask(sock) == b"none"  # nobody is trusted, so nobody is asked
        served.listener.set_client_authorities([root.pem])
        with served.connect(shown) as sock:
            assert ask(sock) == leaf.der + b"|" + middle.der
        with served.connect(client_context(place.ca)) as sock:
            assert ask(sock) == b"none"
        served.listener.set_client_authorities([middle.pem, issue("x", ca=True).pem])
        with served.connect(shown) as sock:
            assert ask(sock).startswith(leaf.der)
        served.listener.reload()  # which keeps the trust
        with served.connect(shown) as sock:
            assert ask(sock).startswith(leaf.der)
        served.listener.set_client_authorities([leaf.pem])  # a leaf trusted by itself
        with served.connect(shown) as sock:
            assert ask(sock).startswith(leaf.der)
        served.listener.set_client_authorities([issue("x", ca=True).pem])
        with pytest.raises(REFUSED), served.connect(shown) as sock:
            ask(sock)


def test_a_resumed_session_does_not_outlive_trust(place: Place) -> None:
    root = issue("client root", ca=True)
    shown = client_context(place.ca, issue("client", root).save(place.folder, "client"))
    shown.maximum_version = ssl.TLSVersion.TLSv1_2
    with Served(place.config(), show_certificates) as served:
        served.listener.set_client_authorities([root.pem])
        with served.connect(shown) as sock:
            assert isinstance(sock, ssl.SSLSocket)
            assert ask(sock) != b"none"
            session = sock.session
        served.listener.set_client_authorities([issue("x", ca=True).pem])
        plain = socket.create_connection(("127.0.0.1", served.port), 10)
        with pytest.raises(REFUSED):
            ask(shown.wrap_socket(plain, server_hostname="localhost", session=session))
        plain.close()


def test_bad_authorities_change_nothing(place: Place) -> None:
    root = issue("client root", ca=True)
    leaf = issue("client", root)
    shown = client_context(place.ca, leaf.save(place.folder, "client"))
    with Served(place.config(), show_certificates) as served:
        served.listener.set_client_authorities([root.pem])
        with pytest.raises(ssl.SSLError):
            served.listener.set_client_authorities(
                ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
            )
        served.listener.reload()
        with served.connect(shown) as sock:
            assert ask(sock) == leaf.der


def test_required_client_certificate(place: Place) -> None:
    root = issue("client root", ca=True)
    ca_file, _ = root.save(place.folder, "clients")
    leaf = issue("client", root)
    config = place.config(tls_require_and_verify_client_cert=True, tls_client_ca_file=ca_file)
    with Served(config, show_certificates) as served:
        with served.connect(client_context(place.ca, leaf.save(place.folder, "client"))) as sock:
            assert ask(sock) == leaf.der
        with pytest.raises(REFUSED), served.connect(client_context(place.ca)) as sock:
            ask(sock)


@pytest.mark.parametrize("required", (True, False))
def test_an_expired_client_certificate(place: Place, required: bool) -> None:
    """Where certificates are required an expired one is none; else the login that asks for it judges it."""
    root = certificate("client root", ca=True)
    expired = certificate("client", root, ends=-0.5)
    config = place.config(
        tls_require_and_verify_client_cert=required, tls_client_ca_file=root.save(place.folder, "clients")[0]
    )
    with Served(config, show_certificates) as served:
        context = client_context(place.ca, expired.save(place.folder, "client"))
        if required:
            with pytest.raises(REFUSED), served.connect(context) as sock:
                ask(sock)
        else:
            with served.connect(context) as sock:
                assert ask(sock) == expired.der


def test_disabled_client_certificates(place: Place) -> None:
    root = issue("client root", ca=True)
    shown = client_context(place.ca, issue("client", root).save(place.folder, "client"))
    with Served(place.config(tls_disable_client_certs=True), show_certificates) as served:
        served.listener.set_client_authorities([root.pem])
        with served.connect(shown) as sock:
            assert ask(sock) == b"none"


def test_versions_and_ciphers(place: Place) -> None:
    config = place.config(
        tls_max_version="tls12",
        tls_cipher_suites="TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,ECDHE-RSA-AES128-GCM-SHA256",
    )
    with Served(config) as served, served.connect(client_context(place.ca)) as sock:
        assert isinstance(sock, ssl.SSLSocket)
        assert sock.version() == "TLSv1.2"
        assert (sock.cipher() or ("",))[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"
    old = client_context(place.ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        Served(place.config(tls_min_version="tls13")) as served,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        served.connect(old)


@pytest.mark.parametrize(
    ("iana", "openssl"),
    (
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384"),
        ("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"),
        ("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256"),
        ("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA"),
        ("TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256"),
    ),
)
def test_names_of_cipher_suites(place: Place, iana: str, openssl: str) -> None:
    context = server_context(place.config(tls_cipher_suites=iana))
    assert openssl in [cipher["name"] for cipher in context.get_ciphers()]


@pytest.mark.parametrize(
    ("settings", "words"),
    (
        ({"tls_min_version": "ssl3"}, "unknown TLS version"),
        ({"tls_require_and_verify_client_cert": True}, "needs tls_client_ca_file"),
        (
            {"tls_require_and_verify_client_cert": True, "tls_disable_client_certs": True},
            "both disabled and required",
        ),
    ),
)
def test_bad_settings(place: Place, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        server_context(place.config(**settings))


def test_missing_files(place: Place) -> None:
    Path(place.key).unlink()
    with pytest.raises(FileNotFoundError), Served(place.config()):
        pass


def test_reply_head_over_tls_is_the_same(place: Place) -> None:
    with Served(place.config()) as served, served.connect(client_context(place.ca)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        head, _ = read_reply(sock)
        assert b"\r\nConnection: close\r\n" in head
        assert sock.recv(10) == b""


def test_trust_is_asked_for_before_each_handshake(place: Place) -> None:
    """A change holds for the very next connection; files that are bad then change nothing for long."""
    root = issue("client root", ca=True)
    shown = client_context(place.ca, issue("client", root).save(place.folder, "client"))
    trusted: list[str] = []

    async def trust() -> list[str]:
        return trusted

    with Served(place.config(), show_certificates) as served:
        served.listener.trust = trust
        with served.connect(shown) as sock:
            assert ask(sock) == b"none"
        trusted = [root.pem]
        for _ in range(3):
            with served.connect(shown) as sock:
                assert ask(sock) != b"none"
        trusted = ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
        with served.connect(shown) as sock:
            assert ask(sock) != b"none", "what cannot be used changes nothing"
        served.listener.reload()
        with served.connect(shown) as sock:
            assert ask(sock) != b"none", "a reload keeps the trust"
        trusted = []
        with served.connect(shown) as sock:
            assert ask(sock) == b"none"
