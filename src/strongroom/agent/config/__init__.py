"""The agent's configuration: that of Vault's agent and proxy, and that of consul-template."""

from __future__ import annotations

from strongroom.agent.config.load import load, parsed, texts_below
from strongroom.agent.config.stanza import (
    AgentConfig,
    ApiProxy,
    AutoAuth,
    Cache,
    Cycle,
    EnvTemplate,
    Exec,
    Listener,
    Method,
    Persist,
    Sink,
    Template,
    TemplateConfig,
    Wait,
)
from strongroom.agent.config.vault import Retry, Vault
from strongroom.setting import ConfigError, Place, Problem

__all__ = [
    "AgentConfig",
    "ApiProxy",
    "AutoAuth",
    "Cache",
    "ConfigError",
    "Cycle",
    "EnvTemplate",
    "Exec",
    "Listener",
    "Method",
    "Persist",
    "Place",
    "Problem",
    "Retry",
    "Sink",
    "Template",
    "TemplateConfig",
    "Vault",
    "Wait",
    "load",
    "parsed",
    "texts_below",
]
