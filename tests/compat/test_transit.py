"""Transit with real clients and a real peer: hvac, both command lines, keys and outputs exchanged."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hvac
import pytest
from hvac import exceptions

from tests.server import PEER, STRONGROOM, Server

TEXT, CONTEXT = b"the quick brown fox", b"kennel"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture(scope="module")
def mount(server: Server, peer: Server) -> Iterator[str]:
    """The engine, at the same path of these tests' own on both servers."""
    path = f"t{uuid.uuid4().hex[:12]}"
    for each in (server, peer):
        assert each.api.post(f"sys/mounts/{path}", {"type": "transit"}).status == 204
    yield path
    for each in (server, peer):
        each.api.delete(f"sys/mounts/{path}")


@pytest.fixture
def client(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token)


def test_hvac_keys(client: Any, mount: str) -> None:
    transit = client.secrets.transit
    transit.create_key("k", exportable=True, allow_plaintext_backup=True, mount_point=mount)
    read = transit.read_key("k", mount_point=mount)["data"]
    assert (read["type"], read["latest_version"], read["exportable"]) == ("aes256-gcm96", 1, True)
    assert transit.list_keys(mount_point=mount)["data"]["keys"] != []
    transit.rotate_key("k", mount_point=mount)
    transit.update_key_configuration("k", min_decryption_version=2, deletion_allowed=True, mount_point=mount)
    transit.update_key_configuration("k", min_encryption_version=2, mount_point=mount)
    transit.trim_key("k", 2, mount_point=mount)
    assert list(transit.read_key("k", mount_point=mount)["data"]["keys"]) == ["2"]
    exported = transit.export_key("k", "encryption-key", mount_point=mount)["data"]["keys"]
    assert len(base64.b64decode(exported["2"])) == 32
    backup = transit.backup_key("k", mount_point=mount)["data"]["backup"]
    with pytest.raises(exceptions.InvalidRequest):
        transit.restore_key(backup, name="k", mount_point=mount)
    transit.restore_key(backup, name="again", mount_point=mount)
    transit.delete_key("k", mount_point=mount)
    with pytest.raises(exceptions.InvalidPath):
        transit.read_key("k", mount_point=mount)


def test_hvac_data(client: Any, mount: str) -> None:
    transit = client.secrets.transit
    transit.create_key("d", mount_point=mount)
    transit.create_key("s", key_type="ecdsa-p256", mount_point=mount)
    sealed = transit.encrypt_data("d", plaintext=b64(TEXT), mount_point=mount)["data"]["ciphertext"]
    opened = transit.decrypt_data("d", ciphertext=sealed, mount_point=mount)["data"]["plaintext"]
    assert opened == b64(TEXT)
    transit.rotate_key("d", mount_point=mount)
    again = transit.rewrap_data("d", ciphertext=sealed, mount_point=mount)["data"]["ciphertext"]
    assert again.startswith("vault:v2:")
    batch = [{"plaintext": b64(TEXT)}, {"plaintext": b64(CONTEXT)}]
    results = transit.encrypt_data("d", plaintext="", batch_input=batch, mount_point=mount)["data"][
        "batch_results"
    ]
    assert len(results) == 2
    made = transit.generate_data_key("d", "plaintext", mount_point=mount)["data"]
    opened = transit.decrypt_data("d", ciphertext=made["ciphertext"], mount_point=mount)["data"]["plaintext"]
    assert opened == made["plaintext"]
    assert (
        len(
            base64.b64decode(
                transit.generate_random_bytes(n_bytes=16, mount_point=mount)["data"]["random_bytes"]
            )
        )
        == 16
    )
    digest = transit.hash_data(b64(TEXT), algorithm="sha2-256", mount_point=mount)["data"]["sum"]
    assert digest == hashlib.sha256(TEXT).hexdigest()
    code = transit.generate_hmac("d", hash_input=b64(TEXT), mount_point=mount)["data"]["hmac"]
    assert transit.verify_signed_data("d", b64(TEXT), hmac=code, mount_point=mount)["data"]["valid"]
    signature = transit.sign_data("s", hash_input=b64(TEXT), marshaling_algorithm="jws", mount_point=mount)[
        "data"
    ]["signature"]
    checked = transit.verify_signed_data(
        "s", hash_input=b64(TEXT), signature=signature, marshaling_algorithm="jws", mount_point=mount
    )
    assert checked["data"]["valid"]


KINDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("aes256-gcm96", {}),
    ("aes128-gcm96", {"derived": True}),
    ("chacha20-poly1305", {}),
    ("xchacha20-poly1305", {"derived": True, "convergent_encryption": True}),
    ("ed25519", {}),
    ("ed25519", {"derived": True}),
    ("ecdsa-p256", {}),
    ("ecdsa-p521", {}),
    ("hmac", {"key_size": 32}),
    ("rsa-2048", {}),
)


