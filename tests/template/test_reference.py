"""The guide's list of functions is that of the declarations."""

from __future__ import annotations

from pathlib import Path

from strongroom.template.functions import whole
from strongroom.template.reference import reference

GUIDE = Path(__file__).parents[2] / "docs/guides/templates.md"


def test_the_guide_lists_all_functions() -> None:
    assert GUIDE.read_text().endswith(f"\n\n{reference()}"), "run: python -m strongroom.template.reference"


def test_every_function_says_what_it_does() -> None:
    assert not [function.name for function in whole().all() if not function.help]
