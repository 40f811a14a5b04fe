"""The stanzas of the agent's configuration, each key declared once. Durations are seconds, sizes bytes."""

# ruff: noqa: RUF009 - key() and block() make dataclass fields, as field() does
from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from strongroom.agent.conduct import Conduct
from strongroom.agent.config.key import Stanza, block, ignored, key, refused
from strongroom.agent.config.value import (
    caught_signal,
    command,
    forced,
    fraction,
    mode,
    signal_number,
    table,
    texts,
)
from strongroom.agent.config.vault import Vault
from strongroom.hcl import Literal, Node
from strongroom.setting import BadValue
from strongroom.setting.value import (
    choice,
    duration,
    flag,
    integer,
    text,
    whole,
    words,
)

_ENTERPRISE = "is for servers of Vault Enterprise; it has no effect"
_CONSUL = "concerns Consul, which is not read here; it has no effect"
_NOMAD = "concerns Nomad, which is not read here; it has no effect"
_FIGURES = "has no effect: figures are told at /agent/v1/metrics of a listener, and nowhere sent"
_SHARED = (
    "has no effect: what is rendered is shared by way of Consul, which is not read here; "
    "each instance renders for itself"
)
_TOLD_ELSEWHERE = (
    "add_lease_metrics_namespace_labels", "circonus_api_app", "circonus_api_token", "circonus_api_url",
    "circonus_broker_id", "circonus_broker_select_tag", "circonus_check_display_name",
    "circonus_check_force_metric_activation", "circonus_check_id", "circonus_check_instance_id",
    "circonus_check_search_tag", "circonus_check_tags", "circonus_submission_interval",
    "circonus_submission_url", "disable_hostname", "dogstatsd_addr", "dogstatsd_tags",
    "enable_hostname_label", "filter_default", "lease_metrics_epsilon", "maximum_gauge_cardinality",
    "metrics_prefix", "num_lease_metrics_buckets", "prefix_filter", "stackdriver_debug_logs",
    "stackdriver_location", "stackdriver_namespace", "stackdriver_project_id", "statsd_address",
    "statsite_address", "usage_gauge_period",
)  # fmt: skip


def _switched_off(value: Any) -> bool:
    """Whether a block says ``enabled = false``."""
    return isinstance(value, dict) and str(value.get("enabled")).lower() == "false"


@dataclass(init=False, eq=False, repr=False)
class Method(Stanza):
    """How to log in; ``label`` is the type of auth method, ``config`` what it needs."""

    type: str = key(text, "")
    mount_path: str = key(text, "")
    namespace: str = key(text, "")
    wrap_ttl: float = key(duration, 0.0, "Have the token wrapped, and write the wrapping token to the sink.")
    min_backoff: float = key(duration, 1.0)
    max_backoff: float = key(duration, 300.0)
    exit_on_err: bool = key(flag, False)
    config: Mapping[str, Any] = key(table, {})
    # set by the program, not by the text
    attempts: int = 0
    """Failures in a row after which the process ends; 0: it goes on trying."""
    renews: bool = True
    """Whether the token is looked up and renewed."""


@dataclass(init=False, eq=False, repr=False)
class Sink(Stanza):
    """Where a token is written."""

    type: str = key(text, "file")
    wrap_ttl: float = key(duration, 0.0)
    dh_type: str = key(choice("", "curve25519"), "")
    dh_path: str = key(text, "")
    derive_key: bool = key(flag, False)
    aad: str = key(text, "")
    aad_env_var: str = key(text, "")
    config: Mapping[str, Any] = key(table, {})


@dataclass(init=False, eq=False, repr=False)
class AutoAuth(Stanza):
    """The login and where its token goes."""

    method: Method | None = block(Method, labelled=True, once=True)
    sinks: tuple[Sink, ...] = block(Sink, names=("sink",), labelled=True, many=True)
    enable_reauth_on_new_credentials: bool = key(flag, False)


@dataclass(init=False, eq=False, repr=False)
class ApiProxy(Stanza):
    """How requests to the listeners are passed on."""

    use_auto_auth_token: str = key(forced, "")
    enforce_consistency: Any = ignored(_ENTERPRISE)
    when_inconsistent: Any = ignored(_ENTERPRISE)
    prepend_configured_namespace: bool = key(flag, False)


