from __future__ import annotations

import itertools

import orjson
import pytest

from strongroom.barrier.barrier import Barrier
from strongroom.barrier.keyring import KEYRING_PATH, RotationConfig
from strongroom.errors import BadRequest, Conflict, Internal, Uninitialized
from strongroom.seal import seal
from strongroom.seal.config import CONFIG_PATH, RECOVERY_CONFIG_PATH
from strongroom.seal.seal import RECOVERY_KEY_PATH, SHAMIR_KEY_PATH, InitRequest, WrongKey
from strongroom.seal.static import StaticSeal
from tests.barrier.memory import MemoryTransaction
from tests.seal.keepers import STATIC_KEY, Keep, key_of, run


def test_any_threshold_of_shares_unseals() -> None:
    keep = Keep.shamir()
    assert [len(share) for share in keep.shares] == [33] * 5
    for chosen in itertools.combinations(keep.shares, 3):
        assert keep.opens_with(list(chosen), 3)


def test_fewer_shares_do_not() -> None:
    keep = Keep.shamir()
    assert not keep.opens_with(keep.shares, 2)


def test_one_share_is_a_key_of_32_bytes() -> None:
    keep = Keep.shamir(1, 1)
    assert [len(share) for share in keep.shares] == [32]
    assert keep.opens_with(keep.shares, 1)


def test_no_key_is_stored_in_the_clear() -> None:
    keep = Keep.shamir(1, 1)
    root_key = bytes(keep.barrier.ring.root_key)
    data_key = bytes(keep.barrier.ring.active.value)
    everything = b"".join(keep.tx.rows.values())
    for secret in (keep.shares[0], root_key, data_key):
        assert secret not in everything
        assert secret.hex().encode() not in everything


def test_the_configuration_is_readable_while_sealed() -> None:
    keep = Keep.shamir()
    assert orjson.loads(keep.tx.rows[CONFIG_PATH])["secret_threshold"] == 3
    config = run(seal.config(keep.tx))
    assert config is not None
    assert (config.type, config.shares, config.threshold) == ("shamir", 5, 3)
    assert run(seal.config(MemoryTransaction())) is None


@pytest.mark.parametrize(
    ("request_", "auto", "words"),
    (
        (InitRequest(1, 2), False, "invalid seal configuration: threshold cannot be larger than shares"),
        (InitRequest(), False, "invalid seal configuration: shares must be at least one"),
        (
            InitRequest(5, 3, recovery_shares=5, recovery_threshold=3),
            False,
            "parameters recovery_shares,recovery_threshold not applicable to seal type shamir",
        ),
        (
            InitRequest(5, 3),
            True,
            "parameters secret_shares,secret_threshold not applicable to seal type static",
        ),
        (
            InitRequest(recovery_shares=5, recovery_threshold=9),
            True,
            "invalid recovery configuration: threshold cannot be larger than shares",
        ),
    ),
)
def test_init_refuses_what_makes_no_sense(request_: InitRequest, auto: bool, words: str) -> None:
    tx, barrier = MemoryTransaction(), Barrier()
    sealer = StaticSeal(("k1", STATIC_KEY)) if auto else None
    with pytest.raises(BadRequest) as caught:
        run(seal.initialize(tx, barrier, request_, 1, sealer))
    assert caught.value.public == words
    assert not tx.rows
    assert barrier.sealed


def test_init_happens_once() -> None:
    keep = Keep.shamir()
    with pytest.raises(BadRequest, match="Vault is already initialized"):
        run(seal.initialize(keep.tx, Barrier(), InitRequest(1, 1), 1))


def test_an_uninitialised_server_does_not_unseal() -> None:
    with pytest.raises(Uninitialized, match="Vault is not initialized"):
        run(seal.unseal(MemoryTransaction(), Barrier(), StaticSeal(("k1", STATIC_KEY))))


@pytest.mark.parametrize("size", (16, 32, 33))
def test_a_wrong_key_is_a_400_that_says_so(size: int) -> None:
    keep = Keep.shamir()
    with pytest.raises(WrongKey, match="invalid key") as caught:
        run(seal.authorise(keep.tx, bytes(size), None))
    assert caught.value.status == 400


def test_a_static_seal_unseals_by_itself_and_hands_out_recovery_keys() -> None:
    keep = Keep.static()
    assert keep.result.keys.parts == ()
    assert len(keep.shares) == 3
    assert keep.opens(StaticSeal(("k1", STATIC_KEY)))
    assert not keep.opens(StaticSeal(("k1", bytes(32))))
    run(seal.authorise(keep.tx, key_of(keep.shares, 2), keep.sealers["static"]))
    with pytest.raises(WrongKey, match="recovery key"):
        run(seal.authorise(keep.tx, bytes(32), keep.sealers["static"]))


def test_recovery_keys_decrypt_nothing() -> None:
    keep = Keep.static()
    assert not keep.opens_with(keep.shares, 2)


def test_keepers_are_who_hold_shares() -> None:
    assert run(seal.keepers(Keep.shamir(5, 3).tx)).threshold == 3
    assert run(seal.keepers(Keep.static(3, 2).tx)).threshold == 2


