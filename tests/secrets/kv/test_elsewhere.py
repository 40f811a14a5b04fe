"""KV version 2: requests made as if it were version 1 are told how it is used."""

from __future__ import annotations

import pytest

from tests.secrets.clocked import Clocked, run

HINT = (
    "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API "
    "endpoints to use. If using the command line, use 'strongroom kv {}' for this operation."
)
ROOT = "Non-listing operations on the root of a K/V v2 mount are not supported."


@pytest.mark.parametrize(
    ("verb", "word"),
    (
        ("GET", "get"),
        ("POST", "put"),
        ("PUT", "put"),
        ("PATCH", "patch"),
        ("DELETE", "delete"),
        ("LIST", "list"),
        ("SCAN", "scan"),
    ),
)
def test_hints(verb: str, word: str) -> None:
    async def scenario(kv: Clocked) -> None:
        for path in ("a", "dataa", "config/x"):
            answer = await kv(verb, path, {"x": 1} if verb in {"POST", "PUT", "PATCH"} else None)
            assert (answer.status, answer.json["warnings"]) == (404, [HINT.format(word)])
            assert answer.data is None

    run(scenario)


def test_the_roots_can_only_be_listed() -> None:
    async def scenario(kv: Clocked) -> None:
        for path in ("data", "metadata", "delete", "undelete", "destroy"):
            for verb in ("GET", "POST", "PATCH", "DELETE"):
                answer = await kv(verb, path, {} if verb in {"POST", "PATCH"} else None)
                assert (answer.status, answer.json["warnings"]) == (404, [ROOT])
        assert (await kv("LIST", "data")).status == 405

    run(scenario)
