"""With GnuPG as the other side: what the keepers of shares really use."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator

import pytest

from strongroom.errors import BadRequest
from strongroom.seal import pgp
from strongroom.seal.ceremony import RootGenerationCeremony
from strongroom.seal.config import SealConfig
from strongroom.seal.seal import InitRequest
from strongroom.seal.shares import check, issue
from tests.seal.gnupg import GnuPG, gnupg, keyring
from tests.seal.keepers import Keep, run


@pytest.fixture(scope="module", params=("rsa", "ed25519"))
def keeper(request: pytest.FixtureRequest) -> Iterator[GnuPG]:
    with keyring(request.param) as ring:
        yield ring


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
