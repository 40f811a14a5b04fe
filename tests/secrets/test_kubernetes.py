"""Tokens of a simulated cluster: what is made for them, what may be asked for; nothing is left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strongroom.errors import BadRequest, Conflict
from strongroom.secrets.kubernetes.cluster import Pod
from strongroom.secrets.kubernetes.engine import Creds
from strongroom.secrets.kubernetes.manifest import MARK, Policy, Selector, YAMLMissing, parse
from tests.inprocess import Answer, InProcess, inprocess
from tests.kubernetes import ADMIN, Kubernetes, claims_of
from tests.leasing import later, reap, rows
from tests.secrets.outsider import reap_until
from tests.upstream.simulator import Call, serving

RULES = {"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}]}
KINDS = ("roles", "rolebindings", "serviceaccounts")


@pytest.fixture
def cluster() -> Iterator[Kubernetes]:
    with serving(Kubernetes()) as simulator:
        yield simulator


async def configured(api: InProcess, cluster: Kubernetes, **role: Any) -> None:
    """A mount that reaches the cluster, with the role ``r`` for every namespace."""
    assert (await api("POST", "sys/mounts/k8s", {"type": "kubernetes"})).status == 204
    config = {"kubernetes_host": cluster.url, "service_account_jwt": ADMIN}
    assert (await api("POST", "k8s/config", config)).status == 204
    body = {"allowed_kubernetes_namespaces": "*", "generated_role_rules": json.dumps(RULES)} | role
    answer = await api("POST", "k8s/roles/r", body)
    assert answer.status == 204, answer


async def ask(api: InProcess, **fields: Any) -> Answer:
    return await api("POST", "k8s/creds/r", {"kubernetes_namespace": "test"} | fields)


async def issue(api: InProcess, **fields: Any) -> Answer:
    answer = await ask(api, **fields)
    assert answer.status == 200, answer
    return answer


def there(cluster: Kubernetes) -> list[str]:
    """All that stands in the cluster but its namespaces."""
    return sorted(f"{resource}/{name}" for resource, _, name in cluster.objects if resource != "namespaces")


def test_rules_make_a_role_an_account_and_a_binding(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster, extra_labels={"team": "a"}, extra_annotations={"x/y": "z"})
        answer = await issue(api, ttl="20m", audiences="api,other")
        name = answer.data["service_account_name"]
        assert name.startswith("v-token-r-")
        assert answer.data["service_account_namespace"] == "test"
        assert answer.json["lease_duration"] == 1200
        assert answer.json["renewable"] is False
        claims = claims_of(answer.data["service_account_token"])
        assert claims["sub"] == f"system:serviceaccount:test:{name}"
        assert claims["aud"] == ["api", "other"]
        assert claims["exp"] - claims["iat"] == 1200
        assert {kind: cluster.names(kind) for kind in KINDS} == {kind: [name] for kind in KINDS}
        role, binding, account = (cluster.one(kind) for kind in KINDS)
        assert role["rules"] == RULES["rules"]
        assert binding["roleRef"] == {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "Role",
            "name": name,
        }
        assert binding["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "test"}]
        for made in (role, binding, account):
            assert made["metadata"]["labels"]["team"] == "a"
            assert made["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Strongroom"
            assert made["metadata"]["annotations"]["x/y"] == "z"

    inprocess(scenario)


@pytest.mark.parametrize("whole", (False, True))
def test_a_role_that_is_there_is_bound(cluster: Kubernetes, *, whole: bool) -> None:
    async def scenario(api: InProcess) -> None:
        role = {"kubernetes_role_name": "view", "kubernetes_role_type": "clusterrole"}
        await configured(api, cluster, **role, generated_role_rules="")
        answer = await issue(api, cluster_role_binding=whole)
        name = answer.data["service_account_name"]
        where = ("clusterrolebindings", "") if whole else ("rolebindings", "test")
        binding = cluster.one(*where)
        assert binding["metadata"]["name"] == name
        assert binding["roleRef"]["kind"] == "ClusterRole"
        assert binding["roleRef"]["name"] == "view"
        assert len(there(cluster)) == 2

    inprocess(scenario)


@pytest.mark.parametrize("kind", ("Role", "ClusterRole"))
def test_the_end_of_a_lease_takes_all_of_it(cluster: Kubernetes, kind: str) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster, kubernetes_role_type=kind)
        kept = await issue(api, cluster_role_binding=kind == "ClusterRole")
        before = there(cluster)
        answer = await issue(api, cluster_role_binding=kind == "ClusterRole")
        assert len(there(cluster)) == 6
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).status == 204
        assert there(cluster) == before
        with later(api.core, kept.json["lease_duration"] + 1):
            await reap_until(api, lambda: there(cluster) == [])

    inprocess(scenario)


def test_an_account_that_is_there_stays(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        cluster.account("mine")
        await configured(api, cluster, service_account_name="mine", generated_role_rules="")
        answer = await issue(api, ttl="1h")
        assert answer.data["service_account_name"] == "mine"
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        cluster.down = True  # there is nothing to do in the cluster
        assert (await api("POST", "sys/leases/revoke", lease)).status == 204
        assert there(cluster) == ["serviceaccounts/mine"]

    inprocess(scenario)


def test_what_is_gone_already_is_taken_back_and_what_came_after_it_is_left(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        answer = await issue(api)
        name = answer.data["service_account_name"]
        cluster.objects.pop(("rolebindings", "test", name))
        cluster.objects.pop(("serviceaccounts", "test", name))
        cluster.account(name)
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).status == 204
        assert there(cluster) == [f"serviceaccounts/{name}"]

    inprocess(scenario)


@pytest.mark.parametrize(
    "forbidden",
    ("create roles", "create rolebindings", "create serviceaccounts", "create serviceaccounts/token"),
)
def test_what_is_refused_half_way_leaves_nothing(cluster: Kubernetes, forbidden: str) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        cluster.forbidden = {forbidden}
        answer = await ask(api)
        assert answer.status == 502
        assert 'User "system:serviceaccount:vault:vault" cannot ' + forbidden in answer.errors[0]
        assert there(cluster) == []
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_who_has_the_name_already_is_left_alone(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        cluster.account("taken")
        await configured(api, cluster, name_template="taken")
        answer = await ask(api)
        assert answer.status == 400
        assert "already exists" in answer.errors[0]
        assert there(cluster) == ["serviceaccounts/taken"]

    inprocess(scenario)


def test_a_crash_before_the_commit_leaves_nothing(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        await api.core.mounts.load()
        mount = api.core.mounts.find("k8s/")
        assert mount is not None
        outer = api.core.internal_request()
        request = api.core.inner_request(outer, mount, "k8s/creds/r")
        path = Creds.bind({"name": "r"}, {"kubernetes_namespace": "test"})
        await path.write(mount.backend, request)  # type: ignore[arg-type]  # the mount's engine
        outer.tx.close()  # the process dies before the commit
        assert len(there(cluster)) == 3
        await api.core.lifecycle.seal()
        await api.core.lifecycle.submit(api.key)
        await reap(api.core)
        assert there(cluster) == []
        assert not await rows(api.core, "sys/expire/undo/")

    inprocess(scenario)


def test_what_loses_a_race_leaves_nothing(cluster: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    real, runs = Creds.write, []

    async def racing(self: Creds, engine: Any, request: Any) -> Any:
        response = await real(self, engine, request)
        runs.append((response.data or {})["service_account_name"])
        if len(runs) == 1:
            raise Conflict(cause="somebody was faster")
        return response

    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        monkeypatch.setattr(Creds, "write", racing)
        answer = await issue(api)
        assert cluster.names("serviceaccounts") == [answer.data["service_account_name"]] == runs[1:]
        assert len(there(cluster)) == 3

    inprocess(scenario)


def test_while_the_cluster_is_down_a_lease_waits(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        answer = await issue(api)
        cluster.down = True
        lost = "Kubernetes cannot be reached: the connection was lost"
        assert (await ask(api)).errors == [lost]
        lease = {"lease_id": answer.json["lease_id"], "sync": True}
        assert (await api("POST", "sys/leases/revoke", lease)).errors[0].endswith(lost)
        assert (await api("POST", "sys/leases/lookup", lease)).status == 200
        cluster.down = False
        with later(api.core, 1000):
            assert (await api("POST", "sys/leases/revoke", lease)).status == 204
        assert there(cluster) == []

    inprocess(scenario)


@pytest.mark.parametrize(
    ("role", "fields", "allowed"),
    (
        ({"allowed_kubernetes_namespaces": "test,other"}, {}, True),
        ({"allowed_kubernetes_namespaces": "other"}, {}, False),
        ({"allowed_kubernetes_namespaces": "other"}, {"kubernetes_namespace": ""}, True),
        ({"allowed_kubernetes_namespaces": "*"}, {"kubernetes_namespace": ""}, False),
        ({"allowed_kubernetes_namespaces": "test,other"}, {"kubernetes_namespace": ""}, False),
        ({"selector": "matchLabels: {target: 'yes'}"}, {}, True),
        ({"selector": "matchLabels: {target: 'no'}"}, {}, False),
        ({"selector": '{"matchLabels": {"target": "yes"}}'}, {"kubernetes_namespace": "other"}, False),
        ({"selector": '{"matchLabels": {"target": "yes"}}'}, {"kubernetes_namespace": "none"}, False),
        ({"selector": "{}"}, {}, True),
        ({"selector": "{}"}, {"kubernetes_namespace": ""}, False),
    ),
)
def test_namespaces_are_those_of_the_role(
    cluster: Kubernetes, role: dict[str, Any], fields: dict[str, str], *, allowed: bool
) -> None:
    async def scenario(api: InProcess) -> None:
        selector = role.pop("selector", "")
        body = {"allowed_kubernetes_namespaces": "", "allowed_kubernetes_namespace_selector": selector}
        await configured(api, cluster, **body | role)
        assert (await ask(api, **fields)).status == (200 if allowed else 400)
        assert bool(there(cluster)) is allowed

    inprocess(scenario)


@pytest.mark.parametrize(
    ("expression", "selected"),
    (
        ({"key": "env", "operator": "In", "values": ["dev", "test"]}, True),
        ({"key": "env", "operator": "In", "values": ["prod"]}, False),
        ({"key": "none", "operator": "In", "values": ["x"]}, False),
        ({"key": "env", "operator": "NotIn", "values": ["prod"]}, True),
        ({"key": "env", "operator": "NotIn", "values": ["dev"]}, False),
        ({"key": "none", "operator": "NotIn", "values": ["x"]}, True),
        ({"key": "env", "operator": "Exists"}, True),
        ({"key": "none", "operator": "Exists"}, False),
        ({"key": "none", "operator": "DoesNotExist"}, True),
        ({"key": "env", "operator": "DoesNotExist"}, False),
    ),
)
def test_expressions_of_a_selector(expression: dict[str, Any], *, selected: bool) -> None:
    text = json.dumps({"matchExpressions": [expression]})
    assert parse(text, Selector, "no").matches({"env": "dev"}) is selected


@pytest.mark.parametrize(
    "text",
    (
        "",
        "nonsense",
        "[]",
        '{"rules": [{"verbs": ["get"], "resource": ["pods"]}]}',
        "rules: [{verbs: [get], apiGroups: ['']}",
        "a: &a [x]\nrules: [{verbs: *a}]",
        "!!python/object/apply:os.system ['true']",
        '{"rules": ' + "[" * 3000,
        " " * 70_000,
    ),
)
def test_what_are_no_rules(text: str) -> None:
    with pytest.raises(BadRequest, match=r"^no rules$"):
        parse(text, Policy, "no rules")


def test_without_the_extra_yaml_is_refused_and_json_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert parse(json.dumps(RULES), Policy, "no").rules
    with pytest.raises(YAMLMissing, match=r"pip install strongroom\[kubernetes\]"):
        parse("rules: []", Policy, "no")


@pytest.mark.parametrize(
    ("fields", "seconds"),
    (({}, 3600), ({"ttl": "30m"}, 1800), ({"ttl": "5h"}, 7200), ({"ttl": 600}, 600), ({"ttl": 599}, None)),
)
def test_times_are_within_those_of_the_role(
    cluster: Kubernetes, fields: dict[str, Any], seconds: int | None
) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster, token_default_ttl="1h", token_max_ttl="2h")
        answer = await ask(api, **fields)
        assert answer.status == (200 if seconds else 400)
        if seconds:
            claims = claims_of(answer.data["service_account_token"])
            assert answer.json["lease_duration"] == claims["exp"] - claims["iat"] == seconds
            assert bool(answer.json["warnings"]) is (seconds == 7200)

    inprocess(scenario)


def test_the_lease_is_as_long_as_the_cluster_made_the_token(cluster: Kubernetes) -> None:
    real = cluster.answer

    def shorter(call: Call) -> tuple[int, Any]:
        status, said = real(call)
        if call.parts[-1] == "token" and status == 201:
            said["spec"]["expirationSeconds"] = 900
        return status, said

    async def scenario(api: InProcess) -> None:
        cluster.answer = shorter  # type: ignore[method-assign]
        await configured(api, cluster)
        answer = await issue(api, ttl="1h")
        assert answer.json["lease_duration"] == 900
        assert answer.json["warnings"] == ["the cluster gave the token a life of 15m0s, not of 1h0m0s"]

    inprocess(scenario)


def test_in_a_pod_it_configures_itself(
    cluster: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        assert (await api("GET", "k8s/check")).errors == [
            "Missing environment variables: KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT_HTTPS"
        ]
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT_HTTPS", "443")
        monkeypatch.setattr(Pod, "folder", tmp_path)
        (tmp_path / "token").write_text(ADMIN + "\n")
        assert (await api("GET", "k8s/check")).status == 204
        assert Pod.address() == "https://[fd00::1]:443"
        config = {"kubernetes_host": cluster.url, "service_account_jwt": ""}
        assert (await api("POST", "k8s/config", config)).status == 204
        await issue(api)
        await api("POST", "k8s/config", {"disable_local_ca_jwt": True})
        answer = await ask(api)
        assert answer.status == 400
        assert "no service_account_jwt" in answer.errors[0]

    inprocess(scenario)


def test_a_token_that_the_cluster_does_not_know(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        cluster.tokens.clear()
        answer = await ask(api)
        assert answer.status == 502
        assert answer.errors[0].endswith("Kubernetes answered 401: Unauthorized")

    inprocess(scenario)


@pytest.mark.parametrize(
    "config",
    (
        {"kubernetes_host": "nonsense"},
        {"kubernetes_host": "https://user:pw@host"},
        {"kubernetes_ca_cert": "nonsense"},
    ),
)
def test_configurations_that_are_refused(cluster: Kubernetes, config: dict[str, Any]) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        assert (await api("POST", "k8s/config", config)).status == 400
        assert (await api("GET", "k8s/config")).data == {
            "kubernetes_host": cluster.url,
            "kubernetes_ca_cert": "",
            "disable_local_ca_jwt": False,
        }

    inprocess(scenario)


def test_what_was_made_is_marked(cluster: Kubernetes) -> None:
    async def scenario(api: InProcess) -> None:
        await configured(api, cluster)
        await issue(api)
        marks = {cluster.one(kind)["metadata"]["annotations"][MARK] for kind in KINDS}
        assert len(marks) == 1

    inprocess(scenario)
