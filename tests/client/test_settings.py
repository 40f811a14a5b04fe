from __future__ import annotations

import pytest

from strongroom.client.environment import set_as, variable
from strongroom.client.settings import Settings


def test_ours_wins_then_openbaos_then_vaults() -> None:
    environ = {"VAULT_ADDR": "v", "BAO_ADDR": "b", "STRONGROOM_ADDR": "s"}
    assert variable(environ, "ADDR") == "s"
    assert variable({**environ, "STRONGROOM_ADDR": ""}, "ADDR") == "b"
    assert variable({"VAULT_ADDR": "v"}, "ADDR") == "v"
    assert variable({}, "ADDR") == ""
    assert set_as({"BAO_TOKEN": "x", "VAULT_TOKEN": "y"}, "TOKEN") == "BAO_TOKEN"
    assert set_as({}, "TOKEN") == ""


def test_defaults() -> None:
    settings = Settings({})
    assert settings.address == "https://127.0.0.1:8200"
    assert (settings.retries, settings.timeout) == (2, 60.0)
    assert settings.follow_redirects
    assert not settings.tls.skip_verify


def test_agent_before_server() -> None:
    assert Settings({"VAULT_AGENT_ADDR": "http://a", "VAULT_ADDR": "http://b"}).address == "http://a"


@pytest.mark.parametrize(("text", "seconds"), (("30", 30), ("30s", 30), ("250ms", 0.25), ("2m", 120)))
def test_timeouts(text: str, seconds: float) -> None:
    assert Settings({"VAULT_CLIENT_TIMEOUT": text}).timeout == seconds
