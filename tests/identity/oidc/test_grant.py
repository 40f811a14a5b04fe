"""Where people may be sent back to, and how an application proves that it asked for a code."""

from __future__ import annotations

import pytest

from strongroom.identity.oidc.grant import S256, Grant, allowed, is_challenge

REGISTERED = ["https://app/cb?x=1", "http://127.0.0.1:1234/cb", "http://localhost/cb", "http://[::1]:9/c"]


@pytest.mark.parametrize(
    "uri",
    (
        *REGISTERED,
        "http://127.0.0.1/cb",
        "http://127.0.0.1:9/cb",
        "http://localhost:77/cb",
        "http://[::1]/c",
        "http://[::1]:1/c",
    ),
)
def test_where_people_may_be_sent(uri: str) -> None:
    assert allowed(uri, REGISTERED)


@pytest.mark.parametrize(
    "uri",
    (
        "",
        "https://app/cb",
        "https://app/cb?x=1&y=2",
        "https://app/cb?x=1#f",
        "https://app:443/cb?x=1",
        "https://APP/cb?x=1",
        "https://app/cb?x=1 ",
        "https://app.evil/cb?x=1",
        "http://app/cb?x=1",
        "https://127.0.0.1:9/cb",
        "http://127.0.0.1:9/cb2",
        "http://127.0.0.1:9/cb/",
        "http://127.0.0.1:9/cb?x",
        "http://127.0.0.1:9/cb#x",
        "http://127.0.0.2:9/cb",
        "http://127.0.0.1:9@evil/cb",
        "http://evil@127.0.0.1:9/cb",
        "http://127.0.0.1:x/cb",
        "http://127.0.0.1.evil/cb",
        "http://[::1]:1/cb",
        "http://[::1/c",
        "http://localhost:1/c",
        "javascript:alert(1)",
    ),
)
def test_where_nobody_is_sent(uri: str) -> None:
    assert not allowed(uri, REGISTERED)


def test_the_proof_of_an_application() -> None:
    # RFC 7636, appendix B
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    hashed = Grant("p", "c", "u", "e", 0, challenge=challenge, challenge_method=S256)
    plain = Grant("p", "c", "u", "e", 0, challenge=verifier)
    assert hashed.proved_by(verifier)
    assert plain.proved_by(verifier)
    for wrong in ("", challenge, verifier + "A", "ü"):
        assert not hashed.proved_by(wrong)
        assert not plain.proved_by(wrong)
    assert [is_challenge("a" * length) for length in (0, 42, 43, 128, 129)] == [
        False,
        False,
        True,
        True,
        False,
    ]
