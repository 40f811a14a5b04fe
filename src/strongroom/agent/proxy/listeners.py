"""The sockets that the agent listens on: those of the server, with the agent's settings."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from strongroom.agent.config import Listener as Stanza
from strongroom.agent.proxy.door import Door, House
from strongroom.errors import StrongroomError
from strongroom.listener import Listener, ListenerConfig

_log = logging.getLogger("proxy.listener")

_UNIX = "/run/strongroom-agent.sock"
_SETTINGS = (
    "tls_cipher_suites", "tls_client_ca_file", "tls_disable_client_certs", "tls_max_version",
    "tls_min_version", "tls_require_and_verify_client_cert", "require_request_header",
)  # fmt: skip
_LONGEST = 150.0
"""Seconds a reply may wait for the client to read on."""


def listener_config(stanza: Stanza) -> ListenerConfig:
    """A stanza as the listener wants it."""
    unix = stanza.label == "unix"
    return ListenerConfig(
        address=_address(stanza),
        socket_mode=(stanza.socket_mode or 0o600) if unix else None,
        socket_user=stanza.socket_user or None,
        socket_group=stanza.socket_group or None,
        tls_cert_file="" if stanza.tls_disable else stanza.tls_cert_file,
        tls_key_file="" if stanza.tls_disable else stanza.tls_key_file,
        write_timeout=_LONGEST,
        **{name: getattr(stanza, name) for name in _SETTINGS},
    )


def _address(stanza: Stanza) -> str:
    if stanza.label == "unix":
        address = stanza.address.removeprefix("unix://") if "address" in stanza.given else _UNIX
        return address if "/" in address else f"./{address}"
    host, colon, port = stanza.address.rpartition(":")
    if not colon or not port.isdecimal():
        return f"{stanza.address}:8200"
    return f"{host}:{port}"


class Listeners:
    """All listeners of a configuration."""

    def __init__(self, house: House, stanzas: Sequence[Stanza]) -> None:
        self._stanzas = stanzas
        self._listeners = [Listener(_door(house, each), listener_config(each)) for each in stanzas]

    @property
    def addresses(self) -> list[str]:
        """Where they listen, with the scheme that clients need."""
        return [
            f"{_scheme(stanza)}://{listener.address}"
            for stanza, listener in zip(self._stanzas, self._listeners, strict=True)
        ]

    async def start(self) -> None:
        """Listen. Raises StrongroomError that names the listener and what is wrong with it."""
        for listener, stanza in zip(self._listeners, self._stanzas, strict=True):
            try:
                await listener.start()
            except (OSError, ValueError) as error:
                await self.stop(0)
                reason = getattr(error, "strerror", None) or str(error)
                raise StrongroomError(f"cannot listen on {stanza.address}: {reason}") from error

    def reload(self) -> None:
        """Read TLS files again; a listener whose files cannot be used keeps what it has."""
        for listener in self._listeners:
            try:
                listener.reload()
            except (OSError, ValueError) as error:
                _log.error("a listener keeps its old TLS files: %s", error)

    async def stop(self, grace: float) -> None:
        """Take no more, and let requests in hand finish within ``grace`` seconds."""
        await asyncio.gather(*(each.stop(grace) for each in self._listeners))


def _door(house: House, stanza: Stanza) -> Door:
    api = stanza.agent_api if house.word == "agent" else stanza.proxy_api
    return Door(house, metrics_only=stanza.role == "metrics_only", quits=api.enable_quit)


def _scheme(stanza: Stanza) -> str:
    if stanza.label == "unix":
        return "unix"
    return "http" if stanza.tls_disable else "https"
