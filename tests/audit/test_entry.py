"""The golden key sets and nestings were read off the peer's audit log, entry by entry."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.audit.entry import EntryFormat, FormatOptions, rfc3339, serial_number
from strongroom.logical import Auth, Namespace, Operation, Response, SecretLease, WrapInfo
from strongroom.policy.decision import Decision, Reason
from tests.audit.sample import ACCESSOR, NOW, SALT, TOKEN, Mount, anonymous, entry, loaded, request

AUTH = {
    "client_token",
    "accessor",
    "display_name",
    "policies",
    "token_policies",
    "policy_results",
    "metadata",
    "token_type",
    "token_ttl",
    "token_issue_time",
}
REQUEST = {
    "id",
    "client_id",
    "operation",
    "mount_point",
    "mount_type",
    "mount_accessor",
    "mount_running_version",
    "mount_class",
    "client_token",
    "client_token_accessor",
    "namespace",
    "path",
    "remote_address",
    "remote_port",
}
RESPONSE = {"mount_point", "mount_type", "mount_accessor", "mount_running_plugin_version", "mount_class"}

form = EntryFormat(SALT, FormatOptions(), {})
raw = EntryFormat(SALT, FormatOptions(log_raw=True), {})


def hashed(value: str) -> str:
    return form.hash(value)


def requested(**fields: Any) -> dict[str, Any]:
    return loaded(form.request(request(**fields), NOW))


def answered(response: Response | None, **fields: Any) -> dict[str, Any]:
    return loaded(form.response(request(**fields), response, NOW))


def test_request_of_a_token() -> None:
    line = loaded(form.request(request(), NOW))
    assert set(line) == {"time", "type", "auth", "request"}
    assert line["time"] == "2026-11-22T22:22:44.007410202Z"
    assert line["type"] == "request"
    assert set(line["auth"]) == AUTH
    assert set(line["request"]) == REQUEST
    assert line["auth"]["client_token"] == line["request"]["client_token"] == hashed(TOKEN)
    assert line["auth"]["accessor"] == line["request"]["client_token_accessor"] == hashed(ACCESSOR)
    assert line["auth"]["policies"] == line["auth"]["token_policies"] == ["default", "p1"]
    assert line["auth"]["metadata"] == {"m": "v"}
    assert line["auth"]["token_issue_time"] == "2026-11-22T22:22:44Z"
    assert line["auth"]["policy_results"] == {
        "allowed": True,
        "granting_policies": [{"name": "p1", "namespace_id": "root", "type": "acl"}],
    }
    assert line["request"]["namespace"] == {"id": "root"}


def test_response_repeats_the_request() -> None:
    asked = request(data={"password": "hunter2"})
    first = loaded(form.request(asked, NOW))
    second = loaded(form.response(asked, Response(data={"a": "b", "version": 1}), NOW + 1))
    assert set(second) == {"time", "type", "auth", "request", "response"}
    assert second["type"] == "response"
    assert second["time"] == "2026-11-22T22:22:44.007410203Z"
    assert (second["auth"], second["request"]) == (first["auth"], first["request"])
    assert second["request"]["data"] == {"password": hashed("hunter2")}
    assert set(second["response"]) == RESPONSE | {"data"}
    assert second["response"]["data"] == {"a": hashed("b"), "version": 1}


def test_response_shows_the_request_as_it_was_even_if_the_engine_changed_it() -> None:
    asked = request(data={"password": "hunter2"})
    form.request(asked, NOW)
    asked.data.clear()
    line = loaded(form.response(asked, None, NOW))
    assert line["request"]["data"] == {"password": hashed("hunter2")}


def test_response_without_a_request_line_is_complete() -> None:
    assert set(answered(None)["request"]) == REQUEST


def test_a_time_within_the_same_and_the_next_second() -> None:
    fresh = EntryFormat(SALT, FormatOptions(), {})
    times = [NOW, NOW + 1, NOW + 10**9, NOW, (NOW // 10**9) * 10**9, 5]
    lines = [loaded(fresh.request(request(), time))["time"] for time in times]
    assert lines == [rfc3339(time) for time in times]
    assert lines[-1] == "1970-01-01T00:00:00.000000005Z"


def test_anonymous_request() -> None:
    """The peer's test line at sys/audit/test has nothing more."""
    line = loaded(
        form.request(
            anonymous(
                mount_point="",
                mount_type="",
                mount_accessor="",
                mount_class="",
                remote_address="",
                remote_port=0,
            ),
            NOW,
        )
    )
    assert line["auth"] == {"token_type": "default"}
    assert set(line["request"]) == {"id", "operation", "namespace", "path"}


