"""kill -9 at any moment: what was acknowledged is there, and nothing is there in part."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from tests.storage.crash_writer import last_batch, start

ROUNDS = 12


@pytest.mark.parametrize("kind", ("lmdb", "file"))
def test_a_killed_writer_leaves_whole_batches(kind: str, tmp_path: Path) -> None:
    chance = random.Random(kind)
    found = 0
    for _ in range(ROUNDS):
        with start(kind, tmp_path / "data") as process:
            assert process.stdout is not None
            acknowledged = int(process.stdout.readline())
            assert acknowledged == found + 1
            time.sleep(chance.uniform(0, 0.05))
            process.kill()
            lines = process.stdout.read().split(b"\n")
        acknowledged = max([acknowledged, *(int(line) for line in lines[:-1])])
        found = asyncio.run(last_batch(kind, tmp_path / "data"))
        # At most one batch was under way when the writer died.
        assert acknowledged <= found <= acknowledged + 1
    assert found > ROUNDS
