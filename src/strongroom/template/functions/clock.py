"""The time."""

from __future__ import annotations

from datetime import UTC

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.function import Library
from strongroom.template.moment import RFC3339, unix, write

LIBRARY = Library()
function = LIBRARY.function


@function("timestamp")
def timestamp(execution: Execution, *layout: str) -> str:
    """The time in UTC: as RFC 3339 has it, in a layout of Go's, or for ``"unix"`` in seconds since 1970."""
    now = execution.world.now().astimezone(UTC)
    if len(layout) > 1:
        raise FunctionError(f"wrong number of arguments, expected 0 or 1, but got {len(layout)}")
    if layout == ("unix",):
        return str(unix(now))
    return write(now, layout[0] if layout else RFC3339)
