"""PROXY protocol, versions 1 and 2: what a load balancer says about the client before the client speaks.

Source: "The PROXY protocol, versions 1 & 2" (HAProxy, 2020/03/05).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from strongroom.listener.config import ListenerConfig

LONGEST = 4096  # bytes of a header we take; version 2 allows 65,551, real ones stay below 600
_V1 = b"PROXY "
_V1_LONGEST = 107
_V1_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [\x20-\x7e]*)?"
    rb"|(TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (\d{1,5}) (\d{1,5}))\r\n"
)
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_HEAD = 16
_BEHAVIORS = ("", "use_always", "allow_authorized", "deny_unauthorized")


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """``length`` bytes of the stream, and the client they name, if they name one."""

    length: int
    client: tuple[str, int] | None


def parse(data: bytes) -> ProxyHeader | None:
    """Read the header at the start of ``data``; None while more bytes are needed to tell.

    A stream that starts otherwise gives a header of length 0. Raises ValueError when malformed.
    """
    if data.startswith(_V2[: len(data)]):
        return _parse_v2(data) if len(data) >= _V2_HEAD else None
    if data.startswith(_V1):
        return _parse_v1(data)
    return None if _V1.startswith(data) else ProxyHeader(0, None)


class ProxyPolicy:
    """Whose word is taken. Raises ValueError for an unknown behaviour, or one without addresses."""

    def __init__(self, config: ListenerConfig) -> None:
        self._behavior = config.proxy_protocol_behavior
        self._authorized = config.proxy_protocol_authorized_addrs
        if self._behavior not in _BEHAVIORS:
            raise ValueError(f"proxy_protocol_behavior must be one of {', '.join(_BEHAVIORS[1:])}")
        if self._behavior.endswith("authorized") and not self._authorized:
            raise ValueError(
                f"proxy_protocol_behavior {self._behavior} needs proxy_protocol_authorized_addrs"
            )

    @property
    def enabled(self) -> bool:
        """Whether connections may start with a header."""
        return bool(self._behavior)

    def rejects(self, peer: str) -> bool:
        """Whether ``peer`` may not connect at all."""
        return self._behavior == "deny_unauthorized" and not self._authorizes(peer)

    def client(self, peer: tuple[str, int], header: ProxyHeader) -> tuple[str, int]:
        """The client of a connection from ``peer`` that began with ``header``."""
        trusted = self._behavior == "use_always" or self._authorizes(peer[0])
        return header.client if trusted and header.client is not None else peer

    def _authorizes(self, peer: str) -> bool:
        address = canonical_address(peer) if peer else None
        return address is not None and any(address in network for network in self._authorized)


def canonical_address(text: str) -> IPv4Address | IPv6Address:
    """The address in ``text``; an IPv4 address in IPv6 clothes comes out as IPv4. Raises ValueError."""
    address = ip_address(text.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _parse_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, _V1_LONGEST) + 2
    if end < 2:
        if len(data) < _V1_LONGEST:
            return None
        raise ValueError("PROXY line too long")
    match = _V1_LINE.fullmatch(data[:end])
    if match is None:
        raise ValueError("malformed PROXY line")
    if match[1] is None:
        return ProxyHeader(end, None)
    source, destination = ip_address(match[2].decode()), ip_address(match[3].decode())
    port = int(match[4])
    if f"TCP{source.version}".encode() != match[1] or source.version != destination.version or port > 65535:
        raise ValueError("malformed PROXY line")
    return ProxyHeader(end, (str(source), port))


def _parse_v2(data: bytes) -> ProxyHeader | None:
    version, family = data[12], data[13]
    end = _V2_HEAD + int.from_bytes(data[14:16], "big")
    if version not in (0x20, 0x21) or end > LONGEST:
        raise ValueError("malformed PROXY header")
    if len(data) < end:
        return None
    size = {0x11: 4, 0x21: 16}.get(family)
    if version == 0x20 or size is None:  # LOCAL: the balancer's own health check; or a family without address
        return ProxyHeader(end, None)
    addresses = data[_V2_HEAD:end]
    if len(addresses) < 2 * size + 4:
        raise ValueError("malformed PROXY header")
    port = int.from_bytes(addresses[2 * size : 2 * size + 2], "big")
    return ProxyHeader(end, (str(ip_address(addresses[:size])), port))
