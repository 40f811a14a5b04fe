"""The pytest plugin.

Pytest loads it into every run, so the server is imported only when a test asks for one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from strongroom.testing.local import LocalServer


@pytest.fixture
def strongroom() -> Iterator[LocalServer]:
    """A server for this test alone: fresh, unsealed, root token ``root``, KV version 2 at ``secret/``."""
    yield from _server()


@pytest.fixture(scope="session")
def strongroom_session() -> Iterator[LocalServer]:
    """One such server for all tests of the run: use mount paths and names of your own."""
    yield from _server()


def _server() -> Iterator[LocalServer]:
    from strongroom.testing.local import LocalServer  # noqa: PLC0415  see above

    with LocalServer() as server:
        yield server
