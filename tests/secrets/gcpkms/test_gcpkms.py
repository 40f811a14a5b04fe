"""Cloud KMS through this server: keys that do what they say, at a cloud that checks what it is told."""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.inprocess import Answer, InProcess, inprocess
from tests.leasing import later
from tests.secrets.outsider import posted, read
from tests.upstream.cloudkms import RING, CloudKms
from tests.upstream.simulator import serving


@pytest.fixture
def cloud() -> Iterator[CloudKms]:
    with serving(CloudKms()) as simulator:
        yield simulator


async def configured(api: InProcess, cloud: CloudKms) -> None:
    await posted(api, "sys/mounts/gcpkms", {"type": "gcpkms"})
    body = {"credentials": cloud.credentials(), "api_endpoint": cloud.url}
    await posted(api, "gcpkms/config", body)


async def made(api: InProcess, name: str = "k", **fields: Any) -> None:
    await posted(api, f"gcpkms/keys/{name}", {"key_ring": RING, **fields})


async def use(api: InProcess, verb: str, name: str = "k", **body: Any) -> Answer:
    return await api("POST", f"gcpkms/{verb}/{name}", body)


def test_encryption_with_rotation(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api)
        old = (await use(api, "encrypt", plaintext="grüße")).data
        assert old["key_version"] == "1"
        assert "grüße".encode() not in b64decode(old["ciphertext"])
        assert (await use(api, "decrypt", ciphertext=old["ciphertext"])).data == {"plaintext": "grüße"}
        assert (await use(api, "decrypt", ciphertext=old["ciphertext"], key_version=1)).status == 200
        assert (await posted(api, "gcpkms/keys/rotate/k", {})).data == {"key_version": "2"}
        new = (await use(api, "reencrypt", ciphertext=old["ciphertext"])).data
        assert new["key_version"] == "2"
        assert (await use(api, "decrypt", ciphertext=new["ciphertext"])).data == {"plaintext": "grüße"}
        assert (await use(api, "encrypt", plaintext="x", key_version=1)).data["key_version"] == "1"
        assert cloud.made == 1, "an access token serves until it ends"
        with later(api.core, 3600):
            assert (await use(api, "encrypt", plaintext="x")).status == 400, (
                "it is asked for by a wrong clock"
            )

    inprocess(scenario)


def test_further_data_and_octets(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api)
        bound = {"additional_authenticated_data": "row 5"}
        ciphertext = (await use(api, "encrypt", plaintext="x", **bound)).data["ciphertext"]
        assert (await use(api, "decrypt", ciphertext=ciphertext, **bound)).data == {"plaintext": "x"}
        for wrong in ({}, {"additional_authenticated_data": "row 6"}):
            assert (await use(api, "decrypt", ciphertext=ciphertext, **wrong)).status == 400
            assert (await use(api, "reencrypt", ciphertext=ciphertext, **wrong)).status == 400
        again = (await use(api, "reencrypt", ciphertext=ciphertext, **bound)).data["ciphertext"]
        assert (await use(api, "decrypt", ciphertext=again, **bound)).data == {"plaintext": "x"}
        octets = cloud._encrypt(f"{RING}/cryptoKeys/k", {"plaintext": b64encode(b"\xff").decode()})
        answer = await use(api, "decrypt", ciphertext=octets["ciphertext"])
        assert answer.data == {"plaintext_base64": b64encode(b"\xff").decode()}

    inprocess(scenario)


