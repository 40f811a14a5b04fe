"""One rendering of a template: the tree is walked, values are looked up, text is written.

Follows Go's text/template in what it accepts and refuses. Bounded in steps, nesting and output, so
that a template that came from elsewhere cannot take the process with it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct

from strongroom.template import node as tree
from strongroom.template.dependency import Dependency
from strongroom.template.errors import ExecutionError, FunctionError, LimitExceeded, TemplateError
from strongroom.template.format import show
from strongroom.template.function import Function, GoType, Library
from strongroom.template.literal import quote
from strongroom.template.secret import Secret
from strongroom.template.value import (
    NIL,
    Int64,
    Map,
    NilPointer,
    Record,
    found,
    plain,
    sorted_keys,
    truth,
    type_name,
)
from strongroom.template.world import UNKNOWN, World

MAX_DEPTH = 80
WEIGHT = 100  # characters or entries that count as a step
BREAK, CONTINUE = "break", "continue"


class Options(Struct, frozen=True):
    """How a template is rendered. Sizes are characters; a step is a node visited or a turn of a loop."""

    error_on_missing_key: bool = False
    function_denylist: frozenset[str] = frozenset()
    sandbox_path: str = ""
    max_output: int = 16 << 20
    max_steps: int = 2_000_000


@dataclass(frozen=True)
class FileWrite:
    """A file that ``writeToFile`` asked for: the caller writes it once nothing is missing."""

    path: str
    user: str
    group: str
    mode: str
    flags: frozenset[str]
    content: str = field(repr=False)


class Loop(Struct, frozen=True):
    """Numbers to range over, which are never all in memory."""

    start: int
    stop: int
    go_type = "<-chan int64"


class _Absent:
    """No value came down the pipe, which is not the same as nil."""


ABSENT = _Absent()


class Site(Struct):
    """Where something is used: the dot, the words written there, and what came down the pipe."""

    dot: Any
    args: list[tree.Node]
    final: Any
    node: tree.Node

    @property
    def given(self) -> bool:
        """Whether there are arguments, which only functions and methods take."""
        return len(self.args) > 1 or self.final is not ABSENT

    def at(self, node: tree.Node) -> Site:
        return Site(self.dot, self.args, self.final, node)


class Execution:
    """Carries the state of one rendering; functions that need more than their arguments receive it."""

    def __init__(self, source: Source, library: Library, world: World, options: Options) -> None:
        self.source = source
        self.library = library
        self.world = world
        self.options = options
        self.out: list[str] = []
        self.size = 0
        self.steps = 0
        self.depth = 0
        self.variables: list[tuple[str, list[Any]]] = []
        self.dependencies: dict[Dependency, None] = {}
        self.known: dict[Dependency, Any] = {}
        self.missing: dict[Dependency, None] = {}
        self.writes: list[FileWrite] = []
        self.scratch: Any = None
        self.at: tree.Node = source.body

    # The outside

    def recall(self, dependency: Dependency, otherwise: Any) -> Any:
        """A value of the world, or ``otherwise`` while it is missing."""
        self.dependencies[dependency] = None
        if dependency in self.known:
            return self.known[dependency]
        value = self.world.recall(dependency)
        if value is UNKNOWN:
            self.missing[dependency] = None
            return otherwise
        # A template may change maps that it holds: what the world keeps is never one of them.
        self.known[dependency] = copy.deepcopy(value) if isinstance(value, Secret) else value
        return self.known[dependency]

    # Errors and limits

    def error(
        self, sentence: str, node: tree.Node | None = None, *, kind: type[ExecutionError] = ExecutionError
    ) -> ExecutionError:
        """An error to raise, with the place and the words it is about."""
        at = node or self.at
        line, column = self.source.place(at)
        words = str(at)
        words = words if len(words) <= 40 else words[:40] + "..."
        return kind(sentence, name=self.source.name, line=line, column=column, at=words)

    def exceeded(self, sentence: str) -> ExecutionError:
        return self.error(sentence, kind=LimitExceeded)

    def step(self) -> None:
        self.steps += 1
        if self.steps > self.options.max_steps:
            raise self.exceeded(f"more than {self.options.max_steps} steps")

    def work(self, steps: int) -> None:
        """Counts what a function does as so many steps."""
        self.steps += steps
        self.step()

    def weigh(self, values: list[Any]) -> None:
        """Counts the size of what a function is given: large texts and lists take their time."""
        self.work(sum(len(value) // WEIGHT for value in values if isinstance(value, str | list | dict)))

    def bound(self, size: int) -> None:
        """Refuses a value that alone is larger than the whole output may be."""
        if size > self.options.max_output:
            raise self.exceeded(f"a value is larger than {self.options.max_output} bytes")

    def write(self, text: str) -> None:
        self.size += len(text)
        if self.size > self.options.max_output:
            raise self.exceeded(f"output is larger than {self.options.max_output} bytes")
        self.out.append(text)

    def show(self, value: Any) -> None:
        """Writes a value as text."""
        try:
            text = show(value)
        except FunctionError as error:
            raise self.error(str(error)) from None
        self.write(text)

    # Nodes

    def run(self, body: tree.Body, dot: Any) -> None:
        """Walks a template's body with variables of its own."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.exceeded(f"templates call each other more than {MAX_DEPTH} deep")
        outer = self.variables
        self.variables = [("$", [dot])]
        try:
            self.walk(dot, body)
        finally:
            self.variables = outer
            self.depth -= 1

    def walk(self, dot: Any, body: tree.Body) -> str | None:
        """Runs the nodes of a body; the word that left it early, if one did."""
        for node in body.nodes:
            self.step()
            if isinstance(node, tree.Text):
                self.write(node.text)
                continue
            self.at = node
            if isinstance(node, tree.Action):
                value = self.pipeline(dot, node.pipe)
                if not node.pipe.names:
                    self.show(value)
            elif isinstance(node, tree.Branch):
                left = self.loop(dot, node) if isinstance(node, tree.Range) else self.branch(dot, node)
                if left:
                    return left
            elif isinstance(node, tree.Call):
                self.call_template(dot, node)
            else:
                return BREAK if isinstance(node, tree.Break) else CONTINUE
        return None

    def branch(self, dot: Any, node: tree.Branch) -> str | None:
        mark = len(self.variables)
        value = self.pipeline(dot, node.pipe)
        while not truth(value) and (following := node.chained()) is not None:
            node = following
            self.step()
            value = self.pipeline(dot, node.pipe)
        left = None
        if truth(value):
            left = self.walk(value if isinstance(node, tree.With) else dot, node.body)
        elif node.otherwise is not None:
            left = self.walk(dot, node.otherwise)
        del self.variables[mark:]
        return left

    def loop(self, dot: Any, node: tree.Range) -> str | None:
        mark = len(self.variables)
        value = self.pipeline(dot, node.pipe)
        turned = False
        inner = len(self.variables)
        for key, element in self.elements(value, node):
            turned = True
            self.step()
            self.turn(node.pipe, key, element)
            left = self.walk(element, node.body)
            del self.variables[inner:]
            if left == BREAK:
                break
        left = None
        if not turned and node.otherwise is not None:
            left = self.walk(dot, node.otherwise)
        del self.variables[mark:]
        return left

    def turn(self, pipe: tree.Pipe, key: Any, element: Any) -> None:
        """Gives the variables of a loop their values for one turn."""
        values = (element,) if len(pipe.names) == 1 else (key, element)
        for name, value in zip(pipe.names, values, strict=False):
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables[self.declared(name)][1][0] = value

    def declared(self, name: str) -> int:
        for index in range(len(self.variables) - 1, -1, -1):
            if self.variables[index][0] == name:
                return index
        raise self.error(f"undefined variable: {name}")

    def assign(self, name: str, value: Any) -> None:
        self.variables[self.declared(name)][1][0] = value

    def elements(self, value: Any, node: tree.Range) -> Iterable[tuple[Any, Any]]:
        """What a range walks: keys or numbers, and what stands there."""
        if value is None:
            return ()
        if isinstance(value, list):
            return ((index, found(element)) for index, element in enumerate(list(value)))
        if isinstance(value, dict):
            return ((key, found(value[key])) for key in sorted_keys(value))
        if isinstance(value, int) and not isinstance(value, bool):
            if len(node.pipe.names) > 1:
                raise self.error("can't use a number to iterate over more than one variable", node)
            return ((number, type(value)(number)) for number in range(value))
        if isinstance(value, Loop):
            return ((turn, Int64(number)) for turn, number in enumerate(range(value.start, value.stop)))
        raise self.error(f"range can't iterate over a value of type {type_name(value)}", node.pipe)

    def call_template(self, dot: Any, node: tree.Call) -> None:
        body = self.source.definitions.get(node.name)
        if body is None:
            raise self.error(f"template {quote(node.name)} not defined")
        self.run(body, None if node.pipe is None else self.pipeline(dot, node.pipe))

    def captured(self, name: str, data: Any) -> str:
        """What a defined template writes, instead of writing it."""
        body = self.source.definitions.get(name)
        if body is None:
            raise FunctionError("no template of this name is defined")  # which may be a secret
        out, self.out = self.out, []
        try:
            self.run(body, data)
            return "".join(self.out)
        finally:
            self.out = out

    # Pipelines

    def pipeline(self, dot: Any, pipe: tree.Pipe) -> Any:
        self.at = pipe
        value: Any = ABSENT
        for command in pipe.commands:
            value = plain(self.command(Site(dot, command.args, value, command)))
        for name in pipe.names:
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables.append((name, [value]))
        return value

    def operand(self, dot: Any, node: tree.Node) -> Any:
        """The value of a node that stands alone, as one of no particular type."""
        if isinstance(node, tree.Pipe):
            return self.pipeline(dot, node)
        return self.command(Site(dot, [node], ABSENT, node))

    def command(self, site: Site) -> Any:
        first = site.args[0]
        match first:
            case tree.Pipe() if not site.given:
                return self.pipeline(site.dot, first)
            case tree.Field():
                return self.fields(first.names, site.at(first), site.dot)
            case tree.Chain():
                return self.fields(first.names, site.at(first), self.chained(site.dot, first))
            case tree.Variable():
                return self.variable(first, site)
            case tree.Identifier():
                return self.function(first.name, site)
        if site.given:
            raise self.error(f"can't give argument to non-function {first}", first)
        return self.literal(site.dot, first)

    def literal(self, dot: Any, node: tree.Node) -> Any:
        match node:
            case tree.Dot():
                return dot
            case tree.Bool():
                return node.value
            case tree.String():
                return node.text
            case tree.Number():
                return self.constant(node)
        raise self.error("nil is not a command", node)

    def constant(self, node: tree.Number) -> Any:
        """A number without a type: whole unless it is written as a real one."""
        if node.imaginary is not None:
            return node.imaginary
        text = node.text.lower()
        hexadecimal = text.lstrip("+-").startswith("0x") and "p" not in text
        if not hexadecimal and not text.startswith("'") and any(sign in ".ep" for sign in text):
            return node.real
        if node.integer is None or not -(1 << 63) <= node.integer < 1 << 63:
            raise self.error(f"{node} overflows int", node)
        return node.integer

    def variable(self, node: tree.Variable, site: Site) -> Any:
        value = self.variables[self.declared(node.name)][1][0]
        if node.names:
            return self.fields(node.names, site.at(node), value)
        if site.given:
            raise self.error(f"can't give argument to non-function {node}", node)
        return value

    def chained(self, dot: Any, node: tree.Chain) -> Any:
        if isinstance(node.node, tree.Nil):
            raise self.error("indirection through explicit nil", node)
        return self.operand(dot, node.node)

    # Fields

    def fields(self, names: tuple[str, ...], site: Site, receiver: Any) -> Any:
        bare = Site(site.dot, [site.node], ABSENT, site.node)
        for name in names[:-1]:
            receiver = self.field(name, bare, receiver)
        return self.field(names[-1], site, receiver)

    def field(self, name: str, site: Site, receiver: Any) -> Any:
        self.at = site.node
        if receiver is None:
            if self.options.error_on_missing_key:
                raise self.error(f"nil data; no entry for key {quote(name)}")
            return None
        if receiver is NIL or isinstance(receiver, NilPointer):
            kind_of = "interface {}" if receiver is NIL else type_name(receiver)
            raise self.error(f"nil pointer evaluating {kind_of}.{name}")
        if isinstance(receiver, Record):
            return self.member(name, site, receiver)
        if isinstance(receiver, dict):
            if site.given:
                raise self.error(f"{name} is not a method but has arguments")
            return self.entry(receiver, name)
        raise self.error(f"can't evaluate field {name} in type {type_name(receiver)}")

    def member(self, name: str, site: Site, receiver: Record) -> Any:
        method = receiver.methods.get(name)
        if method is not None:
            return self.invoke(method, site, receiver)
        fields = receiver.fields()
        if name not in fields:
            raise self.error(f"can't evaluate field {name} in type {type_name(receiver)}")
        if site.given:
            raise self.error(f"{name} has arguments but cannot be invoked as function")
        return found(fields[name])

    def entry(self, mapping: dict[Any, Any], name: str) -> Any:
        if name in mapping:
            return found(mapping[name])
        if self.options.error_on_missing_key:
            raise self.error(f"map has no entry for key {quote(name)}")
        return found(mapping.zero) if isinstance(mapping, Map) else NIL

    # Functions

    def function(self, name: str, site: Site) -> Any:
        self.at = site.node
        function = self.library.get(name)
        if function is None:
            raise self.error(f"{quote(name)} is not a defined function")
        if name in self.options.function_denylist:
            raise self.error(f"error calling {name}: function is disabled")
        return self.logic(function, site) if name in {"and", "or"} else self.invoke(function, site)

    def logic(self, function: Function, site: Site) -> Any:
        """``and`` and ``or`` evaluate no more arguments than decide."""
        self.check_count(function, site)
        value: Any = None
        for arg in site.args[1:]:
            value = self.argument(site.dot, function.parameter(0), arg)
            if truth(value) == (function.name == "or"):
                return value
        return value if site.final is ABSENT else site.final

    def check_count(self, function: Function, site: Site) -> None:
        wrong = function.counts(len(site.args) - 1 + (site.final is not ABSENT))
        if wrong:
            raise self.error(wrong, site.node)

    def invoke(self, function: Function, site: Site, receiver: Record | None = None) -> Any:
        self.check_count(function, site)
        values = [
            self.argument(site.dot, function.parameter(index), arg) for index, arg in enumerate(site.args[1:])
        ]
        if site.final is not ABSENT:
            values.append(self.validate(site.final, function.parameter(len(values)), site.node))
        self.at = site.node
        self.weigh(values)
        if function.wants_execution:
            values.insert(0, self if receiver is None else receiver)
        return self.checked(self.guarded(function, values))

    def guarded(self, function: Function, values: list[Any]) -> Any:
        """Runs a function. Whatever it raises is told by its name only: Python's words may hold values."""
        try:
            return function.call(*values)
        except FunctionError as error:
            refused = self.error(f"error calling {function.name}: {error}")
        except (TemplateError, RecursionError, MemoryError):
            raise
        except Exception:  # noqa: BLE001 - its words may repeat a secret: they are dropped
            refused = self.error(f"error calling {function.name}: not possible with these values")
        raise refused

    def checked(self, value: Any) -> Any:
        if isinstance(value, str | list | dict):
            self.bound(len(value))
        return value

    def argument(self, dot: Any, go_type: GoType, node: tree.Node) -> Any:
        self.at = node
        if isinstance(node, tree.Nil):
            if go_type.nil is None:
                raise self.error(f"cannot assign nil to {go_type.name}", node)
            return go_type.nil()
        if not isinstance(node, LITERALS):
            return self.validate(self.operand(dot, node), go_type, node)
        if go_type.literal == "any":
            return self.operand(dot, node)
        return self.typed(go_type, node)

    def typed(self, go_type: GoType, node: tree.Node) -> Any:
        """A literal as the type that the function wants."""
        wanted = go_type.literal
        if not wanted:
            raise self.error(f"can't handle {node} for arg of type {go_type.name}", node)
        match node:
            case tree.Bool() if wanted == "bool":
                return node.value
            case tree.String() if wanted == "string":
                return node.text
            case tree.Number() if wanted == "integer" and node.integer is not None:
                return node.integer
            case tree.Number() if wanted == "float" and node.real is not None:
                return node.real
        raise self.error(f"expected {wanted}; found {node}", node)

    def validate(self, value: Any, go_type: GoType, node: tree.Node) -> Any:
        if value is None:
            if go_type.nil is None:
                raise self.error(f"invalid value; expected {go_type.name}", node)
            return go_type.nil()
        if value is NIL and go_type.literal == "any":
            return None
        if not go_type.accepts(value):
            raise self.error(f"wrong type for value; expected {go_type.name}; got {type_name(value)}", node)
        return value


LITERALS = (tree.Bool, tree.Number, tree.String)


class Source(Struct):
    """A parsed text as the interpreter needs it."""

    name: str
    body: tree.Body
    definitions: dict[str, tree.Body]
    place: Callable[[tree.Node], tuple[int, int]]
