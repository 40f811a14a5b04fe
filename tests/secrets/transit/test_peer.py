"""What the peer made opens here, and what is deterministic comes out the same here."""

from __future__ import annotations

from typing import Any

import pytest

from tests.secrets.transit.mounted import AD, CONTEXT, PEER, TEXT, Transit, b64, mounted

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
