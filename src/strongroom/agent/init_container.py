"""Without a configuration: one login of a pod, whose token and accessor are left in files for others.

For init containers that are configured by the environment alone: ``VAULT_ROLE``, ``TOKEN_DEST_PATH``,
``ACCESSOR_DEST_PATH``, ``SERVICE_ACCOUNT_PATH``, ``VAULT_K8S_MOUNT_PATH``, ``VAULT_CAPEM``, ``VAULT_CACERT``,
besides what every client reads (``VAULT_ADDR``, ``VAULT_NAMESPACE`` ...).
"""

from __future__ import annotations

from collections.abc import Mapping

from strongroom.agent.config import AgentConfig, AutoAuth, Method, Sink
from strongroom.agent.config.vault import Ssl
from strongroom.client.environment import variable

FOLDER = "/var/run/secrets/vaultproject.io"
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


def wanted(env: Mapping[str, str]) -> bool:
    """Whether the environment asks for it."""
    return bool(variable(env, "ROLE"))


def configuration(env: Mapping[str, str]) -> AgentConfig:
    """What the variables mean."""
    mount = (variable(env, "K8S_MOUNT_PATH") or "kubernetes").strip("/").removeprefix("auth/")
    method = Method(
        label="kubernetes",
        mount_path=f"auth/{mount}",
        config={
            "role": variable(env, "ROLE"),
            "token_path": env.get("SERVICE_ACCOUNT_PATH") or SERVICE_ACCOUNT,
        },
    )
    token = env.get("TOKEN_DEST_PATH") or f"{FOLDER}/.vault-token"
    accessor = env.get("ACCESSOR_DEST_PATH") or f"{FOLDER}/.vault-accessor"
    sinks = (
        Sink(label="file", config={"path": token, "mode": 0o600}),
        Sink(label="file", config={"path": accessor, "mode": 0o600, "content": "accessor"}),
    )
    config = AgentConfig(exit_after_auth=True, auto_auth=AutoAuth(method=method, sinks=sinks))
    if pem := variable(env, "CAPEM"):
        config.vault.ssl = Ssl(ca_cert_bytes=pem)
    return config