@dataclass(init=False, eq=False, repr=False)
class Persist(Stanza):
    """A cache that outlives the process; ``label`` is its type."""

    type: str = key(text, "")
    path: str = key(text, "")
    keep_after_import: bool = key(flag, False)
    exit_on_err: bool = key(flag, True)
    service_account_token_file: str = key(text, "/var/run/secrets/kubernetes.io/serviceaccount/token")


@dataclass(init=False, eq=False, repr=False)
class Cache(Stanza):
    """Leases and tokens that pass through the listeners are kept and renewed."""

    use_auto_auth_token: str = key(forced, "")
    enforce_consistency: Any = ignored(_ENTERPRISE)
    when_inconsistent: Any = ignored(_ENTERPRISE)
    disable_caching_dynamic_secrets: bool = key(flag, False)
    cache_static_secrets: bool = key(flag, False)
    static_secret_token_capability_refresh_interval: Any = ignored(_ENTERPRISE)
    static_secret_token_capability_refresh_behavior: Any = ignored(_ENTERPRISE)
    persist: Persist | None = block(Persist, labelled=True, once=True)


@dataclass(init=False, eq=False, repr=False)
class AgentApi(Stanza):
    """What a listener offers beside the API."""

    enable_quit: bool = key(flag, False)


@dataclass(init=False, eq=False, repr=False)
class Listener(Stanza):
    """Where requests are taken; ``label`` is ``tcp`` or ``unix``."""

    type: str = key(text, "")
    address: str = key(text, "127.0.0.1:8200")
    tls_disable: bool = key(flag, False)
    tls_cert_file: str = key(text, "")
    tls_key_file: str = key(text, "")
    tls_min_version: str = key(choice("tls10", "tls11", "tls12", "tls13"), "tls12")
    tls_max_version: str = key(choice("tls10", "tls11", "tls12", "tls13"), "tls13")
    tls_cipher_suites: str = key(text, "")
    tls_prefer_server_cipher_suites: Any = ignored("has no effect with today's TLS")
    tls_require_and_verify_client_cert: bool = key(flag, False)
    tls_client_ca_file: str = key(text, "")
    tls_disable_client_certs: bool = key(flag, False)
    require_request_header: bool = key(flag, False, "Refuse requests without X-Vault-Request: true.")
    role: str = key(choice("", "default", "metrics_only"), "")
    agent_api: AgentApi = block(AgentApi, always=True)
    proxy_api: AgentApi = block(AgentApi, always=True)
    socket_mode: int = key(mode, 0)
    socket_user: str = key(text, "")
    socket_group: str = key(text, "")


@dataclass(init=False, eq=False, repr=False)
class Wait(Stanza):
    """Rendering waits until nothing changed for ``min``, at most ``max`` (4 times min)."""

    enabled: bool = key(flag, True)
    min: float = key(duration, 0.0)
    max: float = key(duration, 0.0)

    def short(self, node: Node) -> None:
        """``"2s:6s"``, or ``"2s"``."""
        least, colon, most = text(node).partition(":")
        self.min = duration(Literal.of(least.strip()))
        self.max = duration(Literal.of(most.strip())) if colon else 0.0
        if colon and self.max < self.min:
            raise BadValue("cannot have a maximum that is less than its minimum")


@dataclass(init=False, eq=False, repr=False)
class ExecEnv(Stanza):
    """Which of the agent's environment a command sees."""

    pristine: bool = key(flag, False)
    custom: tuple[str, ...] = key(texts, (), adds=True)
    allowlist: tuple[str, ...] = key(texts, (), names=("whitelist",), adds=True)
    denylist: tuple[str, ...] = key(texts, (), names=("blacklist",), adds=True)


@dataclass(init=False, eq=False, repr=False)
class Cycle(Stanza):
    """At most ``max_concurrent`` members of ``group`` restart at once, coordinated through the server."""

    STRICT: ClassVar[bool] = True

    group: str = key(text, "", "Name shared by the members.", required=True)
    max_concurrent: int = key(whole, 1)
    member: str = key(text, "", "This member's name; by default host and process.")
    path: str = key(text, "secret/cycle", "Where turns are kept: a path in a KV version 2 mount.")
    drain: tuple[str, ...] = key(command, (), "Command that takes the service out of traffic.")
    drain_timeout: float = key(duration, 30.0)
    health: tuple[str, ...] = key(command, (), "Command or http(s) URL that tells that it serves again.")
    health_timeout: float = key(duration, 60.0, "After this, it is said that health does not come.")
    health_interval: float = key(duration, 1.0)
    grace: float = key(duration, 0.0, "Wait after health before the turn is given back.")
    turn: float = key(duration, 60.0, "A holder that does not renew its turn for so long has lost it.")


