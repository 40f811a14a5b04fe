from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from strongroom.errors import BadRequest, NotFound, UnsupportedOperation
from strongroom.framework.backend import Backend, Table
from strongroom.framework.field import field
from strongroom.framework.lease import Terms
from strongroom.framework.path import Path
from strongroom.logical import Operation, Request, Response, SecretLease


@dataclass
class Answer:
    word: str


class Anything(Path):
    """Answers whatever the engine was told to."""

    pattern = "any/{name?}"
    name: str = field("A name.")
    word: str = field("A word.", required=True)

    async def read(self, engine: Engine, request: Request) -> Any:
        """What it was told."""
        return engine.answer

    async def write(self, engine: Engine, request: Request) -> Any:
        """What it was told."""
        return engine.answer

    async def list(self, engine: Engine, request: Request) -> Any:
        """What it was told."""
        return engine.answer


class Rest(Path):
    """All that is left."""

    pattern = "{path*}"
    path: str = field("Any path.")


class Engine(Backend):
    """An engine."""

    type = "engine"
    paths = (Anything, Rest)
    answer: Any = None


def handle(operation: Operation, answer: Any, **data: Any) -> Response:
    engine = Engine(None)  # type: ignore[arg-type]  # no mount is asked for
    engine.answer = answer
    request = Request("1", operation, "any", data)
    work: Coroutine[Any, Any, Response] = engine.handle(Anything.bind({}, data), request)
    return asyncio.run(work)


def test_the_literal_start_is_found_before_what_is_open() -> None:
    table = Table((Rest, Anything))
    assert table.match("any/x") == (Anything, {"name": "x"})
    assert table.match("any") == (Anything, {"name": None})
    assert table.match("any/x/y") == (Rest, {"path": "any/x/y"})


def test_a_path_that_no_pattern_takes() -> None:
    assert Table((Anything,)).match("other") is None


def test_an_operation_that_a_path_does_not_have() -> None:
    with pytest.raises(UnsupportedOperation):
        handle(Operation.DELETE, None)


def test_a_write_misses_its_required_field() -> None:
    with pytest.raises(BadRequest, match="word"):
        handle(Operation.UPDATE, None)
    assert handle(Operation.READ, {"a": 1}).data == {"a": 1}


def test_what_an_operation_returns_becomes_a_response() -> None:
    response = Response(status=202)
    assert handle(Operation.READ, response) is response
    assert handle(Operation.READ, Answer("x")).data == {"word": "x"}
    assert handle(Operation.UPDATE, None, word="x") == Response()
    assert handle(Operation.LIST, ["a"]).data == {"keys": ["a"]}
    assert handle(Operation.LIST, {"keys": ["a"], "key_info": {}}).data == {"keys": ["a"], "key_info": {}}


@pytest.mark.parametrize(
    ("operation", "answer"), ((Operation.READ, None), (Operation.LIST, []), (Operation.LIST, None))
)
def test_nothing_there_is_not_found(operation: Operation, answer: Any) -> None:
    with pytest.raises(NotFound):
        handle(operation, answer)


def test_parameters_that_nobody_knows_are_told_beside_an_answer() -> None:
    warned = handle(Operation.UPDATE, {"a": 1}, word="x", wrod="y", also=1)
    assert warned.warnings == ["Endpoint ignored these unrecognized parameters: [also wrod]"]
    assert handle(Operation.UPDATE, None, word="x", wrod="y").warnings == []


def test_parameters_that_the_path_gives_are_told_beside_an_answer() -> None:
    engine, data = Engine(None), {"word": "x", "name": "other"}  # type: ignore[arg-type]  # no mount is asked for
    engine.answer = {"a": 1}
    request = Request("1", Operation.UPDATE, "any/own", data, captures={"name": "own"})
    path = Anything.bind(request.captures, data)
    told = asyncio.run(engine.handle(path, request)).warnings
    (sentence,) = told
    assert sentence.startswith("Endpoint replaced the value of these parameters")
    assert sentence.endswith("path: [name]")
    assert path.name == "own"
    request.data = {"word": "x", "name": None}
    assert asyncio.run(engine.handle(path, request)).warnings == []


def test_an_engine_without_leases_neither_renews_nor_revokes() -> None:
    engine, lease = Engine(None), SecretLease("x", 1)  # type: ignore[arg-type]  # no mount is asked for
    request = Request("1", Operation.RENEW, "any")
    for work in (engine.renew(request, lease, Terms(1, 1, 0, 60, 60, 0)), engine.revoke(request, lease)):
        with pytest.raises(UnsupportedOperation):
            asyncio.run(work)


def test_the_docstring_is_the_help() -> None:
    assert Engine.help == "An engine."