def test_unknown_token_is_masked() -> None:
    line = loaded(form.request(anonymous(token="badtoken"), NOW, "permission denied"))
    assert line["auth"] == {"token_type": "default"}
    assert line["request"]["client_token"] == hashed("badtoken")
    assert line["error"] == "permission denied"
    assert b"badtoken" not in json.dumps(line).encode()


def test_refusal_names_no_policies() -> None:
    decision = Decision(False, Reason.CAPABILITY_MISSING, policies=("p1",))
    line = loaded(form.request(request(decision=decision), NOW, "permission denied"))
    assert line["auth"]["policy_results"] == {"allowed": False}
    assert line["error"] == "permission denied"


def test_allowed_without_a_granting_policy() -> None:
    line = requested(decision=Decision(True, Reason.ALLOWED))
    assert line["auth"]["policy_results"] == {"allowed": True}


def test_login() -> None:
    asked = anonymous(
        path="auth/userpass/login/u",
        unauthenticated=True,
        operation=Operation.UPDATE,
        data={"password": "pw"},
    )
    first = loaded(form.request(asked, NOW))
    assert first["auth"] == {"policy_results": {"allowed": True}, "token_type": "default"}
    auth = Auth(
        client_token="s.new",
        accessor="acc",
        display_name="userpass-u",
        policies=["default", "p1"],
        token_policies=["default", "p1"],
        metadata={"username": "u", "request": "x"},
        entity_id="e",
        lease_duration=2764800,
    )
    line = loaded(form.response(asked, Response(auth=auth), NOW))
    assert line["auth"] == {
        "client_token": hashed("s.new"),
        "accessor": hashed("acc"),
        "display_name": "userpass-u",
        "policies": ["default", "p1"],
        "token_policies": ["default", "p1"],
        "metadata": {"username": "u", "request": "x"},
        "entity_id": "e",
        "token_type": "service",
        "token_ttl": 2764800,
    }
    assert line["response"]["auth"] == line["auth"]
    assert line["request"] == first["request"]


def test_created_token_stands_in_the_response_only() -> None:
    auth = Auth(client_token="s.new", accessor="acc", display_name="token-bob", policies=["p1"], num_uses=10)
    line = answered(Response(auth=auth))
    assert line["auth"]["client_token"] == hashed(TOKEN)
    assert line["response"]["auth"] == {
        "client_token": hashed("s.new"),
        "accessor": hashed("acc"),
        "display_name": "token-bob",
        "policies": ["p1"],
        "num_uses": 10,
        "token_type": "service",
    }


def test_batch_tokens_have_no_accessor() -> None:
    line = answered(
        Response(auth=Auth(client_token="b.x", token_type="batch")), entry=entry(accessor="", type="batch")
    )
    assert "accessor" not in line["auth"]
    assert "client_token_accessor" not in line["request"]
    assert "accessor" not in line["response"]["auth"]


def test_remaining_uses_are_those_of_the_moment() -> None:
    """They count the use that the request itself takes, which the entry no longer has."""
    holder = entry(num_uses=3)
    assert requested(entry=holder)["auth"]["remaining_uses"] == 4
    holder.num_uses = 2
    assert requested(entry=holder)["auth"]["remaining_uses"] == 3
    holder.num_uses = -1
    assert requested(entry=holder)["auth"]["remaining_uses"] == 1
    assert "remaining_uses" not in requested()["auth"]


def test_what_is_kept_with_the_token_follows_the_token() -> None:
    holder = entry(identity_policies=["p9"])
    assert requested(entry=holder)["auth"]["identity_policies"] == ["p9"]
    holder.identity_policies.append("p0")
    holder.ttl = 7200
    holder.entity_id = "e1"
    auth = requested(entry=holder)["auth"]
    assert auth["policies"] == ["default", "p0", "p1", "p9"]
    assert auth["token_policies"] == ["default", "p1"]
    assert auth["identity_policies"] == ["p9", "p0"]
    assert auth["token_ttl"] == 7200
    assert auth["entity_id"] == "e1"


