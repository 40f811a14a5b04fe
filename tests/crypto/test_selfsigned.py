from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from strongroom.crypto.selfsigned import self_signed


def handshake(directory: Path, hostname: str) -> None:
    pair = self_signed(["localhost", "127.0.0.1"])
    for name, pem in (("ca", pair.ca), ("cert", pair.certificate), ("key", pair.key)):
        (directory / name).write_bytes(pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "cert", directory / "key")
    client = ssl.create_default_context(cafile=str(directory / "ca"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname=hostname).close()
    finally:
        ours.close()
        thread.join(10)


@pytest.mark.parametrize("hostname", ("localhost", "127.0.0.1"))
def test_a_strict_client_that_trusts_the_ca_accepts(tmp_path: Path, hostname: str) -> None:
    handshake(tmp_path, hostname)


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "elsewhere.example")


def test_the_private_key_does_not_show() -> None:
    pair = self_signed(["localhost"], datetime(2026, 1, 1, tzinfo=UTC))
    assert "PRIVATE" not in repr(pair)
