"""Jinja2 as a second language for templates: the same functions, called as Jinja calls them.

``secret("path").Data.data.user`` gives what ``(secret "path").Data.data.user`` gives in Go's language.
Functions are filters as well, which take the piped value last: ``name | replaceAll("a", "b")``. Numbers
are numbers here. Everything runs in Jinja's sandbox, without loaders: a template includes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import ChainableUndefined, StrictUndefined, TemplateSyntaxError, Undefined
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from strongroom.template.errors import ExecutionError, FunctionError, SyntaxMistake, TemplateError
from strongroom.template.execution import Execution, Options, Source
from strongroom.template.format import show
from strongroom.template.function import Function, GoType
from strongroom.template.functions import whole
from strongroom.template.node import Body
from strongroom.template.rendering import Rendered
from strongroom.template.value import JsonNumber, Record, Strings, Walk, type_name
from strongroom.template.world import World

# Words of Jinja's own, and functions that only make sense in Go's language.
NOT_OFFERED = frozenset(
    """
    and or not in call print println index slice loop scratch executeTemplate eq ne lt le gt ge len
    """.split(),  # noqa: SIM905 - words
)
WIDE = re.compile(r"[0-9]{6,}|\*")


class Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox, in which products and formats cannot become too large."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            if WIDE.search(left):
                raise FunctionError("a width of a format is too large")
        elif operator == "**":
            if not (isinstance(right, int | float) and abs(right) <= 64):
                raise FunctionError("an exponent is too large")
        elif operator == "*":
            self._check_product(left, right)
        return super().call_binop(context, operator, left, right)

    def _check_product(self, left: Any, right: Any) -> None:
        for sequence, count in ((left, right), (right, left)):
            if isinstance(sequence, str | list | tuple) and len(sequence) * int(count) > 1 << 20:
                raise FunctionError("a repetition is too large")


@dataclass(frozen=True)
class JinjaTemplate:
    """A text in Jinja's language, checked once."""

    text: str
    name: str

    @classmethod
    def parse(cls, text: str, *, name: str = "template", left: str = "", right: str = "") -> JinjaTemplate:
        """Reads a template. Raises SyntaxMistake, which names the line. Delimiters stay Jinja's."""
        try:
            environment(strict=False).parse(text, name)
        except TemplateSyntaxError as error:
            raise SyntaxMistake("no template of Jinja", name=name, line=error.lineno, column=1) from None
        return cls(text, name)

    def render(self, world: World, options: Options | None = None) -> Rendered:
        """Runs the template; see ``strongroom.template.render``."""
        options = options or Options()
        source = Source(self.name, Body(0), {}, lambda _: (0, 0))
        execution = Execution(source, whole(), world, options)
        try:
            self._run(execution)
        except TemplateError:
            if not execution.missing:
                raise
        dependencies, missing = tuple(execution.dependencies), tuple(execution.missing)
        if missing:
            return Rendered("", dependencies, missing)
        return Rendered("".join(execution.out), dependencies, (), tuple(execution.writes))

    def _run(self, execution: Execution) -> None:
        env = environment(strict=execution.options.error_on_missing_key)
        offer(env, execution)
        line = 0
        sentence = ""
        try:
            for piece in env.from_string(self.text).generate():
                execution.step()
                execution.write(piece)
        except TemplateError as error:
            sentence, line = error.sentence, _line(error.__traceback__)
        except FunctionError as error:
            sentence, line = str(error), _line(error.__traceback__)
        except jinja2.UndefinedError as error:
            sentence, line = "a value is not defined", _line(error.__traceback__)
        except Exception as error:  # noqa: BLE001 - its words may repeat a secret: they are dropped
            sentence, line = "not possible with these values", _line(error.__traceback__)
        if sentence:
            raise ExecutionError(sentence, name=self.name, line=line, column=1)


def _line(trace: TracebackType | None) -> int:
    """The line of the template; Jinja makes frames of its own for it."""
    line = 1
    while trace is not None:
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def environment(*, strict: bool) -> Environment:
    """An environment that keeps white space, and escapes nothing: what is rendered is no HTML."""
    return Environment(
        autoescape=False,
        keep_trailing_newline=True,
        undefined=StrictUndefined if strict else Undefined,
    )


def offer(env: Environment, execution: Execution) -> None:
    """Makes the functions known to a template, as functions and as filters."""
    env.finalize = _finalized
    env.globals["range"] = _Counted(execution)
    for function in whole().all():
        if function.name in NOT_OFFERED:
            continue
        call = _caller(function, execution)
        env.globals.setdefault(function.name, call)
        env.filters.setdefault(function.name, _filter(call))


def _finalized(value: Any) -> Any:
    """Nothing is written as nothing, truth values as Go and YAML write them."""
    if value is None:
        return ""
    return show(value) if isinstance(value, bool) else value


class _Counted:
    """``range``, each turn of which is a step."""

    def __init__(self, execution: Execution) -> None:
        self.execution = execution

    def __call__(self, *bounds: int) -> Iterator[int]:
        for number in range(*bounds):
            self.execution.step()
            yield number


def _caller(function: Function, execution: Execution) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        if function.name in execution.options.function_denylist:
            raise FunctionError(f"{function.name}: function is disabled")
        wrong = function.counts(len(given))
        if wrong:
            raise FunctionError(wrong)
        values = [_typed(value, function.parameter(index), function) for index, value in enumerate(given)]
        execution.weigh(values)
        missing = len(execution.missing)
        result = execution.guarded(function, [execution, *values] if function.wants_execution else values)
        if len(execution.missing) > missing or (result is None and execution.missing):
            return ChainableUndefined(name=function.name)
        return natural(execution.checked(result))

    return call


def _filter(call: Callable[..., Any]) -> Callable[..., Any]:
    def piped(value: Any, *arguments: Any) -> Any:
        return call(*arguments, value)

    return piped


def _typed(value: Any, wanted: GoType, function: Function) -> Any:
    """A value of Jinja's as the function takes it."""
    if isinstance(value, Undefined):
        value = None
    if value is None and wanted.nil is not None:
        return wanted.nil()
    if isinstance(value, tuple):
        value = list(value)
    if wanted.name == "[]string" and isinstance(value, list):
        return Strings(map(str, value))
    if wanted.name == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return show(value)
    if not wanted.accepts(value) and not _alike(value, wanted):
        raise FunctionError(f"{function.name}: wrong type; expected {wanted.name}; got {type_name(value)}")
    return value


def _alike(value: Any, wanted: GoType) -> bool:
    kinds = {"integer": int, "float": int | float}
    expected = kinds.get(wanted.literal)
    if expected is not None:
        return isinstance(value, expected) and not isinstance(value, bool)
    return (wanted.name.startswith("[]") and isinstance(value, list)) or (
        wanted.name.startswith("map") and isinstance(value, dict)
    )


def natural(value: Any, walk: Walk | None = None, depth: int = 0) -> Any:
    """A value as Jinja expects it: numbers as numbers, secrets as maps of their fields."""
    walk = walk or Walk()
    walk.visit(depth, value)
    if isinstance(value, JsonNumber):
        return _number(value)
    if isinstance(value, Record):
        fields = value.fields().items()
        return {name: natural(item, walk, depth + 1) for name, item in fields} or value
    if isinstance(value, dict):
        return {key: natural(item, walk, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [natural(item, walk, depth + 1) for item in value]
    return value


def _number(text: JsonNumber) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
