"""Values in statements: quoted as their place demands, or refused."""

from __future__ import annotations

from base64 import b64encode

import pytest

from strongroom.errors import BadRequest
from strongroom.secrets.database.statement import Dialect, decoded, fill, split

PG = Dialect(escape_strings=True, dollars=True)
MYSQL = Dialect(identifiers="`", strings="'\"", backslashes=True, hash_comments=True, spaced_dashes=True)
INFLUX = Dialect(backslashes=True, doubling=False)


@pytest.mark.parametrize(
    ("statement", "value", "expected"),
    (
        ('DROP ROLE "{{name}}"', 'a"b', 'DROP ROLE "a""b"'),
        ('DROP ROLE "x_{{ name }}_y"', 'a"b', 'DROP ROLE "x_a""b_y"'),
        ("PASSWORD '{{name}}'", "a'b\\", "PASSWORD 'a''b\\'"),
        ("PASSWORD E'{{name}}'", "a'b\\", "PASSWORD E'a''b\\\\'"),
        ("note'{{name}}'", "a'b\\", "note'a''b\\'"),
        ("IS 'it''s {{name}}'", "plain-1", "IS 'it''s plain-1'"),
        ("DO $x$ 'DROP ROLE \"{{name}}\"' $x$", "v-token-1", "DO $x$ 'DROP ROLE \"v-token-1\"' $x$"),
        ("DROP ROLE {{name}}", "word_1", "DROP ROLE word_1"),
        ("{{other}} '{{name}}'", "x", "{{other}} 'x'"),
        ("'unclosed {{name}}", "x", "'unclosed x"),
        ("-- {{name}}\nSELECT '{{name}}'", "a", "-- a\nSELECT 'a'"),
    ),
)
def test_what_is_put_in(statement: str, value: str, expected: str) -> None:
    assert fill(statement, {"name": value}, PG) == expected


@pytest.mark.parametrize(
    ("statement", "value"),
    (
        ("DROP ROLE {{name}}", "a b"),
        ("DROP ROLE {{name}}", "a--b"),
        ("DROP ROLE {{name}}", ""),
        ("DO $$ EXECUTE 'DROP ROLE \"{{name}}\"' $$", 'a"b'),
        ("DO $$ x {{name}} $$", "a--b"),
        ("DO $tag$ '{{name}}' $tag$", "$tag$"),
        ("SELECT run('DROP ROLE \"{{name}}\"')", 'a"b'),
        ("/* {{name}} */ SELECT 1", "*/ DROP"),
        ("-- {{name}}\nSELECT 1", "a\nDROP"),
        ('DROP ROLE "{{name}}"', "a\0b"),
    ),
)
def test_what_cannot_be_made_safe_is_refused(statement: str, value: str) -> None:
    with pytest.raises(BadRequest):
        fill(statement, {"name": value}, PG)


def test_a_language_whose_strings_have_backslashes() -> None:
    statement = "CREATE USER '{{name}}'@'%' IDENTIFIED BY \"{{name}}\"; DROP TABLE `{{name}}`"
    filled = fill(statement, {"name": "a\\'\"`"}, MYSQL)
    assert filled == "CREATE USER 'a\\\\''\"`'@'%' IDENTIFIED BY \"a\\\\'\"\"`\"; DROP TABLE `a\\'\"```"
    assert fill("# '\n'{{name}}'", {"name": "a'"}, MYSQL) == "# '\n'a'''"


@pytest.mark.parametrize(
    ("statement", "value", "expected"),
    (
        ("USER '{{name}}'@'%'", "a'b\\", "USER 'a''b\\\\'@'%'"),
        ('USER "{{name}}"', 'a"b\\', 'USER "a""b\\\\"'),
        ("ROLE `{{name}}`", "a`b\\", "ROLE `a``b\\`"),
        ("SELECT 1--'{{name}}'", "a'b", "SELECT 1--'a''b'"),
        ("SELECT 1 -- '{{name}}'", "plain", "SELECT 1 -- 'plain'"),
        ("'\\'' '{{name}}'", "a'b", "'\\'' 'a''b'"),
    ),
)
def test_what_is_put_into_mysql(statement: str, value: str, expected: str) -> None:
    assert fill(statement, {"name": value}, MYSQL) == expected


@pytest.mark.parametrize(
    ("statement", "value", "expected"),
    (
        ('USER "{{name}}"', 'a"b\\', 'USER "a\\"b\\\\"'),
        ("PASSWORD '{{name}}'", "a'b\nc", "PASSWORD 'a\\'b\\nc'"),
        ("'' '{{name}}'", "a'b", "'' 'a\\'b'"),
    ),
)
def test_what_is_put_where_only_backslashes_escape(statement: str, value: str, expected: str) -> None:
    assert fill(statement, {"name": value}, INFLUX) == expected


@pytest.mark.parametrize(
    ("text", "statements"),
    (
        ("a; b;", ["a", "b"]),
        ("a ';' b", ["a ';' b"]),
        ("a '\\'; b' ; c", ["a '\\'; b'", "c"]),
        ('a ";" `;` # ;\n; b', ['a ";" `;` # ;', "b"]),
        ("a /* ; */ -- ;\n; b--;c", ["a /* ; */ -- ;", "b--", "c"]),
        ("x; CREATE PROCEDURE p() BEGIN a; b; END;", ["x", "CREATE PROCEDURE p() BEGIN a; b; END;"]),
        (" ;; ", []),
    ),
)
def test_statements_end_at_semicolons(text: str, statements: list[str]) -> None:
    assert split(text, MYSQL) == statements


@pytest.mark.parametrize(
    ("text", "statements"),
    (
        ("a; b", ["a; b"]),
        ('["a; b", "c"]', ["a; b", "c"]),
        (b64encode(b"CREATE it;\nGRANT it").decode(), ["CREATE it;\nGRANT it"]),
        (b64encode(b'["a","b"]').decode(), ["a", "b"]),
        (b64encode(b'{"db":"x"}').decode(), ['{"db":"x"}']),
        ("NONSENSE", ["NONSENSE"]),
        (b64encode(b"\0 \1").decode(), [b64encode(b"\0 \1").decode()]),
        ("[not json", ["[not json"]),
        ("[1]", ["[1]"]),
    ),
)
def test_statements_are_taken_in_several_forms(text: str, statements: list[str]) -> None:
    assert decoded([text]) == statements
    assert decoded([text, "z"]) == [*statements, "z"]
