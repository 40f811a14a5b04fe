"""Names that depend on who asks: ``{{identity.entity.name}}`` within a list of users or domains."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from strongroom.errors import BadRequest
from strongroom.policy.template import lookup

Identity = Mapping[str, Any]
_DIRECTIVE = re.compile(r"\{\{(.*?)\}\}")


def names_entity(text: str) -> bool:
    """Whether the text asks for something of the caller's entity."""
    return _DIRECTIVE.search(text) is not None


def split(text: str) -> list[str]:
    """The names in a list with commas, without the spaces around them."""
    return [name for name in (part.strip() for part in text.split(",")) if name]


def render(text: str, identity: Identity | None, forbidden: str = "", *, strict: bool = False) -> str:
    """The text for one caller. Raises BadRequest where a value is not there, or holds what is forbidden.

    ``strict`` refuses values with spaces around them, which would be another name without.
    """

    def value(found: re.Match[str]) -> str:
        known = lookup(found[1].strip(), identity or {})
        if not known:
            raise _unrendered(text, "no value could be found for one of the template directives")
        evil = next((char for char in forbidden if char in known), "")
        if strict and known != known.strip():
            evil = " "
        if evil:
            raise _unrendered(text, f'template substitution contains forbidden value: "{evil}"')
        return known

    return _DIRECTIVE.sub(value, text)


def render_list(text: str, identity: Identity | None, forbidden: str) -> list[str]:
    """The names in a list, for one caller.

    Names that depend on an entity are left out for a caller who has none. Raises BadRequest.
    """
    if identity is None:
        return [name for name in split(text) if not names_entity(name)]
    return split(render(text, identity, forbidden, strict=True))


def _unrendered(text: str, why: str) -> BadRequest:
    return BadRequest(f"template '{text}' could not be rendered -> {why}")
