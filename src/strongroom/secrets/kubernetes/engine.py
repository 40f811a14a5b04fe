"""Kubernetes: tokens of service accounts, made with what they may do and taken away with their lease.

A role says what a token may do, in one of three ways. It names a service account that is there: then its
tokens are handed out, and live until they expire, whatever becomes of the lease. It names a role of RBAC
that is there: then a service account is made for each credential, and bound to it. Or it brings the rules
itself: then a role with these rules is made too. What was made is deleted when the lease ends, and with
the service account its tokens end.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework import outliving
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, Duration, KVPairs, LowerCase, field
from strongroom.framework.lease import Leased, issued
from strongroom.framework.name_template import NameTemplate
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.hcl.duration import format_go
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.kubernetes.cluster import Cluster, Config, Pod
from strongroom.secrets.kubernetes.manifest import Plan, Policy, Selector, Thing, parse
from strongroom.upstream.http import Target

DEFAULT_TEMPLATE = (
    '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 8) (.RoleName | truncate 8) (unix_time) '
    "(random 24) | truncate 62 | lowercase }}"
)
SHORTEST = 600
"""Seconds that a cluster makes a token for, at least."""

_BAD_RULES = "failed to parse 'generated_role_rules' as k8s.io/api/rbac/v1/Policy object"
_BAD_SELECTOR = (
    "failed to parse 'allowed_kubernetes_namespace_selector' as k8s.io/api/meta/v1/LabelSelector object"
)


@dataclass(slots=True)
class Role:
    """A role as it is stored and read. Durations are seconds; 0 is the mount's own."""

    name: str
    allowed_kubernetes_namespaces: list[str] | None = None
    allowed_kubernetes_namespace_selector: str = ""
    service_account_name: str = ""
    kubernetes_role_name: str = ""
    kubernetes_role_type: str = "Role"
    generated_role_rules: str = ""
    name_template: str = ""
    extra_labels: dict[str, str] | None = None
    extra_annotations: dict[str, str] | None = None
    token_default_ttl: int = 0
    token_max_ttl: int = 0
    token_default_audiences: list[str] | None = None

    def check(self) -> None:
        """Raise BadRequest for what contradicts itself or cannot be understood."""
        if not self.allowed_kubernetes_namespaces and not self.allowed_kubernetes_namespace_selector:
            raise BadRequest(
                "one (at least) of allowed_kubernetes_namespaces or "
                "allowed_kubernetes_namespace_selector must be set"
            )
        ways = (self.service_account_name, self.kubernetes_role_name, self.generated_role_rules)
        if sum(bool(way) for way in ways) != 1:
            raise BadRequest(
                "one (and only one) of service_account_name, kubernetes_role_name or "
                "generated_role_rules must be set"
            )
        if self.token_max_ttl and self.token_default_ttl > self.token_max_ttl:
            default, longest = (_go(seconds) for seconds in (self.token_default_ttl, self.token_max_ttl))
            raise BadRequest(f"token_default_ttl {default} cannot be greater than token_max_ttl {longest}")
        self._normalize_type()
        NameTemplate(self.name_template)
        if self.generated_role_rules:
            parse(self.generated_role_rules, Policy, _BAD_RULES)
        if self.allowed_kubernetes_namespace_selector:
            self.selector()

    def _normalize_type(self) -> None:
        kinds = {"role": "Role", "clusterrole": "ClusterRole"}
        kind = kinds.get(self.kubernetes_role_type.lower())
        if kind is None:
            raise BadRequest("kubernetes_role_type must be either 'Role' or 'ClusterRole'")
        self.kubernetes_role_type = kind

    def selector(self) -> Selector:
        """Which namespaces are allowed by their labels."""
        return parse(self.allowed_kubernetes_namespace_selector, Selector, _BAD_SELECTOR)

    def single_namespace(self) -> str:
        """The one namespace there is to choose from, or nothing."""
        allowed = self.allowed_kubernetes_namespaces or []
        if len(allowed) == 1 and allowed != ["*"] and not self.allowed_kubernetes_namespace_selector:
            return allowed[0]
        return ""

    def plan(self, request: Request, namespace: str, *, cluster_wide: bool) -> Plan:
        """What is to be made for a new credential."""
        policy = parse(self.generated_role_rules, Policy, _BAD_RULES) if self.generated_role_rules else None
        display_name = request.entry.display_name if request.entry is not None else ""
        template = NameTemplate(self.name_template or DEFAULT_TEMPLATE)
        return Plan(
            name=template.render(request.now, display_name=display_name, role_name=self.name),
            namespace=namespace,
            cluster_wide=cluster_wide,
            role=self.kubernetes_role_name,
            role_kind=self.kubernetes_role_type,
            rules=policy.rules if policy is not None else [],
            labels=self.extra_labels or {},
            annotations=self.extra_annotations or {},
            mark=uuid4_str(),
        )


