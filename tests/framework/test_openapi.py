from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate

from strongroom.framework.backend import Backend
from strongroom.framework.field import Duration, field
from strongroom.framework.openapi import body_schema, described, document, templates
from strongroom.framework.path import Path
from tests.inprocess import InProcess, inprocess


class Box(Path):
    """A box.

    It holds what is put into it.
    """

    pattern = "boxes/{name}/{part?}"
    root_protected = True
    statuses = (("write", 202, "accepted"),)
    name: str = field("Name of the box.")
    part: str = field("Part of the box.")
    version: int = field("Which version.", query=True)
    ttl: Duration = field("How long.", default=30)
    secret: str = field("What is in it.", sensitive=True, required=True)
    old: bool = field("Once a flag.", deprecated=True)

    async def exists(self, engine: Any, request: Any) -> bool:
        """Always."""
        return True

    async def read(self, engine: Any, request: Any) -> dict[str, Any]:
        """Look into it.

        Nothing is moved.
        """
        return {}

    async def list(self, engine: Any, request: Any) -> list[str]:
        """Name what is in it."""
        return []

    async def write(self, engine: Any, request: Any) -> None:
        """Put something in."""

    async def delete(self, engine: Any, request: Any) -> None:
        """Throw it away."""


class Shelf(Path):
    """All boxes."""

    pattern = "boxes/?"
    unauthenticated = True

    async def list(self, engine: Any, request: Any) -> list[str]:
        """Their names."""
        return []


class Store(Backend):
    """A store of boxes."""

    type = "store"
    paths = (Shelf, Box)


def store() -> Store:
    return Store(None)  # type: ignore[arg-type]  # the document asks for declarations only


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    (
        ("a", ["a"]),
        ("a/?", ["a"]),
        ("a/{path*}", ["a/{path}"]),
        ("a/{x@}/b", ["a/{x}/b"]),
        ("a/{x?}", ["a", "a/{x}"]),
        ("a/{x?}/{y?}", ["a", "a/{x}", "a/{x}/{y}"]),
        ("{path*}", ["{path}"]),
    ),
)
def test_patterns_become_templates(pattern: str, wanted: list[str]) -> None:
    assert list(templates(pattern)) == wanted


def test_a_path_item() -> None:
    items = document({"s/": store()})["paths"]
    assert list(items) == ["/s/boxes", "/s/boxes/{name}", "/s/boxes/{name}/{part}"]
    item = items["/s/boxes/{name}"]
    assert item["description"] == "A box.\n\nIt holds what is put into it."
    assert (item["x-vault-sudo"], item["x-vault-createSupported"]) == (True, True)
    assert "x-vault-unauthenticated" not in item
    assert [(p["name"], p["in"], p["required"]) for p in item["parameters"]] == [("name", "path", True)]
    read = item["get"]
    assert (read["summary"], read["operationId"], read["tags"]) == (
        "Look into it.",
        "s-read-boxes-name",
        ["secrets"],
    )
    assert read["description"] == "Nothing is moved.\n\nlist: Name what is in it."
    assert [p["name"] for p in read["parameters"]] == ["version", "list"]
    assert item["post"]["responses"] == {"202": {"description": "accepted"}}
    assert item["delete"]["responses"] == {"204": {"description": "empty body"}}
    assert read["responses"] == {"200": {"description": "OK"}}


def test_a_listing_is_a_get_that_says_so() -> None:
    item = document({"s/": store()})["paths"]["/s/boxes"]
    assert item["x-vault-unauthenticated"]
    assert item["get"]["security"] == []
    (parameter,) = item["get"]["parameters"]
    assert (parameter["name"], parameter["required"], parameter["schema"]["enum"]) == ("list", True, ["true"])


def test_a_body() -> None:
    schema = body_schema(Box)
    assert schema is not None
    assert set(schema["properties"]) == {"ttl", "secret", "old"}
    assert schema["required"] == ["secret"]
    assert schema["properties"]["ttl"] == {
        "type": "integer", "format": "seconds", "description": "How long.", "default": 30,
    }  # fmt: skip
    assert schema["properties"]["secret"]["x-vault-displayAttrs"] == {"sensitive": True}
    assert schema["properties"]["old"]["deprecated"]


def test_bodies_are_named_components() -> None:
    made = document({"s/": store()})
    body = made["paths"]["/s/boxes/{name}"]["post"]["requestBody"]
    assert body["required"]
    reference = body["content"]["application/json"]["schema"]["$ref"]
    assert made["components"]["schemas"][reference.rpartition("/")[2]] == body_schema(Box)


def test_two_mounts_of_one_engine_have_ids_of_their_own() -> None:
    made = document({"a/b/": store(), "a-b/": store()})
    ids = [
        item[verb]["operationId"]
        for item in made["paths"].values()
        for verb in ("get", "post", "delete")
        if verb in item
    ]
    assert len(ids) == len(set(ids)) == 14
    validate(made)


def test_generic_prefixes() -> None:
    made = document({"my/box/": store()}, generic=True)
    item = made["paths"]["/{my_box_mount_path}/boxes"]
    (parameter,) = item["parameters"]
    assert (parameter["name"], parameter["schema"]["default"]) == ("my_box_mount_path", "my/box")
    validate(made)


def test_what_a_path_says_is_worked_out_once() -> None:
    assert described(Box) is described(Box)


def test_the_document_of_a_server_is_valid_and_whole() -> None:
    async def scenario(api: InProcess) -> None:
        for path, body in (("v1", {"type": "kv"}), ("deep/kv", {"type": "kv", "options": {"version": "2"}})):
            assert (await api("POST", f"sys/mounts/{path}", body)).status == 204
        answer = await api("GET", "sys/internal/specs/openapi")
        assert answer.headers["content-type"] == "application/json"
        made = answer.json
        validate(made)
        assert {"/sys/health", "/deep/kv/data/{path}", "/v1/{path}", "/auth/token/create"} <= made[
            "paths"
        ].keys()
        assert (await api("POST", "sys/internal/specs/openapi")).json == made
        generic = (await api("GET", "sys/internal/specs/openapi?generic_mount_paths=true")).json
        validate(generic)
        assert "/{deep_kv_mount_path}/config" in generic["paths"]

    inprocess(scenario)


def test_the_document_shows_what_the_token_may_use() -> None:
    async def scenario(api: InProcess) -> None:
        nobody = await api("GET", "sys/internal/specs/openapi", token=None)
        assert (nobody.status, nobody.json["paths"]) == (200, {})
        token = await api.policy_token(
            'path "secret/data/x" { capabilities = ["read"] }', no_default_policy=True
        )
        some = await api("GET", "sys/internal/specs/openapi", token=token)
        assert {path.split("/")[1] for path in some.json["paths"]} == {"secret"}

    inprocess(scenario)
