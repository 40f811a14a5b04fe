"""Where an ssh command line leads: its user and host, found as ssh itself finds them."""

from __future__ import annotations

TAKE_A_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""The options of ssh that are followed by a value."""


def destination(words: list[str]) -> tuple[str, str]:
    """User and host in the words after ``ssh``; each empty where it is not named."""
    user, rest = "", list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            continue
        if not word.startswith("-") or word == "-":
            return _parsed(word, user)
        letter, value = _option(word)
        if letter in TAKE_A_VALUE and not value and rest:
            value = rest.pop(0)
        if letter == "l":
            user = value
    return user, ""


def _option(word: str) -> tuple[str, str]:
    """The last option in a word such as ``-vp22``, and what is written behind it."""
    for at, letter in enumerate(word[1:], 1):
        if letter in TAKE_A_VALUE:
            return letter, word[at + 1 :]
    return word[-1:], ""


def _parsed(word: str, user: str) -> tuple[str, str]:
    text = word.removeprefix("ssh://")
    named, at, host = text.rpartition("@")
    if text != word:
        host = _without_port(host.partition("/")[0])
    return (named if at else user), host


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]
