"""What is wrong with a text, and where."""

from __future__ import annotations

from strongroom.errors import BadRequest


class ParseError(BadRequest):
    """The text is not HCL or JSON. ``line`` and ``column`` count characters from 1.

    The sentence names the class of the offending token, never its contents: configurations
    and policies hold secrets.
    """

    def __init__(self, sentence: str, line: int, column: int) -> None:
        super().__init__(f"At {line}:{column}: {sentence}")
        self.sentence = sentence
        self.line = line
        self.column = column
