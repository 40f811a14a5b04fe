from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conftest import SealedServer
from tests.inprocess import InProcess, inprocess
from tests.seal.gnupg import GnuPG, gnupg, keyring
from tests.sealing import initialize, unseal


def empty(scenario: Any) -> None:
    inprocess(scenario, initialized=False)


# -- init ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({"secret_threshold": 1}, "invalid seal configuration: shares must be at least one"),
        ({"secret_shares": 1}, "invalid seal configuration: threshold must be at least one"),
        ({"secret_shares": 256, "secret_threshold": 2}, "shares must be less than 256"),
        ({"secret_shares": "1", "secret_threshold": 1}, "failed to decode JSON input"),
        ({"secret_shares": 1.0, "secret_threshold": 1}, "failed to decode JSON input"),
        ({"secret_shares": True, "secret_threshold": 1}, "failed to decode JSON input"),
        ({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": "a"}, "failed to decode JSON input"),
        ({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["a", "b"]}, "count mismatch"),
        ({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["a"]}, "given PGP key"),
        ({"secret_shares": 1, "secret_threshold": 1, "root_token_pgp_key": "a"}, "given PGP key"),
        (
            {"secret_shares": 1, "secret_threshold": 1, "recovery_shares": 1},
            "not applicable to seal type shamir",
        ),
    ),
)
def test_init_that_asks_for_what_cannot_be_changes_nothing(fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PUT", "sys/init", fields, token=None)
        assert refused.status == 400
        assert sentence in refused.errors[0]
        assert (await api("GET", "sys/init", token=None)).json == {"initialized": False}
        assert (await api("GET", "sys/health", token=None)).status == 501

    empty(scenario)


def test_init_gives_shares_of_which_any_quorum_unseals() -> None:
    async def scenario(api: InProcess) -> None:
        made = await initialize(api, secret_shares=5, secret_threshold=3)
        assert set(made) == {"keys", "keys_base64", "root_token"}
        assert len(made["keys"]) == len(made["keys_base64"]) == 5
        keys = made["keys"]
        status = await unseal(api, keys[4], made["keys_base64"][0])
        assert (status["sealed"], status["progress"], status["t"], status["n"]) == (True, 2, 3, 5)
        assert (await unseal(api, keys[2]))["sealed"] is False
        assert (await api("GET", "auth/token/lookup-self")).data["policies"] == ["root"]

    empty(scenario)


@pytest.fixture(scope="module")
def keepers() -> Iterator[list[GnuPG]]:
    with ExitStack() as stack:
        yield [stack.enter_context(keyring("ed25519")) for _ in range(3)]


@gnupg
def test_shares_and_root_token_for_three_operators_with_gnupg(keepers: list[GnuPG]) -> None:
    async def scenario(api: InProcess) -> None:
        made = await initialize(
            api,
            secret_shares=3,
            secret_threshold=2,
            pgp_keys=[keeper.binary for keeper in keepers],
            root_token_pgp_key=keepers[0].binary,
        )
        shares = [
            keeper.decrypt(bytes.fromhex(key)) for keeper, key in zip(keepers, made["keys"], strict=True)
        ]
        api.token = keepers[0].decrypt(base64.b64decode(made["root_token"]))
        assert (await unseal(api, shares[2], shares[0]))["sealed"] is False
        assert (await api("GET", "auth/token/lookup-self")).data["policies"] == ["root"]

    empty(scenario)


# -- unseal and seal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({}, "'key' must be specified in request body as JSON, or 'reset' set to true"),
        ({"key": "zz!!"}, "'key' must be a valid hex or base64 string"),
        ({"key": "abcd"}, "invalid key: key is shorter than minimum 16 bytes"),
        ({"key": "ab" * 40}, "invalid key: key is longer than maximum 33 bytes"),
        ({"key": 5}, "failed to decode JSON input"),
        ({"key": "ab" * 33, "reset": "x"}, "failed to decode JSON input"),
    ),
)
def test_unseal_with_what_is_no_share(fields: dict[str, Any], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        keys = (await initialize(api, secret_shares=2, secret_threshold=2))["keys"]
        await unseal(api, keys[0])
        refused = await api("PUT", "sys/unseal", fields, token=None)
        assert refused.status == 400
        assert refused.errors[0].startswith(sentence)
        assert (await api("GET", "sys/seal-status", token=None)).json["progress"] == 1
        assert (await unseal(api, keys[1]))["sealed"] is False

    empty(scenario)


def test_unseal_starts_over_on_request_and_after_wrong_shares() -> None:
    async def scenario(api: InProcess) -> None:
        keys = (await initialize(api, secret_shares=3, secret_threshold=2))["keys"]
        first = await unseal(api, keys[0])
        assert first["nonce"]
        assert await unseal(api, keys[0]) == first
        cleared = await api("PUT", "sys/unseal", {"reset": True}, token=None)
        assert (cleared.json["progress"], cleared.json["nonce"]) == (0, "")
        await unseal(api, keys[0])
        wrong = await api("PUT", "sys/unseal", {"key": "ab" * 32 + "09"}, token=None)
        assert wrong.status == 400
        assert "ab" * 16 not in wrong.body.decode()
        assert (await unseal(api, keys[0]))["progress"] == 1
        assert (await unseal(api, keys[2]))["sealed"] is False

    empty(scenario)


def test_unseal_of_an_open_server() -> None:
    async def scenario(api: InProcess) -> None:
        status = await unseal(api, "ab" * 33)
        assert (status["sealed"], status["progress"]) == (False, 0)
        refused = await api("PUT", "sys/unseal", {"reset": True}, token=None)
        assert (refused.status, refused.errors) == (400, ["vault is unsealed"])

    inprocess(scenario)


def test_unseal_before_init() -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PUT", "sys/unseal", {"key": "ab" * 33}, token=None)
        assert (refused.status, refused.errors) == (400, ["Vault is not initialized"])

    empty(scenario)


def test_seal_wants_sudo() -> None:
    async def scenario(api: InProcess) -> None:
        weak = await api.policy_token('path "sys/seal" { capabilities = ["update"] }')
        for token in (None, "nobody", weak):
            assert (await api("PUT", "sys/seal", token=token)).status == 403
        assert not api.core.barrier.sealed
        strong = await api.policy_token('path "sys/seal" { capabilities = ["update", "sudo"] }')
        assert (await api("PUT", "sys/seal", token=strong)).status == 204
        assert api.core.barrier.sealed

    inprocess(scenario)


@pytest.mark.parametrize("path", ("health", "init", "leader", "seal", "seal-status", "step-down", "unseal"))
@pytest.mark.parametrize("verb", ("OPTIONS", "LIST", "SCAN", "PATCH"))
def test_verbs_that_plain_paths_do_not_have(path: str, verb: str) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api(verb, f"sys/{path}")
        assert (answer.status, answer.errors) == (405, [])

    inprocess(scenario)


@pytest.mark.parametrize(
    ("query", "status"),
    (("", 200), ("?activecode=299", 299), ("?sealedcode=299", 200), ("?activecode=99", 400)),
)
def test_health_says_what_the_load_balancer_wants_to_hear(query: str, status: int) -> None:
    async def scenario(api: InProcess) -> None:
        answer = await api("GET", f"sys/health{query}", token=None)
        assert answer.status == status
        if status != 400:
            assert answer.json["sealed"] is False
        await api("PUT", "sys/seal")
        sealed = await api("GET", "sys/health?sealedcode=298", token=None)
        assert (sealed.status, sealed.json["sealed"], sealed.json["initialized"]) == (298, True, True)

    inprocess(scenario)


# -- real servers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("storage", ("lmdb", "file"))
def test_real_server_keeps_what_it_was_told_over_restart_and_kill(
    sealed_server: SealedServer, storage: str
) -> None:
    server = sealed_server(storage=storage)
    assert server.api.get("sys/seal-status").json["initialized"] is False
    server.initialize(3, 2)
    assert server.api.get("cubbyhole/x").status == 503
    server.unseal()
    assert server.api.put("cubbyhole/x", {"a": "b"}).status == 204
    assert server.stop() == 0
    server.restart()
    status = server.api.get("sys/seal-status").json
    assert (status["sealed"], status["t"], status["n"], status["storage_type"]) == (True, 2, 3, storage)
    server.keys = server.keys[1:]
    server.unseal()
    assert server.api.get("cubbyhole/x").data == {"a": "b"}
    server.kill()
    server.restart()
    server.unseal()
    assert server.api.get("cubbyhole/x").data == {"a": "b"}
    assert server.api.put("sys/seal").status == 204
    assert server.api.get("sys/health").status == 503


def test_real_server_with_a_static_seal_starts_open(sealed_server: SealedServer) -> None:
    seal = f'seal "static" {{ current_key_id = "k"  current_key = "{"1f" * 32}" }}'
    server = sealed_server(storage="lmdb", extra=seal)
    made = server.api.put("sys/init", {"recovery_shares": 1, "recovery_threshold": 1})
    assert made.status == 200, made
    server.api.token = server.root_token = made.json["root_token"]
    assert server.api.put("cubbyhole/x", {"a": "b"}).status == 204
    assert server.stop() == 0
    server.restart()
    assert server.api.get("cubbyhole/x").data == {"a": "b"}
