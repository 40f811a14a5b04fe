from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from strongroom.seal.generate_root import encode_token
from tests.inprocess import Answer, InProcess, inprocess
from tests.seal.gnupg import GnuPG, gnupg, keyring
from tests.sealing import initialize, unseal

ROTATE = {"secret_shares": 3, "secret_threshold": 2}
OLD_PATHS = (
    ("GET", "sys/rekey/init"),
    ("PUT", "sys/rekey/init"),
    ("DELETE", "sys/rekey/init"),
    ("PUT", "sys/rekey/update"),
    ("GET", "sys/rekey/verify"),
    ("PUT", "sys/rekey/verify"),
    ("DELETE", "sys/rekey/verify"),
    ("GET", "sys/rekey-recovery-key/init"),
    ("GET", "sys/generate-root/attempt"),
    ("PUT", "sys/generate-root/attempt"),
    ("DELETE", "sys/generate-root/attempt"),
    ("PUT", "sys/generate-root/update"),
    ("GET", "sys/generate-root"),
)


async def opened(api: InProcess, shares: int = 3, threshold: int = 2) -> list[str]:
    """Initialise and unseal; the shares."""
    keys: list[str] = (await initialize(api, secret_shares=shares, secret_threshold=threshold))["keys"]
    await unseal(api, *keys[:threshold])
    return keys


async def give(api: InProcess, path: str, nonce: str, *keys: str) -> Answer:
    """Give shares to a ceremony; the last answer."""
    for key in keys:
        answer = await api("PUT", path, {"key": key, "nonce": nonce})
        assert answer.status == 200, answer
    return answer


def run(scenario: Any) -> None:
    inprocess(scenario, initialized=False)


# -- new shares ----------------------------------------------------------------------------------------


def test_new_shares_replace_the_old() -> None:
    async def scenario(api: InProcess) -> None:
        keys = await opened(api)
        assert (await api("PUT", "cubbyhole/x", {"a": "b"})).status == 204
        begun = await api("POST", "sys/rotate/root/init", {"secret_shares": 4, "secret_threshold": 3})
        assert (begun.data["started"], begun.data["required"]) == (True, 2)
        done = await give(api, "sys/rotate/root/update", begun.data["nonce"], *keys[1:])
        fresh = done.data["keys"]
        assert (done.data["complete"], len(fresh)) == (True, 4)
        assert (await api("GET", "sys/rotate/root/init")).data["started"] is False
        await api("PUT", "sys/seal")
        await unseal(api, keys[0])
        refused = await api("PUT", "sys/unseal", {"key": keys[1]}, token=None)
        assert refused.json["sealed"] is True
        await api("PUT", "sys/unseal", {"reset": True}, token=None)
        assert (await unseal(api, *fresh[1:]))["sealed"] is False
        assert (await api("GET", "cubbyhole/x")).data == {"a": "b"}

    run(scenario)


def test_new_shares_count_only_once_verified() -> None:
    async def scenario(api: InProcess) -> None:
        (key,) = await opened(api, 1, 1)
        begun = await api("POST", "sys/rotate/root/init", {**ROTATE, "require_verification": True})
        done = await give(api, "sys/rotate/root/update", begun.data["nonce"], key)
        fresh, nonce = done.data["keys"], done.data["verification_nonce"]
        await api("PUT", "sys/rotate/root/verify", {"key": fresh[0], "nonce": nonce})
        wrong = await api("PUT", "sys/rotate/root/verify", {"key": "ab" * 32 + "07", "nonce": nonce})
        assert wrong.status == 400
        restarted = (await api("GET", "sys/rotate/root/verify")).data
        assert restarted["progress"] == 0
        assert restarted["nonce"] != nonce
        assert (await api("GET", "sys/seal-status", token=None)).json["n"] == 1
        done = await give(api, "sys/rotate/root/verify", restarted["nonce"], *fresh[1:])
        assert done.data["complete"] is True
        assert (await api("GET", "sys/seal-status", token=None)).json["n"] == 3
        await api("PUT", "sys/seal")
        assert (await unseal(api, *fresh[:2]))["sealed"] is False

    run(scenario)


def test_ceremony_without_its_verification_changes_nothing() -> None:
    async def scenario(api: InProcess) -> None:
        (key,) = await opened(api, 1, 1)
        begun = await api("POST", "sys/rotate/root/init", {**ROTATE, "require_verification": True})
        await give(api, "sys/rotate/root/update", begun.data["nonce"], key)
        await api("PUT", "sys/seal")
        assert (await unseal(api, key))["sealed"] is False
        assert (await api("GET", "sys/rotate/root/init")).data["started"] is False

    run(scenario)


