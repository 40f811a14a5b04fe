"""``python -m tests.differential [--self] [--known] [--show] [AREA] [WORD]``: every difference, for reading.

``--self`` plays the peer against itself, which shows whether the cases are deterministic; ``--known`` prints
the known ones too; ``--show`` prints the answers of the peer instead. AREA and WORD narrow the cases.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

from tests.differential.areas import areas
from tests.differential.case import Case
from tests.differential.known_differences import explains
from tests.differential.pair import private_pair
from tests.differential.play import play, player
from tests.server import PEER, STRONGROOM, Server

LIMIT = 40  # lines printed of a case


def main(arguments: list[str]) -> int:
    options = {a for a in arguments if a.startswith("--")}
    words = [a for a in arguments if not a.startswith("--")]
    area, word = [*words, "", ""][:2]
    chosen = [
        (name, case)
        for name, cases in areas().items()
        for case in cases
        if area in ("", name) and word in case.name
    ]
    programs = (PEER, PEER if "--self" in options else STRONGROOM)
    differing = 0
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        shared = private_pair("dev", Path(folder), stack, programs)
        for number, (name, case) in enumerate(chosen):
            with ExitStack() as own:
                private = Path(folder) / str(number)
                given = {name: value for one in case.services for name, value in service(one, own).items()}
                pair = shared if case.kind == "dev" else private_pair(case.kind, private, own, programs)
                if "--show" in options:
                    show(case, pair[0], given)
                    continue
                lines = report(case, play(case, *pair, given), "--known" in options)
            differing += bool(lines)
            lines[LIMIT:] = [f"... and {len(lines) - LIMIT} more"] if len(lines) > LIMIT else []
            verdict = "DIFFERS" if lines else "equal  "
            print(f"{verdict} {name}: {case.name}", *lines, sep="\n    ", flush=True)
    print(f"{differing} of {len(chosen)} cases differ")
    return 1 if differing else 0


def service(name: str, stack: ExitStack) -> dict[str, str]:
    """Start a real server that a case uses; gives its variables."""
    module = import_module(f"tests.{name}")
    started = module.started()
    stack.callback(module.ended, started)
    variables: dict[str, str] = started.variables
    return variables


def show(case: Case, peer: Server, given: dict[str, str]) -> None:
    print(f"## {case.name}")
    side = player(case, peer, given)
    for number, step in enumerate(case.steps, 1):
        time.sleep(step.pause)
        answer = side.send(step)
        print(f"{number} {step.method} {step.path} {json.dumps(step.body, default=repr)} token={step.token}")
        print(f"    {answer.status} {answer.body.decode(errors='replace')[:1500]}")


def report(case: Case, found: dict[tuple[int, str], str], with_known: bool) -> list[str]:
    return [sentence for place, sentence in found.items() if with_known or not explains(case.name, *place)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
