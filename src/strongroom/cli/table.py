"""Columns of text, four spaces apart, and the titles above them."""

from __future__ import annotations

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Sequence

GAP = "    "
EMPTY = "n/a"


def columns(rows: Sequence[Sequence[str]], gap: str = GAP) -> str:
    """``rows`` aligned; an empty cell reads ``n/a``, and the last column is not padded."""
    cells = [[cell.strip() or EMPTY for cell in row] for row in rows]
    widths: list[int] = []
    for row in cells:
        widths.extend([0] * (len(row) - len(widths)))
        for index, cell in enumerate(row):
            widths[index] = max(widths[index], len(cell))
    lines = (
        gap.join([*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), *row[-1:]])
        for row in cells
    )
    return "\n".join(lines)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], gap: str = GAP) -> str:
    """A header, its underline, and ``rows``."""
    return columns([header, ["-" * len(name) for name in header], *rows], gap)


def pairs(rows: Sequence[Sequence[str]]) -> str:
    """The table of names and values most answers are shown as."""
    return table(("Key", "Value"), rows)


def title(text: str, width: int) -> str:
    """``== text ==``, centred over a block ``width`` columns wide."""
    signs = width - len(text) - 2
    side = "=" * ((signs + 1) // 2 if signs > 0 else 2)
    return f"{side} {text} {side}"


def titled(text: str, rows: Sequence[Sequence[str]]) -> str:
    """A title over a table of names and values."""
    widest = max((len(row[0]) for row in rows), default=0)
    return title(text, widest + len(GAP) + len("Value")) + "\n" + pairs(rows)
