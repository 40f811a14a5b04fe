"""The index against a model that is slow and plain: every rule is tried by the letter of the definition."""

from __future__ import annotations

import re
from functools import cmp_to_key

from hypothesis import given
from hypothesis import strategies as st

from strongroom.policy import ACL, Policy, Rule
from strongroom.policy.rule import CAPABILITIES, names

SEGMENT = st.sampled_from(["a", "b", "ab", "", "+", "c"])
PLAIN = st.sampled_from(["a", "b", "ab", "", "c", "abc"])
PATH = st.lists(PLAIN, min_size=1, max_size=4).map("/".join)
TAIL = st.sampled_from(["", "*", "a*", "/*"])
MASK = st.sampled_from([0, *CAPABILITIES.values(), CAPABILITIES["read"] | CAPABILITIES["list"]])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    text = "/".join(draw(st.lists(SEGMENT, min_size=1, max_size=4))) + draw(TAIL)
    text = text.removeprefix("/")
    return text.replace("+*", "+/*").replace("+a*", "+/a*")


RULES = st.lists(st.tuples(patterns(), MASK), max_size=12)


def covers(pattern: str, path: str) -> bool:
    prefix = pattern.endswith("*")
    segments = (pattern[:-1] if prefix else pattern).split("/")
    parts = ["[^/]*" if segment == "+" else re.escape(segment) for segment in segments]
    return re.fullmatch("/".join(parts) + (".*" if prefix else ""), path) is not None


def wild(pattern: str) -> bool:
    return pattern.endswith("*") or "+" in pattern.split("/")


def outranks(one: str, other: str) -> int:
    """Negative when ``one`` has the lower priority: the first difference in the documented list decides."""

    def first(pattern: str) -> int:
        return min(pattern.find(mark) for mark in "+*" if mark in pattern)

    def bare(pattern: str) -> str:
        return pattern.removesuffix("*")

    for lower, higher in (
        (first(one), first(other)),
        (not one.endswith("*"), not other.endswith("*")),
        (-one.count("+"), -other.count("+")),
        (len(bare(one)), len(bare(other))),
    ):
        if lower != higher:
            return -1 if lower < higher else 1
    return -1 if bare(one) < bare(other) else 1


def best(rules: dict[str, int], path: str) -> str | None:
    matching = sorted((p for p in rules if wild(p) and covers(p, path)), key=cmp_to_key(outranks))
    return matching[-1] if matching else None


def governing(rules: dict[str, int], path: str) -> str | None:
    bare = path.removesuffix("/")
    for exact in (path, bare):
        if exact in rules and not wild(exact):
            return exact
    first, second = best(rules, path), best(rules, bare)
    if first is None or second is None:
        return first or second
    denies = rules[second] & CAPABILITIES["deny"]
    return second if denies and outranks(second, first) > 0 else first


@given(RULES, PATH)
def test_the_governing_rule_is_the_models(rules: list[tuple[str, int]], path: str) -> None:
    merged: dict[str, int] = {}
    for pattern, mask in rules:
        merged[pattern] = merged.get(pattern, 0) | mask
    expected = governing(merged, path)
    acl = ACL([Policy("p", tuple(Rule(pattern, mask) for pattern, mask in rules))], now=0)
    if path and path[0] != "/":
        assert acl.capabilities(path) == list(names(merged[expected] if expected is not None else 0))


@given(st.lists(patterns(), max_size=20, unique=True), PATH)
def test_the_longest_prefix_is_found(texts: list[str], path: str) -> None:
    prefixes = [text for text in texts if text.endswith("*") and "+" not in text]
    acl = ACL([Policy("p", tuple(Rule(text, CAPABILITIES["read"]) for text in prefixes))], now=0)
    expected = max((p for p in prefixes if path.startswith(p[:-1])), key=len, default=None)
    grant = acl._index.find(path, listing=False)
    assert (grant.pattern.text if grant else None) == expected
