"""What goes wrong in a template: where it stands, and never the value that was met there.

A rendered value may be a secret, and an error ends up in a log. So a message names functions,
fields, types and places, all of which the template's author wrote, and nothing that came from outside.
"""

from __future__ import annotations


class TemplateError(Exception):
    """A template that cannot be read or rendered: the sentence, and where it applies."""

    def __init__(
        self, sentence: str, *, name: str = "", line: int = 0, column: int = 0, at: str = ""
    ) -> None:
        self.sentence = sentence
        self.name = name
        self.line = line
        self.column = column
        self.at = at
        place = f"{name or 'template'}:{line}:{column}: " if line else ""
        around = f"at <{at}>: " if at else ""
        super().__init__(f"{place}{around}{sentence}")


class SyntaxMistake(TemplateError):
    """The text is no template."""


class ExecutionError(TemplateError):
    """The template was read, and failed while it was rendered."""


class LimitExceeded(ExecutionError):
    """The template would run, nest or write more than it may."""


class FunctionError(Exception):
    """Raised inside a function; the interpreter adds the place. Its sentence names no values."""
