"""The server's configuration: HCL and JSON files, environment, defaults for development."""

from __future__ import annotations

from strongroom.config.listeners import listener_config
from strongroom.config.load import dev, load
from strongroom.config.sanitized import Difference, difference, lockouts, sanitized
from strongroom.config.stanza import (
    AuditStanza,
    ListenerStanza,
    SealStanza,
    ServerConfig,
    StorageStanza,
    TcpListener,
    TelemetryStanza,
    UnixListener,
    UserLockoutStanza,
)
from strongroom.setting import ConfigError, Place, Problem

__all__ = [
    "AuditStanza",
    "ConfigError",
    "Difference",
    "ListenerStanza",
    "Place",
    "Problem",
    "SealStanza",
    "ServerConfig",
    "StorageStanza",
    "TcpListener",
    "TelemetryStanza",
    "UnixListener",
    "UserLockoutStanza",
    "dev",
    "difference",
    "listener_config",
    "load",
    "lockouts",
    "sanitized",
]
