"""Texts as data and data as texts."""

from __future__ import annotations

import json
from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library

LIBRARY = Library()
function = LIBRARY.function


def read_json(text: str) -> Any:
    """JSON whose numbers are ``float64``, as Go reads them into values of no type."""
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except (ValueError, OverflowError):
        raise FunctionError("invalid JSON") from None


def _refuse(word: str) -> None:
    raise ValueError(word)


@function("parseJSON")
def parse_json(text: str) -> Any:
    """The value that a JSON text stands for; an empty text gives an empty map."""
    return read_json(text) if text else {}
