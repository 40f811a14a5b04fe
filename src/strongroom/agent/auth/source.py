"""Where the agent's token comes from: auto-auth, or a token that consul-template's configuration gives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from strongroom.agent.auth.attempt import Attempt, Method, Unready
from strongroom.agent.auth.methods import SERVICE_ACCOUNT, method_of
from strongroom.agent.config import AgentConfig, AutoAuth, Vault
from strongroom.agent.config import Method as MethodStanza
from strongroom.agent.upstream import Upstream
from strongroom.client.environment import variable
from strongroom.secret import Secret


def source_of(config: AgentConfig, env: Mapping[str, str]) -> tuple[AutoAuth, Method] | None:
    """The stanza and the method of the login; None where the agent needs none. Raises Unready."""
    stanza = config.auto_auth or _implied(config)
    if stanza is None or stanza.method is None:
        return None
    if stanza.method.label == "given":
        return stanza, _Given(config.vault, env)
    return stanza, method_of(stanza.method)


def _implied(config: AgentConfig) -> AutoAuth | None:
    """What consul-template's keys mean in the agent's words."""
    vault = config.vault
    if not (config.templates or config.env_templates) or not vault.enabled:
        return None
    if vault.vault_agent_token_file:
        method = MethodStanza(label="token_file", config={"token_file_path": vault.vault_agent_token_file})
        return AutoAuth(method=method, enable_reauth_on_new_credentials=True)
    if vault.k8s_auth_role_name:
        values = {
            "role": vault.k8s_auth_role_name,
            "token_path": vault.k8s_service_account_token_path or SERVICE_ACCOUNT,
        }
        mount = vault.k8s_service_mount_path.strip("/") or "auth/kubernetes"
        return AutoAuth(method=MethodStanza(label="kubernetes", mount_path=mount, config=values))
    return AutoAuth(method=MethodStanza(label="given"))


class _Given:
    """A token of the configuration, the environment, or the file that ``login`` writes."""

    def __init__(self, vault: Vault, env: Mapping[str, str]) -> None:
        self._token = Secret(vault.token.reveal() or variable(env, "TOKEN") or _stored(env))
        self._unwrap = vault.unwrap_token

    async def attempt(self, upstream: Upstream) -> Attempt:
        if not self._token:
            raise Unready("there is no token: set vault.token or VAULT_TOKEN, or configure auto_auth")
        if self._unwrap:
            answer = await upstream.call(
                "PUT", "sys/wrapping/unwrap", token=self._token, doing="unwrapping the token"
            )
            inner = ((answer or {}).get("auth") or {}).get("client_token")
            inner = inner or ((answer or {}).get("data") or {}).get("token")
            if not isinstance(inner, str):
                raise Unready("the wrapped answer holds no token")
            self._token, self._unwrap = Secret(inner), False
        return Attempt(token=self._token)

    def stamp(self) -> object:
        return None

    async def close(self) -> None:
        """Nothing was opened."""


def _stored(env: Mapping[str, str]) -> str:
    try:
        return (Path(env.get("HOME", "/nonexistent")) / ".vault-token").read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
