from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.barrier.barrier import Barrier, WrongRootKey
from strongroom.barrier.keyring import KEYRING_PATH, ROOT_KEY_PATH, Keyring, RotationConfig
from strongroom.errors import Internal, Sealed

ROOT = bytes(range(32))
HOUR = 3600 * 1_000_000_000


def unlocked(ring: Keyring | None = None) -> Barrier:
    barrier = Barrier()
    barrier.adopt(ring or Keyring.create(ROOT, now=0))
    return barrier


BARRIER = unlocked()


@settings(deadline=None)
@given(key=st.text(), value=st.binary(max_size=5000))
def test_what_goes_in_comes_out(key: str, value: bytes) -> None:
    assert BARRIER.decrypt(key, BARRIER.encrypt(key, value)) == value


@settings(deadline=None)
@given(value=st.binary(max_size=50), data=st.data())
def test_any_changed_byte_is_refused(value: bytes, data: st.DataObject) -> None:
    entry = bytearray(BARRIER.encrypt("a/b", value))
    entry[data.draw(st.integers(0, len(entry) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(Internal):
        BARRIER.decrypt("a/b", bytes(entry))


@settings(deadline=None)
@given(length=st.integers(0, 60))
def test_a_truncated_entry_is_refused(length: int) -> None:
    entry = BARRIER.encrypt("a/b", bytes(40))
    with pytest.raises(Internal):
        BARRIER.decrypt("a/b", entry[:length])


@settings(deadline=None)
@given(key=st.text(), other=st.text())
def test_an_entry_opens_only_at_its_own_path(key: str, other: str) -> None:
    if key == other:
        return
    with pytest.raises(Internal):
        BARRIER.decrypt(other, BARRIER.encrypt(key, b"value"))


def test_failures_say_nothing_in_public() -> None:
    with pytest.raises(Internal) as caught:
        BARRIER.decrypt("secret/path", BARRIER.encrypt("elsewhere", b"v"))
    assert caught.value.public == "internal error"


def test_entry_layout() -> None:
    entry = unlocked(Keyring.create(ROOT, 0).rotated(1).rotated(2)).encrypt("k", b"12345")
    assert entry[:5] == b"\x00\x00\x00\x03\x02"
    assert len(entry) == 4 + 1 + 12 + 5 + 16


def test_same_value_never_looks_the_same() -> None:
    assert len({BARRIER.encrypt("k", b"v") for _ in range(1000)}) == 1000


def test_sealed_barrier_neither_encrypts_nor_decrypts() -> None:
    barrier = unlocked()
    entry = barrier.encrypt("k", b"v")
    barrier.lock()
    assert barrier.sealed
    for attempt in (lambda: barrier.encrypt("k", b"v"), lambda: barrier.decrypt("k", entry), barrier.status):
        with pytest.raises(Sealed):
            attempt()


def test_unlock_with_the_stored_row() -> None:
    ring = Keyring.create(ROOT, now=0)
    entry = unlocked(ring).encrypt("k", b"v")
    other = Barrier()
    other.unlock(ROOT, ring.rows()[KEYRING_PATH])
    assert other.decrypt("k", entry) == b"v"


def test_unlock_with_a_wrong_root_key() -> None:
    barrier = Barrier()
    with pytest.raises(WrongRootKey):
        barrier.unlock(bytes(32), Keyring.create(ROOT, now=0).rows()[KEYRING_PATH])
    assert barrier.sealed


def test_lock_wipes_the_keys() -> None:
    ring = Keyring.create(ROOT, now=0).rotated(1)
    barrier = unlocked(ring)
    barrier.lock()
    assert not any(ring.root_key)
    assert not any(any(key.value) for key in ring.keys)


def test_a_ring_made_before_a_lock_is_not_adopted_after_it() -> None:
    barrier = unlocked(Keyring.create(ROOT, now=0))
    rotated = barrier.ring.rotated(1)
    configured = barrier.ring.configured(RotationConfig(enabled=False))
    barrier.lock()
    with pytest.raises(Sealed):
        barrier.adopt(configured)
    with pytest.raises(Sealed):
        configured.rows()
    with pytest.raises(Sealed):
        barrier.adopt(rotated)


def test_rotation_keeps_old_entries_readable() -> None:
    barrier = unlocked(Keyring.create(ROOT, now=0))
    old = barrier.encrypt("k", b"old")
    barrier.adopt(barrier.ring.rotated(now=5))
    new = barrier.encrypt("k", b"new")
    assert old[:4] != new[:4]
    assert barrier.decrypt("k", old) == b"old"
    assert barrier.decrypt("k", new) == b"new"
    assert barrier.status()["term"] == 2
    assert barrier.status()["encryptions"] == 1


def test_another_root_key_keeps_the_data_keys_and_wipes_the_old_root() -> None:
    first = Keyring.create(ROOT, now=0)
    barrier = unlocked(first)
    entry = barrier.encrypt("k", b"v")
    ring = barrier.ring.rooted(bytes([7]) * 32)
    barrier.adopt(ring)
    assert not any(first.root_key)
    assert barrier.decrypt("k", entry) == b"v"
    with pytest.raises(WrongRootKey):
        Barrier().unlock(ROOT, ring.rows()[KEYRING_PATH])


def test_another_process_follows_rotation_and_new_root() -> None:
    writer, reader = unlocked(Keyring.create(ROOT, now=0)), Barrier()
    reader.unlock(ROOT, writer.ring.rows()[KEYRING_PATH])
    rerooted = writer.ring.rooted(bytes([7]) * 32)
    rows = rerooted.rows()
    reader.follow(rows[KEYRING_PATH], rows[ROOT_KEY_PATH])
    writer.adopt(rerooted)
    writer.adopt(writer.ring.rotated(now=5))
    rows = writer.ring.rows()
    reader.follow(rows[KEYRING_PATH], rows[ROOT_KEY_PATH])
    assert reader.decrypt("k", writer.encrypt("k", b"v")) == b"v"


def test_status() -> None:
    barrier = unlocked(Keyring.create(ROOT, now=1_795_377_930_123_456_789))
    barrier.encrypt("k", b"v")
    assert barrier.status() == {
        "term": 1,
        "install_time": "2026-11-22T20:05:30.123456789Z",
        "encryptions": 1,
    }


def test_rotation_is_due_by_count_or_by_age() -> None:
    counted = unlocked(Keyring.create(ROOT, now=0).configured(RotationConfig(max_operations=3)))
    for _ in range(3):
        assert not counted.should_rotate(now=HOUR)
        counted.encrypt("k", b"v")
    assert counted.should_rotate(now=HOUR)
    aged = unlocked(Keyring.create(ROOT, now=0).configured(RotationConfig(interval=24 * 3600)))
    assert not aged.should_rotate(now=24 * HOUR - 1)
    assert aged.should_rotate(now=24 * HOUR)
    off = RotationConfig(enabled=False, max_operations=0, interval=1)
    assert not unlocked(Keyring.create(ROOT, now=0).configured(off)).should_rotate(now=24 * HOUR)
    assert not Barrier().should_rotate(now=24 * HOUR)


def test_the_counter_is_stored_now_and_then() -> None:
    barrier = unlocked(Keyring.create(ROOT, now=0))
    assert not barrier.should_persist(now=HOUR)
    barrier.encrypt("k", b"v")
    assert barrier.should_persist(now=HOUR)
    ring = barrier.ring
    barrier.persisted(ring, now=HOUR)
    barrier.encrypt("k", b"v")
    assert not barrier.should_persist(now=HOUR + 1)
    assert barrier.should_persist(now=2 * HOUR)
    for _ in range(100_000):
        barrier.encrypt("k", b"")
    assert barrier.should_persist(now=HOUR + 1)
    assert Keyring.open(ROOT, ring.rows()[KEYRING_PATH]).active.encryptions == 1


def test_a_change_of_keys_that_comes_too_late_does_not_open_a_locked_barrier() -> None:
    barrier = unlocked()
    rows = barrier.ring.rotated(now=5).rows()
    barrier.lock()
    barrier.succeed(Keyring.open(ROOT, rows[KEYRING_PATH]))
    assert barrier.sealed


def test_a_change_of_keys_in_time_is_used() -> None:
    barrier = unlocked()
    barrier.succeed(barrier.ring.rotated(now=5))
    assert barrier.status()["term"] == 2


def test_adopting_a_ring_made_earlier_loses_no_count() -> None:
    barrier = unlocked(Keyring.create(ROOT, now=0))
    configured = barrier.ring.configured(RotationConfig(interval=90_000))
    barrier.encrypt("k", b"v")
    barrier.adopt(configured)
    assert barrier.status()["encryptions"] == 1
    assert barrier.rotation.interval == 90_000