@dataclass(slots=True)
class Account(Leased):
    """A service account with its role and binding; nothing of it where the account was there before."""

    kind = "service_account_token"
    things: list[Thing]

    @property
    def target(self) -> str:
        """There is one cluster a mount; where nothing was made, it has no part in the end."""
        return "kubernetes" if self.things else ""

    async def revoke(self, engine: Kubernetes, request: Request) -> None:
        """Delete what was made; with the service account its tokens end."""
        if not self.things:
            return
        cluster = Cluster(await engine.config(request))
        for thing in reversed(self.things):
            await cluster.delete(thing)
        await outliving.let_go(request, engine.configs(request), "account")


class Check(Path):
    """Whether the server runs in a pod that can configure the engine by itself."""

    pattern = "check"

    async def read(self, engine: Kubernetes, request: Request) -> Response:
        """Nothing when it does; else 400, with the names of the variables that are missing."""
        missing = Pod.missing()
        if missing:
            raise BadRequest(f"Missing environment variables: {', '.join(missing)}")
        return Response()


class ConfigPath(Path):
    """How to reach the cluster."""

    pattern = "config"
    kubernetes_host: str = field("Address of the API server; in a pod its own cluster's.")
    kubernetes_ca_cert: str = field("PEM of the CA of the API server; in a pod its own cluster's.")
    service_account_jwt: str = field(
        "Token of the service account that makes the others; in a pod the pod's.", sensitive=True
    )
    disable_local_ca_jwt: bool = field("Do not use the CA and the token of the pod.")

    async def read(self, engine: Kubernetes, request: Request) -> dict[str, Any] | None:
        """The configuration, without the token."""
        config = await engine.configs(request).get("config")
        if config is None:
            return None
        return {name: value for name, value in asdict(config).items() if name != "service_account_jwt"}

    async def write(self, engine: Kubernetes, request: Request) -> None:
        """Set what is given; the rest stays."""
        config = await engine.configs(request).get("config") or Config()
        for name in self.given:
            setattr(config, name, getattr(self, name))
        address = config.kubernetes_host or Pod.address()
        if not address:
            raise BadRequest(
                "kubernetes_host was unset and could not be determined from environment variables"
            )
        Target("Kubernetes", address, ca=config.kubernetes_ca_cert).check()
        outliving.replace(engine.configs(request), "config", config)

    async def delete(self, engine: Kubernetes, request: Request) -> Response | None:
        """Forget it. While accounts that were made need it to end it is kept, out of sight."""
        return await outliving.retire(request, engine.configs(request), "config", "account")


class Roles(Path):
    """The roles there are."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: Kubernetes, request: Request) -> list[str]:
        """Names of the roles."""
        return await engine.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: which tokens it gives, and for which namespaces."""

    pattern = "roles/{name}"
    reader_safe = True
    name: LowerCase = field("Name of the role, in small letters.")
    allowed_kubernetes_namespaces: CommaList = field("Namespaces that may be asked for; * for all.")
    allowed_kubernetes_namespace_selector: str = field(
        "A label selector, JSON or YAML: namespaces it matches may be asked for too."
    )
    service_account_name: str = field("A service account that is there, whose tokens are given.")
    kubernetes_role_name: str = field("A Role or ClusterRole that is there, for accounts made on demand.")
    kubernetes_role_type: str = field("Role or ClusterRole, in any case.", default="Role")
    generated_role_rules: str = field("Rules for roles made on demand, JSON or YAML: an object with rules.")
    name_template: str = field(
        "Names of what is made, in the template language of names; .DisplayName and .RoleName are known."
    )
    extra_labels: KVPairs = field("Labels of all that is made.")
    extra_annotations: KVPairs = field("Annotations of all that is made.")
    token_default_ttl: Duration = field("Life of a token for which none is asked; 0 is the mount's own.")
    token_max_ttl: Duration = field("Longest life of a token; 0 is the mount's own.")
    token_default_audiences: CommaList = field("Audiences of a token for which none are asked.")

    async def exists(self, engine: Kubernetes, request: Request) -> bool:
        """Whether there is such a role."""
        return await engine.roles(request).get(self.name) is not None

    async def read(self, engine: Kubernetes, request: Request) -> Role | None:
        """The role."""
        return await engine.roles(request).get(self.name)

    async def write(self, engine: Kubernetes, request: Request) -> None:
        """Create the role, or set what is given of it."""
        role = await engine.roles(request).get(self.name) or Role(self.name)
        for name in self.given - {"name"}:
            setattr(role, name, getattr(self, name))
        if role.allowed_kubernetes_namespaces:
            role.allowed_kubernetes_namespaces = sorted(set(role.allowed_kubernetes_namespaces))
        role.check()
        engine.roles(request).put(self.name, role)

    async def delete(self, engine: Kubernetes, request: Request) -> None:
        """Remove the role. What was issued stays until its lease ends."""
        engine.roles(request).delete(self.name)