def test_devices_do_not_share_what_they_keep() -> None:
    other = EntryFormat(b"other" * 8, FormatOptions(), {})
    asked = request()
    first, second = loaded(form.request(asked, NOW)), loaded(other.request(asked, NOW))
    assert first["auth"]["client_token"] == hashed(TOKEN)
    assert second["auth"]["client_token"] == other.hash(TOKEN) != hashed(TOKEN)
    assert loaded(form.response(asked, None, NOW))["request"] == first["request"]
    assert loaded(other.response(asked, None, NOW))["request"] == second["request"]


def test_namespace_with_a_path() -> None:
    namespace = Namespace(id="abc12", path="team/", uuid="u")
    line = requested(namespace=namespace, home=namespace)
    assert line["request"]["namespace"] == {"id": "abc12", "path": "team/"}
    assert line["auth"]["policy_results"]["granting_policies"][0]["namespace_id"] == "abc12"


def test_wrapping() -> None:
    info = WrapInfo("s.wrap", "wacc", 60, "2026-11-22T22:22:43.745719893Z", "kv/data/x", "inner-acc")
    asked = request(wrap_ttl=60)
    assert loaded(form.request(asked, NOW))["request"]["wrap_ttl"] == 60
    line = loaded(form.response(asked, Response(wrap_info=info), NOW))
    assert line["response"]["wrap_info"] == {
        "ttl": 60,
        "token": hashed("s.wrap"),
        "accessor": hashed("wacc"),
        "creation_time": "2026-11-22T22:22:43.745719893Z",
        "creation_path": "kv/data/x",
        "wrapped_accessor": hashed("inner-acc"),
    }


def test_a_lease_and_the_lack_of_one() -> None:
    leased = Response(data={}, secret=SecretLease("creds", 60, lease_id="db/creds/r/abc"))
    assert answered(leased)["response"]["secret"] == {"lease_id": "db/creds/r/abc"}
    assert answered(Response(data={}, secret=SecretLease("kv", 60)))["response"]["secret"] == {}


def test_warnings_redirect_and_headers_of_the_response() -> None:
    response = Response(
        warnings=["w"], redirect="r", headers=[("X-A", "1"), ("X-A", "2"), ("X-B", "3"), ("X-C", "4")]
    )
    shown = EntryFormat(SALT, FormatOptions(), {"x-b": False, "x-a": True})
    answer = loaded(shown.response(request(), response, NOW))["response"]
    assert answer["warnings"] == ["w"]
    assert answer["redirect"] == "r"
    assert answer["headers"] == {"X-A": [hashed("1"), hashed("2")], "X-B": ["3"], "X-C": [hashed("4")]}


def test_request_headers_only_as_configured() -> None:
    headers: dict[str, bool] = {}
    listed = EntryFormat(SALT, FormatOptions(), headers)
    asked = request(received={"x-foo": "foo", "x-bar": "bar", "x-baz": "no"})
    assert "headers" not in loaded(listed.request(asked, NOW))["request"]
    headers |= {"x-foo": True, "x-bar": False, "x-absent": False}
    assert loaded(listed.request(asked, NOW))["request"]["headers"] == {
        "x-foo": [hashed("foo")],
        "x-bar": ["bar"],
    }


def test_exempt_keys_of_the_mount() -> None:
    mount = Mount(frozenset({"a"}), frozenset({"b"}))
    asked = request(mount=mount, data={"a": "1", "b": "2"})
    line = loaded(form.response(asked, Response(data={"a": "1", "b": "2"}), NOW))
    assert line["request"]["data"] == {"a": "1", "b": hashed("2")}
    assert line["response"]["data"] == {"a": hashed("1"), "b": "2"}


def test_without_a_mount_everything_is_masked() -> None:
    line = loaded(form.response(request(mount=None, data={"a": "1"}), Response(data={"a": "1"}), NOW))
    assert line["request"]["data"] == line["response"]["data"] == {"a": hashed("1")}


