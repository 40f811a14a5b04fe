"""What goes wrong is refused with 400, quickly, and shows nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from strongroom.crypto import keywrap, private_key
from tests.secrets.transit.material import RSA_2048, WEAK
from tests.secrets.transit.mounted import PEER, Transit, b64, mounted, raw, wrapping_key

ASYMMETRIC = ("rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ml-dsa", "hmac")


@pytest.mark.parametrize("kind", ASYMMETRIC)
def test_ghsa_8w8f_r2xv_4q4j_no_key_of_a_kind_that_is_not_derived_can_be_derived(kind: str) -> None:
    """A derived RSA key crashed the peer. Here none can be made, imported, or restored."""

    async def scenario(transit: Transit) -> None:
        for also in ({}, {"convergent_encryption": True}):
            fields = {"type": kind, "derived": True, "key_size": 32 if kind == "hmac" else 0, **also}
            assert "not supported" in await transit.refused("POST", "keys/k", fields)
        own = await wrapping_key(transit)
        body = {"type": kind, "derived": True, "ciphertext": b64(keywrap.wrap(own, b"x" * 32, "SHA256"))}
        assert "not supported" in await transit.refused("POST", "keys/k/import", body)
        assert (await transit.call("GET", "keys/k")).status == 404

    mounted(scenario)


def test_ghsa_8w8f_r2xv_4q4j_nor_restored() -> None:
    async def scenario(transit: Transit) -> None:
        await transit.refused("POST", "restore", {"backup": changed("rsa", derived=True, kdf=1)})
        await transit.refused("POST", "restore", {"backup": changed("p256", derived=True, kdf=1)})
        await transit.restore("rsa")
        body = {"plaintext": b64("x"), "context": b64("c")}
        made = (await transit("POST", "encrypt/rsa", body))["ciphertext"]
        assert await transit.decrypt(made, "rsa", context=b64("c")) == b"x"

    mounted(scenario)


def changed(name: str, **fields: Any) -> str:
    """A backup of the peer with other members in its policy."""
    backup = json.loads(raw(PEER[name]["backup"]))
    backup["policy"] |= fields
    return b64(json.dumps(backup))


@pytest.mark.parametrize(
    "fields",
    (
        {"latest_version": 0},
        {"latest_version": -1},
        {"latest_version": 10**9},
        {"latest_version": 4},
        {"min_available_version": 9},
        {"min_decryption_version": 9},
        {"min_encryption_version": -2},
        {"type": 99},
        {"type": 1},
        {"type": 8},
        {"derived": True, "kdf": 2},
        {"derived": True, "convergent_encryption": True},
        {"convergent_encryption": True},
        {"version_template": "x{{version}}"},
        {"keys": {"1": {"key": "AAAA"}}},
        {"keys": 5},
    ),
)
def test_a_backup_that_lies(fields: dict[str, Any]) -> None:
    async def scenario(transit: Transit) -> None:
        await transit.refused("POST", "restore", {"backup": changed("chacha", **fields)})
        assert (await transit.call("LIST", "keys")).status == 404

    mounted(scenario)


def test_backups_of_keys_whose_numbers_do_not_belong_together() -> None:
    async def scenario(transit: Transit) -> None:
        for name, part, value in (
            ("rsa", "rsa_key", {"N": 15, "E": 3, "D": 3, "Primes": [3, 5]}),
            ("rsa", "rsa_key", {"N": 10**600, "E": 3, "D": 3, "Primes": [1, 10**600]}),
            ("rsa", "rsa_key", {"N": 15}),
            ("rsa", "rsa_key", None),
            ("p256", "ec_d", 0),
            ("p256", "ec_d", 5),
            ("p256", "ec_x", 1),
            ("p256", "ec_x", None),
            ("ed", "key", b64(bytes(64))),
            ("ed", "key", b64(bytes(32))),
        ):
            backup = json.loads(raw(PEER[name]["backup"]))
            for entry in backup["policy"]["keys"].values():
                entry[part] = value
            await transit.refused("POST", "restore", {"backup": b64(json.dumps(backup))})
        for text in ("{}", "[]", "null", '{"policy": {}}', "[" * 100_000, "9" * 100_000, "\0"):
            await transit.refused("POST", "restore", {"backup": b64(text)})
        assert (await transit.call("LIST", "keys")).status == 404

    mounted(scenario)


def test_weak_and_wrong_keys_are_not_imported() -> None:
    async def scenario(transit: Transit) -> None:
        own = await wrapping_key(transit)
        rsa = private_key.load(RSA_2048)
        p256, p384 = (private_key.generate("ec", bits) for bits in (256, 384))
        for kind, secret in (
            ("rsa-2048", WEAK["short"]),
            ("rsa-2048", WEAK["slow exponent"]),
            ("rsa-4096", private_key.der(rsa)),
            ("ecdsa-p256", private_key.der(p384)),
            ("ecdsa-p256", private_key.der(rsa)),
            ("ed25519", private_key.der(p256)),
            ("aes256-gcm96", bytes(16)),
            ("aes128-gcm96", bytes(32)),
            ("hmac", bytes(31)),
            ("hmac", bytes(513)),
            ("rsa-2048", b"-----BEGIN PRIVATE KEY-----\n" + b"A" * 15_000),
            ("ed25519", b"\x30\x84\xff\xff\xff\xff"),
        ):
            body = {"type": kind, "ciphertext": b64(keywrap.wrap(own, secret, "SHA256"))}
            await transit.refused("POST", "keys/k/import", body)
        public = private_key.public_pem(p384.public_key())
        await transit.refused("POST", "keys/k/import", {"type": "ecdsa-p256", "public_key": public})
        assert (await transit.call("GET", "keys/k")).status == 404

    mounted(scenario)


def test_import_and_export_of_wrapped_keys() -> None:
    async def scenario(transit: Transit) -> None:
        own = await wrapping_key(transit)
        materials = {
            "aes256-gcm96": bytes(range(32)),
            "aes128-gcm96": bytes(range(16)),
            "chacha20-poly1305": bytes(range(32)),
            "hmac": bytes(range(40)),
            "aes128-cmac": bytes(range(16)),
            "ml-dsa": bytes(range(32)),
            "rsa-2048": private_key.der(private_key.load(RSA_2048)),
            "ecdsa-p256": private_key.der(private_key.generate("ec", 256)),
            "ed25519": private_key.der(private_key.generate("ed25519")),
        }
        await transit.restore("rsa")
        for kind, secret in materials.items():
            for hash_name in ("SHA1", "SHA256") if kind == "aes256-gcm96" else ("SHA512",):
                wrapped = b64(keywrap.wrap(own, secret, hash_name))
                body = {"type": kind, "ciphertext": wrapped, "hash_function": hash_name, "exportable": True}
                name = f"{kind}-{hash_name}"
                await transit("POST", f"keys/{name}/import", body)
                read = await transit("GET", f"keys/{name}")
                assert (read["imported_key"], read["latest_version"]) == (True, 1)
                answer = await transit("GET", f"byok-export/rsa/{name}?hash={hash_name}")
                out = raw(answer["keys"]["1"])
                inner = (await transit("GET", "export/encryption-key/rsa?format=pem"))["keys"]["1"]
                assert keywrap.unwrap(private_key.load(inner.encode()), out, hash_name) == secret  # type: ignore[arg-type]
                await transit.refused("POST", f"keys/{name}/rotate")
                await transit("POST", f"keys/{name}/import_version", {**body, "ciphertext": wrapped})
                assert (await transit("GET", f"keys/{name}"))["latest_version"] == 2

    mounted(scenario)


def test_a_public_key_gets_its_private_half_later() -> None:
    async def scenario(transit: Transit) -> None:
        own = await wrapping_key(transit)
        key, other = private_key.generate("ec", 256), private_key.generate("ec", 256)
        public = private_key.public_pem(key.public_key())
        await transit("POST", "keys/k/import", {"type": "ecdsa-p256", "public_key": public})
        await transit.refused("POST", "sign/k", {"input": b64("x")})
        for secret, good in ((other, False), (key, True), (key, False)):
            wrapped = b64(keywrap.wrap(own, private_key.der(secret), "SHA256"))
            answer = await transit.call(
                "POST", "keys/k/import_version", {"ciphertext": wrapped, "version": 1}
            )
            assert answer.status == (204 if good else 400), answer
        assert await transit.verify(b"x", signature=await transit.sign(b"x"))

    mounted(scenario)


def test_malformed_input_is_refused_quickly() -> None:
    big = "A" * 3_000_000

    async def scenario(transit: Transit) -> None:
        await transit.key()
        await transit.key("p", type="ecdsa-p256")
        started = time.perf_counter()
        await transit.refused("POST", "encrypt/k", {"plaintext": big + "!"})
        await transit.refused("POST", "decrypt/k", {"ciphertext": "vault:v" + big})
        await transit.refused("POST", "decrypt/k", {"ciphertext": "vault:v1:" + big})
        await transit.refused("POST", "verify/p", {"input": "", "signature": "vault:v1:" + big})
        await transit.refused(
            "POST", "keys/p/set-certificate", {"certificate_chain": "-----BEGIN " * 200_000}
        )
        begins = "-----BEGIN CERTIFICATE-----\n" * 100_000
        await transit.refused("POST", "keys/p/set-certificate", {"certificate_chain": begins})
        await transit.refused("POST", "keys/p/csr", {"csr": "-----BEGIN " + big})
        await transit.refused(
            "POST", "keys/q/import", {"type": "rsa-2048", "public_key": "-----BEGIN " + big}
        )
        await transit.refused("POST", "restore", {"backup": big})
        for path in ("encrypt/k", "decrypt/k", "rewrap/k", "sign/p", "verify/p", "hmac/k"):
            await transit.refused("POST", path, {"batch_input": [5] * 100_000})
        assert time.perf_counter() - started < 10

    mounted(scenario)


def test_a_batch_is_one_request() -> None:
    """An input that fails stops no other, and leaves a status that tells."""

    async def scenario(transit: Transit) -> None:
        await transit.key()
        batch = [{"plaintext": b64("a"), "reference": "1"}, {"plaintext": "!", "reference": "2"}]
        answer = await transit.call("POST", "encrypt/k", {"batch_input": batch})
        good, bad = answer.data["batch_results"]
        assert (answer.status, good["reference"], bad["reference"]) == (400, "1", "2")
        assert await transit.decrypt(good["ciphertext"]) == b"a"
        assert "illegal base64" in bad["error"]
        answer = await transit.call(
            "POST", "encrypt/k", {"batch_input": batch, "partial_failure_response_code": 207}
        )
        assert answer.status == 207
        for code in (0, 99, 100, 103, 199, 204, 304, 600, -1):  # after these a client waits for no results
            answer = await transit.call(
                "POST", "encrypt/k", {"batch_input": batch, "partial_failure_response_code": code}
            )
            assert answer.status == 400
            assert len(answer.data["batch_results"]) == 2

    mounted(scenario)


def test_a_chain_belongs_to_its_key() -> None:
    from cryptography import x509  # noqa: PLC0415

    async def scenario(transit: Transit) -> None:
        await transit.key(type="ecdsa-p256")
        made = await transit("POST", "keys/k/csr", {})
        request = x509.load_pem_x509_csr(made["csr"].encode())
        assert request.is_signature_valid
        own, other = issued(request.public_key()), issued(private_key.generate("ec", 256).public_key())
        await transit.refused("POST", "keys/k/set-certificate", {"certificate_chain": other})
        await transit.refused("POST", "keys/k/set-certificate", {"certificate_chain": own + other})
        answer = await transit("POST", "keys/k/set-certificate", {"certificate_chain": own})
        assert answer == {"name": "k", "type": "ecdsa-p256", "certificate_chain": own}
        told = "Certificate:\n    Data:\n" + own  # as openssl prints it for people
        await transit("POST", "keys/k/set-certificate", {"certificate_chain": told})
        assert (await transit("GET", "keys/k"))["keys"]["1"]["certificate_chain"] == own.strip()
        await transit.refused("POST", "keys/k/set-certificate", {"certificate_chain": own + "more"})
        answer = await transit("GET", "export/certificate-chain/k")
        assert answer["keys"]["1"].split() == own.split()
        again = await transit("POST", "keys/k/csr", {"csr": made["csr"]})
        assert x509.load_pem_x509_csr(again["csr"].encode()).is_signature_valid

    mounted(scenario)


def issued(public: Any) -> str:
    """A certificate of a public key."""
    import datetime as dt  # noqa: PLC0415

    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(public)
    builder = (
        builder.serial_number(5).not_valid_before(start).not_valid_after(start + dt.timedelta(days=3650))
    )
    made = builder.sign(private_key.generate("ec", 256), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()
