"""The functions that templates of names may call, besides Go's own and comparisons."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from strongroom.crypto.entropy import base62, uuid4_str
from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.format import sprintf
from strongroom.template.function import Library
from strongroom.template.functions import builtin, comparison
from strongroom.template.moment import write
from strongroom.template.value import Record
from strongroom.template.world import World

MAX_LENGTH = 4096
"""Characters of a template, of what is random in a name, and of a name."""
_HASH_DIGITS = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

LIBRARY = Library()
LIBRARY.update(builtin.LIBRARY)
LIBRARY.update(comparison.LIBRARY)
function = LIBRARY.function


class Given(Record):
    """What a name is made from."""

    go_type = "names"

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def fields(self) -> dict[str, str]:
        return self._fields


class Moment(World):
    """What a template of a name knows of the world: the time, in nanoseconds since the epoch."""

    def __init__(self, now: int) -> None:
        self.nanoseconds = now

    def now(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.nanoseconds // 1000)


def _milliseconds(execution: Execution) -> int:
    return (execution.world.now() - _EPOCH) // timedelta(milliseconds=1)


@function("printf")
def formatted(layout: str, *values: object) -> str:
    """Values put into a format. What does not fit is refused; Go would write its complaint into the name."""
    made = sprintf(layout, values)
    if "%!" in made:
        raise FunctionError("the format and its values do not fit")
    return made


@function("random")
def random(length: int) -> str:
    """So many random letters and digits."""
    if not 0 <= length <= MAX_LENGTH:
        raise FunctionError(f"a number from 0 to {MAX_LENGTH} is expected")
    return base62(length) if length else ""


@function("uuid")
def uuid() -> str:
    """A random UUID."""
    return uuid4_str()


@function("unix_time")
def unix_time(execution: Execution) -> str:
    """Seconds since 1970."""
    return str(_milliseconds(execution) // 1000)


@function("unix_time_millis")
def unix_time_millis(execution: Execution) -> str:
    """Milliseconds since 1970."""
    return str(_milliseconds(execution))


@function("timestamp")
def timestamp(execution: Execution, layout: str) -> str:
    """The time (UTC), in Go's way to write layouts."""
    return write(execution.world.now(), layout)


@function("truncate")
def truncate(length: int, text: str) -> str:
    """The first characters."""
    if length < 1:
        raise FunctionError("max length must be > 0")
    return text[:length]


@function("truncate_sha256")
def truncate_sha256(length: int, text: str) -> str:
    """As ``truncate``; what is too long ends in 8 digits of its hash."""
    if length <= _HASH_DIGITS:
        raise FunctionError(f"max length must be > {_HASH_DIGITS}")
    if len(text) <= length:
        return text
    kept = length - _HASH_DIGITS
    return text[:kept] + hashlib.sha256(text[kept:].encode()).hexdigest()[:_HASH_DIGITS]


@function("uppercase")
def uppercase(text: str) -> str:
    """The text in capitals."""
    return text.upper()


@function("lowercase")
def lowercase(text: str) -> str:
    """The text in small letters."""
    return text.lower()


@function("replace")
def replace(old: str, new: str, text: str) -> str:
    """The first everywhere replaced by the second."""
    return text.replace(old, new)


@function("sha256")
def sha256(text: str) -> str:
    """The hash, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


@function("base64")
def in_base64(text: str) -> str:
    """The text in base64."""
    return base64.b64encode(text.encode()).decode()
