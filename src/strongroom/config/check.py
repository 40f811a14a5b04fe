"""What no single key shows: the rules between keys."""

from __future__ import annotations

from strongroom.config.stanza import ServerConfig, TcpListener
from strongroom.setting import Problem


def check(config: ServerConfig) -> list[Problem]:
    """Everything that is wrong between the keys of a configuration; pure."""
    problems: list[Problem] = []
    if config.storage is None:
        problems.append(Problem(config.place, "a storage stanza is needed"))
    if config.default_lease_ttl > config.max_lease_ttl:
        problems.append(Problem(config.place, "default_lease_ttl cannot be larger than max_lease_ttl"))
    if len([seal for seal in config.seals if not seal.disabled]) > 1:
        problems.append(
            Problem(config.seals[1].place, "only one seal may be enabled; set disabled on others")
        )
    for listener in config.listeners:
        if isinstance(listener, TcpListener):
            problems += _tcp(listener)
    return problems


def _tcp(listener: TcpListener) -> list[Problem]:
    wrong: list[str] = []
    if not listener.tls_disable and not (listener.tls_cert_file and listener.tls_key_file):
        wrong.append("listener tcp needs tls_cert_file and tls_key_file, or tls_disable")
    if listener.tls_min_version > listener.tls_max_version:
        wrong.append("tls_min_version cannot be above tls_max_version")
    if not listener.address.rpartition(":")[2].isdecimal():
        wrong.append("address must be host:port")
    if listener.proxy_protocol_behavior not in ("", "use_always") and not (
        listener.proxy_protocol_authorized_addrs
    ):
        wrong.append("proxy_protocol_behavior needs proxy_protocol_authorized_addrs")
    if listener.tls_require_and_verify_client_cert and listener.tls_disable_client_certs:
        wrong.append("client certificates cannot be both required and disabled")
    if listener.x_forwarded_for_client_cert_header and not listener.x_forwarded_for_authorized_addrs:
        wrong.append("x_forwarded_for_client_cert_header needs x_forwarded_for_authorized_addrs")
    if listener.tls_auto_reload_interval < 5:
        wrong.append("tls_auto_reload_interval must be at least 5s")
    return [Problem(listener.place, sentence) for sentence in wrong]