@pytest.mark.parametrize("operation", (Operation.LIST, Operation.SCAN))
def test_elided_listings_count_their_keys(operation: Operation) -> None:
    short = EntryFormat(SALT, FormatOptions(elide_list_responses=True), {})
    data = {"keys": ["a", "b"], "key_info": {"a": {}}, "other": ["x"]}
    line = loaded(short.response(request(operation=operation), Response(data=data), NOW))
    assert line["response"]["data"] == {"keys": 2, "key_info": 1, "other": [hashed("x")]}
    assert data["keys"] == ["a", "b"]


def test_only_listings_are_elided() -> None:
    short = EntryFormat(SALT, FormatOptions(elide_list_responses=True), {})
    line = loaded(short.response(request(), Response(data={"keys": ["a"]}), NOW))
    assert line["response"]["data"] == {"keys": [hashed("a")]}
    assert answered(Response(data={"keys": ["a"]}), operation=Operation.LIST)["response"]["data"] == {
        "keys": [hashed("a")]
    }


def test_accessors_in_clear_when_asked() -> None:
    clear = EntryFormat(SALT, FormatOptions(hmac_accessor=False), {})
    info = WrapInfo("s.wrap", "wacc", 60, "", "", "inner")
    response = Response(auth=Auth(client_token="s.new", accessor="acc"), wrap_info=info)
    line = loaded(clear.response(request(), response, NOW))
    assert line["auth"]["accessor"] == line["request"]["client_token_accessor"] == ACCESSOR
    assert line["response"]["auth"]["accessor"] == "acc"
    assert line["response"]["wrap_info"]["accessor"] == "wacc"
    assert line["response"]["wrap_info"]["wrapped_accessor"] == "inner"
    assert line["auth"]["client_token"] == clear.hash(TOKEN)


def test_raw_logging_masks_nothing() -> None:
    line = loaded(raw.response(request(data={"a": "b"}), Response(data={"c": ["d"]}), NOW))
    assert line["auth"]["client_token"] == TOKEN
    assert line["auth"]["accessor"] == ACCESSOR
    assert line["request"]["data"] == {"a": "b"}
    assert line["response"]["data"] == {"c": ["d"]}


@pytest.mark.parametrize("body", (b"raw secret", "raw secret"))
def test_raw_bodies_are_masked(body: bytes | str) -> None:
    """CVE-2025-62513: what is not JSON reached the log in clear."""
    answer = answered(Response(raw=body, content_type="text/plain", status=202))["response"]
    assert answer["data"] == {
        "http_content_type": hashed("text/plain"),
        "http_raw_body": hashed("raw secret"),
        "http_status_code": 202,
    }


def test_streams_are_logged_without_their_content() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"chunk"

    answer = answered(Response(raw=chunks(), content_type="application/gzip"))["response"]
    assert answer["data"] == {"http_content_type": hashed("application/gzip"), "http_status_code": 200}


def test_error_stands_beside_the_response() -> None:
    line = loaded(form.response(request(), None, NOW, 'quoted "and"\nbroken'))
    assert line["error"] == '1 error occurred:\n\t* quoted "and"\nbroken\n\n'
    assert set(line["response"]) == RESPONSE | {"data"}
    assert line["response"]["data"] == {"error": hashed('quoted "and"\nbroken')}


def test_an_error_that_is_a_list_of_errors_stays_as_it_is() -> None:
    listed = "1 error occurred:\n\t* permission denied\n\n"
    assert loaded(form.response(request(), None, NOW, listed))["error"] == listed


@pytest.mark.parametrize(
    ("policies", "client"),
    (
        (["root"], "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8="),
        (["default", "audit-of-tokens"], "xV+RV3JXaUuEfMnkZQpWtTS+7QoTuGim5GZjbClS/EI="),
    ),
)
def test_client_id_is_the_one_measured_at_the_peer(policies: list[str], client: str) -> None:
    assert requested(entry=entry(policies=policies))["request"]["client_id"] == client


def test_client_id_of_an_entity_and_of_nobody() -> None:
    assert requested(entry=entry(entity_id="e1"))["request"]["client_id"] == "e1"
    assert "client_id" not in loaded(form.request(anonymous(), NOW))["request"]


