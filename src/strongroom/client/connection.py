"""Sockets: TCP, TLS and unix, direct or through a proxy. The only file here that opens one."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

from strongroom.client.error import TransportError

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    from strongroom.client.settings import Settings, Tls

SCHEMES = ("http", "https", "unix")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class TlsConnection(http.client.HTTPConnection):
    """HTTP over TLS, with a server name that may differ from the host."""

    default_port = 443

    def __init__(self, host: str, port: int | None, *, timeout: float, tls: Tls) -> None:
        super().__init__(host, port or self.default_port, timeout=timeout)
        self.tls = tls

    def connect(self) -> None:
        super().connect()
        name = self.tls.server_name or getattr(self, "_tunnel_host", None) or self.host
        self.sock = tls_context(self.tls).wrap_socket(self.sock, server_hostname=name)


def tls_context(tls: Tls) -> ssl.SSLContext:
    """The context for ``tls``. Raises TransportError when a file cannot be used."""
    import ssl  # noqa: PLC0415 (only https needs it)

    try:
        context = ssl.create_default_context(
            cafile=tls.ca_cert or None,
            capath=(tls.ca_path if not tls.ca_cert else None) or None,
            cadata=tls.ca_bytes or None,
        )
        if tls.skip_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        _show_identity(context, tls)
    except (OSError, ssl.SSLError) as error:
        raise TransportError(f"Error configuring TLS: {error}") from error
    return context


def _show_identity(context: ssl.SSLContext, tls: Tls) -> None:
    if tls.client_cert_bytes and tls.client_key_bytes:
        import tempfile  # noqa: PLC0415 (rare)

        # The ssl module takes files only; this one is private and gone after the load.
        with tempfile.NamedTemporaryFile("w") as pem:
            pem.write(f"{tls.client_cert_bytes}\n{tls.client_key_bytes}\n")
            pem.flush()
            context.load_cert_chain(pem.name)
    elif tls.client_cert and tls.client_key:
        context.load_cert_chain(tls.client_cert, tls.client_key)
    elif tls.client_cert or tls.client_key:
        raise TransportError("both client cert and client key must be provided")


def open_connection(address: str, settings: Settings) -> http.client.HTTPConnection:
    """A connection, not yet connected, to the server at ``address``."""
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES:
        raise TransportError(f'unsupported protocol scheme "{parts.scheme}"')
    if parts.scheme == "unix":
        return UnixConnection(parts.path, settings.timeout)
    if not parts.hostname:
        raise TransportError("no host in the address")
    proxy = settings.proxy or _proxy_of(parts.scheme, parts.hostname, settings.environ)
    if proxy:
        return _through(proxy, parts.scheme, parts.hostname, parts.port, settings)
    if parts.scheme == "https":
        return TlsConnection(parts.hostname, parts.port, timeout=settings.timeout, tls=settings.tls)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=settings.timeout)


def _proxy_of(scheme: str, host: str, environ: Mapping[str, str]) -> str:
    """The system's proxy for ``host``. As elsewhere, this machine itself is never proxied."""
    key = f"{scheme}_proxy"
    proxy = environ.get(key) or environ.get(key.upper()) or ""
    if not proxy or host == "localhost" or host.startswith("127.") or host == "::1":
        return ""
    exempt = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").split(",")
    suffixes = tuple(filter(None, (entry.strip().lstrip(".") for entry in exempt)))
    if "*" in suffixes or any(host == suffix or host.endswith("." + suffix) for suffix in suffixes):
        return ""
    return proxy


def _through(
    proxy: str, scheme: str, host: str, port: int | None, settings: Settings
) -> http.client.HTTPConnection:
    at = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    if not at.hostname:
        raise TransportError("no host in the proxy's address")
    connection = (
        TlsConnection(at.hostname, at.port, timeout=settings.timeout, tls=settings.tls)
        if scheme == "https"
        else http.client.HTTPConnection(at.hostname, at.port, timeout=settings.timeout)
    )
    # A tunnel for http too, so that the proxy never reads a token.
    connection.set_tunnel(host, port or (443 if scheme == "https" else 80))
    return connection
