"""Kubernetes: configuration, roles, and credentials from one simulated cluster for both sides."""

from __future__ import annotations

from typing import Any

from tests.differential.case import Step, case, delete, get, list_, mount, post, put
from tests.kubernetes import ADMIN

_JSON_RULES = '{"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}'
_YAML_RULES = 'rules:\n- apiGroups: [""]\n  resources: ["pods"]\n  verbs:\n  - get\n  - list\n'
_CONFIG = {"kubernetes_host": "<kubernetes>", "service_account_jwt": ADMIN, "disable_local_ca_jwt": True}


def _role(name: str, **fields: Any) -> Step:
    return post(f"<m>/roles/{name}", fields)


def _creds(role: str, prefix: str = "", **fields: Any) -> Step:
    keep = {
        "token": "data.service_account_token",
        "account": "data.service_account_name",
        "lease": "lease_id",
    }
    return post(f"<m>/creds/{role}", fields, keep={f"{prefix}{name}": place for name, place in keep.items()})


CASES = (
    case(
        "kubernetes configuration",
        mount("kubernetes"),
        get("<m>/config"),
        delete("<m>/config"),
        get("<m>/check"),
        post("<m>/check"),
        post("<m>/config", {}),
        post("<m>/config", {"kubernetes_host": "https://10.0.0.1:443"}),
        get("<m>/config"),
        put("<m>/config", {**_CONFIG, "kubernetes_host": "https://10.0.0.1:443"}),
        get("<m>/config"),
        post("<m>/config", {"disable_local_ca_jwt": "maybe"}),
        get("<m>/config"),
        list_("<m>/config"),
        delete("<m>/config"),
        get("<m>/config"),
    ),
    case(
        "kubernetes roles",
        mount("kubernetes"),
        list_("<m>/roles"),
        get("<m>/roles/none"),
        delete("<m>/roles/none"),
        _role("a"),
        _role("a", service_account_name="existing"),
        _role("a", allowed_kubernetes_namespaces="test"),
        _role("a", allowed_kubernetes_namespaces="test", service_account_name="x", kubernetes_role_name="y"),
        _role("a", allowed_kubernetes_namespaces="test,other", service_account_name="x"),
        get("<m>/roles/a"),
        _role("a", token_default_ttl="1h", token_max_ttl="2h", token_default_audiences="x,y"),
        get("<m>/roles/a"),
        _role("a", kubernetes_role_name="y"),
        _role("a", service_account_name="", kubernetes_role_name="y", kubernetes_role_type="clusterROLE"),
        get("<m>/roles/a"),
        _role("b", allowed_kubernetes_namespaces=["*"], generated_role_rules=_JSON_RULES),
        _role("b", extra_labels={"a": "b"}, extra_annotations={"c/d": "e f"}),
        get("<m>/roles/b"),
        _role("b", extra_labels={}, generated_role_rules=_YAML_RULES, name_template="{{.RoleName}}"),
        get("<m>/roles/b"),
        _role(
            "c", allowed_kubernetes_namespace_selector='{"matchLabels": {"x": "y"}}', kubernetes_role_name="z"
        ),
        get("<m>/roles/c"),
        _role("d", allowed_kubernetes_namespace_selector="nonsense", kubernetes_role_name="z"),
        _role("d", allowed_kubernetes_namespaces="*", generated_role_rules="nonsense"),
        _role("d", allowed_kubernetes_namespaces="*", generated_role_rules="rules: 5"),
        _role("d", allowed_kubernetes_namespaces="*", generated_role_rules="[]"),
        _role("d", allowed_kubernetes_namespaces="*", kubernetes_role_name="z", kubernetes_role_type="x"),
        _role("d", allowed_kubernetes_namespaces="*", kubernetes_role_name="z", name_template="{{"),
        _role(
            "d",
            allowed_kubernetes_namespaces="*",
            kubernetes_role_name="z",
            token_default_ttl="2h",
            token_max_ttl="1h",
        ),
        _role("d", allowed_kubernetes_namespaces="*", kubernetes_role_name="z", token_max_ttl="-1"),
        get("<m>/roles/d"),
        _role("D.e", allowed_kubernetes_namespaces="*", kubernetes_role_name="z", extra_labels="a=b,c=d"),
        get("<m>/roles/d.E"),
        list_("<m>/roles"),
        list_("<m>/roles/?after=a&limit=1"),
        delete("<m>/roles/c"),
        list_("<m>/roles/"),
    ),
    case(
        "kubernetes credentials",
        mount("kubernetes"),
        post("<m>/creds/none", {"kubernetes_namespace": "test"}),
        _role("sa", allowed_kubernetes_namespaces="test", service_account_name="existing"),
        post("<m>/creds/sa", {}),
        post("<m>/config", _CONFIG),
        _creds("sa"),
        _creds("sa", kubernetes_namespace="test", ttl="20m", audiences="x,y"),
        post("sys/leases/lookup", {"lease_id": "<lease>"}),
        post("sys/leases/renew", {"lease_id": "<lease>"}),
        post("sys/leases/revoke", {"lease_id": "<lease>", "sync": True}),
        post("<m>/creds/sa", {"kubernetes_namespace": "test", "ttl": "10s"}),
        post("<m>/creds/sa", {"kubernetes_namespace": "other"}),
        post("<m>/creds/sa", {"cluster_role_binding": True}),
        get("<m>/creds/sa"),
        _role("gone", allowed_kubernetes_namespaces="test", service_account_name="gone"),
        post("<m>/creds/gone", {}),
        _role("view", allowed_kubernetes_namespaces="*", kubernetes_role_name="view", token_default_ttl="1h"),
        post("<m>/creds/view", {}),
        _creds("view", kubernetes_namespace="test"),
        post("<m>/creds/view", {"kubernetes_namespace": "missing"}),
        post("<m>/creds/view", {"kubernetes_namespace": "test", "cluster_role_binding": True}),
        _role("view", kubernetes_role_type="ClusterRole", token_max_ttl="2h"),
        _creds("view", "c_", kubernetes_namespace="test", cluster_role_binding=True, ttl="5h"),
        _role("made", allowed_kubernetes_namespace_selector="matchLabels: {target: 'yes'}"),
        _role(
            "made",
            allowed_kubernetes_namespace_selector="matchLabels: {target: 'yes'}",
            generated_role_rules=_YAML_RULES,
        ),
        _creds("made", "m_", kubernetes_namespace="test"),
        post("<m>/creds/made", {"kubernetes_namespace": "other"}),
        post("<m>/creds/made", {"kubernetes_namespace": "missing"}),
        post("sys/leases/revoke-prefix/<m>/creds", {"sync": True}),
        delete("sys/mounts/<m>"),
        services=("kubernetes",),
    ),
)
