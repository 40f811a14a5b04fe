from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, Unconvertible, field
from strongroom.framework.path import Path, compile_pattern
from strongroom.logical import Operation


class Named(Path):
    """A thing with a name."""

    name: str = field("Its name.")


class Thing(Named):
    """A thing."""

    pattern = "things/{name}"
    size: int = field("How big.", default=3)
    ttl: Duration = field("How long.")
    tags: CommaList = field("What for.")
    source: str = field("From where.", name="from")
    word: str = field("What to say.", required=True)

    async def exists(self, engine: Any, request: Any) -> bool:
        """Always."""
        return True

    async def read(self, engine: Any, request: Any) -> None:
        """Look."""

    async def write(self, engine: Any, request: Any) -> None:
        """Change."""


MATCHES: tuple[tuple[str, str, dict[str, str | None] | None], ...] = (
    ("a/{name}", "a/b", {"name": "b"}),
    ("a/{name}", "a/b.c-d_1", {"name": "b.c-d_1"}),
    ("a/{name}", "a/b/c", None),
    ("a/{name}", "a/", None),
    ("a/{name}", "a/.b", None),
    ("a/{name}", "a/b-", None),
    ("a/{name}", "a/b@c", None),
    ("a/{name}", "a/é", None),
    ("a/{name@}", "a/b@c.d", {"name": "b@c.d"}),
    ("a/{name!}", "a/é @:", {"name": "é @:"}),
    ("a/{name!}", "a/b/c", None),
    ("a/{rest*}", "a/b/c", {"rest": "b/c"}),
    ("a/{rest*}", "a/", {"rest": ""}),
    ("a/{rest*}", "a/b\nc", {"rest": "b\nc"}),
    ("{rest*}", "", {"rest": ""}),
    ("a/{name?}", "a", {"name": None}),
    ("a/{name?}", "a/b", {"name": "b"}),
    ("a/{one?}/{two?}", "a/b/c", {"one": "b", "two": "c"}),
    ("a/{one?}/{two?}", "a/b", {"one": "b", "two": None}),
    ("a/{rest*}/tune", "a/b/c/tune", {"rest": "b/c"}),
    ("a/?", "a", {}),
    ("a/?", "a/", {}),
    ("a/?", "a//", None),
    ("a.b", "axb", None),
    ("a", "a\n", None),
)


@pytest.mark.parametrize(("pattern", "text", "wanted"), MATCHES)
def test_patterns(pattern: str, text: str, wanted: dict[str, str | None] | None) -> None:
    found = compile_pattern(pattern).fullmatch(text)
    assert (None if found is None else found.groupdict()) == wanted


@given(st.text())
def test_a_word_never_holds_a_slash(text: str) -> None:
    found = compile_pattern("a/{name}").fullmatch(f"a/{text}")
    assert found is None or "/" not in found["name"]


def test_fields_of_the_bases_count_too() -> None:
    assert set(Thing.fields) == {"name", "size", "ttl", "tags", "from", "word"}
    assert Thing.fields["name"].in_path
    assert not Named.fields["name"].in_path


def test_operations_are_the_methods() -> None:
    assert Thing.operations == {Operation.READ, Operation.CREATE, Operation.UPDATE}
    assert Thing.checks_existence


def test_what_nobody_gave_is_the_default() -> None:
    bound = Thing.bind({"name": "a"}, {})
    assert (bound.name, bound.size, bound.ttl, bound.tags, bound.source) == ("a", 3, 0, [], "")
    assert bound.given == frozenset()


def test_given_tells_sent_from_defaulted() -> None:
    bound = Thing.bind({"name": "a"}, {"size": 3, "from": "x", "ttl": "1h"})
    assert bound.given == {"size", "source", "ttl"}
    assert (bound.size, bound.source, bound.ttl) == (3, "x", 3600)


def test_null_is_the_empty_value_of_the_type_but_no_duration() -> None:
    bound = Thing.bind({"name": "a"}, {"size": None, "tags": None, "from": None, "ttl": None, "name": None})
    assert (bound.size, bound.tags, bound.source, bound.name) == (0, [], "", "a")
    assert bound.given == {"size", "tags", "source"}


def test_the_path_beats_the_body() -> None:
    bound = Thing.bind({"name": "a"}, {"name": "b"})
    assert bound.name == "a"
    assert bound.unknown == []


def test_unknown_names_are_told_apart() -> None:
    assert Thing.bind({"name": "a"}, {"sise": 3, "attribute": 1}).unknown == ["sise", "attribute"]


def test_the_attribute_is_no_wire_name() -> None:
    bound = Thing.bind({"name": "a"}, {"source": "x"})
    assert (bound.source, bound.unknown) == ("", ["source"])


def test_a_value_that_does_not_convert_names_its_field() -> None:
    with pytest.raises(Unconvertible, match='"size"'):
        Thing.bind({"name": "a"}, {"size": "big"})


def test_required_fields_are_missed_by_name() -> None:
    with pytest.raises(BadRequest, match='missing required field "word"'):
        Thing.bind({"name": "a"}, {}).require()
    Thing.bind({"name": "a"}, {"word": ""}).require()


def test_two_bindings_share_nothing() -> None:
    one, two = Thing.bind({"name": "a"}, {"tags": "x"}), Thing.bind({"name": "b"}, {})
    assert (one.tags, two.tags, Thing.size) == (["x"], [], 3)


@given(
    st.dictionaries(
        st.sampled_from(["size", "ttl", "tags", "from", "word", "name", "other"]), st.integers() | st.text()
    )
)
def test_binding_binds_or_refuses(data: dict[str, Any]) -> None:
    try:
        bound = Thing.bind({"name": "a"}, data)
    except Unconvertible:
        return
    assert bound.name == "a"
    assert bound.given <= {declared.attribute for declared in Thing.fields.values()}
    assert set(bound.unknown) == data.keys() - Thing.fields.keys()


def test_a_misspelt_hole_is_a_mistake_at_import() -> None:
    with pytest.raises(KeyError):
        type("Bad", (Named,), {"pattern": "things/{nmae}", "__module__": __name__})