def test_a_backup_of_ours_works_at_the_peer(server: Server, peer: Server, mount: str) -> None:
    """The peer restores it, opens what we made, and we open what the peer makes with it."""
    ours, theirs = server.api, peer.api
    for number, (kind, fields) in enumerate(KINDS):
        name = f"k{number}"
        body = {"type": kind, "exportable": True, "allow_plaintext_backup": True, **fields}
        assert ours.post(f"{mount}/keys/{name}", body).status == 200
        assert ours.post(f"{mount}/keys/{name}/rotate", {}).status == 200
        backup = ours.get(f"{mount}/backup/{name}").data["backup"]
        answer = theirs.post(f"{mount}/restore/{name}", {"backup": backup})
        assert answer.status == 204, (kind, answer)
        also = {"context": b64(CONTEXT)} if fields.get("derived") else {}
        for one, other in ((ours, theirs), (theirs, ours)):
            if "gcm" in kind or "poly" in kind or "rsa" in kind:
                sealed = one.post(f"{mount}/encrypt/{name}", {"plaintext": b64(TEXT), **also}).data[
                    "ciphertext"
                ]
                opened = other.post(f"{mount}/decrypt/{name}", {"ciphertext": sealed, **also})
                assert opened.data == {"plaintext": b64(TEXT)}, kind
            elif kind != "hmac":
                body = {"input": b64(TEXT), **also}
                signature = one.post(f"{mount}/sign/{name}", body).data["signature"]
                checked = other.post(f"{mount}/verify/{name}", {**body, "signature": signature})
                assert checked.data == {"valid": True}, kind
            code = one.post(f"{mount}/hmac/{name}", {"input": b64(TEXT)}).data["hmac"]
            checked = other.post(f"{mount}/verify/{name}", {"input": b64(TEXT), "hmac": code})
            assert checked.data == {"valid": True}, kind


def test_a_wrapped_key_goes_from_one_to_the_other(server: Server, peer: Server, mount: str) -> None:
    """BYOK: the wrapping key of one is imported by the other, which exports keys wrapped by it."""
    for one, other in ((server.api, peer.api), (peer.api, server.api)):
        public = one.get(f"{mount}/wrapping_key").data["public_key"]
        body = {"type": "rsa-4096", "public_key": public}
        assert other.post(f"{mount}/keys/there/import", body).status == 204
        for kind in ("aes256-gcm96", "ed25519", "ecdsa-p384"):
            name = f"{kind}-x"
            assert other.post(f"{mount}/keys/{name}", {"type": kind, "exportable": True}).status == 200
            wrapped = other.get(f"{mount}/byok-export/there/{name}").data["keys"]["1"]
            answer = one.post(f"{mount}/keys/{name}-in/import", {"type": kind, "ciphertext": wrapped})
            assert answer.status == 204, (kind, answer)
            code = "encrypt" if kind.startswith("aes") else "sign"
            if code == "encrypt":
                sealed = one.post(f"{mount}/encrypt/{name}-in", {"plaintext": b64(TEXT)}).data["ciphertext"]
                opened = other.post(f"{mount}/decrypt/{name}", {"ciphertext": sealed})
                assert opened.data == {"plaintext": b64(TEXT)}
            else:
                signature = one.post(f"{mount}/sign/{name}-in", {"input": b64(TEXT)}).data["signature"]
                checked = other.post(f"{mount}/verify/{name}", {"input": b64(TEXT), "signature": signature})
                assert checked.data == {"valid": True}


@pytest.mark.parametrize("program", (STRONGROOM, PEER), ids=("strongroom", "bao"))
def test_the_commands_that_import(
    server: Server, mount: str, program: tuple[str, ...], tmp_path: Path
) -> None:
    own = "ours" if program is STRONGROOM else "theirs"

    def run(*line: str) -> int:
        done = subprocess.run(
            [*program, "transit", *line], env=server.environment, capture_output=True, timeout=60, check=False
        )
        return done.returncode

    secret = b64(bytes(range(32)))
    key = tmp_path / "key.b64"
    key.write_text(b64(bytes(range(32))) + "\n")
    assert run("import", f"{mount}/keys/{own}-a", secret, "type=aes256-gcm96", "exportable=true") == 0
    exported = server.api.get(f"{mount}/export/encryption-key/{own}-a").data["keys"]
    assert base64.b64decode(exported["1"]) == bytes(range(32))
    assert run("import-version", f"{mount}/keys/{own}-a", b64(bytes(32)), "hash_function=SHA256") == 0
    assert server.api.get(f"{mount}/keys/{own}-a").data["latest_version"] == 2
    assert run("import", f"{mount}/keys/{own}-a", b64(bytes(32))) != 0
    assert run("import", "nowhere", b64(bytes(32))) == 1
    assert run("import", f"{mount}/keys/{own}-b", "!!") == 1
    assert run("import", f"{mount}/keys/{own}-b", "@" + str(tmp_path / "none")) == 1
    assert run("import", f"{mount}/keys/{own}-b") == 1
    if program is STRONGROOM:
        assert run("import", f"{mount}/keys/{own}-b", f"@{key}") == 0
