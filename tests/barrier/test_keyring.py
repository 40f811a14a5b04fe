from __future__ import annotations

import base64

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.barrier.keyring import (
    KEYRING_PATH,
    ROOT_KEY_PATH,
    Keyring,
    RotationConfig,
    Unreadable,
    timestamp,
)
from strongroom.crypto.aead import Cipher

ROOT = bytes(range(32))


def plain(ring: Keyring) -> bytes:
    return Cipher(ring.root_key).open(ring.rows()[KEYRING_PATH], KEYRING_PATH.encode(), 5)


def test_row_is_encrypted_with_the_root_key_under_term_one() -> None:
    ring = Keyring.create(ROOT, now=0).rotated(1).rotated(2)
    assert ring.rows()[KEYRING_PATH][:5] == b"\x00\x00\x00\x01\x02"


def test_the_form_stored_is_stable() -> None:
    ring = Keyring.create(ROOT, now=1_795_377_930_000_000_007).rotated(1_795_377_931_000_000_000)
    ring = ring.counted(12).configured(RotationConfig(enabled=False, interval=90_000))
    assert orjson.loads(plain(ring)) == {
        "MasterKey": base64.b64encode(ROOT).decode(),
        "Keys": [
            {
                "Term": 1,
                "Version": 1,
                "Value": base64.b64encode(ring.keys[0].value).decode(),
                "InstallTime": "2026-11-22T20:05:30.000000007Z",
                "encryptions": 0,
            },
            {
                "Term": 2,
                "Version": 1,
                "Value": base64.b64encode(ring.keys[1].value).decode(),
                "InstallTime": "2026-11-22T20:05:31.000000000Z",
                "encryptions": 12,
            },
        ],
        "RotationConfig": {"Disabled": True, "MaxOperations": 3865470566, "Interval": 90_000 * 10**9},
    }


@settings(deadline=None)
@given(
    now=st.integers(0, 2**62),
    terms=st.integers(0, 5),
    count=st.integers(0, 2**32),
    rotation=st.builds(RotationConfig, st.booleans(), st.integers(0, 2**32), st.integers(0, 10**8)),
)
def test_a_ring_survives_the_storage(now: int, terms: int, count: int, rotation: RotationConfig) -> None:
    ring = Keyring.create(ROOT, now)
    for _ in range(terms):
        ring = ring.rotated(now)
    ring = ring.counted(count).configured(rotation)
    assert Keyring.open(ROOT, ring.rows()[KEYRING_PATH]) == ring
    assert plain(Keyring.open(ROOT, ring.rows()[KEYRING_PATH])) == plain(ring)


def test_the_root_key_is_kept_under_the_active_data_key() -> None:
    ring = Keyring.create(ROOT, now=0).rotated(1)
    row = ring.rows()[ROOT_KEY_PATH]
    assert row[:5] == b"\x00\x00\x00\x02\x02"
    assert Cipher(ring.active.value).open(row, ROOT_KEY_PATH.encode(), 5) == ROOT


@pytest.mark.parametrize(
    "text",
    (
        b"[]",
        b"{}",
        b'{"MasterKey":"AAAA","Keys":[],"RotationConfig":{}}',
        b'{"MasterKey":"*","Keys":[{}],"RotationConfig":{}}',
        b"not json",
    ),
)
def test_rows_that_are_no_ring_are_refused(text: bytes) -> None:
    row = b"\0\0\0\1\2" + Cipher(ROOT).seal(text, KEYRING_PATH.encode())
    with pytest.raises(Unreadable):
        Keyring.open(ROOT, row)


def test_a_row_of_another_version_is_refused() -> None:
    row = Keyring.create(ROOT, now=0).rows()[KEYRING_PATH]
    with pytest.raises(Unreadable):
        Keyring.open(ROOT, b"\0\0\0\1\1" + row[5:])


def test_keys_do_not_show_in_a_repr() -> None:
    ring = Keyring.create(ROOT, now=0)
    assert "bytearray" not in repr(ring)


def test_each_term_has_a_key_of_its_own() -> None:
    ring = Keyring.create(ROOT, now=0).rotated(1).rotated(2)
    assert [key.term for key in ring.keys] == [1, 2, 3]
    assert len({bytes(key.value) for key in ring.keys}) == 3


def test_timestamps_have_nine_decimals() -> None:
    assert timestamp(1) == "1970-01-01T00:00:00.000000001Z"
