"""What the history decides: expiry, which versions stay, what counts as gone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.secrets.kv.history import Config, History, Version

HOUR = 3600


@pytest.mark.parametrize(
    ("mount", "own", "span"),
    ((0, 0, 0), (5, 0, 5), (0, 7, 7), (5, 7, 5), (7, 5, 5), (-1, 5, 0), (-1, 0, 0)),
)
def test_the_shorter_span_counts_and_the_mount_can_switch_it_off(mount: int, own: int, span: int) -> None:
    history = History(created=1, updated=1, delete_version_after=own)
    version, _ = history.add(Config(delete_version_after=mount), 100)
    assert version.deletion == (100 + span if span else 0)


def test_undelete_starts_the_span_again() -> None:
    history, config = History(created=1, updated=1), Config(delete_version_after=HOUR)
    version, _ = history.add(config, 100)
    version.delete(150)
    history.undelete(version, config, 200)
    assert version.deletion == 200 + HOUR
    history.undelete(version, Config(), 300)
    assert version.deletion == 0


def test_a_destroyed_version_cannot_be_undeleted() -> None:
    history = History(created=1, updated=1)
    version = Version(created=1, deletion=50, destroyed=True)
    history.undelete(version, Config(), 300)
    assert version == Version(created=1, deletion=50, destroyed=True)


def test_deleting_keeps_the_first_time() -> None:
    version = Version(created=1)
    version.delete(10)
    version.delete(20)
    assert version.deletion == 10
    expiring = Version(created=1, deletion=30)
    expiring.delete(20)
    assert expiring.deletion == 20


@pytest.mark.parametrize(
    ("deletion", "now", "gone"), ((0, 9, False), (10, 9, False), (10, 10, True), (10, 11, True))
)
def test_a_version_is_gone_from_its_deletion_time_on(deletion: int, now: int, gone: bool) -> None:
    assert Version(created=1, deletion=deletion).gone(now) is gone
    assert Version(created=1, deletion=deletion, destroyed=True).gone(now)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40))
@settings(deadline=None)
def test_the_newest_versions_stay(limits: list[tuple[int, int]]) -> None:
    history = History(created=0, updated=0)
    expected: set[int] = set()
    for written, (mount, own) in enumerate(limits, 1):
        history.max_versions = own
        _, dropped = history.add(Config(max_versions=mount), written)
        expected.add(written)
        keep = own or mount or 10
        gone = {number for number in expected if number <= written - keep}
        expected -= gone
        assert dropped == sorted(gone)
        assert set(history.versions) == expected
        assert history.current == history.updated == written
        if gone:
            assert history.oldest == min(expected)
