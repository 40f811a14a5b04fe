"""Sprig's functions of lists and maps."""

from __future__ import annotations

from typing import Any

from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution, Loop
from strongroom.template.function import Library
from strongroom.template.functions.collection import into
from strongroom.template.functions.sprig.conversion import integer, is_empty, text_of_value
from strongroom.template.value import Lists, NilList, Strings, Walk, kind, sorted_keys, type_name

LIBRARY = Library("sprig_")
function = LIBRARY.function


def listed(value: Any, name: str) -> list[Any]:
    """The entries of a list, as a list of one's own."""
    if not isinstance(value, list):
        raise FunctionError(f"Cannot {name} on type {kind_name(value)}")
    return list(value)


def kind_name(value: Any) -> str:
    """Go's name of a value's kind."""
    if value is None:
        return "invalid"
    if isinstance(value, Loop):
        return "chan"
    of = kind(value)
    if of in {"int", "uint", "float", "complex"}:
        return {"time.Duration": "int64", "time.Month": "int", "time.Weekday": "int"}.get(
            type_name(value), type_name(value)
        )
    return {"struct": "ptr" if getattr(value, "pointer", False) else "struct", "pointer": "ptr"}.get(of, of)


@function("list", "tuple")
def make_list(*values: Any) -> list[Any]:
    """A list of the values."""
    return list(values)


@function("dict")
def make_dict(*values: Any) -> dict[str, Any]:
    """A map of keys and values, one after the other."""
    padded = [*values, ""] if len(values) % 2 else [*values]
    return {text_of_value(padded[i]): padded[i + 1] for i in range(0, len(padded), 2)}


@function("get")
def get(mapping: dict[str, Any], key: str) -> Any:
    """What the map has under a key, or an empty text."""
    return mapping.get(key, "")


