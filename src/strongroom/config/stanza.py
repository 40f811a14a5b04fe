"""The stanzas of the server's configuration, each key declared once.

Durations are seconds, sizes bytes. ``given`` holds what the text said, key by key.
"""

# ruff: noqa: RUF009 - option() makes a dataclass field, as field() does
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any, ClassVar

from strongroom.config.option import ignored, option
from strongroom.config.value import Headers, choices, headers, mode, networks, table, ttl
from strongroom.secret import Secret
from strongroom.setting import Place
from strongroom.setting.value import choice, duration, flag, integer, secret, text, whole, words

Networks = tuple[IPv4Network | IPv6Network, ...]

_ACME = "is not available yet: give tls_cert_file and tls_key_file"
_TLS_VERSIONS = ("tls10", "tls11", "tls12", "tls13")


@dataclass(kw_only=True)
class Stanza:
    """A block of keys. ``labels`` are the words between its name and its body."""

    LABELS: ClassVar[tuple[str, ...]] = ()

    labels: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    place: Place = field(default=Place("default"), compare=False)

    @property
    def type(self) -> str:
        """The first label."""
        return self.labels[0] if self.labels else ""


@dataclass(kw_only=True)
class ListenerStanza(Stanza):
    """What every listener can be told."""

    LABELS = ("a type",)

    address: str = option(text, "")
    role: str = option(choice("", "default", "metrics_only"), "")
    purpose: tuple[str, ...] = option(words, ())
    max_request_size: int = option(whole, 33_554_432, "Largest body.")
    max_request_duration: float = option(
        duration, 0.0, "Longest a request may take; 0: the server's default."
    )
    max_request_json_memory: int = option(whole, 34_078_720)
    max_request_json_strings: int = option(whole, 100_000)
    max_connections: int = option(whole, 0, "Most connections open at once; 0 is no limit.")
    http_idle_timeout: float = option(duration, 300.0)
    http_read_header_timeout: float = option(duration, 10.0)
    http_read_timeout: float = option(duration, 30.0)
    http_write_timeout: float = option(duration, 0.0)
    require_request_header: bool = option(flag, False)
    chroot_namespace: str = option(text, "", "The namespace that is the topmost one here.")
    disable_unauthed_rekey_endpoints: bool = option(flag, True)
    disable_unauthed_generate_root_endpoints: bool = option(flag, True)
    unauthenticated_metrics_access: bool = option(flag, False, within="telemetry")
    disallow_metrics: bool = option(flag, False, within="telemetry")
    metrics_only: bool = option(flag, False, within="telemetry")
    metrics_path: str = option(text, "", within="telemetry")
    unauthenticated_pprof_access: bool = option(flag, False, within="profiling")
    unauthenticated_in_flight_requests_access: bool = option(flag, False, within="inflight_requests_logging")
    custom_response_headers: Headers | None = option(headers, None, reloads=True)
    agent_api: Any = ignored(None, "is for agents and proxies")
    proxy_api: Any = ignored(None, "is for agents and proxies")
    cors_enabled: Any = ignored(None, "is ignored: set CORS through sys/config/cors")
    cors_allowed_origins: Any = ignored(None, "is ignored: set CORS through sys/config/cors")
    cors_allowed_headers: Any = ignored(None, "is ignored: set CORS through sys/config/cors")
    cors_allow_credentials: Any = ignored(None, "is ignored: set CORS through sys/config/cors")
    redact_addresses: Any = ignored()
    redact_cluster_name: Any = ignored()
    redact_version: Any = ignored()
    disable_replication_status_endpoints: Any = ignored()
    disable_request_limiter: Any = ignored()
    max_json_depth: Any = ignored()
    max_json_string_value_length: Any = ignored()
    max_json_object_entry_count: Any = ignored()
    max_json_array_element_count: Any = ignored()
    max_token_header_size: Any = ignored()


