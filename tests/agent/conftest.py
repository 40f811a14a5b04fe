"""Agents are always ended, and what they printed holds no planted secret."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.agents import Agents
from tests.canary import Canaries, forms


@pytest.fixture
def agents(tmp_path: Path, _canaries: Canaries) -> Iterator[Agents]:
    """Starts agents in folders of this test."""
    made = Agents(tmp_path / "agents")
    yield made
    made.close()
    printed = made.output().encode()
    told = [secret for secret in _canaries.planted if any(form in printed for form in forms(secret))]
    assert not told, f"{len(told)} planted secrets were printed by an agent"
