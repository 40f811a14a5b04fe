from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from strongroom.cli.assignment import parse_data, query_of
from strongroom.cli.command import Failure
from strongroom.cli.terminal import Terminal


def parsed(*words: str, stdin: str = "") -> dict[str, Any]:
    return parse_data(words, Terminal(io.StringIO(stdin), io.StringIO(), io.StringIO(), {}))


def test_words(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("line\n")
    (tmp_path / "more.json").write_text('{"n": 1, "l": [true]}')
    assert parsed("a=b", "c=", "d==", "=e") == {"a": "b", "c": "", "d": "=", "": "e"}
    assert parsed(f"a=@{tmp_path}/value") == {"a": "line\n"}
    assert parsed(f"@{tmp_path}/more.json", "n=2") == {"n": [1, "2"], "l": [True]}
    assert parsed(r"a=\@b", r"c=\d") == {"a": "@b", "c": r"\d"}
    assert parsed("a=-", stdin="in\n") == {"a": "in\n"}
    assert parsed("-", "x=y", stdin='{"a": null}') == {"a": None, "x": "y"}
    assert parsed("a=1", "a=2", "a=3") == {"a": ["1", "2", "3"]}


@pytest.mark.parametrize("words", (["a"], ["@/nonexistent"], ["a=@/nonexistent"], ["-"], ["-", "a=-"]))
def test_refused(words: list[str]) -> None:
    with pytest.raises(Failure) as caught:
        parsed(*words, stdin="[]")
    assert caught.value.code == 1
    assert caught.value.sentence.startswith("Failed to parse K=V data: ")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="is not text"):
        parsed(f"a=@{tmp_path}/binary")


def test_json_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Failure) as caught:
        parsed("-", stdin='{"password": "hunter2"')
    assert "hunter2" not in caught.value.sentence


def test_query() -> None:
    assert query_of({"a": "b", "n": 1, "l": ["x", 2]}) == {"a": "b", "n": "1", "l": ["x", "2"]}
