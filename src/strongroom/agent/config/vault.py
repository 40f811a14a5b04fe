"""The way to the server, in the words of Vault's agent and of consul-template. Durations are seconds."""

# ruff: noqa: RUF009 - key() and block() make dataclass fields, as field() does
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from strongroom.agent.config.key import Stanza, block, ignored, key
from strongroom.agent.config.value import fraction
from strongroom.secret import Secret
from strongroom.setting.value import duration, flag, integer, secret, text, whole


@dataclass(init=False, eq=False, repr=False)
class Retry(Stanza):
    """How often and how fast a request is tried again."""

    num_retries: int = key(integer, 12, "Attempts before a failure is told; -1: none but the first.")
    enabled: bool = key(flag, True)
    attempts: int = key(integer, 12, "consul-template's word for num_retries; 0: no end.")
    backoff: float = key(duration, 0.25, "Wait before the second attempt; doubles each time.")
    max_backoff: float = key(duration, 60.0, "Longest wait between attempts; 0: no limit.")

    @property
    def limit(self) -> int:
        """Attempts after which a failure is one for good, in either's words; 0: there is no end."""
        if not self.enabled:
            return 1
        if "attempts" in self.given:
            return max(self.attempts, 0)
        return 1 if self.num_retries < 0 else self.num_retries or 12


@dataclass(init=False, eq=False, repr=False)
class Ssl(Stanza):
    """TLS as consul-template has it."""

    enabled: bool = key(flag, True)
    verify: bool = key(flag, True)
    cert: str = key(text, "")
    key_: str = key(text, "")
    ca_cert: str = key(text, "")
    ca_path: str = key(text, "")
    ca_cert_bytes: str = key(text, "")
    server_name: str = key(text, "")


@dataclass(init=False, eq=False, repr=False)
class Transport(Stanza):
    """Connections to the server as consul-template has them; 0 stands for no limit."""

    dial_keep_alive: float = key(duration, 30.0, "Pause between signs of life on an idle connection.")
    dial_timeout: float = key(duration, 10.0, "How long a connection may take to be made.")
    disable_keep_alives: bool = key(flag, False, "A connection for each request.")
    idle_conn_timeout: float = key(duration, 60.0, "How long an idle connection is kept.")
    max_idle_conns: int = key(whole, 0)
    max_idle_conns_per_host: int = key(whole, 100)
    max_conns_per_host: int = key(whole, 0)
    tls_handshake_timeout: float = key(duration, 10.0)


@dataclass(init=False, eq=False, repr=False)
class Vault(Stanza):
    """The server. Environment variables win over these keys, flags of the command line over both."""

    address: str = key(text, "", "http, https or unix URL.")
    ca_cert: str = key(text, "")
    ca_path: str = key(text, "")
    client_cert: str = key(text, "")
    client_key: str = key(text, "")
    tls_skip_verify: bool = key(flag, False)
    tls_server_name: str = key(text, "")
    namespace: str = key(text, "")
    retry: Retry = block(Retry, always=True)
    # consul-template's
    enabled: bool = key(flag, True)
    token: Secret[str] = key(secret, Secret(""), "A token to use instead of a login.")
    unwrap_token: bool = key(flag, False, "The token is a wrapping token that holds the one to use.")
    renew_token: bool = key(flag, True, names=("renew",))
    vault_agent_token_file: str = key(text, "", "File whose token is used, and followed when it changes.")
    default_lease_duration: float = key(duration, 300.0)
    lease_renewal_threshold: float = key(fraction, 0.9)
    client_user_agent: str = key(text, "")
    k8s_auth_role_name: str = key(text, "")
    k8s_service_account_token_path: str = key(text, "")
    k8s_service_account_token: Secret[str] = key(secret, Secret(""))
    k8s_service_mount_path: str = key(text, "")
    ssl: Ssl | None = block(Ssl)
    transport: Transport = block(Transport, always=True)
    grace: Any = ignored("has no effect since Vault's leases are renewed early enough")
