"""Fixtures: real servers as processes, always killed, and the search for planted secrets at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.canary import Canaries
from tests.kubernetes import Kubernetes, ended, started
from tests.rabbitmq import RabbitServer, shared_rabbitmq
from tests.server import PEER, STRONGROOM, Server, running, start_configured, start_dev


class SealedServer(Protocol):
    """Starts a server from a configuration file; see ``tests.server.start_configured``."""

    def __call__(self, name: str = ..., **options: Any) -> Server: ...


@pytest.fixture(scope="session")
def _canaries() -> Iterator[Canaries]:
    canaries = Canaries()
    yield canaries
    assert not canaries.findings(), f"planted secrets stand in the clear in {canaries.findings()}"


@pytest.fixture
def canary(_canaries: Canaries) -> Canaries:
    """Makes secrets that must never be seen in any file of a server."""
    return _canaries


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The peer in development mode, one for all tests of a worker."""
    with running(start_dev(PEER, tmp_path_factory.mktemp("peer"))) as server:
        yield server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, _canaries: Canaries) -> Iterator[Server]:
    """Strongroom in development mode, one for all tests of a worker: mount paths of your own."""
    folder = tmp_path_factory.mktemp("strongroom")
    _canaries.folders.append(folder)
    with running(start_dev(STRONGROOM, folder)) as started:
        yield started


@pytest.fixture
def dev_server(tmp_path: Path, _canaries: Canaries) -> Iterator[Server]:
    """Strongroom in development mode for one test alone."""
    _canaries.folders.append(tmp_path / "dev")
    with running(start_dev(STRONGROOM, tmp_path / "dev")) as started:
        yield started


@pytest.fixture
def sealed_server(tmp_path: Path, _canaries: Canaries) -> Iterator[SealedServer]:
    """Starts Strongroom from a configuration file: empty, sealed, LMDB, with a file audit device."""
    started: list[Server] = []

    def start(name: str = "sealed", **options: Any) -> Server:
        folder = tmp_path / name
        _canaries.folders.append(folder)
        started.append(start_configured(STRONGROOM, folder, **{"storage": "lmdb"} | options))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.kill()
        for secret in [*one.keys, *([one.root_token] if one.root_token else [])]:
            _canaries.watch(secret)


@pytest.fixture
def open_server(sealed_server: SealedServer) -> Server:
    """Strongroom on LMDB, initialised with one share and unsealed."""
    one = sealed_server("open")
    one.initialize()
    one.unseal()
    return one


@pytest.fixture
def sealed_peer(tmp_path: Path) -> Iterator[Server]:
    """The peer from a configuration file: empty, sealed, in memory, with a file audit device."""
    with running(start_configured(PEER, tmp_path / "sealed-peer")) as one:
        yield one


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> RabbitServer:
    """A real RabbitMQ, one for all workers of a test run: names of your own."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return shared_rabbitmq(shared / "rabbitmq")


@pytest.fixture(scope="session")
def kubernetes() -> Iterator[Kubernetes]:
    """The API server of a cluster, one for a worker: names of your own. It has the account ``existing``."""
    cluster = started()
    yield cluster
    ended(cluster)
