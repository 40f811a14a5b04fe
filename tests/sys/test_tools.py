from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from tests.inprocess import InProcess, inprocess

DATA = b"the quick brown fox"


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    (
        ("sha2-224", hashlib.sha224),
        ("sha2-256", hashlib.sha256),
        ("sha2-384", hashlib.sha384),
        ("sha2-512", hashlib.sha512),
        ("sha3-224", hashlib.sha3_224),
        ("sha3-256", hashlib.sha3_256),
        ("sha3-384", hashlib.sha3_384),
        ("sha3-512", hashlib.sha3_512),
    ),
)
def test_digests_are_those_of_the_standard_library(algorithm: str, expected: Any) -> None:
    async def scenario(api: InProcess) -> None:
        body = {"input": base64.b64encode(DATA).decode()}
        digest = expected(DATA)
        by_path = await api("POST", f"sys/tools/hash/{algorithm}", body)
        assert by_path.data == {"sum": digest.hexdigest()}
        by_field = await api("POST", "sys/tools/hash", body | {"algorithm": algorithm, "format": "base64"})
        assert by_field.data == {"sum": base64.b64encode(digest.digest()).decode()}

    inprocess(scenario)


def test_the_path_decides_where_both_name_an_algorithm() -> None:
    async def scenario(api: InProcess) -> None:
        body = {"input": "", "algorithm": "sha2-512"}
        answer = await api("POST", "sys/tools/hash/sha2-256", body)
        assert answer.data == {"sum": hashlib.sha256(b"").hexdigest()}
        assert (await api("POST", "sys/tools/hash", {"input": ""})).data == answer.data

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "body"),
    (
        ("hash/md5", {"input": ""}),
        ("hash", {"input": "*not base64*"}),
        ("hash", {"input": "", "format": "binary"}),
        ("random", {"bytes": 0}),
        ("random", {"bytes": -1}),
        ("random", {"bytes": 131_073}),
        ("random/x", {}),
        ("random/nowhere/32", {}),
        ("random", {"format": "binary"}),
    ),
)
def test_what_makes_no_sense_is_refused(path: str, body: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("POST", f"sys/tools/{path}", body)
        assert answer.status == 400
        assert "*not base64*" not in answer.errors[0]

    inprocess(scenario)


@pytest.mark.parametrize(
    ("path", "body", "count"),
    (
        ("random", {}, 32),
        ("random", {"bytes": 7}, 7),
        ("random/5", {"bytes": 7}, 5),
        ("random/platform/3", {}, 3),
        ("random/platform", {"bytes": 4}, 4),
        ("random/all/131072", {}, 131_072),
    ),
)
def test_as_many_random_bytes_as_were_asked_for(path: str, body: dict[str, Any], count: int) -> None:
    async def scenario(api: InProcess) -> None:
        first = (await api("POST", f"sys/tools/{path}", body)).data["random_bytes"]
        second = (await api("POST", f"sys/tools/{path}", body | {"format": "hex"})).data["random_bytes"]
        assert len(base64.b64decode(first, validate=True)) == len(bytes.fromhex(second)) == count
        assert base64.b64decode(first) != bytes.fromhex(second)

    inprocess(scenario)


def test_entropy_of_a_seal_that_gives_none_is_said_to_be_the_platforms() -> None:
    async def scenario(api: InProcess) -> None:
        assert (await api("POST", "sys/tools/random/seal/8")).json["warnings"]
        assert not (await api("POST", "sys/tools/random/platform/8")).json["warnings"]

    inprocess(scenario)
