"""Bytes from outside, guided by coverage for a while, and mutated blindly where atheris is not installed."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fuzz.targets import SEEDS, TARGETS, UNSEEN, run

SECONDS = 12
GUIDED = importlib.util.find_spec("atheris") is not None


@pytest.mark.slow
@pytest.mark.skipif(not GUIDED, reason="atheris is not installed: see the blind one")
@pytest.mark.parametrize("target", sorted(set(TARGETS) - UNSEEN))
def test_guided_by_coverage(target: str, tmp_path: Path) -> None:
    line = [
        sys.executable,
        "-m",
        "tests.fuzz",
        target,
        f"-max_total_time={SECONDS}",
        "-seed=1",
        "-max_len=4096",
    ]
    line += ["-timeout=10", f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(
        line,
        cwd=Path(__file__).parents[2],
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": "."},
        capture_output=True,
        check=False,
    )
    found = [file.read_bytes() for file in tmp_path.glob("crash-*")]
    assert done.returncode == 0, f"{done.stderr.decode(errors='replace')[-3000:]}\ninput: {found}"


@pytest.mark.parametrize("target", TARGETS)
def test_mutated_blindly(target: str) -> None:
    chance = random.Random(target)
    deadline = time.monotonic() + (2 if GUIDED else SECONDS)
    for seed in SEEDS[target]:
        run(target, seed)
    while time.monotonic() < deadline:
        data = mutated(chance, target)
        try:
            run(target, data)
        except Exception as failure:
            raise AssertionError(f"{target} fails for {data!r}") from failure


def mutated(chance: random.Random, target: str) -> bytes:
    """A seed with a few bytes cut, doubled, or replaced by bytes of other seeds."""
    data = bytearray(chance.choice(SEEDS[target]))
    other = chance.choice(SEEDS[target])
    for _ in range(chance.randrange(1, 6)):
        at, size = chance.randrange(len(data) + 1), chance.randrange(8)
        start = chance.randrange(len(other))
        piece = chance.choice(
            (b"", bytes(data[at : at + size]) * 2, other[start : start + size], chance.randbytes(size))
        )
        data[at : at + size] = piece
    return bytes(data)
