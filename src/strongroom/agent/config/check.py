"""What stanzas must keep together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from strongroom.agent.config.key import Stanza
from strongroom.agent.config.stanza import AgentConfig, AutoAuth, EnvTemplate, Persist, Template
from strongroom.setting import Place, Problem

METHODS = (
    "app-id", "approle", "cert", "jwt", "kubernetes", "ldap", "token_file", "userpass",
)  # fmt: skip


def check(config: AgentConfig, *, proxy: bool = False) -> Iterator[Problem]:
    """Everything that is wrong with stanzas which each are right."""
    if config.conduct.alone:
        yield from _alone(config)
    else:
        yield from _purpose(config, proxy=proxy)
        yield from _exec_of_agent(config)
    if config.auto_auth is not None:
        yield from _auto_auth(config, config.auto_auth)
    for template in config.templates:
        yield from _template(template, dry=config.conduct.dry)
    for variable in config.env_templates:
        yield from _text_of(variable)
        if not variable.label:
            yield Problem(variable.place, "env_template needs the name of a variable")
    yield from _twice(config)
    yield from _exec(config)
    yield from _listeners(config)
    if config.cache is not None and config.cache.persist is not None:
        yield from _persist(config.cache.persist)


def _alone(config: AgentConfig) -> Iterator[Problem]:
    """What has no place where templates are all there is to do."""
    others: list[tuple[str, Stanza | None]] = [("cache", config.cache), ("api_proxy", config.api_proxy)]
    others += [("listener", listener) for listener in config.listeners]
    for name, stanza in others:
        if stanza is not None:
            yield Problem(stanza.place, f"{name} is the agent's: run strongroom agent")
    if config.exit_after_auth:
        yield Problem(Place("configuration"), "exit_after_auth is the agent's: say once instead")


def _purpose(config: AgentConfig, *, proxy: bool) -> Iterator[Problem]:
    place = config.place
    has_work = config.auto_auth or config.listeners or config.cache
    consul_template = not proxy and (config.templates or config.env_templates or config.exec)
    if not has_work and not consul_template:
        yield Problem(Place("configuration"), "no auto_auth, cache, or listener block found in config")
    if proxy and (config.templates or config.env_templates or config.exec):
        yield Problem(Place("configuration"), "templates and exec are the agent's, not the proxy's")
    if config.cache and not config.listeners and not (config.templates or config.env_templates):
        yield Problem(
            config.cache.place, "enabling the cache requires at least 1 template or 1 listener to be defined"
        )
    if config.cache and config.cache.cache_static_secrets:
        yield Problem(
            config.cache.place,
            "cache_static_secrets is for servers of Vault Enterprise: what has no lease is not kept here",
        )
    if config.api_proxy and not config.listeners:
        yield Problem(config.api_proxy.place, "api_proxy requires at least one listener")
    if (
        config.api_proxy
        and config.cache
        and "use_auto_auth_token" in config.api_proxy.given & config.cache.given
    ):
        yield Problem(config.cache.place, "use_auto_auth_token stands in api_proxy: remove it from cache")
    reuse = _passes_token_on(config)
    if reuse and config.auto_auth is None:
        yield Problem(place, "use_auto_auth_token needs an auto_auth block")


def _passes_token_on(config: AgentConfig) -> bool:
    return any(each is not None and each.use_auto_auth_token for each in (config.api_proxy, config.cache))


def _auto_auth(config: AgentConfig, stanza: AutoAuth) -> Iterator[Problem]:
    method = stanza.method
    if method is None:
        yield Problem(stanza.place, "auto_auth needs a method block")
        return
    if method.label not in METHODS:
        yield Problem(
            method.place, f"method {method.label} is not available; there are: {', '.join(METHODS)}"
        )
    uses_token = bool(config.templates or config.env_templates or _passes_token_on(config))
    if not stanza.sinks and not uses_token:
        yield Problem(
            stanza.place,
            "auto_auth requires at least one sink or at least one template or "
            "api_proxy.use_auto_auth_token=true",
        )
    if method.wrap_ttl and len(stanza.sinks) > 1:
        yield Problem(method.place, "wrap_ttl of the method allows one sink only")
    if method.wrap_ttl and uses_token:
        yield Problem(method.place, "a wrapped token cannot be used for templates or the proxy")
    if method.max_backoff < method.min_backoff:
        yield Problem(method.place, "max_backoff cannot be less than min_backoff")
    if method.wrap_ttl and any(sink.wrap_ttl for sink in stanza.sinks):
        yield Problem(method.place, "wrap_ttl stands in the method and in the sink: one has to do")
    if method.wrap_ttl and method.label == "token_file":
        yield Problem(method.place, "method token_file makes no login whose answer could be wrapped")
    yield from _sinks(stanza)


def _sinks(stanza: AutoAuth) -> Iterator[Problem]:
    for sink in stanza.sinks:
        if sink.label != "file":
            yield Problem(sink.place, f"sink {sink.label} is not available; there is: file")
        if sink.label == "file" and not sink.config.get("path"):
            yield Problem(sink.place, "sink file needs config.path")
        if bool(sink.dh_type) != bool(sink.dh_path):
            yield Problem(sink.place, "dh_type and dh_path need each other")
        if (sink.aad or sink.aad_env_var) and not sink.dh_type:
            yield Problem(sink.place, "aad has no meaning without dh_type")
        for name, base in (("mode", 8), ("uid", 10), ("gid", 10)):
            if not _is_number(sink.config.get(name, 0), base):
                kind = "permission bits such as 0640" if base == 8 else "a number"
                yield Problem(sink.place, f"{name} of sink {sink.label} must be {kind}")


def _is_number(value: Any, base: int) -> bool:
    if isinstance(value, str):
        try:
            return not value or int(value, base) >= 0
        except ValueError:
            return False
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _persist(stanza: Persist) -> Iterator[Problem]:
    if stanza.label != "kubernetes":
        yield Problem(stanza.place, f"persist {stanza.label} is not available; there is: kubernetes")
    if not stanza.path:
        yield Problem(stanza.place, "persist needs a path")


def _template(stanza: Template, *, dry: bool) -> Iterator[Problem]:
    yield from _text_of(stanza)
    if not stanza.destination and not dry:
        yield Problem(stanza.place, "template needs a destination")


def _text_of(stanza: Template | EnvTemplate) -> Iterator[Problem]:
    if bool(stanza.source) == bool(stanza.contents):
        yield Problem(stanza.place, "give one of source and contents")


def _twice(config: AgentConfig) -> Iterator[Problem]:
    seen: set[str] = set()
    for variable in config.env_templates:
        if variable.label in seen:
            yield Problem(variable.place, f"there is another env_template {variable.label}")
        seen.add(variable.label)


def _exec(config: AgentConfig) -> Iterator[Problem]:
    stanza = config.exec
    if config.env_templates and (stanza is None or not stanza.command):
        yield Problem(config.env_templates[0].place, "env_template needs an exec block with a command")
    if config.env_templates and config.templates:
        yield Problem(config.env_templates[0].place, "env_template cannot be combined with template")


def _exec_of_agent(config: AgentConfig) -> Iterator[Problem]:
    if config.exec is not None and config.exec.enabled and not config.exec.command:
        yield Problem(config.exec.place, "exec needs a command")
    if config.exec is not None and not config.env_templates and not config.templates:
        yield Problem(config.exec.place, "exec needs at least one env_template or template")
    if config.parse_only:
        yield Problem(Place("configuration"), "parse_only is for strongroom template")


def _listeners(config: AgentConfig) -> Iterator[Problem]:
    for listener in config.listeners:
        if listener.label not in {"tcp", "unix"}:
            yield Problem(listener.place, "listener must be of type tcp or unix")
        elif (
            listener.label == "tcp"
            and not listener.tls_disable
            and not (listener.tls_cert_file and listener.tls_key_file)
        ):
            yield Problem(listener.place, "listener needs tls_cert_file and tls_key_file, or tls_disable")
