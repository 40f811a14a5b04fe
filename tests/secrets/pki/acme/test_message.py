"""The form of messages: what is read, and which problem a bad one is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto import jwk
from strongroom.secrets.pki.acme import message
from strongroom.secrets.pki.acme.problem import Problem
from tests.secrets.pki.acme.signing import b64, dumps, ec_key, signed
from tests.secrets.pki.acme.signing import jwk as jwk_of

KEY = ec_key()
GOOD: dict[str, Any] = {"nonce": "n", "url": "https://a/x", "kid": "https://a/1"}


def parse(parts: dict[str, str]) -> message.Message:
    return message.parse(parts["protected"], parts["payload"], parts["signature"])


def test_a_message_in_parts() -> None:
    found = parse(signed(KEY, GOOD, {"a": 1}))
    assert (found.nonce, found.url, found.kid, found.key) == ("n", "https://a/x", "https://a/1", None)
    assert found.content() == {"a": 1}
    found.check(jwk.parse(jwk_of(KEY)))
    with pytest.raises(Problem):
        found.check(jwk.parse(jwk_of(ec_key())))
    assert parse(signed(KEY, GOOD, None)).fetches


@pytest.mark.parametrize(
    ("header", "kind"),
    (
        ({"alg": "none"}, "badSignatureAlgorithm"),
        ({"alg": "HS256"}, "badSignatureAlgorithm"),
        ({"alg": 1}, "malformed"),
        ({"nonce": None}, "badNonce"),
        ({"nonce": 1}, "malformed"),
        ({"url": None}, "malformed"),
        ({"kid": None}, "malformed"),
        ({"kid": 7}, "malformed"),
        ({"jwk": jwk_of(KEY)}, "malformed"),
        ({"jwk": {"kty": "oct"}, "kid": None}, "badPublicKey"),
        ({"crit": ["b64"]}, "malformed"),
        ({"b64": False}, "malformed"),
    ),
)
def test_bad_headers(header: dict[str, Any], kind: str) -> None:
    protected = {name: value for name, value in (GOOD | header).items() if value is not None}
    with pytest.raises(Problem) as caught:
        parse(signed(KEY, protected, {}))
    assert caught.value.kind == kind
    if kind == "badSignatureAlgorithm":
        assert "ES256" in caught.value.document["algorithms"]


def test_more_than_any_message_has() -> None:
    for parts in (
        signed(KEY, GOOD, b"x" * 100_000),
        signed(KEY, GOOD | {"x": "x" * 20_000}, {}),
        signed(KEY, GOOD, {}) | {"signature": "A" * 4_000},
    ):
        with pytest.raises(Problem) as caught:
            parse(parts)
        assert (caught.value.kind, caught.value.status) == ("malformed", 413)


@pytest.mark.parametrize("payload", (b"junk", b"[]", b'"x"', b"{" * 5000))
def test_payloads_are_objects(payload: bytes) -> None:
    found = parse(signed(KEY, GOOD, payload))
    with pytest.raises(Problem):
        found.content()


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_whatever_comes_is_a_message_or_a_problem(protected: str, payload: str, signature: str) -> None:
    for head in (protected, b64(protected.encode()), b64(dumps({"alg": "ES256", "x": protected}))):
        with pytest.raises(Problem):
            message.parse(head, payload, signature)


def test_a_message_in_a_message_has_no_nonce() -> None:
    inner = {"url": "https://a/x", "jwk": jwk_of(KEY)}
    parts = signed(KEY, inner, {})
    assert message.parse_inner(**parts).key is not None
    with pytest.raises(Problem):
        message.parse_inner(**signed(KEY, inner | {"nonce": "n"}, {}))
