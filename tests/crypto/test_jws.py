"""Signed claims: what joserfc, which knows nothing of ours, makes of them, and what is refused."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from joserfc import jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import KeySet

from strongroom.crypto import base64url, jws

CLAIMS = {"sub": "ann", "exp": 1, "n": [1, "ü"]}


def verified(token: str, published: list[dict[str, Any]], algorithm: str) -> dict[str, Any]:
    keys = KeySet.import_key_set({"keys": published})
    with warnings.catch_warnings():  # EdDSA has a newer name
        warnings.simplefilter("ignore", SecurityWarning)
        claims: dict[str, Any] = jwt.decode(token, keys, algorithms=[algorithm]).claims
    return claims


@pytest.mark.parametrize("algorithm", jws.ALGORITHMS)
def test_others_verify_with_what_is_published(algorithm: str) -> None:
    private = jws.generate(algorithm)
    public = jws.public_half(private)
    token = jws.sign(algorithm, "k1", private, CLAIMS)
    other = jws.jwk(algorithm, "k2", jws.public_half(jws.generate(algorithm)))
    published = [other, jws.jwk(algorithm, "k1", public)]
    assert verified(token, published, algorithm) == CLAIMS
    assert jws.verify(algorithm, public, token) == CLAIMS
    assert jws.kid_of(token) == "k1"
    assert not {"d", "p", "q", "k"} & published[1].keys()


@pytest.mark.parametrize("algorithm", jws.ALGORITHMS)
def test_nothing_else_verifies(algorithm: str) -> None:
    private = jws.generate(algorithm)
    public = jws.public_half(private)
    token = jws.sign(algorithm, "k", private, CLAIMS)
    header, payload, signature = token.split(".")
    other = jws.sign(algorithm, "k", jws.generate(algorithm), CLAIMS)
    forged = jws.sign(algorithm, "k", private, {"sub": "root"}).split(".")[1]
    changed = signature[:-9] + ("A" if signature[-9] != "A" else "B") + signature[-8:]
    for wrong in (
        other,
        f"{header}.{forged}.{signature}",
        f"{header}.{payload}.{changed}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}",
        f"{header}.{payload}.{signature}=",
        f"{header}.{payload}",
        "",
        "a.b.c",
        token + ".x",
    ):
        with pytest.raises(jws.Unverifiable):
            jws.verify(algorithm, public, wrong)


def test_the_token_does_not_choose_the_algorithm() -> None:
    private = jws.generate("ES256")
    public = jws.public_half(private)
    token = jws.sign("ES256", "k", private, CLAIMS)
    _, payload, signature = token.split(".")
    for algorithm in ("none", "HS256", "ES384"):
        header = base64url.encode(b'{"alg":"%b"}' % algorithm.encode())
        with pytest.raises(jws.Unverifiable):
            jws.verify("ES256", public, f"{header}.{payload}.{signature}")


def test_the_half_digest_is_that_of_openid_connect() -> None:
    # The example of OpenID Connect Core 1.0, appendix A.3 and A.4.
    code = "Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"
    assert jws.half_digest("RS256", code) == "LDktKdoQak3Pk0cnXxCltA"
    assert jws.half_digest("RS256", "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"
