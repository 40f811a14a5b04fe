"""Consul's ACL API in memory: tokens, checked as Consul checks them. Facts: Consul's API reference, 1.20."""

from __future__ import annotations

import re
import uuid
from typing import Any

from tests.upstream.simulator import Call, Simulator

ROOT = "8f246b77-f3e1-ff88-5b48-8ec93abf3e05"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SERVICE = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?")


class ConsulServer(Simulator):
    """``tokens`` by accessor; ``bootstrapped`` false until the first management token is asked for."""

    def __init__(self, *, bootstrapped: bool = True) -> None:
        super().__init__()
        self.bootstrapped = bootstrapped
        self.policies = {"global-management", "readonly", "kv"}
        self.roles = {"web"}
        self.tokens: dict[str, dict[str, Any]] = {}
        if bootstrapped:
            self._store(ROOT, {"Policies": [{"Name": "global-management"}]})

    def _store(self, secret: str, body: dict[str, Any]) -> dict[str, Any]:
        accessor = body.get("AccessorID") or str(uuid.uuid4())
        token = {"Local": False, **body, "AccessorID": accessor, "SecretID": secret}
        self.tokens[accessor] = token
        return token

    def issued(self) -> list[dict[str, Any]]:
        """All tokens but the first."""
        return [token for token in self.tokens.values() if "Description" in token]

    def answer(self, call: Call) -> tuple[int, Any]:
        if call.parts[:2] != ["v1", "acl"]:
            return 404, b"not found"
        what, *rest = call.parts[2:]
        if (call.method, what) == ("PUT", "bootstrap"):
            return self._bootstrap(call)
        secret = call.headers.get("x-consul-token", "")
        mine = next((token for token in self.tokens.values() if token["SecretID"] == secret), None)
        if mine is None:
            return 403, b"ACL not found"
        if (call.method, what, rest) == ("GET", "token", ["self"]):
            return 200, mine
        if {"Name": "global-management"} not in mine["Policies"]:
            return 403, b"Permission denied: token lacks permission 'acl:write'"
        if (call.method, what, rest) == ("PUT", "token", []):
            return self._create(call)
        if (call.method, what) == ("DELETE", "token") and len(rest) == 1:
            if self.tokens.pop(rest[0], None) is None:
                return 404, b"Cannot find token to delete"
            return 200, True
        return 404, b"not found"

    def _bootstrap(self, call: Call) -> tuple[int, Any]:
        if self.bootstrapped:
            return 403, b"Permission denied: ACL bootstrap no longer allowed (reset index: 14)"
        wanted = (call.json or {}).get("BootstrapSecret") or str(uuid.uuid4())
        if not _UUID.fullmatch(wanted):
            return 400, b"invalid bootstrap secret"
        self.bootstrapped = True
        return 200, self._store(wanted, {"Policies": [{"Name": "global-management"}]})

    def _create(self, call: Call) -> tuple[int, Any]:
        body = call.json
        if call.query.get("ns") or call.query.get("partition") or body.get("Namespace"):
            return 400, b"Bad request: Namespaces are a Consul Enterprise feature"
        accessor = body.get("AccessorID")
        if accessor and (not _UUID.fullmatch(accessor) or accessor in self.tokens):
            return 500, b"Invalid Token: AccessorID is not a valid UUID, or is already in use"
        fault = self._unknown(body) or _bad_identity(body)
        return (500, fault.encode()) if fault else (200, self._store(str(uuid.uuid4()), body))

    def _unknown(self, body: dict[str, Any]) -> str:
        for kind, known in (("Policies", self.policies), ("Roles", self.roles)):
            for link in body.get(kind) or ():
                if link["Name"] not in known:
                    return f'No such ACL {kind} with name "{link["Name"]}"'
        return ""


def _bad_identity(body: dict[str, Any]) -> str:
    for service in body.get("ServiceIdentities") or ():
        if not _SERVICE.fullmatch(service["ServiceName"]):
            return "Service identity has an invalid name"
        if body.get("Local") and service.get("Datacenters"):
            return "Service identity cannot specify a list of datacenters on a local token"
    for node in body.get("NodeIdentities") or ():
        if not _NAME.fullmatch(node["NodeName"]) or not node.get("Datacenter"):
            return "Node identity is missing the datacenter field on this token"
    return ""