@function("set")
def set_entry(mapping: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Puts a value into the map, and gives the map."""
    mapping[key] = value
    return mapping


@function("unset")
def unset(mapping: dict[str, Any], key: str) -> dict[str, Any]:
    """Takes a key out of the map, and gives the map."""
    mapping.pop(key, None)
    return mapping


@function("hasKey")
def has_key(mapping: dict[str, Any], key: str) -> bool:
    """Whether the map has a key."""
    return key in mapping


@function("pluck")
def pluck(key: str, *mappings: dict[str, Any]) -> list[Any]:
    """What each of the maps has under a key."""
    return [mapping[key] for mapping in mappings if key in mapping]


@function("keys")
def keys(*mappings: dict[str, Any]) -> Strings:
    """The keys of the maps, in order."""
    return Strings(key for mapping in mappings for key in sorted_keys(mapping))


@function("values")
def values_of(mapping: dict[str, Any]) -> list[Any]:
    """The values of a map, in the order of their keys."""
    return [mapping[key] for key in sorted_keys(mapping)]


@function("pick")
def pick(mapping: dict[str, Any], *wanted: str) -> dict[str, Any]:
    """A map of only these keys."""
    return {key: mapping[key] for key in wanted if key in mapping}


@function("omit")
def omit(mapping: dict[str, Any], *unwanted: str) -> dict[str, Any]:
    """A map without these keys."""
    return {key: value for key, value in mapping.items() if key not in unwanted}


@function("merge", "mustMerge")
def merge(destination: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """Puts what the others have into the first map, where that has nothing."""
    for source in sources:
        destination = into(destination, source, override=False)
    return destination


@function("mergeOverwrite", "mustMergeOverwrite")
def merge_overwrite(destination: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    """Puts what the others have into the first map; later ones win."""
    for source in sources:
        destination = into(destination, source, override=True)
    return destination


@function("append", "push", "mustAppend", "mustPush")
def append(value: Any, item: Any) -> list[Any]:
    """The list with one more at its end."""
    return [*listed(value, "push"), item]


@function("prepend", "mustPrepend")
def prepend(value: Any, item: Any) -> list[Any]:
    """The list with one more at its beginning."""
    return [item, *listed(value, "prepend")]


@function("first", "mustFirst")
def first(value: Any) -> Any:
    """The first entry of a list."""
    return next(iter(listed(value, "find first")), None)


@function("last", "mustLast")
def last(value: Any) -> Any:
    """The last entry of a list."""
    items = listed(value, "find last")
    return items[-1] if items else None


@function("rest", "mustRest")
def rest(value: Any) -> list[Any]:
    """The list without its first entry."""
    return listed(value, "find rest")[1:] if value or not isinstance(value, list) else NilList()


@function("initial", "mustInitial")
def initial(value: Any) -> list[Any]:
    """The list without its last entry."""
    return listed(value, "find initial")[:-1] if value or not isinstance(value, list) else NilList()


@function("reverse", "mustReverse")
def reverse(value: Any) -> list[Any]:
    """The list from its end."""
    return listed(value, "find reverse")[::-1]


def same(left: Any, right: Any, walk: Walk, depth: int = 0) -> bool:
    """Whether two values are alike in all parts, and in their types."""
    if type_name(left) != type_name(right):
        return False
    walk.visit(depth, left)
    if isinstance(left, list):
        return len(left) == len(right) and all(
            same(one, other, walk, depth + 1) for one, other in zip(left, right, strict=True)
        )
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(
            same(left[key], right[key], walk, depth + 1) for key in left
        )
    return bool(left == right)


@function("uniq", "mustUniq")
def uniq(execution: Execution, value: Any) -> list[Any]:
    """The list with each entry once."""
    out: list[Any] = []
    for item in listed(value, "find uniq"):
        if not among(execution, out, item):
            out.append(item)
    return out


def among(execution: Execution, items: list[Any], wanted: Any) -> bool:
    """Whether a list has an entry; what it costs is counted."""
    walk = Walk()
    found = any(same(item, wanted, walk) for item in items)
    execution.work(len(items) + walk.visited)
    return found


@function("without", "mustWithout")
def without(execution: Execution, value: Any, *unwanted: Any) -> list[Any]:
    """The list without these entries."""
    return [item for item in listed(value, "find without") if not among(execution, list(unwanted), item)]


@function("has", "mustHas")
def has(execution: Execution, wanted: Any, value: Any) -> bool:
    """Whether a list has an entry."""
    return value is not None and among(execution, listed(value, "find has"), wanted)


@function("slice", "mustSlice")
def slice_of(value: Any, *bounds: Any) -> Any:
    """The part of a list from one number up to another."""
    items = value if isinstance(value, list) else listed(value, "slice")
    if not items:
        return None
    start = integer(bounds[0]) if bounds else 0
    end = integer(bounds[1]) if len(bounds) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("slice bounds out of range")
    return type(items)(items[start:end])


@function("concat")
def concat(execution: Execution, *values: Any) -> list[Any]:
    """The lists as one."""
    lists = [listed(value, "concat") for value in values]
    execution.bound(sum(map(len, lists)))
    return [item for each in lists for item in each]


@function("compact", "mustCompact")
def compact(value: Any) -> list[Any]:
    """The list without what is empty."""
    return [item for item in listed(value, "compact") if not is_empty(item)]


@function("chunk", "mustChunk")
def chunk(size: int, value: Any) -> Lists:
    """The list as lists of so many entries."""
    items = listed(value, "chunk")
    if size <= 0:
        raise FunctionError("the size of chunks must be positive")
    return Lists(items[start : start + size] for start in range(0, len(items), size))


@function("dig")
def dig(*path: Any) -> Any:
    """What a map has inside of maps: the keys, a default, and the map."""
    if len(path) < 3:
        raise FunctionError("dig needs at least three arguments")
    *names, default, value = path
    for name in names:
        if type_name(value) != "map[string]interface {}" or not isinstance(name, str):
            raise FunctionError("dig needs texts as keys, and maps")
        if name not in value:
            return default
        value = value[name]
    return value


@function("default")
def default(otherwise: Any, *given: Any) -> Any:
    """The value, or a default if it is empty."""
    return otherwise if not given or is_empty(given[0]) else given[0]


@function("empty")
def empty(value: Any) -> bool:
    """Whether the value is empty."""
    return is_empty(value)


@function("coalesce")
def coalesce(*values: Any) -> Any:
    """The first value that is not empty."""
    return next((value for value in values if not is_empty(value)), None)


@function("all")
def all_of(*values: Any) -> bool:
    """Whether no value is empty."""
    return not any(map(is_empty, values))


@function("any")
def any_of(*values: Any) -> bool:
    """Whether some value is not empty."""
    return not all(map(is_empty, values))


@function("ternary")
def ternary(yes: Any, no: Any, condition: bool) -> Any:
    """The first value if the condition holds, else the second."""
    return yes if condition else no


@function("deepCopy", "mustDeepCopy")
def deep_copy(execution: Execution, value: Any) -> Any:
    """A copy, which can be changed without changing the original."""
    if value is None:
        raise FunctionError("nil cannot be copied")
    walk = Walk()
    copy = _copy(value, walk, 0)
    execution.work(walk.visited)
    return copy


def _copy(value: Any, walk: Walk, depth: int) -> Any:
    walk.visit(depth, value)
    if isinstance(value, dict):
        out = type(value)(value)
        out.update({key: _copy(item, walk, depth + 1) for key, item in value.items()})
        return out
    if isinstance(value, list):
        return type(value)(_copy(item, walk, depth + 1) for item in value)
    return value


@function("deepEqual")
def deep_equal(execution: Execution, left: Any, right: Any) -> bool:
    """Whether two values are alike in all parts."""
    if left is None or right is None:
        return left is right
    walk = Walk()
    alike = same(left, right, walk)
    execution.work(walk.visited)
    return alike


@function("typeOf")
def type_of(value: Any) -> str:
    """The name of the value's type."""
    return "<nil>" if value is None else type_name(value)


@function("typeIs")
def type_is(name: str, value: Any) -> bool:
    """Whether the value's type has this name."""
    return type_of(value) == name


@function("typeIsLike")
def type_is_like(name: str, value: Any) -> bool:
    """Whether the value's type has this name, or points to what has."""
    return type_of(value) in {name, f"*{name}"}


@function("kindOf")
def kind_of(value: Any) -> str:
    """The name of the value's kind, such as ``map``."""
    return kind_name(value)


@function("kindIs")
def kind_is(name: str, value: Any) -> bool:
    """Whether the value is of a kind."""
    return kind_name(value) == name
