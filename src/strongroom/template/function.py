"""How a function of the template language is declared: a Python function with types and a docstring.

The annotations are the types that Go's function has: a value of another type is refused, as Go
refuses it, before the function runs. The docstring is what the guide shows.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from msgspec import Struct

from strongroom.template.value import (
    AnyMap,
    Bytes,
    Duration,
    Int64,
    Integers,
    Maps,
    NilList,
    NilMap,
    NilStrings,
    StringMap,
    Strings,
    Uint32,
    Uint64,
    type_name,
)


class GoType(Struct, frozen=True):
    """The type of a parameter. ``nil`` makes the value that nil stands for, where it may."""

    name: str
    literal: str
    nil: Callable[[], Any] | None = None

    def accepts(self, value: Any) -> bool:
        return self.literal == "any" or type_name(value) == self.name


ANY = GoType("interface {}", "any", lambda: None)
TYPES: dict[Any, GoType] = {
    Any: ANY,
    object: ANY,
    str: GoType("string", "string"),
    bool: GoType("bool", "bool"),
    int: GoType("int", "integer"),
    Int64: GoType("int64", "integer"),
    Uint32: GoType("uint32", "integer"),
    Uint64: GoType("uint64", "integer"),
    Duration: GoType("time.Duration", "integer"),
    float: GoType("float64", "float"),
    list: GoType("[]interface {}", "", NilList),
    Strings: GoType("[]string", "", NilStrings),
    Integers: GoType("[]int", "", Integers),
    Bytes: GoType("[]uint8", "", Bytes),
    Maps: GoType("[]map[string]interface {}", "", Maps),
    dict: GoType("map[string]interface {}", "", NilMap),
    StringMap: GoType("map[string]string", "", StringMap),
    AnyMap: GoType("map[interface {}]interface {}", "", AnyMap),
}


class Function(Struct, frozen=True):
    """One function or method: what it takes, and what it does."""

    name: str
    call: Callable[..., Any]
    parameters: tuple[GoType, ...]
    variadic: GoType | None
    wants_execution: bool
    signature: str
    help: str

    def parameter(self, index: int) -> GoType:
        """The type of an argument; counts have been checked."""
        if index < len(self.parameters) or self.variadic is None:
            return self.parameters[index]
        return self.variadic

    def counts(self, number: int) -> str | None:
        """What is wrong with so many arguments."""
        fixed = len(self.parameters)
        if self.variadic is not None:
            if number < fixed:
                return f"wrong number of args for {self.name}: want at least {fixed} got {number}"
        elif number != fixed:
            return f"wrong number of args for {self.name}: want {fixed} got {number}"
        return None


Declared = TypeVar("Declared", bound=Callable[..., Any])


class Library:
    """Functions by name; a family of them may share the beginning of their names.

    A declaration is read when its function is first asked for: a template calls few of them.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self._calls: dict[str, Callable[..., Any]] = {}
        self._functions: dict[str, Function] = {}

    def function(self, *names: str) -> Callable[[Declared], Declared]:
        """Declares a function under one or more names."""

        def declare(call: Declared) -> Declared:
            for name in names:
                self._calls[self.prefix + name] = call
            return call

        return declare

    def update(self, other: Library) -> None:
        """Take over the functions of another library."""
        self._calls.update(other._calls)

    def __contains__(self, name: object) -> bool:
        return name in self._calls

    def __iter__(self) -> Iterator[str]:
        return iter(self._calls)

    def get(self, name: str) -> Function | None:
        found = self._functions.get(name)
        if found is None and name in self._calls:
            found = self._functions[name] = declared(name, self._calls[name])
        return found

    def all(self) -> list[Function]:
        """All functions, by name."""
        return [function for name in sorted(self._calls) if (function := self.get(name))]


def declared(name: str, call: Callable[..., Any]) -> Function:
    """A function's declaration, read from its annotations."""
    hints = typing.get_type_hints(call)
    fixed: list[GoType] = []
    variadic = None
    words: list[str] = []
    parameters = list(inspect.signature(call).parameters.values())
    wants = bool(parameters) and parameters[0].name in {"execution", "self"}
    for parameter in parameters[1:] if wants else parameters:
        hint = hints[parameter.name]
        go = TYPES[typing.get_origin(hint) or hint]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            variadic = go
            words.append(f"[{parameter.name} ...]")
        else:
            fixed.append(go)
            words.append(parameter.name)
    help_text = inspect.getdoc(call) or ""
    return Function(name, call, tuple(fixed), variadic, wants, " ".join([name, *words]), help_text)
