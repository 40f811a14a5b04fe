from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from strongroom.cli.main import main
from tests.server import Server


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


def call(*argv: str, stdin: str = "", name: str = "strongroom", **environ: str) -> Outcome:
    """One command line, run in this process."""
    out, err = io.StringIO(), io.StringIO()
    code = main(list(argv), io.StringIO(stdin), out, err, environ, name)
    return Outcome(code, out.getvalue(), err.getvalue())


@pytest.fixture
def cli(peer: Server, tmp_path: Path) -> Cli:
    """The command, with the root token of a running server and a home of its own."""

    def run(*argv: str, **more: str) -> Outcome:
        environ = {"HOME": str(tmp_path), "STRONGROOM_ADDR": peer.address, "STRONGROOM_TOKEN": "root"}
        return call(*argv, **{**environ, **more})

    return run


@pytest.fixture
def local(tmp_path: Path) -> Cli:
    """The command where no server is needed."""

    def run(*argv: str, **more: str) -> Outcome:
        return call(*argv, **{"HOME": str(tmp_path), "STRONGROOM_ADDR": "http://127.0.0.1:1", **more})

    return run
