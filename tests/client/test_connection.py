from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.client.client import Client
from strongroom.client.connection import TlsConnection, open_connection, tls_context
from strongroom.client.error import TransportError
from strongroom.client.settings import Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that vouches for itself, for the name strongroom.test."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    names = ["-addext", "subjectAltName=DNS:strongroom.test", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[tuple[str, list[bool]]]:
    """The address of a TLS server that answers each connection once, and who showed a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    context.load_verify_locations(folder / "cert.pem")
    context.verify_mode = ssl.CERT_OPTIONAL
    shown: list[bool] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    shown.append(bool(secure.getpeercert()))
                    secure.recv(4096)
                    secure.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"data": 1}')
            except OSError:
                plain.close()

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}", shown
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def ask(address: str, **environ: str) -> object:
    client = Client(Settings({"STRONGROOM_ADDR": address, **environ}, retries=0))
    try:
        return client.read("x")
    finally:
        client.close()


def test_trust(server: tuple[str, list[bool]], folder: Path) -> None:
    address, shown = server
    pem = str(folder / "cert.pem")
    assert ask(address, VAULT_CACERT=pem, VAULT_TLS_SERVER_NAME="strongroom.test") == {"data": 1}
    named = {"VAULT_CACERT_BYTES": Path(pem).read_text(), "VAULT_TLS_SERVER_NAME": "strongroom.test"}
    assert ask(address, **named) == {"data": 1}
    assert ask(address, VAULT_SKIP_VERIFY="true") == {"data": 1}
    assert not any(shown)
    for environ in ({}, {"VAULT_CACERT": pem}):
        with pytest.raises(TransportError, match="certificate is not trusted"):
            ask(address, **environ)


def test_identity(server: tuple[str, list[bool]], folder: Path) -> None:
    address, shown = server
    cert, key = folder / "cert.pem", folder / "key.pem"
    assert ask(address, VAULT_SKIP_VERIFY="1", VAULT_CLIENT_CERT=str(cert), VAULT_CLIENT_KEY=str(key))
    in_bytes = {"VAULT_CLIENT_CERT_BYTES": cert.read_text(), "VAULT_CLIENT_KEY_BYTES": key.read_text()}
    assert ask(address, VAULT_SKIP_VERIFY="1", **in_bytes)
    assert shown == [True, True]


def test_files_that_do_not_work(folder: Path) -> None:
    for environ in (
        {"VAULT_CACERT": "/nonexistent"},
        {"VAULT_CLIENT_CERT": str(folder / "cert.pem")},
        {"VAULT_CLIENT_CERT": "/nonexistent", "VAULT_CLIENT_KEY": "/nonexistent"},
    ):
        with pytest.raises(TransportError):
            tls_context(Settings(environ).tls)


@pytest.mark.parametrize(
    ("environ", "through"),
    (
        ({"HTTPS_PROXY": "http://proxy:3128"}, "proxy"),
        ({"https_proxy": "proxy:3128"}, "proxy"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "other, .example.org"}, "vault.example.org"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, "vault.example.org"),
        ({"VAULT_PROXY_ADDR": "http://proxy:3128", "NO_PROXY": "*"}, "proxy"),
        ({}, "vault.example.org"),
    ),
)
def test_proxies(environ: dict[str, str], through: str) -> None:
    connection = open_connection("https://vault.example.org", Settings(environ))
    assert isinstance(connection, TlsConnection)
    assert connection.host == through


def test_this_machine_is_never_proxied() -> None:
    settings = Settings({"HTTP_PROXY": "http://proxy:3128"})
    for host in ("127.0.0.1", "localhost", "[::1]"):
        connection = open_connection(f"http://{host}:8200", settings)
        assert type(connection) is http.client.HTTPConnection
        assert connection.host == host.strip("[]")
