"""A path: one class, its fields as attributes, its operations as methods, its help as docstrings.

::

    class Keys(Path):
        \"\"\"The named keys this mount can make codes for.\"\"\"

        pattern = "keys/{name}"
        name: str = field("Name of the key.")
        period: int = field("Seconds one code stays valid.", default=30)

        async def read(self, totp: Totp, request: Request) -> dict[str, Any] | None:
            \"\"\"Parameters of the key, never its secret.\"\"\"

Patterns: ``{name}`` is a word that may hold dots and dashes inside, ``{name@}`` also ``@``,
``{path*}`` the rest of the path, ``{name?}`` optional together with the slash before it; a
trailing ``/?`` is an optional slash.

Everything is compiled when the class is made; a request only looks things up.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self, dataclass_transform

from strongroom.errors import BadRequest
from strongroom.framework.field import MISSING, Field, field, kind_of
from strongroom.logical import Operation, Request

ROOT_ONLY = "operation only available in root namespace"
UNAVAILABLE = "operation unavailable in namespaces"
UNSEALABLE = "namespace is not sealable"
"""Why a path is refused in a namespace, as the peer says it."""

METHODS: dict[Operation, str] = {
    Operation.READ: "read",
    Operation.LIST: "list",
    Operation.SCAN: "scan",
    Operation.CREATE: "write",
    Operation.UPDATE: "write",
    Operation.PATCH: "patch",
    Operation.DELETE: "delete",
}

_WORDS = {"": r"\w(?:[\w.-]*\w)?", "@": r"\w(?:[\w.@-]*\w)?", "*": r".*", "!": r"[^/]+"}
_HOLE = re.compile(r"(/?)\{(\w+)([@*!?]*)\}|(/\?)$")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The regular expression of a pattern, for ``fullmatch`` on the path inside the mount."""
    out, position = [], 0
    for hole in _HOLE.finditer(pattern):
        out.append(re.escape(pattern[position : hole.start()]))
        position = hole.end()
        if hole[4]:
            out.append("/?")
            continue
        flags = hole[3]
        word = f"(?P<{hole[2]}>{_WORDS[flags.replace('?', '')]})"
        out.append(f"(?:{hole[1]}{word})?" if "?" in flags else hole[1] + word)
    out.append(re.escape(pattern[position:]))
    return re.compile("".join(out), re.ASCII | re.DOTALL)


class _Compiled:
    """Compiles a path's pattern when it is first asked for: a start pays for what it uses."""

    def __get__(self, instance: object, owner: type[Path]) -> re.Pattern[str]:
        regex = owner.regex = compile_pattern(owner.pattern)
        return regex


@dataclass_transform(kw_only_default=True, field_specifiers=(field,))
class Path:
    """Base of every path. See the module for the form."""

    pattern: ClassVar[str] = ""
    unauthenticated: ClassVar[bool] = False
    root_protected: ClassVar[bool] = False
    while_sealed: ClassVar[bool] = False
    reads_write: ClassVar[bool] = False
    reader_safe: ClassVar[bool] = False
    """Whether a process that only reads may answer reads, listings and help."""
    looks_up: ClassVar[bool] = False
    """Whether writes only look something up, so that such a process may answer them too."""
    reads_headers: ClassVar[frozenset[str]] = frozenset()
    """Request headers, in lower case, that the operations need whatever the mount passes through."""
    sets_headers: ClassVar[frozenset[str]] = frozenset()
    """Response headers, in lower case, that the operations may set whatever the mount allows."""
    answers_head: ClassVar[bool] = False
    """Whether HEAD is answered as a read without its body."""
    free_form: ClassVar[bool] = False
    root_namespace_only: ClassVar[str] = ""
    """Why the path is refused in a namespace; empty where it is not."""
    statuses: ClassVar[tuple[tuple[str, int, str], ...]] = ()
    """Method, status, meaning: for operations that answer more than 200 or 204."""

    fields: ClassVar[dict[str, Field]] = {}
    regex: ClassVar[re.Pattern[str]]
    operations: ClassVar[frozenset[Operation]] = frozenset()
    checks_existence: ClassVar[bool] = False
    required_fields: ClassVar[tuple[Field, ...]] = ()

    given: frozenset[str]
    unknown: list[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.fields = _collect_fields(cls)
        if not cls.pattern:
            return
        cls.regex = _Compiled()  # type: ignore[assignment]  # becomes the regex at its first use
        for hole in _HOLE.finditer(cls.pattern):
            if hole[2]:
                cls.fields[hole[2]] = replace(cls.fields[hole[2]], in_path=True)
        cls.required_fields = tuple(f for f in cls.fields.values() if f.required and not f.in_path)
        cls.operations = frozenset(op for op, method in METHODS.items() if hasattr(cls, method))
        cls.checks_existence = hasattr(cls, "exists")

    @classmethod
    def bind(cls, captures: Mapping[str, str | None], data: Mapping[str, Any]) -> Self:
        """The path with its fields filled from a request.

        Captures beat the body. Fields that no one gave keep the default of the class; ``given``
        names the attributes that came with the request. A null gives the empty value of the field's
        type, as it does in the peer; a duration has none. Raises
        :class:`~strongroom.framework.field.Unconvertible`.
        """
        self = object.__new__(cls)
        values = self.__dict__
        fields = cls.fields
        unknown: list[str] = []
        for name, raw in data.items():
            known = fields.get(name)
            if known is None:
                unknown.append(name)
            elif name in captures:
                continue
            elif raw is not None:
                values[known.attribute] = known.coerce(raw)
            elif known.kind.null is not None:
                values[known.attribute] = known.kind.null()
        given = frozenset(values)
        for name, text in captures.items():
            if text is not None:
                values[fields[name].attribute] = fields[name].coerce(text)
        values["given"] = given
        values["unknown"] = unknown
        return self

    @classmethod
    def needs_token(cls, request: Request) -> bool:
        """Whether a request to this path has to come with a token."""
        return not cls.unauthenticated

    def require(self) -> None:
        """Raise :class:`~strongroom.errors.BadRequest` naming the first required field not given."""
        for wanted in type(self).required_fields:
            if wanted.attribute not in self.given:
                raise BadRequest(f'missing required field "{wanted.name}"')


def _collect_fields(cls: type[Path]) -> dict[str, Field]:
    """The fields of a class and its bases by wire name; leaves each default as class attribute."""
    collected: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        collected |= vars(base).get("fields", {})
    names = vars(sys.modules[cls.__module__])
    annotations = vars(cls).get("__annotations__", {})
    for attribute, declared in list(vars(cls).items()):
        if not isinstance(declared, Field):
            continue
        declared.attribute = attribute
        declared.name = declared.name or attribute
        declared.kind = kind_of(eval(annotations[attribute], names))  # noqa: S307  the module's own text
        default = declared.kind.zero if declared.default is MISSING else declared.default
        setattr(cls, attribute, default)
        collected[declared.name] = declared
    return collected