@pytest.fixture(scope="module")
def keeper() -> Iterator[GnuPG]:
    with keyring("ed25519") as ring:
        yield ring


@gnupg
def test_backup_keeps_the_encrypted_shares_until_it_is_deleted(keeper: GnuPG) -> None:
    async def scenario(api: InProcess) -> None:
        (key,) = await opened(api, 1, 1)
        wanted = {"secret_shares": 2, "secret_threshold": 2, "pgp_keys": [keeper.binary] * 2, "backup": True}
        begun = await api("POST", "sys/rotate/root/init", wanted)
        assert begun.data["pgp_fingerprints"] == [keeper.fingerprint] * 2
        done = await give(api, "sys/rotate/root/update", begun.data["nonce"], key)
        kept = (await api("GET", "sys/rotate/root/backup")).data
        assert kept["keys"] == {keeper.fingerprint: done.data["keys"]}
        shares = [keeper.decrypt(bytes.fromhex(share)) for share in done.data["keys"]]
        await api("PUT", "sys/seal")
        assert (await unseal(api, *shares))["sealed"] is False
        assert (await api("GET", "sys/rotate/root/backup")).data == kept
        assert (await api("DELETE", "sys/rotate/root/backup")).status == 204
        assert (await api("GET", "sys/rotate/root/backup")).status == 400

    run(scenario)


@pytest.mark.parametrize("step", ("update", "verify"))
@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({}, "missing required field 'key'"),
        ({"nonce": "x"}, "missing required field 'key'"),
        ({"key": "ab" * 16}, "missing required field 'nonce'"),
        ({"key": "zz", "nonce": "x"}, "'key' must be a valid hex or base64 string"),
    ),
)
def test_steps_that_lack_something(step: str, fields: dict[str, str], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PUT", f"sys/rotate/root/{step}", fields)
        assert (refused.status, refused.errors) == (400, [sentence])

    inprocess(scenario)


def test_nobody_learns_the_nonce_from_a_wrong_one() -> None:
    async def scenario(api: InProcess) -> None:
        for start, step in (
            ("sys/rotate/root/init", "sys/rotate/root/update"),
            ("sys/generate-root-token/attempt", "sys/generate-root-token/update"),
        ):
            begun = await api("PUT", start, {"secret_shares": 1, "secret_threshold": 1})
            refused = await api("PUT", step, {"key": api.key.hex(), "nonce": "wrong"})
            assert refused.status == 400
            assert begun.data["nonce"] not in refused.body.decode()

    inprocess(scenario)


# -- a root token ----------------------------------------------------------------------------------------


def test_root_token_is_made_by_a_quorum_for_who_has_the_password() -> None:
    async def scenario(api: InProcess) -> None:
        keys = await opened(api)
        begun = await api("PUT", "sys/generate-root-token/attempt", {})
        done = await give(api, "sys/generate-root-token/update", begun.data["nonce"], keys[2], keys[0])
        decoded = await api(
            "PUT",
            "sys/decode-token",
            {"encoded_token": done.data["encoded_token"], "otp": begun.data["otp"]},
            token=None,
        )
        token = decoded.data["token"]
        assert encode_token(token, begun.data["otp"]) == done.data["encoded_token"]
        assert (await api("GET", "auth/token/lookup-self", token=token)).data["policies"] == ["root"]
        assert (await api("GET", "sys/generate-root-token/attempt")).data["started"] is False

    run(scenario)


@gnupg
def test_root_token_encrypted_to_a_pgp_key(keeper: GnuPG) -> None:
    async def scenario(api: InProcess) -> None:
        begun = await api("PUT", "sys/generate-root-token/attempt", {"pgp_key": keeper.binary})
        assert begun.data["pgp_fingerprint"] == keeper.fingerprint
        done = await give(api, "sys/generate-root-token/update", begun.data["nonce"], api.key.hex())
        token = keeper.decrypt(base64.b64decode(done.data["encoded_token"]))
        assert (await api("GET", "auth/token/lookup-self", token=token)).data["policies"] == ["root"]

    inprocess(scenario)


def test_wrong_shares_make_no_token_and_the_attempt_starts_over() -> None:
    async def scenario(api: InProcess) -> None:
        keys = await opened(api)
        begun = await api("PUT", "sys/generate-root-token/attempt", {})
        nonce = begun.data["nonce"]
        await give(api, "sys/generate-root-token/update", nonce, keys[0])
        wrong = await api("PUT", "sys/generate-root-token/update", {"key": "ab" * 32 + "09", "nonce": nonce})
        assert wrong.status == 400
        assert (await api("GET", "sys/generate-root-token/attempt")).data["progress"] == 0
        done = await give(api, "sys/generate-root-token/update", nonce, *keys[:2])
        assert done.data["complete"] is True

    run(scenario)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    (
        ({}, "nonce is required"),
        ({"key": "ab" * 16}, "nonce is required"),
        ({"nonce": "x"}, "key is required"),
    ),
)
def test_root_steps_that_lack_something(fields: dict[str, str], sentence: str) -> None:
    async def scenario(api: InProcess) -> None:
        refused = await api("PUT", "sys/generate-root-token/update", fields)
        assert (refused.status, refused.errors) == (400, [sentence])

    inprocess(scenario)


