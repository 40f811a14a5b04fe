"""What every declared path of every engine in the box owes its readers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from strongroom.framework.backend import Backend
from strongroom.framework.path import METHODS, Path
from strongroom.registry import BUILTIN, backend_class

SECRET = re.compile(r"(^|_)(password|passphrase|token|secret|key|private_key|credentials)$")
PUBLIC = frozenset(
    {
        "pgp_key",
        "root_token_pgp_key",
        "allow_credentials",
        "crypto_key",
        "public_key",
        "peer_public_key",
        "generate_signing_key",
    }
)
"""Names that sound secret and are not: of keys elsewhere, keys for somebody or to be certified, switches."""


def engines() -> Iterator[type[Backend]]:
    for table, types in BUILTIN.items():
        for type_ in types:
            yield backend_class(table, type_, None)
    yield backend_class("mounts", "kv", {"version": "2"})


NAMING = {"RolePath": {"key"}, "ClientPath": {"key", "client_credentials"}}
"""Fields that hold the name of a key, not a key, or whether a flow of that name is allowed."""

ENGINES = tuple(engines())
PATHS = tuple(
    sorted(
        {path for engine in ENGINES for path in engine.paths},
        key=lambda path: path.__module__ + path.__name__,
    )
)

each_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.__name__)
each_path = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.__module__}.{path.__name__}")


def example(pattern: str) -> str:
    """A path that a pattern was made for."""
    return re.sub(r"\{(\w+)[@*!?]*\}", r"x\1", pattern.removesuffix("/?"))


@each_engine
def test_an_engine_says_what_it_is_for(engine: type[Backend]) -> None:
    assert engine.help
    assert engine.type
    assert engine.help != Backend.help


@each_path
def test_a_path_says_what_it_is(path: type[Path]) -> None:
    assert path.__dict__.get("__doc__"), "no docstring of its own"


@each_path
def test_every_operation_says_what_it_does(path: type[Path]) -> None:
    assert path.operations, "a path without operations"
    for method in {METHODS[operation] for operation in path.operations}:
        assert getattr(path, method).__doc__, method


@each_path
def test_every_field_has_help(path: type[Path]) -> None:
    assert not [name for name, declared in path.fields.items() if not declared.help.strip()]


@each_path
def test_secrets_are_flagged(path: type[Path]) -> None:
    # What stands in the path itself is a name, and nobody could hide it.
    named = {name for name, declared in path.fields.items() if SECRET.search(name) and not declared.in_path}
    named -= PUBLIC | NAMING.get(path.__name__, set())
    assert not [name for name in named if not path.fields[name].sensitive]


@each_engine
def test_every_path_can_be_reached(engine: type[Backend]) -> None:
    for path in engine.paths:
        found = engine.table.match(example(path.pattern))
        assert found is not None, path.pattern
        assert found[0] is path, f"{path.pattern} is hidden by {found[0].pattern}"


@each_path
def test_captures_are_declared_fields(path: type[Path]) -> None:
    assert path.regex.groupindex.keys() <= path.fields.keys()
    assert all(path.fields[name].in_path for name in path.regex.groupindex)


@each_path
def test_statuses_belong_to_operations(path: type[Path]) -> None:
    assert {method for method, *_ in path.statuses} <= {METHODS[operation] for operation in path.operations}
