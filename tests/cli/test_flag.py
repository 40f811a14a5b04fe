from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.cli.flag import Flag, FlagError, HelpWanted, parse, parse_duration
from strongroom.cli.value import go_duration

FLAGS = (
    Flag("name", "string", "", default="nobody", env="NAME", aliases=("n",)),
    Flag("force", "bool", ""),
    Flag("renew", "bool", "", default=True),
    Flag("maybe", "optbool", ""),
    Flag("count", "int", ""),
    Flag("ttl", "duration", ""),
    Flag("policy", "list", "", env="POLICY"),
    Flag("meta", "map", ""),
)


def run(*words: str, **variables: str) -> tuple[dict[str, Any], list[str]]:
    return parse(FLAGS, list(words), lambda name: variables.get(name, ""))


def test_nothing_given() -> None:
    values, rest = run()
    assert values == {
        "name": "nobody",
        "force": False,
        "renew": True,
        "maybe": None,
        "count": None,
        "ttl": None,
        "policy": [],
        "meta": {},
    }
    assert rest == []


@pytest.mark.parametrize(
    ("words", "name", "value", "rest"),
    (
        (["-name=x", "a"], "name", "x", ["a"]),
        (["--name=x", "a"], "name", "x", ["a"]),
        (["-name", "x", "a"], "name", "x", ["a"]),
        (["-n", "x"], "name", "x", []),
        (["-name="], "name", "", []),
        (["-name=a=b"], "name", "a=b", []),
        (["-name", "-force"], "name", "-force", []),
        (["-force", "false"], "force", True, ["false"]),
        (["-force=false"], "force", False, []),
        (["-renew=0"], "renew", False, []),
        (["-maybe"], "maybe", True, []),
        (["-maybe=false"], "maybe", False, []),
        (["-count=0x10"], "count", 16, []),
        (["-count", "-1"], "count", -1, []),
        (["-ttl=1h30m"], "ttl", 5400.0, []),
        (["-ttl=90"], "ttl", 90.0, []),
        (["-policy=a", "-policy", "b"], "policy", ["a", "b"], []),
        (["-meta=a=b", "-meta=c=d=e"], "meta", {"a": "b", "c": "d=e"}, []),
        (["a", "-force"], "force", False, ["a", "-force"]),
        (["--", "-force"], "force", False, ["-force"]),
        (["-", "-force"], "force", False, ["-", "-force"]),
    ),
)
def test_given(words: list[str], name: str, value: object, rest: list[str]) -> None:
    values, left = run(*words)
    assert values[name] == value
    assert left == rest


def test_variable_stands_in_and_the_flag_wins() -> None:
    assert run(NAME="env")[0]["name"] == "env"
    assert run("-name=flag", NAME="env")[0]["name"] == "flag"
    assert run(POLICY="env")[0]["policy"] == ["env"]
    assert run("-policy=flag", POLICY="env")[0]["policy"] == ["flag"]


def test_given_names_what_stood_on_the_line() -> None:
    values, _ = parse(FLAGS, ["-n", "x"], {"POLICY": "p"}.get)  # type: ignore[arg-type]  # None is falsy too
    assert values.given == {"name"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    (
        (["-nope"], "flag provided but not defined: -nope"),
        (["--nope=1"], "flag provided but not defined: -nope"),
        (["-name"], "flag needs an argument: -name"),
        (["---name"], "bad flag syntax: ---name"),
        (["-=x"], "bad flag syntax: -=x"),
        (["-count=x"], 'invalid value "x" for flag -count: not a whole number'),
        (["-force=x"], 'invalid value "x" for flag -force: not true or false'),
        (["-ttl=1y"], 'invalid value "1y" for flag -ttl: invalid duration "1y"'),
        (["-meta=x"], 'invalid value "x" for flag -meta: missing = in KV pair: "x"'),
    ),
)
def test_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(FlagError) as caught:
        run(*words)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("word", ("-h", "-help", "--help"))
def test_help_is_a_wish(word: str) -> None:
    with pytest.raises(HelpWanted):
        run(word)


@pytest.mark.parametrize("text", ("", "-", "1.2.3s", ".s", "h", "1h1", "s1", "1 h", "٣s"))
def test_not_durations(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    (("0", 0), ("-1s", -1), ("+5m", 300), ("1.5h", 5400), ("250ms", 0.25), ("1d", 86400), ("1h2m3s", 3723)),
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@settings(deadline=None)
@given(st.integers(-(10**9), 10**9))
def test_durations_survive_the_way_to_the_api(seconds: int) -> None:
    assert parse_duration(go_duration(seconds)) == seconds