@dataclass(kw_only=True)
class TcpListener(ListenerStanza):
    """``listener "tcp"``."""

    address: str = option(text, "127.0.0.1:8200")
    cluster_address: str = option(text, "")
    tls_disable: bool = option(flag, False)
    tls_cert_file: str = option(text, "", reloads=True)
    tls_key_file: str = option(text, "", reloads=True)
    tls_auto_reload: bool = option(flag, False)
    tls_auto_reload_interval: float = option(duration, 30.0)
    tls_min_version: str = option(choice(*_TLS_VERSIONS), "tls12")
    tls_max_version: str = option(choice(*_TLS_VERSIONS), "tls13")
    tls_cipher_suites: str = option(text, "")
    tls_client_ca_file: str = option(text, "")
    tls_require_and_verify_client_cert: bool = option(flag, False)
    tls_disable_client_certs: bool = option(flag, False)
    proxy_protocol_behavior: str = option(
        choice("", "use_always", "allow_authorized", "deny_unauthorized"), ""
    )
    proxy_protocol_authorized_addrs: Networks = option(networks, ())
    x_forwarded_for_authorized_addrs: Networks = option(networks, ())
    x_forwarded_for_hop_skips: int = option(whole, 0)
    x_forwarded_for_reject_not_authorized: bool = option(flag, True)
    x_forwarded_for_reject_not_present: bool = option(flag, True)
    x_forwarded_for_client_cert_header: str = option(text, "")
    x_forwarded_for_client_cert_decoders: tuple[str, ...] = option(choices("rfc9440", "url", "pem"), ())
    x_forwarded_for_client_cert_keep_not_forwarded: bool = option(flag, False)
    x_forwarded_for_client_cert_keep_unauthorized: bool = option(flag, False)
    tls_prefer_server_cipher_suites: Any = ignored(None, "is decided by the TLS library")
    tls_key_exchange_preferences: Any = ignored(None, "is decided by the TLS library")
    tls_acme_ca_directory: Any = ignored(None, _ACME)
    tls_acme_test_ca_directory: Any = ignored(None, _ACME)
    tls_acme_cache_path: Any = ignored(None, _ACME)
    tls_acme_ca_root: Any = ignored(None, _ACME)
    tls_acme_eab_key_id: Any = ignored(None, _ACME)
    tls_acme_eab_mac_key: Secret[str] | None = option(secret, None, ignored=_ACME)
    tls_acme_key_type: Any = ignored(None, _ACME)
    tls_acme_email: Any = ignored(None, _ACME)
    tls_acme_domains: Any = ignored(None, _ACME)
    tls_acme_disable_http_challenge: Any = ignored(None, _ACME)
    tls_acme_disable_alpn_challenge: Any = ignored(None, _ACME)


@dataclass(kw_only=True)
class UnixListener(ListenerStanza):
    """``listener "unix"``."""

    address: str = option(text, "/run/strongroom.sock")
    socket_mode: int | None = option(mode, None)
    socket_user: str = option(text, "")
    socket_group: str = option(text, "")


@dataclass(kw_only=True)
class StorageStanza(Stanza):
    """Where the encrypted rows live. ``path`` is empty for a store without a place on disk."""

    LABELS = ("a type",)

    path: str = ""
    api_addr: Any = ignored(None, "is ignored: set the server's api_addr")
    redirect_addr: Any = ignored(None, "is ignored: set the server's api_addr")
    cluster_addr: Any = ignored(None, "is ignored: set the server's cluster_addr")
    disable_clustering: Any = ignored(None, "is ignored: set the server's disable_clustering")


@dataclass(kw_only=True)
class InmemStorage(StorageStanza):
    """``storage "inmem"``: gone when the process ends."""


@dataclass(kw_only=True)
class LmdbStorage(StorageStanza):
    """``storage "lmdb"``: a memory-mapped file on a local disk."""

    path: str = option(text, "", "Directory of the database.", required=True)
    map_size: int = option(whole, 0, "Most the database may grow to, bytes; 0 lets it grow.")


@dataclass(kw_only=True)
class FileStorage(StorageStanza):
    """``storage "file"``: one file a row."""

    path: str = option(text, "", "Directory of the files.", required=True)


@dataclass(kw_only=True)
class SealStanza(Stanza):
    """What wraps the root key."""

    LABELS = ("a type",)

    disabled: bool = option(flag, False, "Only for migration away from this seal.")
    name: str = option(text, "")
    priority: Any = ignored(None, "is ignored: the order of the stanzas counts")
    health_check_enabled: Any = ignored()
    health_check_timeout: Any = ignored()
    health_check_interval: Any = ignored()
    health_check_interval_unhealthy: Any = ignored()

    def options(self) -> dict[str, str]:
        """The seal's own keys with the secrets in clear, for the seal that is made of them."""
        return {}


@dataclass(kw_only=True)
class ShamirSeal(SealStanza):
    """``seal "shamir"``: shares of a key, kept by people."""

    labels: tuple[str, ...] = ("shamir",)


