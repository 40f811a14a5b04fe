"""Plays a case on two servers and tells where their answers differ."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.api import Answer
from tests.differential.case import Case, Step, substitute
from tests.differential.compare import comparable, differences, document, lookup, normalize, show
from tests.server import Server


@dataclass(slots=True)
class Player:
    """One server's side of a case: its variables, and the values to mask in its answers."""

    server: Server
    variables: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)

    def send(self, step: Step) -> Answer:
        headers = substitute(step.headers, self.variables)
        token = None if step.token is None else substitute(step.token, self.variables)
        path = substitute(step.path, self.variables)
        shows = substitute(step.shows, self.variables)
        api = self.server.showing(shows) if shows else self.server.api
        body = substitute(step.body, self.variables)
        answer = api.request(step.method, path, body, token=token, headers=headers)
        if shows:
            api.close()
        for name, place in step.keep.items():
            self.keep(name, lookup(document(answer), place))
        return answer

    def audit_lines(self) -> dict[str, Any]:
        """The audit log, normalised, by line number from 1."""
        # The peer tells a new device of itself; whether a server does is its own affair.
        lines = [line for line in self.server.audit_lines() if line["request"]["path"] != "sys/audit/test"]
        return {str(number): normalize(line, self.known) for number, line in enumerate(lines, 1)}

    def keep(self, name: str, value: Any) -> None:
        self.variables[name] = str(value)
        if isinstance(value, str) and len(value) >= 6 and value != "<missing>":
            self.known[value] = name


def player(case: Case, server: Server, given: dict[str, str]) -> Player:
    return Player(
        server,
        {
            "m": case.slug,
            "root": server.root_token or "",
            "address": server.address,
            "port": str(server.port),
            "unseal": server.keys[0] if server.keys else "",
            **given,
        },
        {str(server.folder): "folder"},
    )


def answer_differences(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, str]:
    """Place to sentence; answers of different status are told as a whole, their parts would only be noise."""
    if theirs["status"] == ours["status"]:
        return differences(theirs, ours)
    told = (f"{one['status']} {show(one['body'])}" for one in (theirs, ours))
    return {"status": "peer {}, ours {}".format(*told)}


def play(
    case: Case, theirs: Server, ours: Server, given: dict[str, str] | None = None
) -> dict[tuple[int, str], str]:
    """Differences by step (counted from 1) and place. ``given`` are variables of the services it uses."""
    peer, own = player(case, theirs, given or {}), player(case, ours, given or {})
    found: dict[tuple[int, str], str] = {}
    for number, step in enumerate(case.steps, 1):
        if step.pause:
            time.sleep(step.pause)
        wanted, got = (comparable(side.send(step), side.known, step) for side in (peer, own))
        for place, sentence in answer_differences(wanted, got).items():
            found[number, place] = f"step {number} {step.method} {step.path}: {sentence}"
    if case.audit:
        for place, sentence in differences(peer.audit_lines(), own.audit_lines(), "audit").items():
            found[0, place] = sentence
    return found
