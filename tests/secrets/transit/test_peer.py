"""What the peer made opens here, and what is deterministic comes out the same here."""

from __future__ import annotations

from typing import Any

import pytest

from strongroom.crypto import counter_kdf, keywrap, private_key
from tests.secrets.transit.mounted import AD, CONTEXT, PEER, TEXT, Transit, b64, mounted, wrapping_key

ENCRYPTING = [name for name, key in PEER.items() if "encrypt" in key["made"]]
SIGNING = [name for name, key in PEER.items() if "sign" in key["made"]]
_SIGNED: dict[str, tuple[str, dict[str, Any]]] = {
    "sign": ("", {}),
    "sign_jws": ("", {"marshaling_algorithm": "jws"}),
    "sign_sha1": ("/sha1", {}),
    "sign_sha3": ("/sha3-256", {}),
    "sign_sha512": ("/sha2-512", {}),
    "sign_pkcs": ("", {"signature_algorithm": "pkcs1v15"}),
    "sign_salt": ("", {"salt_length": "hash"}),
    "sign_none": ("/none", {"prehashed": True, "signature_algorithm": "pkcs1v15"}),
}


def context_of(name: str) -> dict[str, str]:
    """What else a request with a key says."""
    return {"context": b64(CONTEXT)} if "derived" in name or "convergent" in name else {}


@pytest.mark.parametrize("name", ENCRYPTING)
def test_its_ciphertexts(name: str) -> None:
    async def scenario(transit: Transit) -> None:
        made, also = await transit.restore(name), context_of(name)
        assert await transit.decrypt(made["encrypt"], name, **also) == TEXT
        if "encrypt_ad" in made:
            wanted = made["encrypt_ad"]
            assert await transit.decrypt(wanted, name, **also, associated_data=b64(AD)) == TEXT
            await transit.refused("POST", f"decrypt/{name}", {"ciphertext": wanted, **also})
        if "convergent" in name:
            assert await transit.encrypt(TEXT, name, **also) == made["encrypt"]

    mounted(scenario)


@pytest.mark.parametrize("name", SIGNING)
def test_its_signatures(name: str) -> None:
    async def scenario(transit: Transit) -> None:
        made, also = await transit.restore(name), context_of(name)
        for kind, signature in made.items():
            if not kind.startswith("sign"):
                continue
            path, options = _SIGNED[kind]
            number = signature.split(":")[1]
            assert await transit.verify(TEXT, name, path, signature=signature, **options, **also), kind
            assert not await transit.verify(TEXT + b"!", name, path, signature=signature, **options, **also)
            if name.startswith("ed") or kind in ("sign_pkcs", "sign_none"):
                assert await transit.sign(TEXT, name, path, **options, **also) == signature, kind
            own = await transit.sign(TEXT, name, path, **options, **also)
            assert own.startswith(f"vault:{number}:") or name == "p256"
            assert await transit.verify(TEXT, name, path, signature=own, **options, **also), kind

    mounted(scenario)


def test_its_codes() -> None:
    async def scenario(transit: Transit) -> None:
        for name in ("hmac", "ed", "aes128", "rsa", "p521"):
            made = await transit.restore(name)
            for kind, code in made.items():
                if kind.startswith("hmac_"):
                    path = f"hmac/{name}/{kind.removeprefix('hmac_')}"
                    answer = await transit("POST", path, {"input": b64(TEXT)})
                    assert answer["hmac"] == code

    mounted(scenario)


def test_a_backup_comes_back_the_same() -> None:
    """Our backup of a restored key restores to a key that opens what the peer's key made."""

    async def scenario(transit: Transit) -> None:
        for name in PEER:
            made, also = await transit.restore(name), context_of(name)
            backup = (await transit("GET", f"backup/{name}"))["backup"]
            await transit("POST", f"restore/{name}-again", {"backup": backup})
            if "encrypt" in made:
                assert await transit.decrypt(made["encrypt"], f"{name}-again", **also) == TEXT
            if "sign" in made:
                assert await transit.verify(TEXT, f"{name}-again", signature=made["sign"], **also)
            read = await transit("GET", f"keys/{name}")
            again = await transit("GET", f"keys/{name}-again")
            for told in ("keys", "latest_version", "min_decryption_version", "min_encryption_version"):
                assert read.get(told) == again.get(told), (name, told)

    mounted(scenario)


# SOURCE: OpenBao 2.7.2: keys of the bytes 0, 1, 2 ..., imported with derived=true; what they made of "hello"
# in the context "kennel"
IMPORTED = {
    "aes128-gcm96": (16, "vault:v1:xAaD8lVx9JhOcvc1SbwxrJrIF1sHlmGLUVU4IOPOkeC3"),
    "aes256-gcm96": (32, "vault:v1:NPWVfPC8JA0ZloUKf/jCqRAQHuto6ogudGh6SiNsM0no"),
    "chacha20-poly1305": (32, "vault:v1:RHgkVkytMGphNZnLTAgY32FDltzo/G4wnE/WWsOHISXh"),
}


def test_keys_that_are_imported_to_be_derived() -> None:
    async def scenario(transit: Transit) -> None:
        own = await wrapping_key(transit)
        for kind, (size, made) in IMPORTED.items():
            wrapped = b64(keywrap.wrap(own, bytes(range(size)), "SHA256"))
            body = {"type": kind, "derived": True, "allow_rotation": True, "ciphertext": wrapped}
            await transit("POST", f"keys/{kind}/import", body)
            assert (await transit("GET", f"keys/{kind}"))["kdf"] == "hmac-sha256-counter"
            assert await transit.decrypt(made, kind, context=b64(CONTEXT)) == b"hello"
            await transit.refused("POST", f"decrypt/{kind}", {"ciphertext": made, "context": b64("x")})
            await transit("POST", f"keys/{kind}/rotate", {})
            second = await transit.encrypt(b"more", kind, context=b64(CONTEXT))
            assert await transit.decrypt(second, kind, context=b64(CONTEXT)) == b"more"
            assert await transit.decrypt(made, kind, context=b64(CONTEXT)) == b"hello"
        assert counter_kdf.derive(b"a", b"b") != counter_kdf.derive(b"a", b"c")

    mounted(scenario)


def test_a_version_without_its_private_half_is_exported_empty() -> None:
    async def scenario(transit: Transit) -> None:
        key = private_key.generate("ec", 256)
        body = {
            "type": "ecdsa-p256",
            "public_key": private_key.public_pem(key.public_key()),
            "exportable": True,
        }
        await transit("POST", "keys/p/import", body)
        assert (await transit("GET", "export/signing-key/p"))["keys"] == {"1": ""}
        assert (await transit("GET", "export/public-key/p"))["keys"]["1"].startswith("-----BEGIN")

    mounted(scenario)
