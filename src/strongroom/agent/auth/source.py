"""Where the agent's token comes from: auto-auth, or a token that consul-template's configuration gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from strongroom.agent.auth.attempt import Attempt, CredentialFile, Method, Unready
from strongroom.agent.auth.methods import SERVICE_ACCOUNT, method_of
from strongroom.agent.config import AgentConfig, AutoAuth, Vault
from strongroom.agent.config import Method as MethodStanza
from strongroom.agent.upstream import Upstream
from strongroom.client.environment import variable
from strongroom.secret import Secret


def source_of(config: AgentConfig, env: Mapping[str, str]) -> tuple[AutoAuth, Method] | None:
    """The stanza and the method of the login; None where the agent needs none. Raises Unready."""
    if config.auto_auth is None:
        return _implied(config, env)
    stanza = config.auto_auth
    return None if stanza.method is None else (stanza, method_of(stanza.method))


def _implied(config: AgentConfig, env: Mapping[str, str]) -> tuple[AutoAuth, Method] | None:
    """What consul-template's keys mean: the token of a file, one that is given, or a service account's."""
    vault = config.vault
    if not (config.templates or config.env_templates) or not vault.enabled:
        return None
    file = vault.vault_agent_token_file
    token = Secret(vault.token.reveal() or variable(env, "TOKEN").strip())
    if not file and not token and vault.k8s_auth_role_name:
        return _service_account(vault, _stanza(config, "kubernetes"))
    token = token or Secret(_stored(env))
    if config.conduct.alone and not file and not token:
        return None
    stanza = _stanza(config, "given")
    stanza.renews = vault.renew_token if "renew_token" in vault.given else not file
    return AutoAuth(method=stanza, enable_reauth_on_new_credentials=bool(file)), Given(vault, token)


def _stanza(config: AgentConfig, label: str) -> MethodStanza:
    """A login that ends the process where consul-template's retries end."""
    if not config.conduct.alone:
        return MethodStanza(label=label)
    retry = config.vault.retry
    return MethodStanza(
        label=label,
        attempts=retry.limit,
        min_backoff=retry.backoff,
        max_backoff=retry.max_backoff or float("inf"),
    )


def _service_account(vault: Vault, stanza: MethodStanza) -> tuple[AutoAuth, Method]:
    mount = vault.k8s_service_mount_path.strip("/").removeprefix("auth/") or "kubernetes"
    values = {
        "role": vault.k8s_auth_role_name,
        "token_path": vault.k8s_service_account_token_path or SERVICE_ACCOUNT,
    }
    stanza = replace(stanza, mount_path=f"auth/{mount}", config=values)
    if vault.k8s_service_account_token:
        return AutoAuth(method=stanza), _ServiceAccount(stanza, vault.k8s_service_account_token)
    return AutoAuth(method=stanza), method_of(stanza)


class Given:
    """A token of a file, which is followed, or of the configuration, the environment, or ``login``.

    It may be a wrapping token, or the JSON that an agent's sink writes of one. What was unwrapped is
    remembered, since that can be done once only.
    """

    def __init__(self, vault: Vault, token: Secret[str]) -> None:
        self._file = CredentialFile(vault.vault_agent_token_file) if vault.vault_agent_token_file else None
        self._token = token
        self._unwraps = vault.unwrap_token
        self._unwrapped: tuple[Secret[str], Secret[str]] | None = None

    async def attempt(self, upstream: Upstream) -> Attempt:
        token = self._token if self._file is None else self._file.read("the token")
        if not token:
            raise Unready("there is no token: set vault.token or VAULT_TOKEN, or configure auto_auth")
        token = _plain(token)
        return Attempt(token=await self._inner(upstream, token) if self._unwraps else token)

    async def _inner(self, upstream: Upstream, token: Secret[str]) -> Secret[str]:
        if self._unwrapped is not None and self._unwrapped[0] == token:
            return self._unwrapped[1]
        answer = await upstream.call("PUT", "sys/wrapping/unwrap", token=token, doing="unwrapping the token")
        inner = answer.auth.client_token if answer.auth is not None else answer.text("token")
        if not inner:
            raise Unready("the wrapped answer holds no token")
        self._unwrapped = (token, Secret(inner))
        return self._unwrapped[1]

    def stamp(self) -> object:
        return (self._file.stamp(),) if self._file is not None else None

    async def close(self) -> None:
        """Nothing was opened."""


class _ServiceAccount:
    """A service account whose token stands in the configuration."""

    def __init__(self, stanza: MethodStanza, jwt: Secret[str]) -> None:
        self._path = f"{stanza.mount_path}/login"
        self._role = str(stanza.config["role"])
        self._jwt = jwt

    async def attempt(self, upstream: Upstream) -> Attempt:
        return Attempt(self._path, {"role": self._role, "jwt": self._jwt.reveal()})

    def stamp(self) -> object:
        return None

    async def close(self) -> None:
        """Nothing was opened."""


def _plain(token: Secret[str]) -> Secret[str]:
    """The token in a wrapping answer as sinks write it, or the text itself."""
    try:
        document = msgspec.json.decode(token.reveal())
    except (msgspec.DecodeError, UnicodeDecodeError):
        return token
    inner = document.get("token") if isinstance(document, dict) else None
    return Secret(inner) if isinstance(inner, str) and inner else token


def _stored(env: Mapping[str, str]) -> str:
    try:
        return (Path(env.get("HOME", "/nonexistent")) / ".vault-token").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