def test_asymmetric_decryption(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api, purpose="asymmetric_decrypt")
        public = (await read(api, "gcpkms/pubkey/k?key_version=1")).data
        assert public["algorithm"] == "rsa_decrypt_oaep_2048_sha256"
        key = serialization.load_pem_public_key(public["pem"].encode())
        assert isinstance(key, rsa.RSAPublicKey)
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        ciphertext = b64encode(key.encrypt(b"hello", oaep)).decode()
        assert (await use(api, "decrypt", ciphertext=ciphertext, key_version=1)).data == {
            "plaintext": "hello"
        }
        assert (await use(api, "decrypt", ciphertext=ciphertext)).status == 400
        assert (await use(api, "encrypt", plaintext="x")).status in {400, 404}

    inprocess(scenario)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    (
        ("ec_sign_p256_sha256", "sha256"),
        ("ec_sign_p384_sha384", "sha384"),
        ("rsa_sign_pss_2048_sha256", "sha256"),
        ("rsa_sign_pkcs1_2048_sha256", "sha256"),
        ("rsa_sign_pss_4096_sha512", "sha512"),
    ),
)
def test_signatures(cloud: CloudKms, algorithm: str, kind: str) -> None:
    digest, other = (b64encode(hashlib.new(kind, text).digest()).decode() for text in (b"a", b"b"))

    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api, purpose="asymmetric_sign", algorithm=algorithm)
        signature = (await use(api, "sign", digest=digest, key_version=1)).data["signature"]
        for tried, made_of, valid in ((signature, digest, True), (signature, other, False)):
            answer = await use(api, "verify", digest=made_of, signature=tried, key_version=1)
            assert answer.data == {"valid": valid}
        broken = b64encode(b64decode(signature)[:-1] + b"\0").decode()
        answer = await use(api, "verify", digest=digest, signature=broken, key_version=1)
        assert answer.data == {"valid": False}
        assert (await posted(api, "gcpkms/keys/rotate/k", {})).data == {"key_version": "2"}
        if algorithm.startswith("ec"):
            answer = await use(api, "verify", digest=digest, signature=signature, key_version=2)
            assert answer.data == {"valid": False}
        for body, words in (
            ({"digest": digest}, "missing key_version"),
            ({"key_version": 1}, "missing digest"),
            ({"key_version": 1, "digest": "AAAA"}, "has to be one of"),
            ({"key_version": 1, "digest": "?"}, "not base64"),
            ({"key_version": -1, "digest": digest}, "negative"),
        ):
            answer = await use(api, "sign", **body)
            assert answer.status == 400
            assert words in answer.errors[0]
        assert (await use(api, "sign", digest=digest, key_version=9)).status == 404

    inprocess(scenario)


def test_what_a_key_is(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api, labels={"a": "b"}, rotation_period="72h", crypto_key="other", protection_level="hsm")
        assert RING in cloud.rings
        told = (await read(api, "gcpkms/keys/k")).data
        due = told.pop("next_rotation_time_seconds")
        assert due > 1_700_000_000
        assert told == {
            "id": f"{RING}/cryptoKeys/other",
            "purpose": "encrypt_decrypt",
            "algorithm": "symmetric_encryption",
            "protection_level": "hsm",
            "labels": {"a": "b"},
            "rotation_schedule_seconds": 72 * 3600,
            "primary_version": "1",
            "state": "enabled",
        }
        await posted(api, "gcpkms/keys/k", {"labels": {"c": "d"}, "rotation_period": 86_400})
        told = (await read(api, "gcpkms/keys/k")).data
        assert (told["labels"], told["rotation_schedule_seconds"]) == ({"c": "d"}, 86_400)
        assert (await api("LIST", "gcpkms/keys")).data == {"keys": ["k"]}
        assert len(cloud.keys) == 1
        for body, words in (
            ({}, "missing key_ring"),
            ({"key_ring": "r"}, "projects/P"),
            ({"key_ring": RING + "/../x"}, "projects/P"),
            ({"key_ring": RING, "crypto_key": "a/b"}, "cannot be the name"),
            ({"key_ring": RING, "rotation_period": "1h"}, "24 hours"),
            ({"key_ring": RING, "purpose": "x"}, "purpose"),
            ({"key_ring": RING, "algorithm": "../x"}, "algorithm"),
            (
                {"key_ring": RING, "purpose": "asymmetric_sign", "rotation_period": "48h"},
                "rotated by themselves",
            ),
        ):
            answer = await api("POST", "gcpkms/keys/new", body)
            assert answer.status == 400, body
            assert words in answer.errors[0]
        assert (await api("POST", "gcpkms/keys/new", {"key_ring": RING, "algorithm": "x_y"})).status == 400
        assert (await use(api, "encrypt", "none", plaintext="x")).status == 400

    inprocess(scenario)


def test_versions_that_may_be_used(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api)
        ciphertext = (await use(api, "encrypt", plaintext="x")).data["ciphertext"]
        for _ in range(4):
            await posted(api, "gcpkms/keys/rotate/k", {})
        await posted(api, "gcpkms/keys/config/k", {"min_version": 3, "max_version": 4})
        resource = f"{RING}/cryptoKeys/k"
        expected = {"name": "k", "crypto_key": resource, "min_version": 3, "max_version": 4}
        assert (await read(api, "gcpkms/keys/config/k")).data == expected
        assert (await use(api, "encrypt", plaintext="x")).data["key_version"] == "4"
        assert "less than minimum" in (await use(api, "encrypt", plaintext="x", key_version=2)).errors[0]
        assert "greater than maximum" in (await use(api, "encrypt", plaintext="x", key_version=5)).errors[0]
        assert (await api("POST", "gcpkms/keys/config/k", {"min_version": 9})).status == 400
        assert (await posted(api, "gcpkms/keys/trim/k", {})).status == 204
        states = [version.state for version in cloud.keys[resource].versions]
        assert states == ["DESTROY_SCHEDULED"] * 2 + ["ENABLED"] * 3
        assert (await use(api, "decrypt", ciphertext=ciphertext)).status == 400
        await posted(api, "gcpkms/keys/config/k", {"min_version": -1, "max_version": 0})
        assert (await read(api, "gcpkms/keys/config/k")).data == {"name": "k", "crypto_key": resource}
        assert (await api("POST", "gcpkms/keys/trim/k", {})).status == 400
        assert (await api("DELETE", "gcpkms/keys/k")).status == 204
        states = [version.state for version in cloud.keys[resource].versions]
        assert states == ["DESTROY_SCHEDULED"] * 2 + ["DISABLED"] * 3
        assert (await api("GET", "gcpkms/keys/k")).status == 400
        assert (await api("LIST", "gcpkms/keys")).status == 404

    inprocess(scenario)


