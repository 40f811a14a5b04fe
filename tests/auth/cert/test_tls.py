"""Client certificates over the real listener: what roles trust, TLS accepts, in every process."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import hvac
import pytest

from tests import clients
from tests.api import Answer, Api
from tests.certificates import SERVER, certificate
from tests.cluster.processes import owner, readers
from tests.conftest import SealedServer
from tests.listener.authority import Issued
from tests.server import Server, wait_until

ROOT = certificate("root", ca=True)
MIDDLE = certificate("middle", ROOT, ca=True)
CLIENT = certificate("client", ROOT)
BELOW = certificate("below", MIDDLE)
STRANGER = certificate("stranger", certificate("other", ca=True))
PINNED = certificate("pinned")
REFUSED = (ssl.SSLError, ConnectionError)


def saved(folder: Path, one: Issued, *sent: Issued) -> str:
    """A file of certificate, what is sent with it, and key."""
    return clients.saved(folder, one.certificate.subject.rfc4514_string(), one, *sent)


@contextmanager
def connected(server: Server, certificate: str = "") -> Iterator[Api]:
    api = server.showing(certificate)
    try:
        yield api
    finally:
        api.close()


def login(server: Server, certificate: str) -> Answer:
    with connected(server, certificate) as api:
        return api.post("auth/cert/login", {}, token=None)


def by_process(server: Server, certificate: str, status: int) -> None:
    """Wait until every process of the server answers a login with that status; readers follow in a moment."""
    seen: set[int] = set()

    def all_seen() -> bool:
        with connected(server, certificate) as api:
            answer = api.post("auth/cert/login", {}, token=None)
            if answer.status == status:
                seen.add(owner(server, api))
        return seen - {0} == {server.process.pid, *readers(server)}

    wait_until(all_seen, server)


def test_trust_follows_the_roles_in_every_process(sealed_server: SealedServer, tmp_path: Path) -> None:
    server = sealed_server(readers=1, tls=True)
    client, below = saved(tmp_path, CLIENT), saved(tmp_path, BELOW, MIDDLE)
    stranger, pinned = saved(tmp_path, STRANGER), saved(tmp_path, PINNED)
    server.initialize()
    server.unseal()
    assert server.api.post("sys/auth/cert", {"type": "cert"}).status == 204
    assert login(server, client).errors == ["no client certificate found"]
    assert login(server, stranger).errors == ["no client certificate found"]
    assert server.api.post("auth/cert/certs/web", {"certificate": ROOT.pem}).status == 204
    by_process(server, client, 200)
    by_process(server, below, 200)
    with pytest.raises(REFUSED):
        login(server, stranger)
    with connected(server) as api:
        assert api.get("sys/mounts").status == 200, "whoever shows none is let in"
    assert server.api.post("auth/cert/certs/pinned", {"certificate": PINNED.pem}).status == 204
    by_process(server, pinned, 200)
    token = login(server, pinned).auth["client_token"]
    with connected(server, pinned) as api:
        assert api.post("auth/token/renew-self", {}, token=token).status == 200
    with connected(server, client) as api:
        assert api.post("auth/token/renew-self", {}, token=token).status == 400
    server.stop()
    server.restart()
    server.unseal()
    by_process(server, client, 200)
    assert server.api.delete("auth/cert/certs/web").status == 204
    with pytest.raises(REFUSED):
        login(server, client)
    assert login(server, pinned).status == 200
    assert server.api.delete("sys/auth/cert").status == 204
    assert login(server, client).status == 403, "nobody is trusted, so nobody is asked"


def test_bad_certificates_end_at_the_handshake(sealed_server: SealedServer, tmp_path: Path) -> None:
    server = sealed_server(tls=True)
    server.initialize()
    server.unseal()
    server.api.post("sys/auth/cert", {"type": "cert"})
    server.api.post("auth/cert/certs/web", {"certificate": ROOT.pem})
    for bad in (
        certificate("server", ROOT, usages=[SERVER]),
        certificate("without", MIDDLE),
    ):
        with pytest.raises(REFUSED):
            login(server, saved(tmp_path, bad))
    expired = saved(tmp_path, certificate("expired", ROOT, ends=-0.5))
    assert "expired" in login(server, expired).errors[0]
    with connected(server, expired) as api:
        assert api.get("sys/mounts").status == 200, "only a login asks for the certificate"
    # The command line, as people use it.
    file = saved(tmp_path, CLIENT)
    flags = [f"-ca-cert={server.ca}", f"-client-cert={file}", f"-client-key={file}"]
    done = subprocess.run(
        [*server.program, "login", *flags, "-method=cert", "-token-only", "name=web"],
        env=server.environment | {"VAULT_TOKEN": ""},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = server.api.get("auth/token/lookup-self", token=done.stdout.strip())
    assert found.data["meta"]["common_name"] == "client"


def test_a_proxy_passes_certificates_on(sealed_server: SealedServer) -> None:
    """What comes by header was verified by nobody before: the role does it all."""
    server = sealed_server(
        listener="""
          x_forwarded_for_authorized_addrs = "127.0.0.1"
          x_forwarded_for_reject_not_present = false
          x_forwarded_for_client_cert_header = "X-Client-Cert"
          x_forwarded_for_client_cert_decoders = ["URL", "PEM"]
        """
    )
    server.initialize()
    server.unseal()
    server.api.post("sys/auth/cert", {"type": "cert"})
    server.api.post("auth/cert/certs/web", {"certificate": ROOT.pem})

    def passed_on(one: Issued, **more: str) -> Answer:
        headers = {"X-Client-Cert": quote(one.pem), **more}
        return server.api.post("auth/cert/login", {}, token=None, headers=headers)

    proxied = {"X-Forwarded-For": "10.1.2.3"}
    assert passed_on(CLIENT, **proxied).status == 200
    assert passed_on(CLIENT).errors == ["no client certificate found"]
    forged = certificate("client", certificate("root", ca=True))
    for bad in (STRANGER, forged, certificate("x", ROOT, ends=-0.5), certificate("x", ROOT, usages=[SERVER])):
        assert passed_on(bad, **proxied).status == 400
    server.api.post("auth/cert/certs/web", {"token_strictly_bind_ip": True})
    token = passed_on(CLIENT, **proxied).auth["client_token"]
    for address, status in (("10.1.2.3", 200), ("10.1.2.4", 403)):
        seen = server.api.get("auth/token/lookup-self", token=token, headers={"X-Forwarded-For": address})
        assert seen.status == status


def test_hvac(sealed_server: SealedServer, tmp_path: Path) -> None:
    """hvac's methods for certificates, every one of them."""
    server = sealed_server(tls=True)
    server.initialize()
    server.unseal()
    client = hvac.Client(url=server.address, token=server.root_token, verify=str(server.ca))
    try:
        client.sys.enable_auth_method("cert", path="c")
        cert = client.auth.cert
        cert.create_ca_certificate_role(
            "web",
            ROOT.pem,
            allowed_common_names="client",
            token_policies=["a"],
            token_ttl=60,
            mount_point="c",
        )
        assert cert.list_certificate_roles(mount_point="c")["data"]["keys"] == ["web"]
        read = cert.read_ca_certificate_role("web", mount_point="c")["data"]
        assert read["allowed_common_names"] == ["client"]
        cert.configure_tls_certificate(mount_point="c", disable_binding=True)
        _, key = CLIENT.save(tmp_path, "client")
        made = cert.login(
            name="web",
            cert_pem=str(tmp_path / "client.crt"),
            key_pem=key,
            mount_point="c",
            use_token=False,
        )
        assert made["auth"]["token_policies"] == ["a", "default"]
        cert.delete_certificate_role("web", mount_point="c")
    finally:
        client.adapter.close()
