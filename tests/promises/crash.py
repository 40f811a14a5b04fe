"""What a server is put through before it is killed, and what must hold afterwards.

The load notes in a :class:`Ledger` what the server acknowledged. Everything is built so that what is
stored proves itself: version ``n`` of a path holds the number ``n``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

Note = tuple[str, ...]
Notes = Callable[[Note], None]


Call = Callable[..., Awaitable[Any]]
"""``await call(method, path, body=None, token="")``; an empty token is root's."""


@dataclass(slots=True)
class Ledger:
    """What was acknowledged, and what was asked for without an answer."""

    versions: dict[str, int] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    revoking: set[str] = field(default_factory=set)
    revoked: set[str] = field(default_factory=set)
    acknowledged: int = 0

    def note(self, note: Note) -> None:
        kind, *rest = note
        self.acknowledged += kind not in ("started", "revoking")
        if kind == "written":
            self.versions[rest[0]] = int(rest[1])
        elif kind == "counted":
            self.counts.append(int(rest[0]))
        elif kind == "created":
            self.tokens[rest[0]] = (rest[1], rest[2])
        elif kind != "started":
            {"revoking": self.revoking, "revoked": self.revoked}[kind].add(rest[0])

    def gone(self, token: str) -> bool | None:
        """Whether a token has to be gone; None when a revocation was under way."""
        answers = {
            True if t in self.revoked else None if t in self.revoking else False for t in self.line(token)
        }
        return True if True in answers else None if None in answers else False

    def line(self, token: str) -> list[str]:
        """A token and its parents, as far as they were made under load."""
        found = []
        while token in self.tokens:
            found.append(token)
            token = self.tokens[token][1]
        return found


# -- the load --------------------------------------------------------------------------------------


WRITERS = 2
"""How many do each of the three kinds of work."""


def load(call: Call, note: Notes, family: str) -> list[Coroutine[Any, Any, None]]:
    """Those who write, count and issue until the server is killed. ``family`` is the parent of all tokens."""
    jobs = [_writes(call, note, f"secret/data/w{n}") for n in range(WRITERS)]
    jobs += [_counts(call, note) for _ in range(WRITERS)]
    jobs += [_tokens(call, note, family) for _ in range(WRITERS)]
    return jobs


async def _writes(call: Call, note: Notes, path: str) -> None:
    answer = await call("GET", path)
    version = answer.data["metadata"]["version"] if answer.status == 200 else 0
    while True:
        version += 1
        answer = await call("POST", path, {"data": {"n": version}})
        assert (answer.status, answer.data["version"]) == (200, version), answer
        note(("written", path, str(version)))


async def _counts(call: Call, note: Notes) -> None:
    while True:
        answer = await call("GET", "secret/data/counter")
        version = answer.data["metadata"]["version"] if answer.status == 200 else 0
        body = {"data": {"n": version + 1}, "options": {"cas": version}}
        answer = await call("POST", "secret/data/counter", body)
        if answer.status == 200:
            note(("counted", str(answer.data["version"])))
        else:
            assert answer.status in (400, 409), answer  # another one was first
        await asyncio.sleep(0)


async def _tokens(call: Call, note: Notes, family: str) -> None:
    """A token, a child of it, and now and then its end."""
    turn = 0
    while True:
        turn += 1
        parent = await _create(call, note, family)
        await _create(call, note, parent)
        if turn % 2:
            note(("revoking", parent))
            answer = await call("POST", "auth/token/revoke", {"token": parent})
            assert answer.status == 204, answer
            note(("revoked", parent))


async def _create(call: Call, note: Notes, parent: str) -> str:
    answer = await call("POST", "auth/token/create", {"ttl": "1h", "policies": ["root"]}, token=parent)
    assert answer.status == 200, answer
    auth = answer.json["auth"]
    token: str = auth["client_token"]
    note(("created", token, auth["accessor"], parent))
    return token


# -- what must hold --------------------------------------------------------------------------------


async def verify(call: Call, ledger: Ledger) -> None:
    """Everything acknowledged is there, nothing is there by halves."""
    for path in [*(f"w{n}" for n in range(WRITERS)), "counter"]:
        current = await _verify_versions(call, path)
        assert current >= ledger.versions.get(f"secret/data/{path}", 0), f"a write to {path} is lost"
        if path == "counter":
            assert current >= max(ledger.counts, default=0), "an increment is lost"
    assert len(set(ledger.counts)) == len(ledger.counts), "two increments won the same version"
    for token in ledger.tokens:
        await _verify_token(call, ledger, token)
    await _verify_rows(call)


async def _verify_versions(call: Call, path: str) -> int:
    """Metadata and version rows agree; gives the current version."""
    answer = await call("GET", f"secret/metadata/{path}")
    if answer.status == 404:
        answer = await call("GET", f"secret/data/{path}")
        assert answer.status == 404, f"{path} has data without metadata"
        return 0
    current: int = answer.data["current_version"]
    expected = range(max(1, current - 9), current + 1)
    assert sorted(map(int, answer.data["versions"])) == list(expected), answer
    for version in {expected[0], expected[-1]}:
        answer = await call("GET", f"secret/data/{path}?version={version}")
        assert (answer.status, answer.data["data"]) == (200, {"n": version}), answer
    return current


async def _verify_token(call: Call, ledger: Ledger, token: str) -> None:
    accessor, parent = ledger.tokens[token]
    there = (await call("GET", "auth/token/lookup-self", token=token)).status
    by_accessor = (await call("POST", "auth/token/lookup-accessor", {"accessor": accessor})).status
    gone = ledger.gone(token)
    assert there in (200, 403)
    assert (there == 200) is (by_accessor == 200), (there, by_accessor)
    if gone is not None:
        assert (there == 403) is gone, f"a token answers {there}, revoked: {gone}"
    if parent in ledger.tokens and there == 200:
        answer = await call("GET", "auth/token/lookup-self", token=parent)
        assert answer.status == 200, "a token outlived its parent"


async def _verify_rows(call: Call) -> None:
    """Tokens, accessors and leases are the same in number, and each accessor leads to a token."""
    accessors = (await call("LIST", "auth/token/accessors")).data["keys"]
    leased = set()
    for accessor in accessors:
        answer = await call("POST", "auth/token/lookup-accessor", {"accessor": accessor})
        assert answer.status == 200, f"accessor without a token: {answer}"
        if answer.data["expire_time"]:
            leased.add(answer.data["accessor"])
    answer = await call("LIST", "sys/leases/lookup/auth/token/create/")
    leases = answer.data["keys"] if answer.status == 200 else []
    assert len(leases) == len(leased), (len(leases), len(leased))
    for lease in leases:
        answer = await call("POST", "sys/leases/lookup", {"lease_id": f"auth/token/create/{lease}"})
        assert answer.status == 200, answer


async def next_family(call: Call, last: str) -> str:
    """End all tokens of the last round and give the parent of those of the next."""
    if last:
        answer = await call("POST", "auth/token/revoke", {"token": last})
        assert answer.status == 204, answer
        left = (await call("LIST", "auth/token/accessors")).data["keys"]
        assert len(left) == 1, f"{len(left) - 1} tokens outlived the parent of all"
    answer = await call("POST", "auth/token/create", {"ttl": "2h", "policies": ["root"]})
    family: str = answer.json["auth"]["client_token"]
    return family
