"""KV version 2: versions of data, check-and-set, patches and outlines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.errors import BadRequest, CASMismatch
from strongroom.framework.merge import merge
from strongroom.secrets.kv.data import check_cas, outline
from strongroom.secrets.kv.history import Config, History
from tests.secrets.clocked import Clocked, run

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "rfc7396.json").read_text())["cases"]
WRONG: tuple[Any, ...] = ("text", 5, '{"x": 1}', ["x"])
STORED: tuple[tuple[Any, Any], ...] = (({}, {}), ([], {}), (None, None))
OBJECTS = [case for case in VECTORS if isinstance(case[0], dict) and isinstance(case[1], dict)]


def test_every_write_is_a_version() -> None:
    async def scenario(kv: Clocked) -> None:
        first = kv.clock.text()
        expected = {"created_time": first, "custom_metadata": None, "deletion_time": "", "destroyed": False}
        assert await kv.put("a", {"x": 1}) == expected | {"version": 1}
        kv.clock.advance(1.5)
        assert (await kv.put("a", {"x": 2}))["version"] == 2
        assert await kv.get("data/a?version=1") == {"data": {"x": 1}, "metadata": expected | {"version": 1}}
        for latest in ("data/a", "data/a?version=0", "data/a?version=2", "data/a?version=-1"):
            found = await kv.get(latest)
            assert found["data"] == {"x": 2}
            assert found["metadata"]["created_time"] == kv.clock.text()
        assert (await kv("GET", "data/a?version=3")).status == 404
        assert "version" in await kv.refused("GET", "data/a?version=x")

    run(scenario)


def test_what_is_no_data() -> None:
    async def scenario(kv: Clocked) -> None:
        for body in (None, {}, {"x": 1}):
            assert await kv.refused("POST", "data/a", body) == "no data provided"
        for data in WRONG:
            assert '"data"' in await kv.refused("POST", "data/a", {"data": data})
        assert "ending in '/'" in await kv.refused("POST", "data/dir/", {"data": {}})
        assert "ending in '/'" in await kv.refused("POST", "data/", {"data": {}})
        assert (await kv("GET", "metadata/a")).status == 404
        for number, (data, stored) in enumerate(STORED, 1):
            assert (await kv.put("a", data))["version"] == number
            assert (await kv.get("data/a"))["data"] == stored

    run(scenario)


def test_unknown_parameters_are_told_of() -> None:
    async def scenario(kv: Clocked) -> None:
        answer = await kv("POST", "data/a", {"data": {}, "zz": 1, "b": 2})
        assert answer.json["warnings"] == ["Endpoint ignored these unrecognized parameters: [b zz]"]

    run(scenario)


def test_create_and_update_are_told_apart() -> None:
    async def scenario(kv: Clocked) -> None:
        create = await kv.api.policy_token('path "m/data/*" { capabilities = ["create"] }')
        update = await kv.api.policy_token('path "m/data/*" { capabilities = ["update"] }')
        body = {"data": {"x": 1}}
        assert (await kv("POST", "data/a", body, token=update)).status == 403
        assert (await kv("POST", "data/a", body, token=create)).status == 200
        assert (await kv("POST", "data/a", body, token=create)).status == 403
        assert (await kv("POST", "data/a", body, token=update)).data["version"] == 2

    run(scenario)


# -- check-and-set ---------------------------------------------------------------------------------


def history_at(current: int, *, required: bool = False) -> History:
    return History(created=1, updated=1, current=current, cas_required=required)


@pytest.mark.parametrize("cas", (3, "3", "0x3", "+3"))
def test_cas_names_the_current_version(cas: Any) -> None:
    check_cas({"cas": cas}, history_at(3), Config())


@pytest.mark.parametrize("cas", (0, "0", None, "", False))
def test_cas_of_zero_wants_no_secret_yet(cas: Any) -> None:
    check_cas({"cas": cas}, None, Config())
    with pytest.raises(CASMismatch, match="did not match the current version"):
        check_cas({"cas": cas}, history_at(1), Config())


@pytest.mark.parametrize("cas", ("x", [], {}, "1.5", "³"))
def test_cas_that_is_no_number(cas: Any) -> None:
    with pytest.raises(BadRequest, match="error parsing check-and-set parameter"):
        check_cas({"cas": cas}, history_at(3), Config())


@pytest.mark.parametrize("required", ("mount", "secret"))
def test_cas_can_be_required(required: str) -> None:
    config, history = Config(cas_required=required == "mount"), history_at(3, required=required == "secret")
    with pytest.raises(BadRequest, match="check-and-set parameter required for this call"):
        check_cas({}, history, config)
    check_cas({"cas": 3}, history, config)


@given(st.integers(0, 50), st.integers(-5, 55))
def test_cas_passes_for_exactly_the_current_version(current: int, cas: int) -> None:
    try:
        check_cas({"cas": cas}, history_at(current), Config())
    except CASMismatch:
        assert cas != current
    else:
        assert cas == current


def test_cas_counts_deleted_and_destroyed_versions() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.put("a", {"x": 1}, cas=0)
        await kv.done("DELETE", "data/a")
        refusal = await kv.refused("POST", "data/a", {"data": {}, "options": {"cas": 0}})
        assert refusal == "check-and-set parameter did not match the current version"
        await kv.put("a", {"x": 2}, cas=1)
        await kv.done("POST", "destroy/a", {"versions": [2]})
        await kv.put("a", {"x": 3}, cas=2)
        await kv.done("DELETE", "metadata/a")
        await kv.put("a", {"x": 4}, cas=0)

    run(scenario)


# -- patches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("target", "patch", "result"), VECTORS)
def test_merge_as_in_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge(target, patch) == result


def test_patches_of_objects_as_in_the_rfc() -> None:
    async def scenario(kv: Clocked) -> None:
        for number, (target, patch, result) in enumerate(OBJECTS):
            await kv.put(f"p{number}", target)
            answer = await kv("PATCH", f"data/p{number}", {"data": patch})
            assert answer.data["version"] == 2
            assert (await kv.get(f"data/p{number}"))["data"] == result
            assert (await kv.get(f"data/p{number}?version=1"))["data"] == target

    assert len(OBJECTS) > 5
    run(scenario)


def test_a_patch_keeps_the_numbers_it_does_not_touch() -> None:
    async def scenario(kv: Clocked) -> None:
        await kv("POST", "data/a", b'{"data": {"a": 1.10, "d": {"e": 1e5}}}')
        await kv("PATCH", "data/a", b'{"data": {"b": 2.50}}')
        assert b'"data":{"a":1.10,"d":{"e":1e5},"b":2.50}' in (await kv("GET", "data/a")).body

    run(scenario)


def test_what_cannot_be_patched() -> None:
    async def scenario(kv: Clocked) -> None:
        patch = {"data": {"y": 1}}
        missing = await kv("PATCH", "data/a", patch)
        assert (missing.status, missing.body) == (404, b"")
        await kv.done("POST", "metadata/a", {"max_versions": 3})
        assert (await kv("PATCH", "data/a", patch)).status == 404, "metadata alone is no version"
        await kv.put("a", {"x": 1})
        for body in (None, {}, {"data": None}):
            assert await kv.refused("PATCH", "data/a", body) == "no data provided"
        options = {"options": {"cas": 7}}
        assert "did not match" in await kv.refused("PATCH", "data/a", patch | options)
        deleted = kv.clock.text()
        await kv.done("DELETE", "data/a")
        gone = await kv("PATCH", "data/a", patch)
        assert (gone.status, gone.data["deletion_time"], gone.data["version"]) == (404, deleted, 1)
        answer = await kv.api("PATCH", "m/data/a", patch, {"content-type": "application/json"})
        assert answer.status == 415

    run(scenario)


# -- subkeys ---------------------------------------------------------------------------------------

DEEP: dict[str, Any] = {"x": 1, "deep": {"a": {"b": {"c": "s"}}, "e": {}}, "list": [{"q": 1}], "n": None}


@pytest.mark.parametrize(
    ("depth", "deep"),
    (
        (0, {"a": {"b": {"c": None}}, "e": None}),
        (1, None),
        (-1, None),
        (2, {"a": None, "e": None}),
        (3, {"a": {"b": None}, "e": None}),
        (9, {"a": {"b": {"c": None}}, "e": None}),
    ),
)
def test_outline_to_a_depth(depth: int, deep: Any) -> None:
    assert outline(DEEP, depth) == {"x": None, "deep": deep, "list": None, "n": None}


json_objects = st.dictionaries(
    st.text(max_size=5),
    st.recursive(
        st.none() | st.just("hidden"),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)


@given(json_objects, st.integers(-2, 4))
@settings(max_examples=40, deadline=None)
def test_an_outline_holds_no_value(value: dict[str, Any], depth: int) -> None:
    def leaves(part: Any) -> list[Any]:
        return [leaf for item in part.values() for leaf in leaves(item)] if isinstance(part, dict) else [part]

    found = outline(value, depth)
    assert set(leaves(found)) <= {None}
    assert found.keys() == value.keys()


def test_subkeys_of_versions() -> None:
    async def scenario(kv: Clocked) -> None:
        assert (await kv("GET", "subkeys/a")).status == 404
        await kv.put("a", {"old": 1})
        await kv.put("a", DEEP)
        assert (await kv.get("subkeys/a?depth=1"))["subkeys"] == dict.fromkeys(DEEP)
        assert (await kv.get("subkeys/a?version=1"))["subkeys"] == {"old": None}
        assert (await kv.get("subkeys/a"))["metadata"]["version"] == 2
        await kv.done("DELETE", "data/a")
        gone = await kv("GET", "subkeys/a")
        assert (gone.status, gone.data["subkeys"]) == (404, None)
        assert gone.data["metadata"]["deletion_time"] == kv.clock.text()

    run(scenario)


# -- odd and large ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", ("1.10", "1e5", "-0.0", "1E-7", str(2**70), "0.1000000000000000055511151231")
)
def test_numbers_come_back_as_they_were_written(number: str) -> None:
    async def scenario(kv: Clocked) -> None:
        data = f'"data":{{"n":{number},"nested":[[{number}],{{"m":{number}}}]}}'.encode()
        await kv("POST", "data/n", b"{" + data + b"}")
        assert data in (await kv("GET", "data/n")).body

    run(scenario)


@pytest.mark.parametrize(
    "path",
    ("é/☃", "with space", "q?q", "a%b", "x..y", "data/metadata", "…/ " + "p" * 600, "s/" + "x" * 4_000),
)
def test_odd_paths(path: str) -> None:
    async def scenario(kv: Clocked) -> None:
        await kv.put(quote(path), {"p": path})
        assert (await kv.get(f"data/{quote(path)}"))["data"] == {"p": path}
        assert await kv.keys("metadata", "SCAN") == [path]
        await kv.done("DELETE", f"metadata/{quote(path)}")
        assert await kv.keys("metadata", "SCAN") == []

    run(scenario)


def test_large_values() -> None:
    async def scenario(kv: Clocked) -> None:
        value = {"blob": "é" * 1_000_000, **{f"key{i}": "v" * 50 for i in range(10_000)}}
        await kv.put("big", value)
        assert (await kv.get("data/big"))["data"] == value

    run(scenario)


@given(st.lists(json_objects, min_size=5, max_size=12))
@settings(max_examples=10, deadline=None)
def test_any_object_round_trips(values: list[dict[str, Any]]) -> None:
    async def scenario(kv: Clocked) -> None:
        for value in values:
            await kv("POST", "data/a", orjson.dumps({"data": value}))
            assert (await kv.get("data/a"))["data"] == value

    run(scenario)
