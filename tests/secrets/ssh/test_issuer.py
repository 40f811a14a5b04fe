"""Issuers: their keys stay inside, names lead to one, and what was signed names the right one."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from strongroom.crypto import private_key, ssh_key
from strongroom.crypto.private_key import PrivateKey
from tests.crypto.test_ssh_key import ED25519
from tests.secrets.clocked import Clocked, run

ROLE = {"key_type": "ca", "allow_user_certificates": True, "allowed_users": "ann", "default_user": "ann"}


def pair(key: PrivateKey) -> dict[str, str]:
    return {"private_key": ssh_key.handed_out(key), "public_key": ssh_key.public_of(key).line}


async def issuer(served: Clocked, path: str = "config/ca", **fields: Any) -> Any:
    answer = await served("POST", path, {"key_type": "ed25519", **fields})
    assert answer.status == 200, answer
    return answer.data


async def signed(served: Clocked, role: str = "r", **wish: Any) -> SSHCertificate:
    """A certificate of a role, its signature verified."""
    answer = await served("POST", f"sign/{role}", {"public_key": ED25519, **wish})
    assert answer.status == 200, answer
    found = load_ssh_public_identity(answer.data["signed_key"].strip().encode())
    assert isinstance(found, SSHCertificate)
    found.verify_cert_signature()
    assert f"{found.serial:x}" == answer.data["serial_number"]
    return found


def by(certificate: SSHCertificate) -> str:
    """The public key that a certificate was signed with."""
    encoding, form = serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    return certificate.signature_key().public_bytes(encoding, form).decode()


def test_a_key_of_ones_own_signs() -> None:
    async def scenario(served: Clocked) -> None:
        for key in (private_key.generate("ec", 384), private_key.generate("ed25519")):
            made = await issuer(served, **pair(key))
            assert made["public_key"] == ssh_key.public_of(key).line
            await served.done("POST", "roles/r", ROLE)
            assert by(await signed(served)) == made["public_key"]

    run(scenario, kind="ssh")


def test_pairs_that_are_refused() -> None:
    async def scenario(served: Clocked) -> None:
        one, other = pair(private_key.generate("ed25519")), pair(private_key.generate("ec", 256))
        weak = pair(rsa.generate_private_key(65537, 1024))
        for fields, why in (
            ({**one, "public_key": other["public_key"]}, "do not belong together"),
            ({**one, "public_key": f"{one['public_key']}\n{other['public_key']}"}, "one line"),
            (weak, "weak rsa key"),
            ({**one, "private_key": one["private_key"][:80]}, "could not parse private_key"),
        ):
            said = await served.refused("POST", "config/ca", fields)
            assert why in said
            assert fields["private_key"][40:70] not in said
        assert await served.keys("issuers") == []

    run(scenario, kind="ssh")


def test_no_answer_shows_a_private_key() -> None:
    async def scenario(served: Clocked) -> None:
        key = private_key.generate("ed25519")
        secret = private_key.pem(key).splitlines()[1]
        named = {"issuer_name": "one", **pair(key)}
        answers = [await served("POST", "config/ca", named), await served("POST", "config/ca", named)]
        for method, path in (
            ("GET", "config/ca"), ("GET", "issuer/one"), ("LIST", "issuers"), ("GET", "public_key"),
            ("GET", "issuer/one/public_key"),
        ):  # fmt: skip
            answers.append(await served(method, path))
        for answer in answers:
            assert answer.status == 200
            assert secret.encode() not in answer.body
            assert b"PRIVATE" not in answer.body

    run(scenario, kind="ssh")


def test_a_role_signs_by_the_issuer_that_it_names() -> None:
    async def scenario(served: Clocked) -> None:
        one = await issuer(served, "issuers/import/one")
        two = await issuer(served, "issuers/import/two", set_default=True)
        await served.done("POST", "roles/one", {**ROLE, "issuer_ref": "one"})
        await served.done("POST", "roles/r", ROLE)
        assert by(await signed(served, "one")) == one["public_key"].strip()
        assert by(await signed(served)) == two["public_key"].strip()
        assert (await served("POST", "config/issuers", {"default": one["issuer_id"]})).status == 200
        assert by(await signed(served)) == one["public_key"].strip()
        assert (await served("POST", "issuer/one", {"issuer_name": "uno"})).status == 200
        assert "unable to find issuer" in await served.refused("POST", "sign/one", {"public_key": ED25519})
        await issuer(served, "issuers/import/one")
        assert by(await signed(served, "one")) != one["public_key"].strip()

    run(scenario, kind="ssh")


def test_a_deleted_issuer_signs_no_more() -> None:
    async def scenario(served: Clocked) -> None:
        await issuer(served, issuer_name="one")
        await served.done("POST", "roles/r", ROLE)
        await signed(served)
        assert (await served("DELETE", "issuer/one")).status == 200
        assert "no default issuer" in await served.refused("POST", "sign/r", {"public_key": ED25519})
        assert (await served("GET", "public_key", token=None)).status == 400
        again = await issuer(served, issuer_name="one")
        assert by(await signed(served)) == again["public_key"].strip()

    run(scenario, kind="ssh")


def test_a_name_is_given_once_however_many_want_it() -> None:
    async def scenario(served: Clocked) -> None:
        wanted = (served("POST", "issuers/import/one", {"key_type": "ec"}) for _ in range(8))
        answers = await asyncio.gather(*wanted)
        assert sorted(answer.status for answer in answers) == [200] + [400] * 7
        assert len(await served.keys("issuers")) == 1

    run(scenario, kind="ssh")


def test_an_rsa_issuer_signs_as_the_role_says() -> None:
    async def scenario(served: Clocked) -> None:
        await issuer(served, key_type="ssh-rsa", key_bits=2048)
        for algorithm in ("default", "rsa-sha2-256", "rsa-sha2-512"):
            await served.done("POST", "roles/r", {**ROLE, "algorithm_signer": algorithm})
            answer = await served("POST", "sign/r", {"public_key": ED25519})
            blob = b64decode(answer.data["signed_key"].split()[1])
            assert ssh_key.packed(algorithm.replace("default", "rsa-sha2-256").encode()) in blob
        await issuer(served)
        assert "does not sign by" in await served.refused("POST", "sign/r", {"public_key": ED25519})

    run(scenario, kind="ssh")