# -- who may ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), OLD_PATHS)
def test_old_paths_are_shut_unless_the_listener_opens_them(method: str, path: str) -> None:
    async def scenario(api: InProcess) -> None:
        weak = await api.policy_token('path "sys/*" { capabilities = ["read", "update", "delete"] }')
        for token in (None, weak):
            assert (await api(method, path, {}, token=token)).status == 403
        assert (await api(method, path, {})).status in (200, 204, 400)
        api.traits.disable_unauthed_rekey_endpoints = False
        api.traits.disable_unauthed_generate_root_endpoints = False
        assert (await api(method, path, {}, token=None)).status in (200, 204, 400)

    inprocess(scenario)


def test_each_switch_opens_its_own_paths_only() -> None:
    async def scenario(api: InProcess) -> None:
        api.traits.disable_unauthed_rekey_endpoints = False
        assert (await api("GET", "sys/rekey/init", token=None)).status == 200
        assert (await api("GET", "sys/generate-root/attempt", token=None)).status == 403
        api.traits.disable_unauthed_rekey_endpoints = True
        api.traits.disable_unauthed_generate_root_endpoints = False
        assert (await api("GET", "sys/rekey/init", token=None)).status == 403
        assert (await api("GET", "sys/generate-root/attempt", token=None)).status == 200

    inprocess(scenario)


@pytest.mark.parametrize("path", ("sys/rekey/init", "sys/generate-root/attempt"))
def test_cve_2026_5807_nobody_cancels_a_ceremony_whose_nonce_they_do_not_know(path: str) -> None:
    async def scenario(api: InProcess) -> None:
        api.traits.disable_unauthed_rekey_endpoints = False
        api.traits.disable_unauthed_generate_root_endpoints = False
        begun = await api("PUT", path, {"secret_shares": 1, "secret_threshold": 1}, token=None)
        nonce = begun.json["nonce"]
        weak = await api.policy_token(f'path "{path}" {{ capabilities = ["delete"] }}')
        for token in (None, "nobody", weak):
            for body in (None, {}, {"nonce": ""}, {"nonce": "wrong"}):
                await api("DELETE", path, body, token=token)
                await api("DELETE", f"{path}?nonce=wrong", token=token)
                assert (await api("GET", path, token=None)).json["started"] is True
        assert (await api("DELETE", path, {"nonce": nonce}, token=None)).status == 204
        assert (await api("GET", path, token=None)).json["started"] is False
        begun = await api("PUT", path, {"secret_shares": 1, "secret_threshold": 1}, token=None)
        nonce = begun.json["nonce"]
        assert (await api("DELETE", f"{path}?nonce={nonce}", token=None)).status == 204
        assert (await api("GET", path, token=None)).json["started"] is False
        await api("PUT", path, {"secret_shares": 1, "secret_threshold": 1}, token=None)
        assert (await api("DELETE", path)).status == 204
        assert (await api("GET", path, token=None)).json["started"] is False

    inprocess(scenario)


def test_old_paths_answer_without_the_envelope() -> None:
    async def scenario(api: InProcess) -> None:
        begun = (await api("PUT", "sys/rekey/init", {"secret_shares": 1, "secret_threshold": 1})).json
        assert (begun["started"], begun["pgp_fingerprints"], begun["backup"]) == (True, None, False)
        done = await api("PUT", "sys/rekey/update", {"key": api.key.hex(), "nonce": begun["nonce"]})
        assert done.json["complete"] is True
        assert (await api("GET", "sys/generate-root/attempt")).json["otp_length"] == 28

    inprocess(scenario)


def test_recovery_keys_are_not_for_shamir() -> None:
    async def scenario(api: InProcess) -> None:
        for path in ("sys/rotate/recovery/init", "sys/rekey-recovery-key/init"):
            assert (await api("GET", path)).errors == ["recovery keys not supported"]

    inprocess(scenario)
