"""All cases, by area: one file an area."""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path

from tests.differential.case import Case


def areas() -> dict[str, tuple[Case, ...]]:
    """Area to its cases, from every ``cases_<area>.py`` beside this file."""
    names = sorted(
        m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name.startswith("cases_")
    )
    return {name.removeprefix("cases_"): import_module(f"tests.differential.{name}").CASES for name in names}
