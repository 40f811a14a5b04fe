"""What a listener can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from strongroom.wire import ListenerTraits

Networks = tuple[IPv4Network | IPv6Network, ...]


@dataclass(slots=True)
class ListenerConfig:
    """One listener's settings. Times are seconds, sizes bytes; 0 connections means no limit.

    ``address`` is ``host:port`` (``[host]:port`` for IPv6, port 0 for any free one), or a path
    for a Unix socket. TLS is on when ``tls_cert_file`` is set.
    """

    address: str = "127.0.0.1:8200"
    socket_mode: int | None = None
    socket_user: str | int | None = None
    socket_group: str | int | None = None
    reuse_port: bool = False

    tls_cert_file: str = ""
    tls_key_file: str = ""
    tls_min_version: str = "tls12"
    tls_max_version: str = "tls13"
    tls_cipher_suites: str = ""
    tls_client_ca_file: str = ""
    tls_require_and_verify_client_cert: bool = False
    tls_disable_client_certs: bool = False

    max_request_size: int = 33_554_432
    max_header_size: int = 65_536
    max_request_line: int = 16_384
    max_connections: int = 0
    read_header_timeout: float = 10.0
    read_timeout: float = 30.0
    idle_timeout: float = 300.0
    write_timeout: float = 60.0

    proxy_protocol_behavior: str = ""
    proxy_protocol_authorized_addrs: Networks = ()
    x_forwarded_for_authorized_addrs: Networks = ()
    x_forwarded_for_hop_skips: int = 0
    x_forwarded_for_reject_not_authorized: bool = False
    x_forwarded_for_reject_not_present: bool = False
    x_forwarded_for_client_cert_header: str = ""
    x_forwarded_for_client_cert_decoders: tuple[str, ...] = ()
    x_forwarded_for_client_cert_keep_not_forwarded: bool = False
    x_forwarded_for_client_cert_keep_unauthorized: bool = False

    require_request_header: bool = False
    custom_response_headers: dict[str, dict[str, str]] = field(default_factory=dict)
    traits: ListenerTraits = field(default_factory=ListenerTraits)

    @property
    def unix(self) -> bool:
        """Whether the address is a path."""
        return "/" in self.address

    def host_and_port(self) -> tuple[str, int]:
        """The address of a TCP listener, taken apart. Raises ValueError."""
        host, colon, port = self.address.rpartition(":")
        if not colon:
            raise ValueError("listener address must be host:port")
        return host.strip("[]"), int(port)