@dataclass(init=False, eq=False, repr=False)
class Command(Stanza):
    """A command that runs after a file changed."""

    command: tuple[str, ...] = key(command, ())
    enabled: bool = key(flag, True)
    timeout: float = key(duration, 30.0, "How long it may take; 0: as long as it wants.")
    env: ExecEnv | None = block(ExecEnv)
    kill_signal: int = key(signal_number, signal.SIGTERM, "What ends it when it takes too long.")
    kill_timeout: float = key(duration, 2.0, "Wait for that before it is killed.")
    reload_signal: Any = ignored("has no effect: the command of a template runs anew at each change")
    splay: float = key(duration, 0.0)


@dataclass(init=False, eq=False, repr=False)
class Template(Stanza):
    """A file rendered from secrets."""

    STRICT: ClassVar[bool] = True

    source: str = key(text, "")
    contents: str = key(text, "")
    destination: str = key(text, "")
    engine: str = key(choice("go", "jinja2"), "go", "The template's language.")
    create_dest_dirs: bool = key(flag, True)
    command: tuple[str, ...] = key(command, ())
    command_timeout: float = key(duration, 30.0)
    exec: Command | None = block(Command)
    error_on_missing_key: bool = key(flag, False)
    error_fatal: bool | None = key(flag, None)
    perms: int | None = key(mode, None)
    user: str = key(text, "")
    uid: int | None = key(integer, None)
    group: str = key(text, "")
    gid: int | None = key(integer, None)
    backup: bool = key(flag, False)
    left_delimiter: str = key(text, "{{")
    right_delimiter: str = key(text, "}}")
    function_denylist: tuple[str, ...] = key(texts, (), names=("function_blacklist",))
    sandbox_path: str = key(text, "")
    wait: Wait | None = block(Wait)
    cycle: Cycle | None = block(Cycle)
    map_to_environment_variable: Any = refused("is not for configurations: use env_template")


@dataclass(init=False, eq=False, repr=False)
class EnvTemplate(Stanza):
    """An environment variable rendered from secrets; ``label`` is its name."""

    STRICT: ClassVar[bool] = True

    source: str = key(text, "")
    contents: str = key(text, "")
    engine: str = key(choice("go", "jinja2"), "go", "The template's language.")
    error_on_missing_key: bool = key(flag, False)
    error_fatal: bool | None = key(flag, None)
    left_delimiter: str = key(text, "{{")
    right_delimiter: str = key(text, "}}")
    function_denylist: tuple[str, ...] = key(texts, (), names=("function_blacklist",))


@dataclass(init=False, eq=False, repr=False)
class TemplateConfig(Stanza):
    """What holds for all templates."""

    exit_on_retry_failure: bool = key(flag, False)
    static_secret_render_interval: float = key(duration, 300.0)
    max_connections_per_host: int = key(whole, 10)
    lease_renewal_threshold: float = key(fraction, 0.9)


@dataclass(init=False, eq=False, repr=False)
class Exec(Stanza):
    """The process that the agent runs."""

    command: tuple[str, ...] = key(command, ())
    restart_on_secret_changes: str = key(choice("always", "never"), "always")
    restart_stop_signal: int = key(signal_number, signal.SIGTERM)
    cycle: Cycle | None = block(Cycle)
    # consul-template's
    enabled: bool = key(flag, True)
    env: ExecEnv | None = block(ExecEnv)
    kill_signal: int = key(signal_number, signal.SIGTERM)
    kill_timeout: float = key(duration, 30.0)
    reload_signal: int = key(signal_number, 0)
    splay: float = key(duration, 0.0)
    timeout: float = key(duration, 0.0, "How long it may run before it is killed; 0: for ever.")


