"""No key is silently without effect: each is read somewhere, or says that it has none."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import Field
from pathlib import Path
from typing import Any

import pytest

import strongroom.agent
from strongroom.agent.config import AgentConfig
from strongroom.agent.config.key import Stanza, declared

DECLARED = {"stanza.py", "vault.py"}
SOURCES = [path for path in Path(strongroom.agent.__file__).parent.rglob("*.py") if path.name not in DECLARED]


def read_names() -> frozenset[str]:
    """Attributes that are read, and words that may name one, anywhere but where they are declared."""
    found: set[str] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def keys(kind: type[Stanza], seen: set[type[Stanza]]) -> Iterator[tuple[str, Field[Any]]]:
    """All keys of a stanza and of those in it."""
    if kind in seen:
        return
    seen.add(kind)
    for each in {field.name: field for field in declared(kind).values()}.values():
        if "kind" in each.metadata:
            yield from keys(each.metadata["kind"], seen)
        else:
            yield f"{kind.__name__}.{each.name}", each


@pytest.mark.parametrize(("name", "field"), tuple(keys(AgentConfig, set())))
def test_a_key_has_an_effect_or_says_that_it_has_none(name: str, field: Field[Any]) -> None:
    assert field.metadata.get("ignored") or field.metadata.get("refused") or field.name in READ, name


READ = read_names()
