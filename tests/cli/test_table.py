from __future__ import annotations

from strongroom.cli.table import columns, pairs, table, title, titled


def test_columns_are_four_apart_and_the_last_is_not_padded() -> None:
    assert columns([("a", "long cell", "x"), ("longer", "b", "")]) == (
        "a         long cell    x\nlonger    b            n/a"
    )


def test_rows_of_different_length() -> None:
    assert columns([("a",), ("bb", "c")]) == "a\nbb    c"


def test_table_underlines_its_header() -> None:
    assert table(("Path", "T"), [("x/", "kv")]) == "Path    T\n----    -\nx/      kv"


def test_pairs() -> None:
    assert pairs([("name", "value")]) == "Key     Value\n---     -----\nname    value"


def test_titles_are_centred_over_what_stands_below() -> None:
    assert title("Data", 10) == "== Data =="
    assert title("Metadata", 24) == "======= Metadata ======="
    assert title("Secret Path", 15) == "= Secret Path ="
    assert title("Secret Path", 3) == "== Secret Path =="
    assert titled("Data", [("long_name", "x")]).splitlines()[0] == "====== Data ======"