@dataclass(kw_only=True)
class StaticSealStanza(SealStanza):
    """``seal "static"``: a key from the configuration, a file or the environment."""

    current_key_id: str = option(text, "", required=True)
    current_key: Secret[str] = option(secret, Secret(""), required=True)
    previous_key_id: str = option(text, "")
    previous_key: Secret[str] = option(secret, Secret(""))

    def options(self) -> dict[str, str]:
        keys = {
            "current_key_id": self.current_key_id,
            "current_key": self.current_key.reveal(),
            "previous_key_id": self.previous_key_id,
            "previous_key": self.previous_key.reveal(),
        }
        return {name: value for name, value in keys.items() if value}


@dataclass(kw_only=True)
class TelemetryStanza(Stanza):
    """``telemetry``: what is measured, and who is told."""

    usage_gauge_period: float = option(duration, 600.0)
    maximum_gauge_cardinality: int = option(whole, 500)
    disable_hostname: bool = option(flag, False)
    enable_hostname_label: bool = option(flag, False, shown=False)
    metrics_prefix: str = option(text, "")
    lease_metrics_epsilon: float = option(duration, 3600.0)
    num_lease_metrics_buckets: int = option(whole, 168)
    add_lease_metrics_namespace_labels: bool = option(flag, False)
    filter_default: bool = option(flag, True, shown=False)
    prefix_filter: tuple[str, ...] = option(words, (), shown=False)
    statsite_address: str = option(text, "")
    statsd_address: str = option(text, "")
    dogstatsd_addr: str = option(text, "")
    dogstatsd_tags: tuple[str, ...] | None = option(words, None)
    prometheus_retention_time: float = option(duration, 86_400.0)
    circonus_api_app: str = ignored("", shown=True)
    circonus_api_token: Secret[str] | str = option(secret, "", ignored="has no meaning here")
    circonus_api_url: str = ignored("", shown=True)
    circonus_broker_id: str = ignored("", shown=True)
    circonus_broker_select_tag: str = ignored("", shown=True)
    circonus_check_display_name: str = ignored("", shown=True)
    circonus_check_force_metric_activation: str = ignored("", shown=True)
    circonus_check_id: str = ignored("", shown=True)
    circonus_check_instance_id: str = ignored("", shown=True)
    circonus_check_search_tag: str = ignored("", shown=True)
    circonus_check_tags: str = ignored("", shown=True)
    circonus_submission_interval: str = ignored("", shown=True)
    circonus_submission_url: str = ignored("", shown=True)
    stackdriver_debug_logs: bool = ignored(False, shown=True)
    stackdriver_location: str = ignored("", shown=True)
    stackdriver_namespace: str = ignored("", shown=True)
    stackdriver_project_id: str = ignored("", shown=True)


@dataclass(kw_only=True)
class AuditStanza(Stanza):
    """``audit "<type>" "<path>"``: a device that exists because the configuration says so."""

    LABELS = ("a type", "a path")

    description: str = option(text, "")
    options: dict[str, str] | None = option(table, None)
    local: bool = option(flag, False)

    @property
    def path(self) -> str:
        """Where the device is enabled, ending in a slash."""
        return self.labels[1].rstrip("/") + "/"


@dataclass(kw_only=True)
class UserLockoutStanza(Stanza):
    """``user_lockout "<auth type>"``: when failed logins lock a user. ``all`` is the others' default."""

    LABELS = ("an auth type or all",)

    lockout_threshold: int = option(whole, 5)
    lockout_duration: float = option(duration, 900.0)
    lockout_counter_reset: float = option(duration, 900.0)
    disable_lockout: bool = option(flag, False)


_PLUGINS = "has no meaning here: all engines are built in"
_CLUSTER = "has no meaning here"


