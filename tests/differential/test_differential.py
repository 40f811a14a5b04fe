"""Every case, played on the peer and on Strongroom: the answers are equal but for the known differences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.differential.areas import areas
from tests.differential.case import Case
from tests.differential.known_differences import KNOWN, explains
from tests.differential.pair import private_pair
from tests.differential.play import play
from tests.server import Server

CASES = [pytest.param(case, id=f"{area}: {case.name}") for area, cases in areas().items() for case in cases]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.mark.parametrize("case", CASES)
def test_answers_are_the_peers(
    case: Case, request: pytest.FixtureRequest, stack: ExitStack, tmp_path: Path
) -> None:
    pair: tuple[Server, Server]
    if case.kind == "dev":
        pair = request.getfixturevalue("peer"), request.getfixturevalue("server")
    else:
        pair = private_pair(case.kind, tmp_path, stack)
    services = [request.getfixturevalue(name).variables for name in case.services]
    found = play(case, *pair, {name: value for one in services for name, value in one.items()})
    unexplained = [s for place, s in found.items() if not explains(case.name, *place)]
    assert not unexplained, "\n" + "\n".join(unexplained)
    stale = [k for k in KNOWN.get(case.name, ()) if not any(k.covers(*place) for place in found)]
    assert not stale, f"no longer different: {stale}"


def test_names_are_unique() -> None:
    slugs = [case.slug for cases in areas().values() for case in cases]
    assert sorted(slugs) == sorted(set(slugs))


def test_known_differences_name_cases() -> None:
    assert set(KNOWN) <= {case.name for cases in areas().values() for case in cases}
