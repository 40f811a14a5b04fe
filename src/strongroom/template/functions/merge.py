"""Maps put into other maps, in the way of the library that Go's templates have it from."""

from __future__ import annotations

from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.value import StringMap, Walk, truth

ABSENT = object()


def merge(destination: dict[Any, Any], source: dict[Any, Any], *, override: bool) -> None:
    """Puts what ``source`` has into ``destination``, also inside of maps; what is empty there gives way.

    The destination itself changes. With ``override`` it also gives way where it is not empty.
    """
    _merge(destination, source, override, Walk(), 0)


def _merge(
    destination: dict[Any, Any], source: dict[Any, Any], override: bool, walk: Walk, depth: int
) -> None:
    for key, value in list(source.items()):
        walk.visit(depth, value)
        there = destination.get(key, ABSENT)
        if value is None:
            if override:
                destination[key] = None
            continue
        if isinstance(value, dict) and isinstance(there, dict):
            _merge(there, value, override, walk, depth + 1)
        if _stays(there, value, override):
            continue
        if isinstance(destination, StringMap) and not isinstance(value, str):
            raise FunctionError(f"a value does not fit into a {destination.go_type}")
        destination[key] = value


def _stays(there: Any, value: Any, override: bool) -> bool:
    """Whether a map keeps what it has. Maps were merged by now, and lists are taken whole."""
    if there is ABSENT or there is None or not truth(there):
        return False
    if isinstance(there, dict) and isinstance(value, dict):
        return True
    return not override
