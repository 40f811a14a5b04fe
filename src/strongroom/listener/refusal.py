"""A request the listener answers itself, because the application shall never see it."""

from __future__ import annotations


class Refusal(Exception):
    """The connection gets ``status`` with ``sentence`` as its error, and is closed.

    The sentence names what was wrong and repeats nothing of what the client sent.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
