"""Nomad's ACL API in memory: tokens, checked as Nomad checks them. Facts: Nomad's API reference, 1.9."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.upstream.simulator import Call, Simulator

ROOT = "b780e702-98ce-521f-2e5f-c6b87de05b24"


class NomadServer(Simulator):
    """``tokens`` by accessor. ``old``: a version that neither filters nor pages, and deletes loudly."""

    def __init__(self, *, bootstrapped: bool = True, old: bool = False) -> None:
        super().__init__()
        self.old = old
        self.filters = True
        self.bootstrapped = bootstrapped
        self.page = ""
        self.tokens: dict[str, dict[str, Any]] = {}
        if bootstrapped:
            self._store(ROOT, {"Name": "Bootstrap Token", "Type": "management"})

    def headers(self) -> dict[str, str]:
        return {"X-Nomad-NextToken": self.page} if self.page else {}

    def _store(self, secret: str, body: dict[str, Any]) -> dict[str, Any]:
        accessor = str(uuid.uuid4())
        self.tokens[accessor] = {"Global": False, "Policies": None, **body} | {
            "AccessorID": accessor,
            "SecretID": secret,
        }
        return self.tokens[accessor]

    def issued(self) -> list[dict[str, Any]]:
        """All tokens but the first."""
        return [token for token in self.tokens.values() if token["Name"] != "Bootstrap Token"]

    def answer(self, call: Call) -> tuple[int, Any]:
        self.page = ""
        if call.parts[:2] != ["v1", "acl"]:
            return 404, b"Invalid path"
        what, *rest = call.parts[2:]
        if (call.method, what) == ("POST", "bootstrap"):
            return self._bootstrap(call)
        secret = call.headers.get("x-nomad-token", "")
        mine = next((token for token in self.tokens.values() if token["SecretID"] == secret), None)
        if mine is None:
            return 403, b"ACL token not found"
        if (call.method, what, rest) == ("GET", "token", ["self"]):
            return 200, mine
        if mine["Type"] != "management":
            return 403, b"Permission denied"
        if what == "tokens" and call.method == "GET":
            return self._list(call)
        return self._token(call, rest) if what == "token" else (404, b"Invalid path")

    def _token(self, call: Call, rest: list[str]) -> tuple[int, Any]:
        if call.method == "POST" and not rest:
            return self._create(call.json)
        found = self.tokens.get(rest[0])
        if found is None:
            if call.method == "DELETE" and self.old:
                return 500, f"Cannot delete nonexistent tokens: {rest[0]}".encode()
            return 404, b"ACL token not found"
        if call.method == "DELETE":
            del self.tokens[rest[0]]
            return 200, None
        return 200, found

    def _list(self, call: Call) -> tuple[int, Any]:
        found = sorted(self.tokens.values(), key=lambda token: str(token["AccessorID"]))
        if self.old:
            return 200, found
        wanted = re.fullmatch(r'Name == "([^"]*)"', call.query.get("filter", ""))
        if wanted is not None and self.filters:
            found = [token for token in found if token["Name"] == wanted[1]]
        found = [token for token in found if token["AccessorID"] >= call.query.get("next_token", "")]
        size = int(call.query.get("per_page", 0)) or len(found)
        self.page = found[size]["AccessorID"] if len(found) > size else ""
        return 200, found[:size]

    def _bootstrap(self, call: Call) -> tuple[int, Any]:
        if self.bootstrapped:
            return 400, b"ACL bootstrap already done (reset index: 7)"
        self.bootstrapped = True
        secret = (call.json or {}).get("BootstrapSecret") or str(uuid.uuid4())
        return 200, self._store(str(uuid.UUID(secret)), {"Name": "Bootstrap Token", "Type": "management"})

    def _create(self, body: dict[str, Any]) -> tuple[int, Any]:
        if body.get("AccessorID") or len(body.get("Name", "")) > 256:
            return 400, b"token 0 invalid: token name too long, or accessor set"
        if body.get("Type") == "client":
            if not body.get("Policies"):
                return 400, b"token 0 invalid: client token missing policies or roles"
        elif body.get("Type") != "management" or body.get("Policies"):
            return 400, b"token 0 invalid: management token cannot be associated with policies or roles"
        return 200, self._store(str(uuid.uuid4()), body)
