"""Encryption by a process that only reads: it answers itself, unless a key would be made."""

from __future__ import annotations

from tests.cluster.pair import Pair
from tests.cluster.test_follower import paired
from tests.secrets.transit.mounted import b64


def test_what_a_follower_encrypts_and_what_it_hands_over() -> None:
    async def scenario(pair: Pair) -> None:
        assert (await pair.there("POST", "sys/mounts/transit", {"type": "transit"})).status == 204
        assert (await pair.there("POST", "transit/keys/k", {})).status == 200
        assert (await pair.there("POST", "transit/keys/s", {"type": "ed25519"})).status == 200
        body = {"plaintext": b64("x")}
        made = await pair.here("POST", "transit/encrypt/k", body)
        assert (
            await pair.here("POST", "transit/decrypt/k", {"ciphertext": made.data["ciphertext"]})
        ).status == 200
        for path in ("sign/s", "hmac/k", "hash"):
            assert (await pair.here("POST", f"transit/{path}", {"input": b64("x")})).status == 200
        assert (await pair.there("POST", "transit/encrypt/new", body)).status == 200
        assert (await pair.there("POST", "transit/keys/k/rotate")).status == 200
        again = await pair.here("POST", "transit/encrypt/k", body)
        assert again.data["key_version"] == 2

    paired(scenario)