class Creds(Path):
    """Credentials of a role."""

    pattern = "creds/{name}"
    name: LowerCase = field("Name of the role, in small letters.")
    kubernetes_namespace: str = field("The namespace; needed where the role leaves a choice.")
    cluster_role_binding: bool = field("Bind for the whole cluster, not for the namespace alone.")
    ttl: Duration = field("Life of the token, at least 10 minutes.")
    audiences: CommaList = field("Audiences of the token.")

    async def write(self, engine: Kubernetes, request: Request) -> Response:
        """Make a token. Answers the account's name and namespace, and the token.

        What was made for it is deleted when the lease ends. The lease cannot be renewed, as a token cannot.
        """
        role = await engine.roles(request).get(self.name)
        if role is None:
            raise BadRequest(f"role '{self.name}' does not exist")
        if self.cluster_role_binding and role.kubernetes_role_type == "Role":
            raise BadRequest("a ClusterRoleBinding cannot ref a Role")
        namespace = self.kubernetes_namespace or role.single_namespace()
        if not namespace:
            raise BadRequest(
                "'kubernetes_namespace' is required unless the role has a single namespace specified"
            )
        config = await engine.configs(request).get("config")
        if config is None:
            raise BadRequest("could not load backend configuration: write config first")
        cluster = Cluster(config)
        await _allow(cluster, role, namespace)
        return await self._issue(engine, request, cluster, role, namespace)

    async def _issue(
        self, engine: Kubernetes, request: Request, cluster: Cluster, role: Role, namespace: str
    ) -> Response:
        seconds, warnings = self._seconds(engine, role)
        audiences = self.audiences or role.token_default_audiences or []
        if role.service_account_name:
            account, things = role.service_account_name, []
            token, granted = await cluster.token(namespace, account, seconds, audiences)
        else:
            plan = role.plan(request, namespace, cluster_wide=self.cluster_role_binding)
            account, planned = plan.name, [asdict(thing) for thing in plan.things()]
            async with request.undo("account", {"mark": plan.mark, "things": planned}):
                things = await cluster.make(plan)
                token, granted = await cluster.token(namespace, account, seconds, audiences)
        data = {
            "service_account_name": account,
            "service_account_namespace": namespace,
            "service_account_token": token,
        }
        return issued(
            data,
            Account(things),
            ttl=min(granted, seconds),
            renewable=False,
            warnings=warnings + _shortened(granted, seconds),
        )

    def _seconds(self, engine: Kubernetes, role: Role) -> tuple[int, list[str]]:
        """How long the token lives: what is asked for, within the bounds of role and mount."""
        default, longest = engine.core.ttls(engine.mount)
        wanted, warnings = self.ttl or role.token_default_ttl or default, []
        if role.token_max_ttl and self.ttl > role.token_max_ttl:
            warnings.append(
                f"ttl of {_go(self.ttl)} is greater than the role's token_max_ttl of "
                f"{_go(role.token_max_ttl)}; capping accordingly"
            )
        seconds = min(wanted, role.token_max_ttl or longest, longest)
        if seconds < SHORTEST:
            raise BadRequest(f"a token cannot live for less than {SHORTEST} seconds")
        return seconds, warnings


def _go(seconds: int) -> str:
    return format_go(seconds * SECOND)


def _shortened(granted: int, seconds: int) -> list[str]:
    if granted == seconds:
        return []
    return [f"the cluster gave the token a life of {_go(granted)}, not of {_go(seconds)}"]


async def _allow(cluster: Cluster, role: Role, namespace: str) -> None:
    """Raise BadRequest unless the role allows the namespace, by its name or by its labels."""
    allowed = role.allowed_kubernetes_namespaces or []
    if "*" in allowed or namespace in allowed:
        return
    if role.allowed_kubernetes_namespace_selector:
        labels = await cluster.labels(namespace)
        if labels is not None and role.selector().matches(labels):
            return
    raise BadRequest(
        f"kubernetes_namespace '{namespace}' is not present in role's allowed_kubernetes_namespaces or does "
        "not match role's label selector allowed_kubernetes_namespace_selector"
    )


class Kubernetes(Backend):
    """Tokens of Kubernetes service accounts, with what they may do, taken away when their lease ends."""

    type: ClassVar[str] = "kubernetes"
    paths = (Check, ConfigPath, Roles, RolePath, Creds)
    leases = (Account,)
    configs = stored(Config, under="")
    roles = stored(Role, under="roles/")

    async def config(self, request: Request) -> Config:
        """The configuration, to take back what was issued. Raises UpstreamFailed without one."""
        config = await outliving.still(self.configs(request), "config")
        if config is None:
            raise UpstreamFailed("no connection to Kubernetes is configured")
        return config

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Delete what was made for a credential that nobody got."""
        cluster = Cluster(await self.config(request))
        for thing in reversed(data["things"]):
            await cluster.delete_marked(Thing(**thing), data["mark"])
        await outliving.let_go(request, self.configs(request), "account")
