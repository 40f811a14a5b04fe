from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import hcl
from strongroom.hcl.lexer import MAX_DEPTH, MAX_SIZE, MAX_TOKENS
from strongroom.hcl.printer import dump

VALUES: tuple[tuple[str, Any], ...] = (
    ("1", 1),
    ("-5", -5),
    ("0x1F", 31),
    ("0777", 511),
    ("0", 0),
    ("1.5", 1.5),
    ("1.", 1.0),
    (".5", 0.5),
    ("1.5e3", 1500.0),
    ("-2E-2", -0.02),
    ("true", True),
    ("false", False),
    ('""', ""),
    ('"a b"', "a b"),
    (r'"a\n\t\"\\"', 'a\n\t"\\'),
    (r'"\x41\101\u00e9\U0001F600"', "AAé😀"),
    ('"${foo "bar" {}}"', '${foo "bar" {}}'),
    ('"a${x\ny}b"', "a${x\ny}b"),
    (r'"${a\"b} \t"', '${a\\"b} \t'),
    ('"$${"}"', None),
    ('"$ {"', "$ {"),
    ("[]", []),
    ('["a", 1, [true], { b = 2 }]', ["a", 1, [True], {"b": 2}]),
    ('["a", "b",]', ["a", "b"]),
    ("{}", {}),
    ("{ a = 1, b = 2 c = 3 }", {"a": 1, "b": 2, "c": 3}),
    ("<<EOF\nhello\n  there\nEOF\n", "hello\n  there\n"),
    ("<<EOF\nhello\n  EOF\n", "hello\n"),
    ("<<-EOF\n    a\n      b\n    EOF\n", "a\n  b\n"),
    ("<<-EOF\n  a\n b\n  EOF\n", "  a\n b\n"),
    ("<<EOF\nEOF", ""),
)


@pytest.mark.parametrize(("text", "expected"), [row for row in VALUES if row[1] is not None])
def test_values(text: str, expected: Any) -> None:
    value = hcl.parse(f"key = {text}").plain()["key"]
    assert value == expected
    assert type(value) is type(expected)


def test_comments_of_all_kinds_are_no_items() -> None:
    text = "# one\n// two\n/* three\n lines */ a = 1 # four\nb = [ # five\n 1, // six\n]\n"
    tree = hcl.parse(text)
    assert tree.plain() == {"a": 1, "b": [1]}
    assert [comment.text for comment in tree.comments] == ["# one", "// two", "/* three\n lines */", "# four"]


def test_blocks_with_labels_in_every_spelling() -> None:
    texts = (
        'listener "tcp" { a = 1 }\nlistener "unix" { a = 2 }',
        "listener = { tcp = { a = 1 } }\nlistener unix { a = 2 }",
        '{"listener": {"tcp": {"a": 1}, "unix": {"a": 2}}}',
        '{"listener": [{"tcp": {"a": 1}}, {"unix": [{"a": 2}]}]}',
    )
    for text in texts:
        found = [
            ([label.name for label in block.labels], block.body.plain())
            for block in hcl.parse(text).blocks("listener", labels=1)
        ]
        assert found == [(["tcp"], {"a": 1}), (["unix"], {"a": 2})]


def test_blocks_with_two_labels_and_none() -> None:
    tree = hcl.parse('plugin "kms" "x" { a = 1 }\ntelemetry { b = 1 }\ntelemetry { c = 2 }')
    assert [[key.name for key in block.labels] for block in tree.blocks("plugin", labels=2)] == [["kms", "x"]]
    assert [block.body.plain() for block in tree.blocks("telemetry")] == [{"b": 1}, {"c": 2}]
    assert not list(tree.blocks("absent"))


def test_plain_nests_labels_and_collects_what_repeats() -> None:
    tree = hcl.parse('a "x" "y" { b = 1 }\nc = 1\nc = 2\nc = 3')
    assert tree.plain() == {"a": {"x": {"y": {"b": 1}}}, "c": [1, 2, 3]}


def test_get_is_the_last_of_its_name() -> None:
    item = hcl.parse("a = 1\na = 2").get("a")
    assert item is not None
    assert (item.value.plain(), item.line) == (2, 2)


def test_everything_has_its_place() -> None:
    tree = hcl.parse('path "x" {\n  caps = ["a",\n    "b"]\n}\n')
    (block,) = tree.items
    assert [(key.line, key.column) for key in block.keys] == [(1, 1), (1, 6)]
    assert isinstance(block.value, hcl.Object)
    assert (block.value.line, block.value.column, block.value.end_line) == (1, 10, 4)
    (caps,) = block.value.items
    assert isinstance(caps.value, hcl.List)
    assert [(item.line, item.column) for item in caps.value.items] == [(2, 11), (3, 5)]


