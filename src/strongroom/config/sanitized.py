"""What may be shown of a configuration, and what a new one changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from strongroom.config.option import Option, options
from strongroom.config.stanza import ListenerStanza, ServerConfig, Stanza, UserLockoutStanza

_SECOND = 1_000_000_000


def sanitized(config: ServerConfig) -> dict[str, Any]:
    """The answer of sys/config/state/sanitized: no secret, and zero for what was not given.

    Durations of nested stanzas are nanoseconds there, those of the server seconds.
    """
    answer: dict[str, Any] = {}
    for option in options(ServerConfig).values():
        if option.shown:
            value = getattr(config, option.name)
            answer[option.shown] = _in_seconds(value) if option.name in config.given else _zero(value)
    answer["disable_ssct_tokens"] = True
    answer["listeners"] = [_listener(stanza) for stanza in config.listeners]
    answer["seals"] = [
        {"type": seal.type, "disabled": seal.disabled} for seal in config.seals or (config.seal,)
    ]
    answer["storage"] = _storage(config)
    if _configured(config.telemetry):
        answer["telemetry"] = _nested(config.telemetry)
    if config.audits:
        answer["audits"] = [
            {"type": audit.type, "path": audit.path, "description": audit.description}
            for audit in config.audits
        ]
    if config.user_lockouts:
        answer["user_lockout_configs"] = [
            _nested(stanza) | {"type": stanza.type} for stanza in lockouts(config)
        ]
    if "log_rotate_bytes" in config.given:
        answer["log_rotate_bytes"] = config.log_rotate_bytes
    return dict(sorted(answer.items()))


def lockouts(config: ServerConfig) -> list[UserLockoutStanza]:
    """The user_lockout stanzas, what they leave out filled in from the one for ``all``."""
    general = next((stanza for stanza in config.user_lockouts if stanza.type == "all"), UserLockoutStanza())
    found: list[UserLockoutStanza] = []
    for stanza in config.user_lockouts:
        filled = UserLockoutStanza(labels=stanza.labels, given=stanza.given, place=stanza.place)
        for name in options(UserLockoutStanza):
            source = stanza if name in stanza.given else general
            setattr(filled, name, getattr(source, name))
        found.append(filled)
    return found


def _configured(stanza: Stanza) -> bool:
    return bool(stanza.given or stanza.place.line)


def _listener(stanza: ListenerStanza) -> dict[str, Any]:
    hidden = {name for name, option in options(type(stanza)).items() if option.secret}
    shown = {name: value for name, value in stanza.given.items() if name not in hidden}
    return {"type": stanza.type, "config": shown}


def _storage(config: ServerConfig) -> dict[str, Any]:
    return {
        "type": config.storage.type if config.storage else "",
        "redirect_addr": config.api_addr,
        "cluster_addr": config.cluster_addr,
        "disable_clustering": config.disable_clustering,
    }


def _nested(stanza: Stanza) -> dict[str, Any]:
    return {
        option.shown: _in_nanoseconds(option, getattr(stanza, option.name))
        for option in options(type(stanza)).values()
        if option.shown
    }


def _in_nanoseconds(option: Option, value: Any) -> Any:
    if option.secret:
        return ""
    return round(value * _SECOND) if option.kind == "float" else value


def _in_seconds(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


def _zero(value: Any) -> Any:
    if isinstance(value, float):
        return 0
    return type(value)() if isinstance(value, str | int) else value


@dataclass(frozen=True, slots=True)
class Difference:
    """Which keys changed: those that a running server takes over, and those that need a restart."""

    reloads: tuple[str, ...]
    restarts: tuple[str, ...]


def difference(old: ServerConfig, new: ServerConfig) -> Difference:
    """What a new configuration changes, key by key: ``log_level``, ``listener.0.tls_cert_file`` ..."""
    before, after = _flat(old), _flat(new)
    changed = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    reloads = tuple(name for name in changed if (after.get(name) or before[name])[1])
    return Difference(reloads, tuple(name for name in changed if name not in reloads))


def _flat(config: ServerConfig) -> Mapping[str, tuple[Any, bool]]:
    """Every key's value and whether it reloads."""
    found = _keys("", config)
    for name, stanzas in (("listener", config.listeners), ("seal", config.seals)):
        for index, stanza in enumerate(stanzas):
            found |= _keys(f"{name}.{index}.", stanza)
    if config.storage is not None:
        found |= _keys("storage.", config.storage)
    found |= _keys("telemetry.", config.telemetry)
    for audit in config.audits:
        found |= {f"audit.{audit.path}": (audit, True)}
    for lockout in config.user_lockouts:
        found |= _keys(f"user_lockout.{lockout.type}.", lockout)
    return found


def _keys(prefix: str, stanza: Stanza) -> dict[str, tuple[Any, bool]]:
    found: dict[str, tuple[Any, bool]] = {
        prefix + option.name: (getattr(stanza, option.name), option.reloads)
        for option in options(type(stanza)).values()
        if not option.ignored
    }
    if prefix:
        found[prefix + "type"] = (stanza.labels, False)
    return found
