"""The two acts of the language: reading a template, and rendering it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Struct

from strongroom.template.dependency import Dependency
from strongroom.template.errors import SyntaxMistake, TemplateError
from strongroom.template.execution import Execution, FileWrite, Options, Source
from strongroom.template.function import Library
from strongroom.template.functions import library_for
from strongroom.template.lexer import place
from strongroom.template.node import Body, Node
from strongroom.template.parser import Parser
from strongroom.template.world import World


class Renderable(Protocol):
    """A template of either language."""

    def render(self, world: World, options: Options | None = None) -> Rendered: ...


def parse(
    text: str, *, engine: str = "", name: str = "template", left: str = "", right: str = ""
) -> Renderable:
    """Reads a template in Go's language, or in ``jinja2``, which is an extra: ``strongroom[agent]``."""
    if engine in {"", "go", "gotemplate", "text/template"}:
        return Template.parse(text, name=name, left=left, right=right)
    if engine not in {"jinja", "jinja2"}:
        raise SyntaxMistake("the engine of a template is go or jinja2", name=name, line=1, column=1)
    try:
        from strongroom.template.jinja import JinjaTemplate  # noqa: PLC0415 - an extra
    except ImportError:
        sentence = 'templates of Jinja need an extra: pip install "strongroom[agent]"'
        raise SyntaxMistake(sentence, name=name, line=1, column=1) from None
    return JinjaTemplate.parse(text, name=name, left=left, right=right)


class Template(Struct, frozen=True):
    """A text that was read: it can be rendered any number of times, from any thread."""

    text: str
    name: str
    body: Body
    definitions: dict[str, Body]
    library: Library

    @classmethod
    def parse(
        cls,
        text: str,
        *,
        name: str = "template",
        left: str = "",
        right: str = "",
        library: Library | None = None,
    ) -> Template:
        """Reads a template that may call a library's functions. Raises SyntaxMistake with the place."""
        library = library or library_for(text)
        try:
            parser = Parser(text, name, library, left, right)
            body = parser.parse()
        except RecursionError:
            raise SyntaxMistake("nested too deeply", name=name, line=1, column=1) from None
        return cls(text, name, body, parser.definitions, library)

    def place(self, node: Node) -> tuple[int, int]:
        return place(self.text, node.position)

    def render(self, world: World, options: Options | None = None, data: Any = None) -> Rendered:
        """See ``render``."""
        return render(self, world, options, data)


@dataclass(frozen=True)
class Rendered:
    """What came of a template.

    While anything is ``missing`` the text is empty, no file is to be written, and the template is to
    be rendered again once the world knows more. ``text`` may hold bytes that are no UTF-8, so it is
    written with ``content``.
    """

    text: str = field(repr=False)
    dependencies: tuple[Dependency, ...] = ()
    missing: tuple[Dependency, ...] = ()
    writes: tuple[FileWrite, ...] = ()

    @property
    def content(self) -> bytes:
        return self.text.encode("utf-8", "surrogateescape")


def render(template: Template, world: World, options: Options | None = None, data: Any = None) -> Rendered:
    """Runs a template on ``data``. Raises ExecutionError where more than a value is missing."""
    source = Source(template.name, template.body, dict(template.definitions), template.place)
    execution = Execution(source, template.library, world, options or Options())
    try:
        execution.run(template.body, data)
    except TemplateError:
        if not execution.missing:
            raise
    except RecursionError:
        raise execution.exceeded("nested too deeply") from None
    dependencies, missing = tuple(execution.dependencies), tuple(execution.missing)
    if missing:
        return Rendered("", dependencies, missing)
    return Rendered("".join(execution.out), dependencies, (), tuple(execution.writes))