@dataclass(init=False, eq=False, repr=False)
class LogFile(Stanza):
    """A file the log is written to as well, and when it is put aside."""

    path: str = key(text, "")
    log_rotate_bytes: int = key(integer, 0)
    log_rotate_duration: float = key(duration, 86_400.0)
    log_rotate_max_files: int = key(integer, 0, "How many old files are kept; 0: all, -1: none.")

    def short(self, node: Node) -> None:
        """The path alone."""
        self.path = text(node)


@dataclass(init=False, eq=False, repr=False)
class Syslog(Stanza):
    """The machine's syslog daemon, which is told the log as well."""

    enabled: bool | None = key(flag, None, "True where another key stands here.")
    facility: str = key(text, "LOCAL0")
    name: str = key(text, "strongroom")

    @property
    def wanted(self) -> bool:
        """Whether it is told."""
        return bool(self.given) if self.enabled is None else self.enabled


@dataclass(init=False, eq=False, repr=False)
class Telemetry(Stanza):
    """How the agent's figures are told."""

    IGNORED: ClassVar[Mapping[str, str]] = dict.fromkeys(_TOLD_ELSEWHERE, _FIGURES)

    prometheus_retention_time: float = key(duration, 0.0)


@dataclass(init=False, eq=False, repr=False)
class Delimiters(Stanza):
    """The delimiters of templates that name none."""

    left: str = key(text, "{{")
    right: str = key(text, "}}")


@dataclass(init=False, eq=False, repr=False)
class AgentConfig(Stanza):
    """The whole of it."""

    pid_file: str = key(text, "")
    status_socket: str = key(text, "", "Where agent status asks; beside pid_file where that is set.")
    exit_after_auth: bool = key(flag, False)
    disable_idle_connections: tuple[str, ...] = key(words, ())
    disable_keep_alives: tuple[str, ...] = key(words, ())
    log_level: str = key(
        choice("", "trace", "debug", "info", "warn", "notice", "warning", "error", "err"), ""
    )
    log_format: str = key(choice("", "standard", "json"), "")
    log_file: LogFile = block(LogFile, always=True)
    log_rotate_bytes: int = key(integer, 0)
    log_rotate_duration: float = key(duration, 86_400.0)
    log_rotate_max_files: int = key(integer, 0)
    telemetry: Telemetry | None = block(Telemetry)
    vault: Vault = block(Vault, always=True, names=("bao", "openbao", "strongroom"), once=True)
    auto_auth: AutoAuth | None = block(AutoAuth, once=True)
    api_proxy: ApiProxy | None = block(ApiProxy, once=True)
    cache: Cache | None = block(Cache, once=True)
    listeners: tuple[Listener, ...] = block(Listener, names=("listener",), labelled=True, many=True)
    templates: tuple[Template, ...] = block(Template, names=("template",), many=True)
    template_config: TemplateConfig = block(TemplateConfig, always=True, once=True)
    env_templates: tuple[EnvTemplate, ...] = block(
        EnvTemplate, names=("env_template",), many=True, labelled=True
    )
    exec: Exec | None = block(Exec, once=True)
    # consul-template's
    wait: Wait | None = block(Wait)
    kill_signal: int = key(caught_signal, signal.SIGINT, "What ends the process.")
    reload_signal: int = key(caught_signal, signal.SIGHUP, "What has the configuration read again.")
    once: bool = key(flag, False, "Render everything once, and end.")
    parse_only: bool = key(flag, False, "Read templates, render none, and end.", names=("parseonly",))
    splay: float = key(duration, 0.0)
    retry: float | None = key(duration, None, "consul-template's old pause between attempts.")
    default_delimiters: Delimiters | None = block(Delimiters)
    template_error_fatal: bool = key(flag, True)
    err_on_failed_lookup: bool = key(flag, False, "A secret that is missing ends the process.")
    syslog: Syslog | None = block(Syslog)
    deduplicate: Any = ignored(_SHARED, unless=_switched_off)
    max_stale: Any = ignored(_CONSUL)
    block_query_wait: Any = ignored(_CONSUL)
    consul: Any = ignored(_CONSUL)
    nomad: Any = ignored(_NOMAD)
    token: Any = ignored(_CONSUL)
    auth: Any = ignored(_CONSUL)
    ssl: Any = ignored("concerns Consul, which is not read here; the server's stands in vault { }")
    path: Any = ignored(_CONSUL)
    # set by the program, not by the text
    conduct: Conduct = field(default_factory=Conduct)
    warnings: tuple[str, ...] = ()