@dataclass(kw_only=True)
class ServerConfig(Stanza):
    """Everything a server is told. Made by :func:`load` and :func:`dev`, then only read."""

    allow_audit_log_prefixing: bool = option(flag, False)
    allow_unauthenticated_workflows: bool = option(flag, False)
    api_addr: str = option(text, "", env="API_ADDR")
    cache_size: int = option(whole, 0, ignored="has no meaning here: the store's own cache is the cache")
    cluster_addr: str = option(text, "", env="CLUSTER_ADDR")
    cluster_cipher_suites: str = option(text, "", ignored=_CLUSTER)
    cluster_name: str = option(text, "", env="CLUSTER_NAME")
    default_lease_ttl: int = option(ttl, 2_764_800)
    default_max_request_duration: float = option(duration, 90.0)
    detect_deadlocks: str = option(text, "", ignored=_CLUSTER)
    disable_cache: bool = option(flag, False, ignored="has no meaning here")
    disable_clustering: bool = option(flag, False)
    disable_indexing: bool = option(flag, False, ignored=_CLUSTER)
    disable_performance_standby: bool = option(flag, False, ignored=_CLUSTER)
    disable_printable_check: bool = option(flag, False)
    disable_sealwrap: bool = option(flag, False, ignored=_CLUSTER)
    disable_sentinel_trace: bool = option(flag, False, ignored=_CLUSTER)
    disable_standby_reads: bool = option(flag, False)
    disable_user_lockout: bool = option(flag, False, shown=False, env="DISABLE_USER_LOCKOUT")
    enable_response_header_hostname: bool = option(flag, False)
    enable_response_header_raft_node_id: bool = option(flag, False, ignored="has no meaning here: no raft")
    ui: bool = option(flag, False, shown="enable_ui", env="UI")
    imprecise_lease_role_tracking: bool = option(flag, False)
    introspection_endpoint: bool = option(flag, False, reloads=True)
    log_format: str = option(choice("", "standard", "json"), "", env="LOG_FORMAT")
    log_level: str = option(
        choice("trace", "debug", "info", "warn", "error"), "info", env="LOG_LEVEL", reloads=True
    )
    log_requests_level: str = option(
        choice("", "off", "trace", "debug", "info", "warn", "error"), "", reloads=True
    )
    max_lease_ttl: int = option(ttl, 2_764_800)
    pid_file: str = option(text, "")
    plugin_directory: str = option(text, "", ignored=_PLUGINS)
    plugin_file_permissions: int = option(mode, 0, ignored=_PLUGINS)
    plugin_file_uid: int = option(whole, 0, ignored=_PLUGINS)
    raw_storage_endpoint: bool = option(flag, False, env="RAW_STORAGE_ENDPOINT")
    unsafe_allow_api_audit_creation: bool = option(flag, False)
    unsafe_cross_namespace_identity: bool = option(flag, False)
    unsafe_relative_paths: bool = option(flag, False)

    log_file: str = option(text, "", shown=False)
    log_rotate_bytes: int = option(whole, 0, shown=False)
    log_rotate_duration: float = option(duration, 86_400.0, shown=False)
    log_rotate_max_files: int = option(integer, 0, "Old files kept; 0: all, -1: none.", shown=False)
    readers: int | None = option(
        whole, None, "Reader processes; by default one less than cores.", env="READERS", shown=False
    )

    disable_mlock: Any = ignored(None, "has no meaning here: secrets are not kept in locked memory")
    license_path: Any = ignored()
    experiments: Any = ignored()
    enable_multiseal: Any = ignored()
    administrative_namespace_path: Any = ignored()
    enable_post_unseal_trace: Any = ignored()
    post_unseal_trace_directory: Any = ignored()
    plugin_download_behavior: Any = ignored(None, _PLUGINS)
    plugin_auto_download: Any = ignored(None, _PLUGINS)
    plugin_auto_register: Any = ignored(None, _PLUGINS)
    plugin_download_max_size: Any = ignored(None, _PLUGINS)
    plugin: Any = ignored(None, _PLUGINS)
    service_registration: Any = ignored(None, "is not available yet: the server registers nowhere")
    replication: Any = ignored()
    sentinel: Any = ignored()
    reporting: Any = ignored()
    entropy: Any = ignored()
    kms_library: Any = ignored()
    request_limiter: Any = ignored()
    adaptive_overload_protection: Any = ignored()

    storage: StorageStanza | None = None
    listeners: tuple[ListenerStanza, ...] = ()
    seals: tuple[SealStanza, ...] = ()
    telemetry: TelemetryStanza = field(default_factory=lambda: TelemetryStanza(prometheus_retention_time=0.0))
    audits: tuple[AuditStanza, ...] = ()
    user_lockouts: tuple[UserLockoutStanza, ...] = ()
    dev: bool = False
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def seal(self) -> SealStanza:
        """The seal in use: the first that is not disabled, Shamir when there is none."""
        return next((seal for seal in self.seals if not seal.disabled), ShamirSeal())


LISTENERS: Mapping[str, type[ListenerStanza]] = {"tcp": TcpListener, "unix": UnixListener}
STORAGES: Mapping[str, type[StorageStanza]] = {
    "inmem": InmemStorage,
    "lmdb": LmdbStorage,
    "file": FileStorage,
}
SEALS: Mapping[str, type[SealStanza]] = {"shamir": ShamirSeal, "static": StaticSealStanza}
LOCKOUTS = ("all", "approle", "ldap", "userpass")
