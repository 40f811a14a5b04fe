"""Every kind of storage, freshly made."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from strongroom.storage.physical import Physical
from strongroom.storage.registry import open_storage

Opener: TypeAlias = Callable[[], Physical]

DURABLE = ("lmdb", "file")
KINDS = ("inmem", *DURABLE)


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def opener(kind: str, tmp_path: Path) -> Opener:
    """Opens the same directory each time (except in memory, where each is new)."""
    return lambda: open_storage(kind, {"path": str(tmp_path / "data")})
