"""Keys that are right, and have no effect beside others that are there."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.agent.config.stanza import AgentConfig
from strongroom.setting import Place

_TOKEN_KEYS = (
    "token", "unwrap_token", "renew_token", "vault_agent_token_file", "k8s_auth_role_name",
    "k8s_service_account_token", "k8s_service_account_token_path", "k8s_service_mount_path",
)  # fmt: skip


def cautions(config: AgentConfig, *, proxy: bool = False) -> Iterator[str]:
    """What has to be told, each with its place."""
    yield from _tokens(config)
    yield from _listeners(config, proxy=proxy)
    if config.telemetry is not None and not config.listeners:
        yield _told(config.telemetry.place, "telemetry has no effect without a listener, which tells figures")
    stanza = config.exec
    if config.conduct.alone and stanza is not None and stanza.enabled and not stanza.command:
        yield _told(stanza.place, "exec has no effect without a command")


def _tokens(config: AgentConfig) -> Iterator[str]:
    vault = config.vault
    given = [name for name in _TOKEN_KEYS if name in vault.given]
    if not given:
        return
    names = " and ".join(given)
    if config.auto_auth is not None:
        yield _told(vault.place, f"{names} of vault have no effect beside auto_auth")
    elif not (config.templates or config.env_templates):
        yield _told(vault.place, f"{names} of vault have no effect without templates")
    elif "token" in given and "vault_agent_token_file" in given:
        yield _told(vault.place, "token of vault has no effect beside vault_agent_token_file")


def _listeners(config: AgentConfig, *, proxy: bool) -> Iterator[str]:
    other, own = ("agent_api", "proxy_api") if proxy else ("proxy_api", "agent_api")
    for listener in config.listeners:
        if other in listener.given:
            yield _told(listener.place, f"{other} has no effect here: it is {own}")


def _told(place: Place, sentence: str) -> str:
    return f"{place}: {sentence}"
