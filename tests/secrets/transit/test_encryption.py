"""Encryption and decryption over all options, and what must not be possible with them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.secrets.transit import wire
from tests.leasing import later, reap, rows
from tests.secrets.transit.mounted import Transit, b64, mounted, raw

AEADS = ("aes128-gcm96", "aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305")


def test_every_cipher_over_all_options() -> None:
    inputs = st.tuples(st.binary(max_size=80), st.binary(min_size=1, max_size=9), st.binary(max_size=9))
    examples: list[tuple[bytes, bytes, bytes]] = []

    @settings(max_examples=25, database=None, derandomize=True)
    @given(inputs)
    def collect(example: tuple[bytes, bytes, bytes]) -> None:
        examples.append(example)

    collect()

    async def scenario(transit: Transit) -> None:
        for number, cipher in enumerate(AEADS):
            for form, fields in enumerate(
                ({}, {"derived": True}, {"derived": True, "convergent_encryption": True})
            ):
                name = f"k{number}{form}"
                await transit.key(name, type=cipher, **fields)
                for text, context, data in examples:
                    also: dict[str, Any] = {"associated_data": b64(data)}
                    if form:
                        also["context"] = b64(context)
                    made = await transit.encrypt(text, name, **also)
                    assert await transit.decrypt(made, name, **also) == text
                    again = await transit.encrypt(text, name, **also)
                    assert (made == again) is (form == 2)
                    wrong = {**also, "associated_data": b64(data + b"!")}
                    await transit.refused("POST", f"decrypt/{name}", {"ciphertext": made, **wrong})
                    if form:
                        wrong = {**also, "context": b64(context + b"!")}
                        await transit.refused("POST", f"decrypt/{name}", {"ciphertext": made, **wrong})

    mounted(scenario, seconds=60)


def test_a_nonce_cannot_be_asked_for() -> None:
    """Whoever sends one gets a ciphertext with another: reuse cannot even be tried."""

    async def scenario(transit: Transit) -> None:
        await transit.key()
        made = [await transit.encrypt(b"x", nonce=b64(bytes(12))) for _ in range(20)]
        assert len({raw(one)[:12] for one in made} | {bytes(12)}) == 21
        batch = [{"plaintext": b64("x"), "nonce": b64(bytes(12))}] * 20
        answer = await transit("POST", "encrypt/k", {"batch_input": batch})
        assert len({raw(one["ciphertext"])[:12] for one in answer["batch_results"]} | {bytes(12)}) == 21

    mounted(scenario)


def test_convergent_ciphertexts_with_other_data_have_other_nonces() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.key(derived=True, convergent_encryption=True)
        made = {
            await transit.encrypt(b"x", context=b64("c"), associated_data=b64(data))
            for data in (b"", b"a", b"b")
        }
        assert len({raw(one)[:12] for one in made}) == 3

    mounted(scenario)


def test_rotation_keeps_what_was_encrypted() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.key()
        made = []
        for number in range(1, 6):
            made.append(await transit.encrypt(b"x"))
            assert made[-1].startswith(f"vault:v{number}:")
            assert [await transit.decrypt(one) for one in made] == [b"x"] * number
            await transit("POST", "keys/k/rotate")
        await transit("POST", "keys/k/config", {"min_decryption_version": 3, "min_encryption_version": 3})
        for number, one in enumerate(made, 1):
            if number < 3:
                assert "too old" in await transit.refused("POST", "decrypt/k", {"ciphertext": one})
            else:
                assert await transit.decrypt(one) == b"x"
        await transit("POST", "keys/k/trim", {"min_available_version": 3})
        await transit.refused("POST", "keys/k/config", {"min_decryption_version": 1})
        assert len([row for row in await rows(transit.api.core) if "/version/k/" in row]) == 3
        answer = await transit("POST", "rewrap/k", {"ciphertext": made[4]})
        assert answer["key_version"] == 6
        assert await transit.decrypt(answer["ciphertext"]) == b"x"

    mounted(scenario)


def test_nothing_in_memory_outlives_the_rows() -> None:
    """A key that is deleted, or another one of its name, is seen by the next request."""

    async def scenario(transit: Transit) -> None:
        await transit.key()
        made = await transit.encrypt(b"x")
        assert await transit.decrypt(made) == b"x"
        await transit("POST", "keys/k/config", {"deletion_allowed": True})
        await transit("DELETE", "keys/k")
        assert "not found" in await transit.refused("POST", "decrypt/k", {"ciphertext": made})
        await transit.key()
        assert "authentication" in await transit.refused("POST", "decrypt/k", {"ciphertext": made})
        for size in (10, 0):
            await transit("POST", "cache-config", {"size": size})
            for number in range(25):
                name = f"n{number}"
                await transit.key(name)
                assert await transit.decrypt(await transit.encrypt(b"y", name), name) == b"y"

    mounted(scenario)


def test_encryption_makes_a_key_only_for_who_may_create() -> None:
    async def scenario(transit: Transit) -> None:
        transit.token = await transit.api.policy_token(
            'path "transit/encrypt/*" { capabilities = ["update"] }'
        )
        await transit.refused("POST", "encrypt/k", {"plaintext": b64("x")}, status=403)
        transit.token = await transit.api.policy_token(
            'path "transit/encrypt/*" { capabilities = ["create"] }'
        )
        await transit.encrypt(b"x")
        await transit.refused("POST", "encrypt/k", {"plaintext": b64("x")}, status=403)

    mounted(scenario)


def test_a_key_rotates_by_itself() -> None:
    async def scenario(transit: Transit) -> None:
        core = transit.api.core
        await transit.key(auto_rotate_period="2h")
        await transit.key("still")
        for hours, version in ((1, 1), (2.1, 2), (4.2, 3), (5, 3)):
            with later(core, hours * 3600):
                await _wake(transit)
                assert (await transit("GET", "keys/k"))["latest_version"] == version, hours
        await transit("POST", "keys/k/config", {"auto_rotate_period": 0})
        with later(core, 24 * 3600):
            await _wake(transit)
            assert (await transit("GET", "keys/k"))["latest_version"] == 3
            assert (await transit("GET", "keys/still"))["latest_version"] == 1

    mounted(scenario)


async def _wake(transit: Transit) -> None:
    await reap(transit.api.core)


@given(st.binary(max_size=40))
@settings(max_examples=50, database=None, derandomize=True)
def test_base64(data: bytes) -> None:
    assert wire.decode(wire.encode(data)) == data
    assert wire.url_decode(wire.url_encode(data)) == data
    text = wire.encode(data)
    assert wire.decode("\n".join(text)) == data


@pytest.mark.parametrize("text", ("=", "a", "aa", "aaa", "aa=a", "aaaa=", "aa==aaaa", "é", "a a a", "aaa\0"))
def test_what_is_no_base64(text: str) -> None:
    with pytest.raises(Exception, match="illegal base64 data at input byte"):
        wire.decode(text)
