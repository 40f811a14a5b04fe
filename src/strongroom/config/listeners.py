"""A listener stanza as the listener wants it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from strongroom.config.stanza import ListenerStanza, TcpListener, UnixListener
from strongroom.listener.config import ListenerConfig
from strongroom.wire import ListenerTraits

_RENAMED = {
    "http_idle_timeout": "idle_timeout",
    "http_read_header_timeout": "read_header_timeout",
    "http_read_timeout": "read_timeout",
}
_TRAITS = frozenset(field.name for field in fields(ListenerTraits))
_SETTINGS = frozenset(field.name for field in fields(ListenerConfig))
_TLS_FILES = ("tls_cert_file", "tls_key_file")


def listener_config(stanza: ListenerStanza, default_request_duration: float = 90.0) -> ListenerConfig:
    """The listener's settings; ``default_request_duration`` (seconds) is for one that names none."""
    values = vars(stanza)
    settings: dict[str, Any] = {name: values[name] for name in _SETTINGS & values.keys()}
    settings |= {new: values[old] for old, new in _RENAMED.items()}
    if stanza.http_write_timeout:
        settings["write_timeout"] = stanza.http_write_timeout
    settings["custom_response_headers"] = _headers(stanza)
    if isinstance(stanza, TcpListener):
        decoders = stanza.x_forwarded_for_client_cert_decoders
        settings["x_forwarded_for_client_cert_decoders"] = tuple(word.upper() for word in decoders)
        if stanza.tls_disable:
            settings |= dict.fromkeys(_TLS_FILES, "")
    if isinstance(stanza, UnixListener):
        settings |= {name: _owner(values[name]) for name in ("socket_user", "socket_group")}
    return ListenerConfig(**settings, traits=_traits(stanza, default_request_duration))


def _traits(stanza: ListenerStanza, default_request_duration: float) -> ListenerTraits:
    values = vars(stanza)
    traits: dict[str, Any] = {name: values[name] for name in _TRAITS & values.keys()}
    traits["max_request_duration"] = stanza.max_request_duration or default_request_duration
    traits["metrics_only"] = stanza.metrics_only or stanza.role == "metrics_only"
    traits["max_json_memory"] = stanza.max_request_json_memory
    traits["max_json_strings"] = stanza.max_request_json_strings
    traits["custom_response_headers"] = _headers(stanza)
    traits["chroot_namespace"] = stanza.chroot_namespace.strip("/")
    return ListenerTraits(**traits)


def _headers(stanza: ListenerStanza) -> dict[str, dict[str, str]]:
    """The custom headers without those in the server's own name space."""
    return {
        status: {name: value for name, value in headers.items() if not name.lower().startswith("x-vault-")}
        for status, headers in (stanza.custom_response_headers or {}).items()
    }


def _owner(word: str) -> str | int | None:
    return int(word) if word.isdecimal() else word or None
