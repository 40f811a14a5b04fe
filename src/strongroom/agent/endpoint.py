"""Where the server is, how it is trusted, and how connections to it are kept."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from strongroom.agent.config import AgentConfig
from strongroom.agent.config.vault import Transport
from strongroom.client.environment import variable

DEFAULT_ADDRESS = "https://127.0.0.1:8200"
TIMEOUT = 60.0

_TRUE = frozenset({"1", "t", "true"})


class Connections(Struct, frozen=True):
    """How connections are made and kept; seconds, and 0 for no limit."""

    at_once: int = 0
    idle: int = 0
    """How many are kept while nobody uses them."""
    idle_time: float = 60.0
    patience: float = 10.0
    """For a connection to be made."""
    handshake: float = 10.0
    """For TLS to be agreed on."""
    sign_of_life: float = 0.0
    """The pause between the kernel's probes of an idle one."""


_USUAL = Connections()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the server is and how it is trusted. ``address`` is an http, https or unix URL."""

    address: str = DEFAULT_ADDRESS
    namespace: str = ""
    ca_cert: str = ""
    ca_path: str = ""
    ca_bytes: str = field(default="", repr=False)
    client_cert: str = ""
    client_key: str = ""
    server_name: str = ""
    skip_verify: bool = False
    user_agent: str = ""
    timeout: float = TIMEOUT
    keep_alive: bool = True
    connections: Connections = _USUAL


def endpoint_of(
    config: AgentConfig, env: Mapping[str, str] | None = None, flags: Mapping[str, Any] | None = None
) -> Endpoint:
    """The endpoint of flags, environment and file; each wins over the next."""
    env = os.environ if env is None else env
    flags = flags or {}
    vault = config.vault

    def of(flag: str, name: str, key: str) -> str:
        given = getattr(flags, "given", flags)
        return str((flags.get(flag) if flag in given else "") or variable(env, name) or getattr(vault, key))

    address = of("address", "ADDR", "address") or DEFAULT_ADDRESS
    skip = flags.get("tls-skip-verify") or variable(env, "SKIP_VERIFY").lower() in _TRUE
    return Endpoint(
        address=address.rstrip("/"),
        namespace=of("namespace", "NAMESPACE", "namespace").strip("/"),
        ca_cert=of("ca-cert", "CACERT", "ca_cert"),
        ca_path=of("ca-path", "CAPATH", "ca_path"),
        ca_bytes=variable(env, "CACERT_BYTES") or (vault.ssl.ca_cert_bytes if vault.ssl else ""),
        client_cert=of("client-cert", "CLIENT_CERT", "client_cert"),
        client_key=of("client-key", "CLIENT_KEY", "client_key"),
        server_name=of("tls-server-name", "TLS_SERVER_NAME", "tls_server_name"),
        skip_verify=bool(skip) or vault.tls_skip_verify,
        user_agent=vault.client_user_agent,
        keep_alive=not (vault.transport.disable_keep_alives or _purposes(config, env) & _OWN_PURPOSES),
        connections=_connections(vault.transport),
    )


_OWN_PURPOSES = frozenset({"auto-auth", "templating"})


def _purposes(config: AgentConfig, env: Mapping[str, str]) -> set[str]:
    """What connections shall not be kept for, in the words of the configuration and the environment."""
    named = {*config.disable_keep_alives, *config.disable_idle_connections}
    for name in ("AGENT_DISABLE_KEEP_ALIVES", "AGENT_DISABLE_IDLE_CONNECTIONS"):
        named |= {each.strip() for each in variable(env, name).split(",")}
    return named


def _connections(stanza: Transport) -> Connections:
    limits = [most for most in (stanza.max_idle_conns, stanza.max_idle_conns_per_host) if most]
    return Connections(
        at_once=stanza.max_conns_per_host,
        idle=min(limits, default=0),
        idle_time=stanza.idle_conn_timeout or math.inf,
        patience=stanza.dial_timeout or math.inf,
        handshake=stanza.tls_handshake_timeout,
        sign_of_life=stanza.dial_keep_alive,
    )


_VARIABLES = {
    "VAULT_ADDR": "address",
    "VAULT_CACERT": "ca_cert",
    "VAULT_CACERT_BYTES": "ca_bytes",
    "VAULT_CAPATH": "ca_path",
    "VAULT_CLIENT_CERT": "client_cert",
    "VAULT_CLIENT_KEY": "client_key",
    "VAULT_TLS_SERVER_NAME": "server_name",
}


def variables_of(endpoint: Endpoint) -> dict[str, str]:
    """The way to the server as the commands of templates find it in their environment."""
    told = {name: getattr(endpoint, key) for name, key in _VARIABLES.items()}
    told["VAULT_SKIP_VERIFY"] = "true" if endpoint.skip_verify else ""
    return {name: value for name, value in told.items() if value}