@pytest.mark.parametrize(("kind", "told"), (("system", "secret"), ("secret", "secret"), ("auth", "auth")))
def test_the_log_knows_two_classes_of_mounts(kind: str, told: str) -> None:
    line = answered(Response(), mount_class=kind)
    assert line["request"]["mount_class"] == line["response"]["mount_class"] == told


def test_an_unwrapped_token_stands_as_one() -> None:
    auth: dict[str, Any] = {
        "client_token": "s.in",
        "accessor": "acc",
        "policies": ["p"],
        "token_policies": ["p"],
    }
    auth |= {"token_type": "service", "lease_duration": 60}
    answer = answered(Response(raw=b"{}", wrapped_data={"data": None, "auth": auth}))["response"]
    assert "data" not in answer
    assert answer["auth"] == {
        "client_token": hashed("s.in"),
        "accessor": hashed("acc"),
        "policies": ["p"],
        "token_policies": ["p"],
        "token_type": "service",
        "token_ttl": 60,
    }


def test_unwrapped_data_stands_key_by_key() -> None:
    unwrapped = {"data": {"x": "y"}, "auth": None}
    assert answered(Response(raw=b"{}", wrapped_data=unwrapped))["response"]["data"] == {"x": hashed("y")}


def test_prefix() -> None:
    prefixed = EntryFormat(SALT, FormatOptions(prefix=b"@cee: "), {})
    line = prefixed.request(request(), NOW)
    assert line.startswith(b'@cee: {"time":')
    assert loaded(line.removeprefix(b"@cee: "))["type"] == "request"


def test_paths_cannot_forge_a_line() -> None:
    path = 'kv/"}\n{"type":"request","x":"\u2028'
    line = form.request(request(path=path), NOW)
    assert loaded(line)["request"]["path"] == path


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2)
    return bytes([tag]) + length + content


@pytest.mark.parametrize("number", (b"\x05", b"\x00\xff\x01", bytes(range(1, 21))))
@pytest.mark.parametrize("version", (b"", der(0xA0, der(2, b"\x02"))))
@pytest.mark.parametrize("padding", (10, 1000))
def test_serial_number_of_the_client_certificate(number: bytes, version: bytes, padding: int) -> None:
    certificate = der(0x30, der(0x30, version + der(2, number) + der(4, b"\0" * padding)))
    assert serial_number(certificate) == str(int.from_bytes(number))
    line = requested(certificate=certificate)
    assert line["request"]["client_certificate_serial_number"] == str(int.from_bytes(number))


@pytest.mark.parametrize(
    ("time", "text"),
    (
        (0, "1970-01-01T00:00:00.000000000Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (NOW, "2026-11-22T22:22:44.007410202Z"),
    ),
)
def test_times(time: int, text: str) -> None:
    assert rfc3339(time) == text
    assert rfc3339(time, fraction=False) == text[:19] + "Z"


CANARY = "canary-5b1e"
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.text().map(lambda text: CANARY + text),
        st.binary().map(lambda data: CANARY.encode() + data),
        st.integers(),
        st.none(),
    ),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(max_size=3), inner)),
    max_leaves=10,
)
bodies = st.dictionaries(st.text(max_size=3), values, max_size=4)


@given(bodies, bodies, st.one_of(st.none(), st.binary().map(lambda data: CANARY.encode() + data)))
def test_no_planted_secret_appears(
    given_: dict[str, Any], answer: dict[str, Any], body: bytes | None
) -> None:
    asked = request(
        token=CANARY + "token",
        data=given_,
        received={"x-foo": CANARY},
        entry=entry(accessor=CANARY + "accessor"),
    )
    listed = EntryFormat(SALT, FormatOptions(), {"x-foo": True})
    auth = Auth(client_token=CANARY, accessor=CANARY)
    wrap = WrapInfo(CANARY, CANARY, 1, "", "", CANARY)
    response = Response(data=answer, raw=body, auth=auth, wrap_info=wrap, headers=[("X-Foo", CANARY)])
    for line in (listed.request(asked, NOW), listed.response(asked, response, NOW)):
        assert CANARY.encode() not in line
        loaded(line)
