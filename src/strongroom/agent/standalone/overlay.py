"""The command line as configuration: each flag is the tree of the key that it sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from strongroom.hcl import Item, List, Literal, Node, Object
from strongroom.hcl.node import Key

_KEYS: Mapping[str, str] = {
    "dedup": "deduplicate.enabled",
    "default-left-delimiter": "default_delimiters.left",
    "default-right-delimiter": "default_delimiters.right",
    "exec-env-allowlist": "exec.env.allowlist",
    "exec-env-custom": "exec.env.custom",
    "exec-env-denylist": "exec.env.denylist",
    "exec-env-pristine": "exec.env.pristine",
    "exec-kill-signal": "exec.kill_signal",
    "exec-kill-timeout": "exec.kill_timeout",
    "exec-reload-signal": "exec.reload_signal",
    "exec-splay": "exec.splay",
    "kill-signal": "kill_signal",
    "log-file": "log_file.path",
    "log-level": "log_level",
    "log-rotate-bytes": "log_file.log_rotate_bytes",
    "log-rotate-duration": "log_file.log_rotate_duration",
    "log-rotate-max-files": "log_file.log_rotate_max_files",
    "max-stale": "max_stale",
    "once": "once",
    "parse-only": "parse_only",
    "pid-file": "pid_file",
    "reload-signal": "reload_signal",
    "retry": "consul.retry.backoff",
    "syslog": "syslog.enabled",
    "syslog-facility": "syslog.facility",
    "syslog-name": "syslog.name",
    "template-error-fatal": "template_error_fatal",
    "vault-addr": "vault.address",
    "vault-agent-token-file": "vault.vault_agent_token_file",
    "vault-client-user-agent": "vault.client_user_agent",
    "vault-default-lease-duration": "vault.default_lease_duration",
    "vault-renew-token": "vault.renew_token",
    "vault-retry": "vault.retry.enabled",
    "vault-ssl": "vault.ssl.enabled",
    "vault-token": "vault.token",
    "vault-unwrap-token": "vault.unwrap_token",
    "wait": "wait",
}
_BELOW = ("consul", "vault-retry", "vault-ssl", "vault-transport")
"""Flags whose name is that of the block and of the key in it."""

NOT_SETTINGS = frozenset({"config", "dry", "exec", "template", "v", "version"})
"""Flags that set no key, or not one only."""


def key_of(flag: str) -> str:
    """The key that a flag sets, with its blocks before it."""
    if flag in _KEYS:
        return _KEYS[flag]
    block = next(each for each in _BELOW if flag.startswith(f"{each}-"))
    return f"{block.replace('-', '.')}.{flag.removeprefix(f'{block}-').replace('-', '_')}"


def trees(flags: Mapping[str, Any], given: frozenset[str]) -> Iterator[tuple[str, Object]]:
    """For each flag that was ``given``, its name with a dash and what it configures."""
    for name in sorted(given - NOT_SETTINGS):
        yield f"-{name}", _nested(key_of(name).split("."), _node(flags[name]))
    if "exec" in given:
        command = _object(command=List((Literal.of(flags["exec"]),)), enabled=Literal.of(value=True))
        yield "-exec", _object(exec=command)
    for text in flags.get("template") or ():
        yield "-template", _object(template=_template(text))


def _template(text: str) -> Object:
    """``SOURCE:DESTINATION:COMMAND``, of which only the first has to be there."""
    source, _, rest = text.partition(":")
    destination, _, command = rest.partition(":")
    named = {"source": source, "destination": destination, "command": command}
    return _object(**{name: Literal.of(value.strip()) for name, value in named.items() if value.strip()})


def _node(value: Any) -> Node:
    if isinstance(value, list):
        return List(tuple(Literal.of(each) for each in value))
    return Literal.of(value)


def _nested(keys: list[str], value: Node) -> Object:
    for key in reversed(keys):
        value = _object(**{key: value})
    assert isinstance(value, Object)  # noqa: S101  there is always a key
    return value


def _object(**items: Node) -> Object:
    return Object(tuple(Item((Key(name),), value, assigned=True) for name, value in items.items()))
