"""``python -m tests.fuzz TARGET [libFuzzer options]``: coverage-guided, until a failure or time is up."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["strongroom"]):
    from tests.fuzz.targets import SEEDS, run


def main(target: str, options: list[str]) -> None:
    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{target}-"))
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"seed{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], *options, str(corpus)], lambda data: run(target, data))
    atheris.Fuzz()


main(sys.argv[1], sys.argv[2:])
