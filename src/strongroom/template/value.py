"""Values as a template sees them: Go's kinds, which Python's types do not tell apart by themselves.

``bool``, ``str``, ``float`` and ``None`` stand for themselves, ``int`` for Go's ``int``, ``list`` for
``[]interface {}``, ``dict`` for ``map[string]interface {}``. What differs in Go has a class here.
"""

from __future__ import annotations

from typing import Any, ClassVar

from strongroom.template.errors import FunctionError


class Sized(int):
    """A whole number of another of Go's integer types; arithmetic on it gives plain ``int`` again."""

    go_type: ClassVar[str] = "int"
    signed: ClassVar[bool] = True


class Int32(Sized):
    go_type = "int32"


class Int64(Sized):
    go_type = "int64"


class Uint8(Sized):
    go_type = "uint8"
    signed = False


class Uint32(Sized):
    go_type = "uint32"
    signed = False


class Uint64(Sized):
    go_type = "uint64"
    signed = False


class Duration(Sized):
    """Nanoseconds; printed as ``1h0m0s``."""

    go_type = "time.Duration"


class JsonNumber(str):
    """A number of a server's answer, kept as it was written: to a template it is a string."""

    __slots__ = ()


class List(list[Any]):
    """A list whose elements have one type."""

    go_type: ClassVar[str] = "[]interface {}"
    element: ClassVar[str] = "interface {}"
    absent: ClassVar[bool] = False  # a list that is nil: empty, and null in JSON


class NilList(List):
    absent = True


class Strings(List):
    go_type = "[]string"
    element = "string"


class NilStrings(Strings):
    absent = True


class Integers(List):
    go_type = "[]int"
    element = "int"


class Integers64(List):
    go_type = "[]int64"
    element = "int64"


class Lists(List):
    go_type = "[][]interface {}"
    element = "[]interface {}"


class Maps(List):
    go_type = "[]map[string]interface {}"
    element = "map[string]interface {}"


class Bytes(List):
    go_type = "[]uint8"
    element = "uint8"


class Map(dict[Any, Any]):
    """A map with keys or values of one type; ``zero`` is what a key that is not there gives."""

    go_type: ClassVar[str] = "map[string]interface {}"
    key: ClassVar[str] = "string"
    element: ClassVar[str] = "interface {}"
    zero: ClassVar[Any] = None


class NilMap(Map):
    """A map that is nil: it can be read, and takes nothing."""

    def __setitem__(self, key: Any, value: Any) -> None:
        raise FunctionError("assignment to entry in nil map")


class StringMap(Map):
    go_type = "map[string]string"
    element = "string"
    zero = ""


class AnyMap(Map):
    """With keys of any type: a range over it gives them in Go's order."""

    go_type = "map[interface {}]interface {}"
    key = "interface {}"


class NilPointer:
    """A pointer to nothing, of a type: asking it for a field fails, printing it does not."""

    def __init__(self, go_type: str) -> None:
        self.go_type = go_type


class _NilInterface:
    """Found in a map or list and nil there. Go tells it from no value at all when a field is asked of it."""

    def __bool__(self) -> bool:
        return False


NIL = _NilInterface()


class Record:
    """A struct with named fields and methods, behind a pointer."""

    go_type: ClassVar[str] = "struct"
    pointer: ClassVar[bool] = True
    methods: ClassVar[dict[str, Any]] = {}

    def fields(self) -> dict[str, Any]:
        """The fields that a template may ask for, in the order in which they are printed."""
        return {}

    def text(self) -> str | None:
        """How it is printed, where it has a form of its own."""
        return None

    def json(self) -> str | None:
        """The text that it is in JSON, YAML and TOML, where it is one."""
        return None

    def syntax(self) -> str | None:
        """How ``%#v`` shows it, where it has a form of its own."""
        return None


def found(value: Any) -> Any:
    """What a map or list holds, as a value that a template goes on with."""
    return NIL if value is None else value


def plain(value: Any) -> Any:
    """The same value where a nil is simply nil."""
    return None if value is NIL else value


_NAMES: dict[type, str] = {
    bool: "bool",
    int: "int",
    float: "float64",
    complex: "complex128",
    str: "string",
    JsonNumber: "json.Number",
    list: "[]interface {}",
    dict: "map[string]interface {}",
}


def type_name(value: Any) -> str:
    """Go's name of the value's type."""
    known = _NAMES.get(type(value))
    if known is not None:
        return known
    if isinstance(value, Record):
        return f"*{value.go_type}" if value.pointer else value.go_type
    if isinstance(value, NilPointer):
        return f"*{value.go_type}"
    return str(getattr(value, "go_type", "interface {}"))


def kind(value: Any) -> str:
    """Which of the few kinds, that behave alike, the value is of."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, Sized):
        return "int" if value.signed else "uint"
    for python, name in _KINDS:
        if isinstance(value, python):
            return name
    return "invalid"


_KINDS: tuple[tuple[type, str], ...] = (
    (int, "int"),
    (float, "float"),
    (complex, "complex"),
    (str, "string"),
    (list, "slice"),
    (dict, "map"),
    (Record, "struct"),
    (NilPointer, "pointer"),
)


def truth(value: Any) -> bool:
    """Zero, empty and nil are false; every struct is true."""
    if isinstance(value, Record):
        return True
    if isinstance(value, NilPointer):
        return False
    return bool(value)


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogateescape"))


def sorted_keys(mapping: dict[Any, Any]) -> list[Any]:
    """Keys in the order in which Go's templates and printing walk a map."""
    return sorted(mapping, key=_rank)


_KEY_TYPES = ("<nil>", "string", "uint64", "int", "int64", "float64", "bool")


def _rank(key: Any) -> tuple[int, Any]:
    """Keys of one type stand together, the types in the order in which the peer's program has them."""
    if isinstance(key, str):
        return 1, key.encode("utf-8", "surrogateescape")
    name = "<nil>" if key is None else type_name(key)
    if name not in _KEY_TYPES:
        return len(_KEY_TYPES), str(key)
    return _KEY_TYPES.index(name), key or 0


class Walk:
    """Bounds what a function visits of a value, which may hold itself, or one part many times over."""

    def __init__(self, nodes: int = 300_000, depth: int = 100, size: int = 32 << 20) -> None:
        self.nodes = self.left = nodes
        self.depth = depth
        self.size = size

    @property
    def visited(self) -> int:
        return self.nodes - self.left

    def visit(self, depth: int, value: Any) -> None:
        """Counts a part of the value, and the length of a text."""
        self.left -= 1
        if isinstance(value, str):
            self.size -= len(value)
        if self.left < 0 or self.size < 0 or depth > self.depth:
            raise FunctionError("a value is too large or nested too deeply")


def wrap(number: int, bits: int = 64) -> int:
    """A whole number as it overflows in so many bits with a sign."""
    half = 1 << (bits - 1)
    return (number + half) % (1 << bits) - half
