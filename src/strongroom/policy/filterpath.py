"""The template that tells, for each key of a listing, which path must be readable for the key to show."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from strongroom.errors import BadRequest

NAME = "list_scan_response_keys_filter_path"
_ACTION = re.compile(r"\{\{-?\s*\.(path|key)\s*-?\}\}")

FilterPath: TypeAlias = tuple[str, ...]
"""Literal text and the names ``path`` and ``key`` by turns, beginning with text."""


@lru_cache(maxsize=1024)
def compile_filter(template: str) -> FilterPath:
    """The parts of a template that knows ``{{ .path }}`` and ``{{ .key }}``.

    Raises BadRequest for other actions, and for a template whose path is the same for every key.
    """
    parts = tuple(_ACTION.split(template))
    if any("{{" in text or "}}" in text for text in parts[::2]):
        raise BadRequest(
            f"unable to compile template for {NAME}: unable to parse template: "
            "only {{ .path }} and {{ .key }} can be used"
        )
    if "key" not in parts[1::2]:
        raise BadRequest(f"{NAME} resulted in same path for two different keys")
    return parts


def render(parts: FilterPath, path: str, key: str) -> str:
    """The path for one key of a listing of ``path`` (which ends in a slash)."""
    values = {"path": path, "key": key}
    return "".join(values[part] if index % 2 else part for index, part in enumerate(parts))
