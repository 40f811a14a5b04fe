"""``bench/RESULTS.md``: a section for each command that measures, replaced whenever it has run whole."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from bench import measure
from bench.report import Report

RESULTS = Path(__file__).parent / "RESULTS.md"
_TITLE = "# Side by side with the peer\n"


def finish(name: str, command: str, report: Report, *, keep: bool) -> int:
    """Show a report and, if wanted, keep it as the section ``name``; gives 1 where something is missed."""
    when = f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"
    head = [f"## {name}\n", f"- command: `{command.strip()}`, {when}", f"- machine: {measure.machine()}"]
    section = "\n".join([*head, *report.lines()]) + "\n"
    print(section)
    if keep:
        RESULTS.write_text(replaced(RESULTS.read_text() if RESULTS.exists() else _TITLE, name, section))
    print(
        *(f"missed: {figure.name}, required {figure.required}" for figure in report.missed()),
        sep="\n",
        flush=True,
    )
    return 1 if report.missed() else 0


def replaced(text: str, name: str, section: str) -> str:
    """The text with another section of that name, at its place or at the end."""
    top, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    kept = [each.rstrip("\n") + "\n" for each in sections]
    mine = [number for number, each in enumerate(kept) if each.startswith(f"## {name}\n")]
    if mine:
        kept[mine[0]] = section
    else:
        kept.append(section)
    return "\n".join([top.rstrip("\n") + "\n", *kept])
