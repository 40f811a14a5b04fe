"""What stands in a cluster for one credential, decided before anything is asked of the cluster.

Everything here is pure: texts to rules and selectors, a role to the objects to be made, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from strongroom.errors import BadRequest, StrongroomError

RBAC = "rbac.authorization.k8s.io"
MARK = "strongroom/issue"
"""The annotation by which what this server made is known again."""
_MADE_BY = {
    "app.kubernetes.io/managed-by": "Strongroom",
    "app.kubernetes.io/created-by": "strongroom-kubernetes",
}
_MAX_TEXT = 65_536

T = TypeVar("T")


class YAMLMissing(StrongroomError):
    """The optional library is not installed."""

    status = 501


class PolicyRule(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    """A rule of RBAC, as Kubernetes writes it."""

    verbs: list[str]
    api_groups: list[str] = []
    resources: list[str] = []
    resource_names: list[str] = []
    non_resource_urls: list[str] = msgspec.field(default_factory=list, name="nonResourceURLs")


class Policy(msgspec.Struct, forbid_unknown_fields=True):
    """The rules that a generated role has."""

    rules: list[PolicyRule]


class Requirement(msgspec.Struct, forbid_unknown_fields=True):
    """One expression of a label selector."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: list[str] = []

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether labels meet it; as in Kubernetes a label that is not there is in no set."""
        there = self.key in labels
        if self.operator == "Exists":
            return there
        if self.operator == "DoesNotExist":
            return not there
        inside = there and labels[self.key] in self.values
        return inside if self.operator == "In" else not inside


class Selector(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A label selector: all of its requirements have to hold."""

    match_labels: dict[str, str] = {}
    match_expressions: list[Requirement] = []

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected. An empty selector selects everything."""
        return all(labels.get(key) == value for key, value in self.match_labels.items()) and all(
            requirement.holds(labels) for requirement in self.match_expressions
        )


def parse(text: str, kind: type[T], refusal: str) -> T:
    """A JSON or YAML text as what it should be. Raises BadRequest with the words given."""
    if len(text) > _MAX_TEXT:
        raise BadRequest(refusal)
    try:
        try:
            value = msgspec.json.decode(text)
        except msgspec.DecodeError:
            value = _yaml(text)
        return msgspec.convert(value, kind)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        raise BadRequest(refusal) from None


def _yaml(text: str) -> Any:
    try:
        import yaml  # noqa: PLC0415  an extra: JSON needs none
    except ImportError:
        raise YAMLMissing("YAML needs the extra 'kubernetes': pip install strongroom[kubernetes]") from None
    try:
        # An alias makes a small text a large object.
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, yaml.SafeLoader)):
            raise ValueError
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ValueError from None


@dataclass(slots=True)
class Thing:
    """An object in a cluster. ``namespace`` is empty for what belongs to the whole cluster."""

    resource: str
    namespace: str
    name: str
    uid: str = ""

    _KINDS: ClassVar[dict[str, str]] = {
        "roles": "Role",
        "clusterroles": "ClusterRole",
        "rolebindings": "RoleBinding",
        "clusterrolebindings": "ClusterRoleBinding",
        "serviceaccounts": "ServiceAccount",
    }

    @property
    def kind(self) -> str:
        """Its kind, as Kubernetes writes it."""
        return self._KINDS[self.resource]

    @property
    def version(self) -> str:
        """The version of its API."""
        return "v1" if self.resource == "serviceaccounts" else f"{RBAC}/v1"

    @property
    def path(self) -> tuple[str, ...]:
        """Segments of the path under which things of its kind are made."""
        root = ("api", "v1") if self.resource == "serviceaccounts" else ("apis", RBAC, "v1")
        return (*root, *(("namespaces", self.namespace) if self.namespace else ()), self.resource)

    def reference(self) -> dict[str, str]:
        """How what it owns names it: with it goes what it owns."""
        return {"apiVersion": self.version, "kind": self.kind, "name": self.name, "uid": self.uid}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made for one credential: one name for all of it.

    ``role`` names a role that is there, or is empty where ``rules`` make one.
    """

    name: str
    namespace: str
    cluster_wide: bool
    role: str
    role_kind: str
    rules: list[PolicyRule]
    labels: dict[str, str]
    annotations: dict[str, str]
    mark: str

    def things(self) -> list[Thing]:
        """The objects, in the order in which they are made: what owns before what is owned."""
        found = []
        if not self.role:
            cluster = self.role_kind == "ClusterRole"
            found.append(
                Thing("clusterroles" if cluster else "roles", "" if cluster else self.namespace, self.name)
            )
        binding = "clusterrolebindings" if self.cluster_wide else "rolebindings"
        found.append(Thing(binding, "" if self.cluster_wide else self.namespace, self.name))
        found.append(Thing("serviceaccounts", self.namespace, self.name))
        return found

    def body(self, thing: Thing, owner: Thing | None) -> dict[str, Any]:
        """What is sent to make a thing."""
        metadata: dict[str, Any] = {
            "name": thing.name,
            "labels": self.labels | _MADE_BY,
            "annotations": self.annotations | {MARK: self.mark},
        }
        if thing.namespace:
            metadata["namespace"] = thing.namespace
        if owner is not None:
            metadata["ownerReferences"] = [owner.reference()]
        return {"apiVersion": thing.version, "kind": thing.kind, "metadata": metadata, **self._rest(thing)}

    def _rest(self, thing: Thing) -> dict[str, Any]:
        if thing.resource in {"roles", "clusterroles"}:
            return {"rules": msgspec.to_builtins(self.rules)}
        if thing.resource == "serviceaccounts":
            return {}
        subject = {"kind": "ServiceAccount", "name": self.name, "namespace": self.namespace}
        role = {"apiGroup": RBAC, "kind": self.role_kind, "name": self.role or self.name}
        return {"subjects": [subject], "roleRef": role}