def test_registering(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api)
        resource = f"{RING}/cryptoKeys/k"
        await posted(api, "gcpkms/keys/register/same", {"crypto_key": resource})
        ciphertext = (await use(api, "encrypt", "same", plaintext="x")).data["ciphertext"]
        assert (await use(api, "decrypt", ciphertext=ciphertext)).data == {"plaintext": "x"}
        assert (await api("POST", "gcpkms/keys/deregister/same", {})).status == 204
        assert (await use(api, "encrypt", "same", plaintext="x")).status == 400
        assert cloud.keys[resource].versions[0].state == "ENABLED"
        absent = {"crypto_key": f"{RING}/cryptoKeys/absent"}
        assert (await api("POST", "gcpkms/keys/register/absent", absent)).status == 404
        await posted(api, "gcpkms/keys/register/absent", {**absent, "verify": False})
        assert (await use(api, "encrypt", "absent", plaintext="x")).status == 404
        assert (await api("DELETE", "gcpkms/keys/deregister/absent")).status == 204
        assert (await api("POST", "gcpkms/keys/register/odd", {"crypto_key": "x"})).status == 400

    inprocess(scenario)


def test_configuration(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await posted(api, "sys/mounts/gcpkms", {"type": "gcpkms"})
        default = {"scopes": ["https://www.googleapis.com/auth/cloudkms"]}
        assert (await read(api, "gcpkms/config")).data == default
        whole = cloud.credentials()
        for body, words in (
            ({"credentials": "nonsense"}, "not JSON"),
            ({"credentials": "{}"}, "service account"),
            ({"credentials": cloud.credentials(type="authorized_user")}, "service account"),
            ({"credentials": cloud.credentials(private_key="x")}, "private key"),
            ({"credentials": cloud.credentials(client_email="")}, "lack"),
            ({"credentials": cloud.credentials(token_uri="ftp://x")}, "http or https"),
            ({"credentials": whole, "api_endpoint": "http://kms.example"}, "https"),
            ({"api_endpoint": cloud.url}, "credentials"),
        ):
            answer = await api("POST", "gcpkms/config", body)
            assert answer.status == 400, body
            assert words in answer.errors[0]
            assert "BEGIN" not in answer.errors[0]
        await posted(api, "gcpkms/config", {"credentials": whole, "api_endpoint": cloud.url})
        assert (await read(api, "gcpkms/config")).data == default | {"api_endpoint": cloud.url}
        elsewhere = {"api_endpoint": "https://kms.example"}
        assert (await api("POST", "gcpkms/config", elsewhere)).status == 400, "tokens stay with their address"
        await posted(api, "gcpkms/config", {"scopes": "https://www.googleapis.com/auth/other"})
        answer = await api("POST", "gcpkms/keys/k", {"key_ring": RING})
        assert (answer.status, answer.errors) == (
            502,
            ["looking for the key failed: Cloud KMS does not allow it to the service account"],
        )
        assert (await api("DELETE", "gcpkms/config")).status == 204
        assert (await read(api, "gcpkms/config")).data == default

    inprocess(scenario)


def test_the_cloud_says_no(cloud: CloudKms) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cloud)
        await made(api)
        cloud.tokens.clear()
        assert (await use(api, "encrypt", plaintext="x")).status == 502
        assert (await use(api, "encrypt", plaintext="x")).status == 200, "a token that is refused is not kept"
        cloud.forbids = True
        assert (await use(api, "encrypt", plaintext="x")).status == 502
        cloud.forbids = False
        cloud.down = True
        answer = await use(api, "encrypt", plaintext="the secret itself")
        assert answer.status == 502
        assert "secret" not in answer.errors[0]
        for verb, body in (
            ("encrypt", {}),
            ("decrypt", {}),
            ("reencrypt", {}),
            ("decrypt", {"ciphertext": "?"}),
        ):
            assert (await use(api, verb, **body)).status == 400

    inprocess(scenario)
