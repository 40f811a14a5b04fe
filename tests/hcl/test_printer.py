from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom import hcl
from strongroom.hcl.printer import dump, quote

NAMES = st.one_of(
    st.sampled_from(["a", "path", "true", "min-chars", "x.y", "", "a b", "1"]), st.text(max_size=5)
)
KEYS = st.builds(hcl.Key, NAMES, st.booleans())
SCALARS = st.one_of(
    st.text(),
    st.sampled_from(["${a}", "${", "$", "}", "\n", "\x00\x7f", "é😀", '"\\']),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
)
LITERALS = SCALARS.filter(
    lambda v: not isinstance(v, str) or v.isascii() or v.encode("utf-8", "ignore").decode() == v
)


def objects(values: st.SearchStrategy[hcl.Node]) -> st.SearchStrategy[hcl.Object]:
    assigned = st.builds(lambda key, value: hcl.Item((key,), value, assigned=True), KEYS, values)
    blocks = st.builds(
        lambda keys, body: hcl.Item(tuple(keys), body),
        st.lists(KEYS, min_size=1, max_size=3),
        st.just(hcl.Object()),
    )
    return st.lists(st.one_of(assigned, blocks), max_size=4).map(lambda items: hcl.Object(tuple(items)))


VALUES: st.SearchStrategy[hcl.Node] = st.recursive(
    LITERALS.map(hcl.Literal.of),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: hcl.List(tuple(items))), objects(inner)
    ),
    max_leaves=10,
)


@given(objects(VALUES))
def test_what_is_printed_reads_back_equal_and_prints_the_same(tree: hcl.Object) -> None:
    text = dump(tree)
    again = hcl.parse(" " + text if text.startswith("{") else text)
    assert again == tree
    assert dump(hcl.parse(dump(again))) == dump(again)


@given(st.text(st.characters(codec="utf-8")))
def test_quoting_is_undone_by_parsing(value: str) -> None:
    assert hcl.parse(f"a = {quote(value)}").plain() == {"a": value}


# What the peer's own formatter makes of these texts.
AS_THE_PEER = (
    ('path "x" { capabilities=["read","list"] }', 'path "x" {\n  capabilities = ["read", "list"]\n}\n'),
    ('path "x" { capabilities = ["read", ] }', 'path "x" {\n  capabilities = ["read"]\n}\n'),
    (
        'path "x" {\n cc=["read"] # one\n comment="a" # two\n p="read"\n}',
        'path "x" {\n  cc      = ["read"] # one\n  comment = "a"      # two\n  p       = "read"\n}\n',
    ),
    (
        'path "x" {\n a=["read"]\n bb="a"\n\n\n policy="read"\n}',
        'path "x" {\n  a  = ["read"]\n  bb = "a"\n\n  policy = "read"\n}\n',
    ),
    (
        'path "x" {\n # lead\n a=["read"]\n # lead2\n b="a"\n # dangling\n}',
        'path "x" {\n  # lead\n  a = ["read"]\n\n  # lead2\n  b = "a"\n\n  # dangling\n}\n',
    ),
    (
        'path "x" {\n a={ b=[] }\n c="a"\n}',
        'path "x" {\n  a = {\n    b = []\n  }\n\n  c = "a"\n}\n',
    ),
    (
        'path "x" {\n a=["read", # c\n "list"]\n}',
        'path "x" {\n  a = [\n    "read", # c\n    "list",\n  ]\n}\n',
    ),
    (
        'path "x" {\n a=[\n "read",\n # c2\n "list"\n]\n}',
        'path "x" {\n  a = [\n    "read",\n\n    # c2\n    "list",\n  ]\n}\n',
    ),
    (
        'path "x" {\n a=<<EOF\nhello\n there\nEOF\n b="read"\n}',
        'path "x" {\n  a = <<EOF\nhello\n there\nEOF\n\n  b = "read"\n}\n',
    ),
    (
        'path "x" {\n a={ b=[<<EOF\nhi\nEOF\n, "b"]}\n}',
        'path "x" {\n  a = {\n    b = [\n      <<EOF\nhi\nEOF\n      ,\n      "b",\n    ]\n  }\n}\n',
    ),
    ('path "x" {}\npath "y" {}\n', 'path "x" {}\npath "y" {}\n'),
    ('name="x" # c\npath "x" {} # d\n', 'name = "x" # c\n\npath "x" {} # d\n'),
    ('# a\n\n# b\n\npath "x" {}\n', '# a\n\n# b\n\npath "x" {}\n'),
    ("a=0x1F\nb=-1.50e3", "a = 0x1F\nb = -1.50e3\n"),
    ('a = "${foo\n bar}"', 'a = "${foo\n bar}"\n'),
    ('path "a" "b" { }\r\n', 'path "a" "b" {}\n'),
    ("a { b=1 c { d=2 } }", "a {\n  b = 1\n\n  c {\n    d = 2\n  }\n}\n"),
    ("", "\n"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), AS_THE_PEER)
def test_layout(text: str, expected: str) -> None:
    assert dump(hcl.parse(text)) == expected
    assert dump(hcl.parse(expected)) == expected


def test_no_comment_is_lost() -> None:
    text = "# 1\na { # 2\n # 3\n b = [ # 4\n 1, # 5\n # 6\n ] # 7\n /* 8 */ c = 1 /* 9 */ d = 2 } # 10\n# 11"
    printed = dump(hcl.parse(text))
    for number in range(1, 12):
        assert f" {number} " in printed.replace("\n", " ")
    assert dump(hcl.parse(printed)) == printed


def test_deep_nesting_prints_in_linear_time() -> None:
    text = "a {" * 99 + "}" * 99
    tree = hcl.parse(text)
    assert hcl.parse(dump(tree)) == tree
