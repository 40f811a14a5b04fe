"""Signatures and codes over all options."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.secrets.transit.mounted import CONTEXT, TEXT, Transit, b64, mounted

HASHES = (
    "sha1",
    "sha2-224",
    "sha2-256",
    "sha2-384",
    "sha2-512",
    "sha3-224",
    "sha3-256",
    "sha3-384",
    "sha3-512",
)


async def check(transit: Transit, name: str, path: str = "", **options: Any) -> None:
    """A signature is that of its text, of its key, with its options; nothing else is."""
    made = await transit.sign(TEXT, name, path, **options)
    assert await transit.verify(TEXT, name, path, signature=made, **options)
    assert not await transit.verify(TEXT + b"!", name, path, signature=made, **options)


@pytest.mark.parametrize("kind", ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "ml-dsa"))
def test_every_hash_and_form(kind: str) -> None:
    async def scenario(transit: Transit) -> None:
        await transit.key(type=kind)
        for name, form in itertools.product(HASHES, ("asn1", "jws")):
            await check(transit, "k", f"/{name}", marshaling_algorithm=form)
        made = await transit.sign(TEXT)
        if kind.startswith("ecdsa"):
            assert not await transit.verify(TEXT, path="/sha2-512", signature=made)
        await transit.key("other", type=kind)
        assert not await transit.verify(TEXT, "other", signature=made)
        await transit("POST", "keys/k/rotate")
        assert await transit.verify(TEXT, signature=made)
        assert (await transit.sign(TEXT)).startswith("vault:v2:")

    mounted(scenario)


def test_rsa() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.restore("rsa")
        for name, scheme in itertools.product(HASHES, ("pss", "pkcs1v15")):
            await check(transit, "rsa", f"/{name}", signature_algorithm=scheme)
        for salt in ("auto", "hash", "0", "7", "-1"):
            await check(transit, "rsa", salt_length=salt)
        made = await transit.sign(TEXT, "rsa", salt_length="7")
        assert await transit.verify(TEXT, "rsa", signature=made)
        assert not await transit.verify(TEXT, "rsa", signature=made, salt_length="8")
        assert not await transit.verify(TEXT, "rsa", signature=made, signature_algorithm="pkcs1v15")

    mounted(scenario)


def test_prehashed_is_the_signature_of_what_was_hashed() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.restore("rsa")
        await transit.restore("p256")
        for name in ("rsa", "p256"):
            for algorithm in ("sha2-256", "sha2-512", "sha3-384"):
                answer = await transit("POST", f"hash/{algorithm}", {"input": b64(TEXT)}) if algorithm else {}
                digest = bytes.fromhex(answer["sum"])
                made = await transit.sign(digest, name, f"/{algorithm}", prehashed=True)
                assert await transit.verify(TEXT, name, f"/{algorithm}", signature=made)

    mounted(scenario)


def test_a_derived_key_is_another_for_each_context() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.key(type="ed25519", derived=True)
        made = await transit.sign(TEXT, context=b64(CONTEXT))
        assert await transit.verify(TEXT, signature=made, context=b64(CONTEXT))
        assert not await transit.verify(TEXT, signature=made, context=b64(b"other"))
        answer = await transit("POST", "sign/k", {"input": b64(TEXT), "context": b64(CONTEXT)})
        read = await transit("GET", f"keys/k?context={b64(CONTEXT)}")
        assert read["keys"]["1"]["public_key"] == answer["public_key"]
        assert (await transit("GET", "keys/k"))["keys"]["1"]["public_key"] == ""
        await transit.refused("POST", "sign/k", {"input": b64(TEXT)})

    mounted(scenario)


def test_cmac() -> None:
    async def scenario(transit: Transit) -> None:
        for size in (128, 192, 256):
            name = f"c{size}"
            await transit.key(name, type=f"aes{size}-cmac")
            made = (await transit("POST", f"cmac/{name}", {"input": b64(TEXT)}))["cmac"]
            short = (await transit("POST", f"cmac/{name}/8", {"input": b64(TEXT)}))["cmac"]
            assert await transit.verify(TEXT, name, cmac=made)
            assert await transit.verify(TEXT, name, cmac=short, mac_length=8)
            assert not await transit.verify(TEXT, name, cmac=short)
            assert not await transit.verify(TEXT + b"!", name, cmac=made)
            await transit.refused("POST", f"cmac/{name}/7", {"input": b64(TEXT)})
            await transit.refused("POST", f"cmac/{name}/17", {"input": b64(TEXT)})
        await transit.key("aes")
        await transit.refused("POST", "cmac/aes", {"input": b64(TEXT)})
        await transit.refused("POST", "verify/aes", {"input": b64(TEXT), "cmac": "vault:v1:aaaa"})

    mounted(scenario)


def test_codes_stay_valid_over_a_rotation() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.key(type="hmac", key_size=32)
        made = (await transit("POST", "hmac/k", {"input": b64(TEXT)}))["hmac"]
        await transit("POST", "keys/k/rotate")
        again = (await transit("POST", "hmac/k", {"input": b64(TEXT)}))["hmac"]
        assert again != made
        assert await transit.verify(TEXT, hmac=made)
        assert await transit.verify(TEXT, hmac=again)
        assert not await transit.verify(TEXT, hmac=made.replace("v1", "v2"))

    mounted(scenario)
