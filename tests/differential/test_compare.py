"""The comparison itself: what it must see, and what it must not mind."""

from __future__ import annotations

import json

import pytest

from tests.api import Answer
from tests.differential.case import get, substitute
from tests.differential.compare import comparable, differences, lookup, normalize
from tests.differential.known_differences import Known


def answer(body: object, status: int = 200) -> Answer:
    return Answer(status, {"content-type": "application/json", "date": "now"}, json.dumps(body).encode())


@pytest.mark.parametrize(
    ("theirs", "ours"),
    (
        ({"a": 1}, {"a": 2}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": 1.0}),
        ({"a": True}, {"a": 1}),
        ({"a": None}, {}),
        ({}, {"a": None}),
        ({"a": []}, {"a": None}),
        ({"a": [1, 2]}, {"a": [2, 1]}),
        ({"a": [1]}, {"a": [1, 1]}),
        ({"a": {"b": "x"}}, {"a": {"b": "y"}}),
    ),
)
def test_differences_are_seen(theirs: object, ours: object) -> None:
    assert differences(theirs, ours)
    assert not differences(theirs, theirs)


def test_a_difference_names_its_place() -> None:
    found = differences({"data": {"keys": ["a", "b"]}}, {"data": {"keys": ["a", "c"]}})
    assert list(found) == ["data.keys.1"]


@pytest.mark.parametrize(
    "pair",
    (
        ("2026-11-22T20:05:40.321368809Z", "2027-01-01T00:00:00Z"),
        ("cbe1cefd-5269-44cf-8db6-c41e541fbea1", "00000000-0000-0000-0000-000000000000"),
        ("s.e8B95wf7GdhNIcWwZnCAHd1M", "srs.e8B95wf7GdhNIcWwZnCAHd1M"),
        ("kv_62962a45", "kv_00000000"),
        ("http://127.0.0.1:8200/x", "http://127.0.0.1:9999/x"),
        ("2.7.2", "1.20.0+strongroom.0.1.0"),
        ("hmac-sha256:" + "0" * 64, "hmac-sha256:" + "f" * 64),
    ),
)
def test_what_any_two_servers_differ_in_is_masked(pair: tuple[str, str]) -> None:
    assert normalize(pair[0], {}) == normalize(pair[1], {}) != pair[0]


def test_masks_keep_the_kind() -> None:
    assert normalize("kv_62962a45", {}) != normalize("auth_token_62962a45", {})
    assert normalize("", {}, "request_id") == ""
    assert normalize("x", {}, "request_id") != ""


def test_kept_values_are_known_by_name() -> None:
    assert normalize("key custom-token-1 used", {"custom-token-1": "t"}) == "key <t> used"


def test_running_seconds_may_run() -> None:
    assert normalize(3599, {}, "ttl") == normalize(3600, {}, "ttl") == 3600
    assert normalize(3594, {}, "ttl") != 3600
    assert normalize(3599, {}, "creation_ttl") == 3599


def test_an_answer_is_status_headers_and_body() -> None:
    step = get("x")
    same = comparable(answer({"data": 1}), {}, step)
    assert same != comparable(answer({"data": 1}, 204), {}, step)
    assert "date" not in same["headers"]
    assert same["headers"]["content-type"] == "application/json"


def test_only_narrows_and_unordered_sorts() -> None:
    body = {"data": {"keys": ["b", "a"], "other": 1}}
    assert comparable(answer(body), {}, get("x", only=("data.other",)))["body"] == {"data.other": 1}
    assert comparable(answer(body), {}, get("x", unordered=True))["body"]["data"]["keys"] == ["a", "b"]


def test_lookup() -> None:
    assert lookup({"a": [{"b": 1}]}, "a.0.b") == 1
    assert lookup({"secret/": 1}, "secret") == 1
    assert lookup({"a": 1}, "a.b") == lookup({"a": []}, "a.0") == "<missing>"


def test_substitution_leaves_unknown_names() -> None:
    assert substitute({"<m>": ["<m>/x", b"<m>"]}, {"m": "q"}) == {"q": ["q/x", b"q"]}
    assert substitute("<unknown>", {}) == "<unknown>"


def test_known_differences_cover_their_places() -> None:
    known = Known(2, "body.data.*", "reason")
    assert known.covers(2, "body.data.x")
    assert not known.covers(3, "body.data.x")
    assert not known.covers(2, "status")
    assert Known(0, "status", "reason").covers(7, "status")
