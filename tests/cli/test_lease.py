"""``lease report`` against our own server: the peer has nothing like it."""

from __future__ import annotations

import json

from tests.cli.conftest import Outcome, call
from tests.server import Server


def report(server: Server, *words: str) -> Outcome:
    home = str(server.folder / "home")
    return call("lease", "report", *words, HOME=home, VAULT_ADDR=server.address, VAULT_TOKEN="root")


def test_who_makes_leases(server: Server) -> None:
    for _ in range(3):
        assert server.api.post("auth/token/create", {"ttl": "1h"}).status == 200
    done = report(server, "-by=role", "-top=50")
    assert done.code == 0, done.err
    assert "auth/token/create" in done.out
    assert "in all" in done.out
    first = report(server, "-by=role", "-top=1").out
    assert len(first.splitlines()) == 5, first  # two of heading, one maker, the sum
    shown = json.loads(report(server, "-format=json", "auth/token/").out)["data"]
    [mount] = shown["counts"]
    assert mount["name"] == "auth/token/"
    assert mount["leases"] == shown["lease_count"] >= 3


def test_a_prefix_of_nothing(server: Server) -> None:
    done = report(server, "nowhere/")
    assert done.code == 0
    assert "0 in all" in done.out


def test_an_unknown_way_to_count_is_refused(server: Server) -> None:
    assert report(server, "-by=colour").code == 2