ERRORS = (
    ("a", 1, 2, "expected { or =, got end of text"),
    ("a = ", 1, 5, "expected a value, got end of text"),
    ("a = foo", 1, 5, "expected a value, got identifier"),
    ("a = - 5", 1, 5, "illegal character"),
    ("a = 5abc", 1, 9, "expected { or =, got end of text"),
    ("a = [1 2]", 1, 8, "expected a comma or ], got number"),
    ("a = [,]", 1, 6, "expected a value, got comma"),
    ('x {\n a = "b\n"', 2, 6, "string not terminated"),
    ('a = "${', 1, 5, "string not terminated"),
    ("\n/* x", 2, 1, "comment not terminated"),
    ("a = /x", 1, 5, "illegal character"),
    ("x = <<EOF\nfoo", 1, 5, "heredoc not terminated"),
    ("x = <<EOF foo", 1, 5, "heredoc needs a name and a new line"),
    ("a = 089", 1, 5, "number is not octal"),
    ("a = 1e999", 1, 5, "number is out of range"),
    ("a = " + "9" * 65, 1, 5, "number is too long"),
    (r'a = "x\q"', 1, 7, "illegal escape in string"),
    (r'a = "\ud800"', 1, 6, "illegal escape in string"),
    ('a "b" = 1', 1, 7, "expected {, got ="),
    ("true = 1", 1, 1, "expected a key or end of text, got boolean"),
    ("a { b = 1", 1, 10, "expected a key or }, got end of text"),
    ("a = 1 }", 1, 7, "expected a key or end of text, got }"),
    ("a: 1", 1, 2, "illegal character"),
    ("a = 'x'", 1, 5, "illegal character"),
)


@pytest.mark.parametrize(("text", "line", "column", "sentence"), ERRORS)
def test_errors_name_the_place_and_the_class(text: str, line: int, column: int, sentence: str) -> None:
    with pytest.raises(hcl.ParseError) as caught:
        hcl.parse(text)
    assert (caught.value.line, caught.value.column, caught.value.sentence) == (line, column, sentence)
    assert caught.value.public == f"At {line}:{column}: {sentence}"
    assert caught.value.status == 400


@pytest.mark.parametrize("text", ('a = "hunter2', "a = hunter2", 'a = ["x" "hunter2"]', '{"a": hunter2}'))
def test_errors_never_repeat_what_was_written(text: str) -> None:
    with pytest.raises(hcl.ParseError) as caught:
        hcl.parse(text)
    assert "hunter2" not in str(caught.value)


DEEP = 100_000
BOMBS = (
    "a = " + "[" * DEEP,
    "a {" * DEEP,
    '{"a":' * DEEP,
    '{"a":[' * DEEP,
    'a = "' + "${" * DEEP,
    "a " * DEEP,
)


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_bombs_end_in_an_error_at_once(text: str) -> None:
    begin = time.monotonic()
    with pytest.raises(hcl.ParseError):
        hcl.parse(text)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("form", ("a = {}", '{{"a": {}}}'))
def test_the_depth_limit_is_exact(form: str) -> None:
    outer = form.startswith("{")
    deepest = MAX_DEPTH - outer
    hcl.parse(form.format("[" * deepest + "]" * deepest))
    with pytest.raises(hcl.ParseError, match="nested too deeply"):
        hcl.parse(form.format("[" * (deepest + 1) + "]" * (deepest + 1)))


@pytest.mark.parametrize("text", ("a = [" + "1," * MAX_TOKENS, '{"a": [' + "1," * MAX_TOKENS))
def test_the_number_of_tokens_is_limited(text: str) -> None:
    with pytest.raises(hcl.ParseError, match="too many parts"):
        hcl.parse(text)


def test_the_size_limit_is_exact() -> None:
    hcl.parse("#" * MAX_SIZE)
    with pytest.raises(hcl.ParseError, match="too long"):
        hcl.parse("#" * (MAX_SIZE + 1))


WORDS = """a b {} {{ }} [ ] , = : " ' # // /* */
<<EOF EOF <<- ${ } true null 1 -1 0x 1e9 .5 \\ \\n \\u12 é "x" """
PIECES = st.sampled_from([*WORDS.split(), "\n", "\x00", "\ufeff"])


@given(
    st.one_of(
        st.text(max_size=200), st.lists(PIECES, max_size=60).map(" ".join), st.lists(PIECES).map("".join)
    )
)
def test_any_text_gives_a_tree_or_a_parse_error(text: str) -> None:
    error, tree = attempt(text)
    if error is None:
        assert hcl.parse(dump(tree)) == tree
    else:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


def attempt(text: str) -> tuple[hcl.ParseError | None, hcl.Object]:
    try:
        return None, hcl.parse(text)
    except hcl.ParseError as error:
        return error, hcl.Object()
