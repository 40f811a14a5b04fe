"""With GnuPG as the other side: what the keepers of shares really use."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.errors import BadRequest
from strongroom.seal import pgp
from strongroom.seal.ceremony import RootGenerationCeremony
from strongroom.seal.config import SealConfig
from strongroom.seal.seal import InitRequest
from strongroom.seal.shares import check, issue
from tests.seal.keepers import Keep, run

gnupg = pytest.mark.skipif(shutil.which("gpg") is None, reason="GnuPG is not installed")


class GnuPG:
    """One keeper's key ring."""

    def __init__(self, home: Path, algorithm: str) -> None:
        self.env = os.environ | {"GNUPGHOME": str(home)}
        signing, encryption = {"rsa": ("rsa2048", "rsa2048"), "ed25519": ("ed25519", "cv25519")}[algorithm]
        self.run("--quick-generate-key", "keeper@example.com", signing, "sign", "never")
        listing = self.run("--with-colons", "--list-keys").decode()
        self.fingerprint = next(
            line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr")
        ).lower()
        self.signing_only = self.run("--export")
        self.run("--quick-add-key", self.fingerprint, encryption, "encr", "never")
        self.binary = base64.b64encode(self.run("--export")).decode()
        self.armored = self.run("--armor", "--export").decode()

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        command = ["gpg", "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", *arguments]
        return subprocess.run(command, env=self.env, input=stdin, capture_output=True, check=True).stdout

    def decrypt(self, message: bytes) -> str:
        return self.run("--decrypt", stdin=message).decode()


@pytest.fixture(scope="module", params=("rsa", "ed25519"))
def keeper(request: pytest.FixtureRequest) -> Iterator[GnuPG]:
    """In a short path: GnuPG's agent listens on a socket there, whose name has a limit."""
    with tempfile.TemporaryDirectory(prefix="gpg", dir="/tmp") as home:
        ring = GnuPG(Path(home), request.param)
        yield ring
        subprocess.run(["gpgconf", "--kill", "all"], env=ring.env, check=False, capture_output=True)


@gnupg
def test_gnupg_decrypts_what_we_encrypt(keeper: GnuPG) -> None:
    for key in (keeper.binary, keeper.armored, base64.encodebytes(base64.b64decode(keeper.binary)).decode()):
        message = pgp.encrypt(key, b"a share")
        assert not message.startswith(b"-----")
        assert keeper.decrypt(message) == "a share"
        assert pgp.fingerprint(key) == keeper.fingerprint


@gnupg
def test_the_plaintext_of_a_share_is_its_hex(keeper: GnuPG) -> None:
    key = bytes(range(32))
    shares = issue(key, SealConfig("shamir", 1, 1, (keeper.binary,)))
    assert keeper.decrypt(bytes.fromhex(shares.keys[0])) == key.hex()
    assert keeper.decrypt(base64.b64decode(shares.keys_base64[0])) == key.hex()
    assert shares.fingerprints == (keeper.fingerprint,)


@gnupg
def test_a_key_that_cannot_encrypt_is_refused_at_once(keeper: GnuPG) -> None:
    key = base64.b64encode(keeper.signing_only).decode()
    with pytest.raises(BadRequest, match="invalid seal configuration: error encrypting to given PGP key"):
        check(SealConfig("shamir", 1, 1, (key,)), "seal configuration")


@gnupg
def test_encrypted_shares_unseal_and_rekey_with_a_backup(keeper: GnuPG) -> None:
    keep = Keep(InitRequest(3, 2, (keeper.binary,) * 3))
    shares = [bytes.fromhex(keeper.decrypt(part)) for part in keep.shares]
    assert keep.opens_with(shares, 2)
    ceremony = keep.rekeying()
    config = SealConfig("shamir", 2, 2, (keeper.binary,) * 2, backup=True)
    started = run(ceremony.start(keep.tx, config))
    assert started["backup"]
    assert started["pgp_fingerprints"] == [keeper.fingerprint] * 2
    run(ceremony.update(keep.tx, shares[0], started["nonce"]))
    step = run(ceremony.update(keep.tx, shares[1], started["nonce"]))
    step.done()
    new = [bytes.fromhex(keeper.decrypt(bytes.fromhex(part))) for part in step.answer["keys"]]
    assert keep.opens_with(new, 2)
    assert run(ceremony.backup(keep.tx)) == {
        "nonce": started["nonce"],
        "keys": {keeper.fingerprint: step.answer["keys"]},
        "keys_base64": {keeper.fingerprint: step.answer["keys_base64"]},
    }
    ceremony.delete_backup(keep.tx)
    with pytest.raises(BadRequest, match="no backed-up keys found"):
        run(ceremony.backup(keep.tx))


@gnupg
def test_a_root_token_for_a_pgp_key(keeper: GnuPG) -> None:
    keep = Keep.shamir(1, 1)
    ceremony = RootGenerationCeremony({})
    started = run(ceremony.start(keep.tx, pgp_key=keeper.binary))
    assert started["otp"] == ""
    assert started["pgp_fingerprint"] == keeper.fingerprint

    async def mint() -> str:
        return "hvs.token"

    step = run(ceremony.update(keep.tx, keep.shares[0], started["nonce"], mint))
    assert keeper.decrypt(base64.b64decode(step.answer["encoded_token"])) == "hvs.token"


@pytest.mark.parametrize(
    ("key", "words"),
    (
        ("x", "error decoding given PGP key"),
        ("zz!", "error decoding given PGP key"),
        ("é", "error decoding given PGP key"),
        ("eHh4", "error parsing given PGP key"),
        ("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxx", "error parsing given PGP key"),
    ),
)
def test_what_is_no_key_is_refused(key: str, words: str) -> None:
    with pytest.raises(BadRequest, match=f"invalid seal configuration: {words}"):
        check(SealConfig("shamir", 1, 1, (key,)), "seal configuration")
    with pytest.raises(BadRequest, match=f"error parsing PGP key: {words}"):
        run(RootGenerationCeremony({}).start(Keep.shamir(1, 1).tx, pgp_key=key))


def test_without_the_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pysequoia", None)
    with pytest.raises(pgp.PGPUnavailable, match=r"strongroom\[pgp\]"):
        pgp.encrypt("eHh4", b"")
