"""Flags, ``CT_LOCAL_CONFIG``, files and the environment into one configuration; each wins over the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from strongroom.agent.conduct import Conduct
from strongroom.agent.config import AgentConfig, parsed, texts_below
from strongroom.agent.config.vault import Ssl
from strongroom.agent.endpoint import Endpoint, endpoint_of, variables_of
from strongroom.agent.standalone import code
from strongroom.agent.standalone.overlay import trees
from strongroom.client.environment import variable
from strongroom.hcl import Object
from strongroom.secret import Secret

LOCAL = "CT_LOCAL_CONFIG"
LOG_VARIABLES = ("CT_LOG", "CONSUL_TEMPLATE_LOG", "CONSUL_TEMPLATE_LOG_LEVEL")
_TRUE = frozenset({"1", "t", "true"})
_TEXTS = {
    "ADDR": "address",
    "NAMESPACE": "namespace",
    "K8S_AUTH_ROLE_NAME": "k8s_auth_role_name",
    "K8S_SERVICE_ACCOUNT_TOKEN_PATH": "k8s_service_account_token_path",
    "K8S_SERVICE_MOUNT_PATH": "k8s_service_mount_path",
}
_FLAGS = {"RENEW_TOKEN": "renew_token", "UNWRAP_TOKEN": "unwrap_token"}
_TLS = {
    "CACERT": "ca_cert",
    "CACERT_BYTES": "ca_cert_bytes",
    "CAPATH": "ca_path",
    "CLIENT_CERT": "cert",
    "CLIENT_KEY": "key_",
    "TLS_SERVER_NAME": "server_name",
}


def settings(
    flags: Mapping[str, Any], given: frozenset[str], env: Mapping[str, str]
) -> tuple[AgentConfig, Endpoint]:
    """The configuration, and the way to the server. Raises ConfigError."""

    def finish(config: AgentConfig) -> None:
        _from_environment(config, env)
        if "template-error-fatal" in given:
            for template in config.templates:
                template.error_fatal = config.template_error_fatal

    conduct = Conduct(failed=code.RUNNER, alone=True, dry=bool(flags.get("dry")))
    config = parsed(_texts(flags, given, env), conduct=conduct, finish=finish)
    endpoint = endpoint_of(config, {})
    config.conduct = replace(conduct, once=config.once, passed_on=variables_of(endpoint))
    return config, endpoint


def _texts(
    flags: Mapping[str, Any], given: frozenset[str], env: Mapping[str, str]
) -> Iterator[tuple[str, str | Object]]:
    for path in flags.get("config") or ():
        yield from texts_below(path)
    if local := env.get(LOCAL):
        yield LOCAL, local
    yield from trees(flags, given)


def _from_environment(config: AgentConfig, env: Mapping[str, str]) -> None:
    """What nothing else says."""
    vault = config.vault
    for name, key in _TEXTS.items():
        if key not in vault.given and (value := variable(env, name)):
            setattr(vault, key, value)
    for name, key in _FLAGS.items():
        if key not in vault.given and (value := variable(env, name)):
            setattr(vault, key, value.lower() in _TRUE)
            vault.given |= {key}
    if "k8s_service_account_token" not in vault.given:
        vault.k8s_service_account_token = Secret(variable(env, "K8S_SERVICE_ACCOUNT_TOKEN"))
    vault.ssl = _tls(vault.ssl or Ssl(), env)
    if "log_level" not in config.given:
        config.log_level = next((env[each] for each in LOG_VARIABLES if env.get(each)), "warn").lower()


def _tls(stanza: Ssl, env: Mapping[str, str]) -> Ssl:
    for name, key in _TLS.items():
        if key not in stanza.given and (value := variable(env, name)):
            setattr(stanza, key, value)
    if "verify" not in stanza.given and variable(env, "SKIP_VERIFY").lower() in _TRUE:
        stanza.verify = False
    return stanza