def test_wraps_are_independent_and_the_last_one_stays() -> None:
    keep = Keep.shamir()
    static = StaticSeal(("k1", STATIC_KEY))
    run(seal.add_wrap(keep.tx, keep.barrier, "vault-room", static))
    assert keep.opens(static)
    assert keep.opens_with(keep.shares, 3)
    run(seal.remove_wrap(keep.tx, "shamir"))
    assert keep.opens(static)
    assert not keep.opens_with(keep.shares, 3)
    for name in ("vault-room", "absent"):
        with pytest.raises(BadRequest):
            run(seal.remove_wrap(keep.tx, name))
    assert keep.opens(static)


def test_a_new_root_key_reaches_every_wrap() -> None:
    keep = Keep.shamir()
    static = StaticSeal(("k1", STATIC_KEY))
    run(seal.add_wrap(keep.tx, keep.barrier, "extra", static))
    before = dict(keep.tx.rows)
    ring = run(seal.rotate_root_key(keep.tx, keep.barrier, {"extra": static}))
    assert ring.root_key != keep.barrier.ring.root_key
    keep.barrier.adopt(ring)
    assert keep.opens(static)
    assert keep.opens_with(keep.shares, 3)
    keep.tx.rows[KEYRING_PATH] = before[KEYRING_PATH]
    with pytest.raises(Internal):
        keep.opens(static)


def test_a_new_root_key_needs_every_seal_at_hand() -> None:
    keep = Keep.shamir()
    run(seal.add_wrap(keep.tx, keep.barrier, "extra", StaticSeal(("k1", STATIC_KEY))))
    with pytest.raises(BadRequest, match="core/wraps/extra is not configured"):
        run(seal.rotate_root_key(keep.tx, keep.barrier, {}))


def test_a_retired_static_key_can_be_thrown_away_after_a_refresh() -> None:
    keep = Keep.static()
    both = StaticSeal(("k2", bytes([7]) * 32), ("k1", STATIC_KEY))
    only_new = StaticSeal(("k2", bytes([7]) * 32))
    assert not keep.opens(only_new)
    assert run(seal.refresh_wraps(keep.tx, keep.barrier, "static", both))
    assert not run(seal.refresh_wraps(keep.tx, keep.barrier, "static", both))
    assert keep.opens(only_new)
    run(seal.authorise(keep.tx, key_of(keep.shares, 2), only_new))


@pytest.mark.parametrize("path", (CONFIG_PATH, "core/wraps/shamir"))
def test_damaged_rows_are_internal_errors_that_name_the_row(path: str) -> None:
    keep = Keep.shamir()
    keep.tx.rows[path] = b"{}"
    with pytest.raises(Internal) as caught:
        run(seal.config(keep.tx) if path == CONFIG_PATH else seal.wraps(keep.tx))
    assert path in caught.value.cause


def test_missing_recovery_rows_fail_without_authorising() -> None:
    keep = Keep.static()
    del keep.tx.rows[RECOVERY_KEY_PATH]
    with pytest.raises(Internal):
        run(seal.authorise(keep.tx, key_of(keep.shares, 2), keep.sealers["static"]))
    del keep.tx.rows[RECOVERY_CONFIG_PATH]
    with pytest.raises(Uninitialized):
        run(seal.keepers(keep.tx))


def test_the_shamir_key_behind_the_barrier_is_the_one_that_unseals() -> None:
    keep = Keep.shamir()
    stored = keep.barrier.decrypt(SHAMIR_KEY_PATH, keep.tx.rows[SHAMIR_KEY_PATH])
    assert stored == key_of(keep.shares, 3)


def test_a_missing_main_seal_is_named() -> None:
    with pytest.raises(Internal) as caught:
        run(seal.main_sealer(Keep.static().tx, {}))
    assert "static" in caught.value.cause


def test_a_ring_that_does_not_know_a_stored_term_is_not_written() -> None:
    """Two requests rotate at once: the second must not write the first one's term away."""
    keep = Keep.shamir()
    stale = keep.barrier.ring.configured(RotationConfig(enabled=False))
    other = keep.barrier.ring.rotated(now=2)
    run(seal.stage_keyring(keep.tx, keep.barrier.ring.rotated(now=2)))
    before = dict(keep.tx.rows)
    for ring in (stale, other):
        with pytest.raises(Conflict):
            run(seal.stage_keyring(keep.tx, ring))
    assert keep.tx.rows == before
    third = run(seal.stored_keyring(keep.tx, keep.barrier)).rotated(now=3)
    run(seal.stage_keyring(keep.tx, third))
    keep.barrier.adopt(third)
    assert keep.barrier.status()["term"] == 3
    assert keep.opens_with(keep.shares, 3)


def test_the_stored_ring_has_the_count_in_memory() -> None:
    keep = Keep.shamir()
    counted = keep.barrier.status()["encryptions"]
    assert counted > 0
    assert run(seal.stored_keyring(keep.tx, keep.barrier)).active.encryptions == counted


def test_a_ring_waits_for_a_root_key_on_its_way() -> None:
    keep = Keep.shamir()
    ring = run(seal.rotate_root_key(keep.tx, keep.barrier, {}))
    with pytest.raises(Conflict):
        run(seal.stored_keyring(keep.tx, keep.barrier))
    with pytest.raises(Conflict):
        run(seal.stage_keyring(keep.tx, keep.barrier.ring.rotated(now=2)))
    keep.barrier.adopt(ring)
    run(seal.stage_keyring(keep.tx, run(seal.stored_keyring(keep.tx, keep.barrier)).rotated(now=2)))
    assert keep.opens_with(keep.shares, 3)
