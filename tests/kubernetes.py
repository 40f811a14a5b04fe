"""A Kubernetes API server in memory: what the secrets engine asks of one, checked as the real one does.

It knows namespaces, service accounts and their tokens, and the four kinds of RBAC. Bearer tokens are
checked; names, labels, references and rules are validated; owners take with them what they own; and
deletions heed preconditions. Facts: the Kubernetes API reference, 1.30.
"""

from __future__ import annotations

import base64
import json
import re
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.upstream import protobuf
from tests.upstream.simulator import Call, Simulator

ADMIN = "admin-jwt-of-the-tests"
RBAC = "rbac.authorization.k8s.io"

_GROUPS = {"serviceaccounts": "v1", "namespaces": "v1"} | dict.fromkeys(
    ("roles", "rolebindings", "clusterroles", "clusterrolebindings"), f"{RBAC}/v1"
)
KINDS = {
    "serviceaccounts": "ServiceAccount",
    "namespaces": "Namespace",
    "roles": "Role",
    "rolebindings": "RoleBinding",
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
}
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_LABEL_NAME = re.compile(r"([a-z0-9.-]+/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")

Refusal = tuple[int, str, str]


class Kubernetes(Simulator):
    """``tokens``: bearer token to user. ``forbidden``: what nobody may, as ``create roles``."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.tokens = {ADMIN: "system:serviceaccount:vault:vault"}
        self.forbidden: set[str] = set()
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.before: Callable[[Call], None] = lambda call: None
        for name, labels in (("default", {}), ("test", {"target": "yes", "env": "dev"}), ("other", {})):
            self.put("namespaces", "", {"metadata": {"name": name, "labels": labels}})

    @property
    def variables(self) -> dict[str, str]:
        """What differential cases call it by."""
        return {"kubernetes": self.url}

    # -- for tests ------------------------------------------------------------------------------

    def put(self, resource: str, namespace: str, body: dict[str, Any]) -> dict[str, Any]:
        """Store an object, as if it had always been there."""
        metadata = body["metadata"] | {"uid": str(uuid.uuid4()), "creationTimestamp": "2026-01-01T00:00:00Z"}
        if namespace:
            metadata["namespace"] = namespace
        stored = {"apiVersion": _GROUPS[resource], "kind": KINDS[resource]} | body | {"metadata": metadata}
        self.objects[resource, namespace, metadata["name"]] = stored
        return stored

    def account(self, name: str, namespace: str = "test") -> None:
        self.put("serviceaccounts", namespace, {"metadata": {"name": name}})

    def names(self, resource: str, namespace: str = "test") -> list[str]:
        return sorted(n for r, ns, n in self.objects if (r, ns) == (resource, namespace))

    def one(self, resource: str, namespace: str = "test") -> dict[str, Any]:
        (name,) = self.names(resource, namespace)
        return self.objects[resource, namespace, name]

    # -- the API --------------------------------------------------------------------------------

    def answer(self, call: Call) -> tuple[int, Any]:
        self.before(call)
        scheme, _, bearer = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or bearer not in self.tokens:
            return _status(401, "Unauthorized", "Unauthorized")
        where = _where(call.parts)
        if where is None:
            return _status(404, "NotFound", "the server could not find the requested resource")
        resource, namespace, name, sub = where
        verb = {"GET": "get", "POST": "create", "DELETE": "delete"}.get(call.method, call.method)
        asked = f"{verb} {resource}" + (f"/{sub}" if sub else "")
        if asked in self.forbidden:
            user = self.tokens[bearer]
            return _status(403, "Forbidden", f'{resource} is forbidden: User "{user}" cannot {asked}')
        if sub == "token":
            return self._token(namespace, name, call)
        if call.method == "POST" and not name:
            return self._create(resource, namespace, call)
        found = self.objects.get((resource, namespace, name))
        if found is None:
            return _status(404, "NotFound", f'{resource} "{name}" not found')
        if call.method == "DELETE":
            return self._delete((resource, namespace, name), found, call)
        return (200, found) if call.method == "GET" else _status(405, "MethodNotAllowed", "no")

    def _create(self, resource: str, namespace: str, call: Call) -> tuple[int, Any]:
        body = _body(call)
        refused = self._refused(resource, namespace, body)
        if refused is not None:
            return _status(*refused)
        name = body["metadata"]["name"]
        if (resource, namespace, name) in self.objects:
            return _status(409, "AlreadyExists", f'{resource} "{name}" already exists')
        return 201, self.put(resource, namespace, body)

    def _refused(self, resource: str, namespace: str, body: dict[str, Any]) -> Refusal | None:
        if namespace and ("namespaces", "", namespace) not in self.objects:
            return 404, "NotFound", f'namespaces "{namespace}" not found'
        if body.get("kind", KINDS[resource]) != KINDS[resource]:
            return 400, "BadRequest", "the kind does not match the resource"
        if body.get("apiVersion", _GROUPS[resource]) != _GROUPS[resource]:
            return 400, "BadRequest", "the API version does not match the resource"
        metadata = body.get("metadata", {})
        if metadata.get("namespace", namespace) != namespace:
            return 400, "BadRequest", "the namespace of the object is not that of the request"
        faults = [*_metadata_faults(resource, metadata), *_owner_faults(metadata)]
        faults += _rule_faults(resource, body) if resource in {"roles", "clusterroles"} else []
        faults += _binding_faults(resource, body) if resource.endswith("bindings") else []
        return (422, "Invalid", f"{KINDS[resource]} is invalid: {faults}") if faults else None

    def _delete(self, key: tuple[str, str, str], found: dict[str, Any], call: Call) -> tuple[int, Any]:
        wanted = (_body(call).get("preconditions") or {}).get("uid")
        if wanted not in (None, found["metadata"]["uid"]):
            return _status(409, "Conflict", "the UID in the precondition does not match")
        self._remove(key)
        return 200, {"kind": "Status", "apiVersion": "v1", "status": "Success"}

    def _remove(self, key: tuple[str, str, str]) -> None:
        uid = self.objects.pop(key)["metadata"]["uid"]
        for other, body in list(self.objects.items()):
            owners = body["metadata"].get("ownerReferences", ())
            if other in self.objects and owners and all(owner["uid"] == uid for owner in owners):
                self._remove(other)

    def _token(self, namespace: str, name: str, call: Call) -> tuple[int, Any]:
        account = self.objects.get(("serviceaccounts", namespace, name))
        if account is None:
            return _status(404, "NotFound", f'serviceaccounts "{name}" not found')
        body = _body(call)
        if body.get("kind", "TokenRequest") != "TokenRequest":
            return _status(400, "BadRequest", "the kind does not match the resource")
        spec = body.get("spec", {})
        seconds = spec.get("expirationSeconds", 3600)
        if type(seconds) is not int or not 600 <= seconds <= 1 << 32:
            return _status(422, "Invalid", "spec.expirationSeconds: may not be less than 10 minutes")
        audiences = spec.get("audiences") or ["https://kubernetes.default.svc"]
        token = self._jwt(namespace, account, audiences, seconds)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        answered = {"audiences": audiences, "expirationSeconds": seconds}
        status = {"token": token, "expirationTimestamp": moment}
        return 201, {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
                     "spec": answered, "status": status}  # fmt: skip

    def _jwt(self, namespace: str, account: dict[str, Any], audiences: list[str], seconds: int) -> str:
        now = int(time.time())
        name = account["metadata"]["name"]
        claims = {
            "aud": audiences,
            "exp": now + seconds,
            "iat": now,
            "jti": str(uuid.uuid4()),
            "iss": "https://kubernetes.default.svc",
            "sub": f"system:serviceaccount:{namespace}:{name}",
        }
        parts = (json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), uuid.uuid4().bytes)
        return ".".join(map(_b64, parts))


def started() -> Kubernetes:
    """A cluster at work; it has the account ``existing``."""
    cluster = Kubernetes()
    cluster.account("existing")
    cluster.start()
    return cluster


def ended(cluster: Kubernetes) -> None:
    """Stop it."""
    cluster.stop()


def _body(call: Call) -> dict[str, Any]:
    """The object in a body, in either of the forms that clients use."""
    if call.body.startswith(protobuf.MAGIC):
        return protobuf.decoded(call.body)
    return call.json or {}


def claims_of(token: str) -> dict[str, Any]:
    """What a token says of itself."""
    middle = token.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return said


def _b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def _where(parts: list[str]) -> tuple[str, str, str, str] | None:
    """Resource, namespace, name and subresource of a path."""
    if parts[:2] == ["api", "v1"]:
        rest, version = parts[2:], "v1"
    elif parts[:3] == ["apis", RBAC, "v1"]:
        rest, version = parts[3:], f"{RBAC}/v1"
    else:
        return None
    namespace = ""
    if len(rest) > 2 and rest[0] == "namespaces":
        namespace, rest = rest[1], rest[2:]
    resource, name, sub = [*rest, "", "", ""][:3]
    spread = resource.startswith("cluster") or resource == "namespaces"
    if _GROUPS.get(resource) != version or bool(namespace) == spread or len(rest) > 3:
        return None
    return resource, namespace, name, sub


def _owner_faults(metadata: dict[str, Any]) -> list[str]:
    parts = ("apiVersion", "kind", "name", "uid")
    owners = metadata.get("ownerReferences", ())
    return ["ownerReferences: incomplete" for owner in owners if not all(map(owner.get, parts))]


def _metadata_faults(resource: str, metadata: dict[str, Any]) -> list[str]:
    name, faults = metadata.get("name", ""), []
    if resource == "serviceaccounts":
        if not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
            faults.append("metadata.name: not a lowercase RFC 1123 subdomain")
    elif not name or name in {".", ".."} or "/" in name or "%" in name:
        faults.append("metadata.name: not a path segment")
    for key, value in metadata.get("labels", {}).items():
        if not _LABEL_NAME.fullmatch(key) or not _LABEL_VALUE.fullmatch(value) or len(value) > 63:
            faults.append("metadata.labels: invalid")
    wrong = [key for key in metadata.get("annotations", {}) if not _LABEL_NAME.fullmatch(key)]
    return faults + ["metadata.annotations: invalid" for _ in wrong]


def _rule_faults(resource: str, body: dict[str, Any]) -> list[str]:
    faults = []
    for rule in body.get("rules") or ():
        if not rule.get("verbs"):
            faults.append("rules.verbs: at least one is required")
        if rule.get("nonResourceURLs"):
            if resource == "roles" or rule.get("apiGroups") or rule.get("resources"):
                faults.append("rules.nonResourceURLs: not here")
        elif not rule.get("apiGroups") or not rule.get("resources"):
            faults.append("rules: apiGroups and resources are required")
    return faults


def _binding_faults(resource: str, body: dict[str, Any]) -> list[str]:
    faults, role = [], body.get("roleRef", {})
    kinds = {"ClusterRole"} if resource == "clusterrolebindings" else {"Role", "ClusterRole"}
    if role.get("apiGroup", RBAC) != RBAC or role.get("kind") not in kinds or not role.get("name"):
        faults.append("roleRef: invalid")
    for subject in body.get("subjects", ()):
        if subject.get("kind") != "ServiceAccount" or subject.get("apiGroup") or not subject.get("name"):
            faults.append("subjects: invalid")
        if not subject.get("namespace"):
            faults.append("subjects.namespace: required")
    return faults


def _status(code: int, reason: str, message: str) -> tuple[int, Any]:
    return code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                  "message": message, "reason": reason, "code": code}  # fmt: skip
