"""Two servers of a kind, started for one case."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from tests.differential.case import Kind
from tests.server import PEER, STRONGROOM, Server, running, start_configured, start_dev


def private_pair(
    kind: Kind, folder: Path, stack: ExitStack, programs: tuple[tuple[str, ...], ...] = (PEER, STRONGROOM)
) -> tuple[Server, Server]:
    """The peer and Strongroom, stopped when ``stack`` closes; ``sealed`` ones are not initialised."""
    extra = "raw_storage_endpoint = true\nintrospection_endpoint = true"
    theirs, ours = (
        stack.enter_context(
            running(
                start_configured(program, folder / name, extra=extra)
                if kind == "sealed"
                else start_dev(program, folder / name, tls=kind == "tls")
            )
        )
        for name, program in zip(("peer", "ours"), programs, strict=True)
    )
    return theirs, ours
