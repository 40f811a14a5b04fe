"""Names written in other conventions: ``FirstName`` as ``first_name``, and back."""

from __future__ import annotations

import unicodedata
from enum import Enum, auto
from itertools import pairwise

from strongroom.template.functions.text import large, small, whole


class Kind(Enum):
    """What a character is to the words it stands in."""

    CONNECTOR = auto()
    PUNCTUATION = auto()
    UPPER = auto()
    CAPITALIZED = auto()
    LETTERS = auto()
    NUMBER = auto()
    OTHER = auto()
    BAD = auto()
    END = auto()


# No letters to the library whose conventions these are.
IDEOGRAPHS = (("\u3400", "\u4db5"), ("\u4e00", "\u9fcc"), ("\U00020000", "\U0002b81d"))
FREE = frozenset({Kind.END, Kind.BAD, Kind.CONNECTOR, Kind.PUNCTUATION})


def is_connector(char: str) -> bool:
    return char in "-_" or char.isspace()


def _kind(char: str) -> Kind:
    if "\udc80" <= char <= "\udcff" or char == "\ufffd":
        return Kind.BAD
    if is_connector(char):
        return Kind.CONNECTOR
    category = unicodedata.category(char)
    if category[0] == "P":
        return Kind.PUNCTUATION
    if category == "Lu":
        return Kind.UPPER
    if category[0] == "L":
        return Kind.OTHER if any(low <= char <= high for low, high in IDEOGRAPHS) else Kind.LETTERS
    return Kind.NUMBER if category[0] == "N" else Kind.OTHER


def _words(text: str) -> list[tuple[Kind, str]]:
    """The text cut where its characters change their kind; a large letter goes with small ones behind it."""
    starts: list[tuple[Kind, int]] = []
    for at, char in enumerate(text):
        before, start = starts[-1] if starts else (Kind.END, 0)
        inside = before is Kind.PUNCTUATION and unicodedata.category(char)[0] == "P"
        kind = before if inside else _kind(char)
        if kind is before is not Kind.BAD or (kind is Kind.LETTERS and before is Kind.CAPITALIZED):
            continue
        if kind is Kind.LETTERS and before is Kind.UPPER:
            starts[-1:] = [(before, start)] if at - start > 1 else []
            starts.append((Kind.CAPITALIZED, at - 1))
        else:
            starts.append((kind, at))
    ends = [*(start for _, start in starts[1:]), len(text)]
    return [(kind, text[start:end]) for (kind, start), end in zip(starts, ends, strict=False)]


def separated(text: str, connector: str) -> str:
    """Words in small letters with a connector between them."""
    return _Separated(_words(text), connector).run()


class _Separated:
    """Numbers belong to the word before them, unless small letters follow: then they begin a word."""

    def __init__(self, words: list[tuple[Kind, str]], connector: str) -> None:
        self.words = words
        self.connector = connector
        self.at = 0
        self.out: list[str] = []

    def kind(self, ahead: int = 0) -> Kind:
        return self.words[self.at + ahead][0] if self.at + ahead < len(self.words) else Kind.END

    def take(self) -> Kind:
        """Writes the next word, and tells its kind."""
        kind, word = self.words[self.at]
        self.at += 1
        if kind is Kind.CONNECTOR:
            word = self.connector * len(word)
        self.out.append(small(word) if kind in {Kind.UPPER, Kind.CAPITALIZED} else word)
        return kind

    def join(self) -> None:
        if self.kind() not in FREE:
            self.out.append(self.connector)

    def run(self) -> str:
        while self.at < len(self.words):
            kind = self.take()
            if kind is Kind.NUMBER:
                self.run_on()
            elif kind in {Kind.CONNECTOR, Kind.PUNCTUATION}:
                continue
            elif self.kind() is Kind.NUMBER:
                self.numbered()
            else:
                self.join()
        return "".join(self.out)

    def run_on(self) -> None:
        while self.kind() in {Kind.LETTERS, Kind.NUMBER}:
            self.take()
        self.join()

    def numbered(self) -> None:
        if self.kind(1) is Kind.LETTERS:
            self.out.append(self.connector)
            self.take()
            self.run_on()
        else:
            self.take()
            self.join()


def camel(text: str) -> str:
    """Words that begin large, without what stood between them; connectors before the first one stay.

    Of several connectors in a row all but the last stay.
    """
    text = whole(text)
    start = next((at for at, char in enumerate(text) if not is_connector(char)), len(text))
    if start == len(text):
        return text + text[-1:]
    out = [text[:start]]
    body = large(text[start]) + text[start + 1 :]
    upper = False
    for char, following in pairwise((*body, "")):
        joins = is_connector(char) if char else False
        if not joins or not following or is_connector(following):
            out.append(large(char) if upper else char)
        upper = joins
    return "".join(out)
