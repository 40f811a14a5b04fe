"""Consul: ACL tokens made on demand, with policies, roles and identities, deleted when their lease ends.

Give the engine the address of a Consul agent and a token that may write ACLs, or no token where the ACL
system has not been bootstrapped: then the engine does that and keeps the token it gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import Any, ClassVar

from strongroom.crypto.entropy import base62, uuid4_str
from strongroom.errors import BadRequest, StrongroomError, UpstreamFailed
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, Duration, StringList, field
from strongroom.framework.lease import Leased, Terms, issued
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request, Response
from strongroom.upstream.http import Answer, Target, segment, send

MANAGEMENT = "global-management"
"""The policy that Consul has from the start and that allows everything."""


@dataclass(slots=True)
class Access:
    """How to reach Consul's ACL API."""

    address: str
    scheme: str = "http"
    token: str = ""
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""

    def target(self) -> Target:
        """The agent, as the HTTP client knows it."""
        url = self.address if "://" in self.address else f"{self.scheme}://{self.address}"
        return Target("Consul", url, ca=self.ca_cert, certificate=self.client_cert, key=self.client_key)

    async def call(
        self, method: str, *path: str, query: dict[str, str] | None = None, json: Any = None
    ) -> Answer:
        """One call; ``path`` is the segments after ``/v1/acl``."""
        where = "/v1/acl/" + "/".join(segment(part) for part in path)
        headers = {"X-Consul-Token": self.token} if self.token else {}
        return await send(self.target(), method, where, headers=headers, query=query, json=json)

    async def delete(self, accessor: str, place: dict[str, str]) -> None:
        """Delete a token, if it is there."""
        answer = await self.call("DELETE", "token", accessor, query=place)
        if not answer.ok and answer.status != 404:
            raise answer.failed("deleting the token")


@dataclass(slots=True)
class Role:
    """What the tokens of a role may do. Times are seconds; 0 is the mount's own."""

    consul_policies: list[str] = item(default_factory=list)
    consul_roles: list[str] = item(default_factory=list)
    service_identities: list[str] = item(default_factory=list)
    node_identities: list[str] = item(default_factory=list)
    token_type: str = "client"
    local: bool = False
    consul_namespace: str = ""
    partition: str = ""
    ttl: int = 0
    max_ttl: int = 0

    def place(self) -> dict[str, str]:
        """The query that says in which namespace and partition a token is; Consul Enterprise has these."""
        named = {"ns": self.consul_namespace, "partition": self.partition}
        return {name: value for name, value in named.items() if value}

    def body(self) -> dict[str, Any]:
        """What a token of the role is made from."""
        policies = [MANAGEMENT] if self.token_type == "management" else self.consul_policies
        body: dict[str, Any] = {
            "Policies": [{"Name": name} for name in policies],
            "Roles": [{"Name": name} for name in self.consul_roles],
            "ServiceIdentities": [service_identity(text) for text in self.service_identities],
            "NodeIdentities": [node_identity(text) for text in self.node_identities],
            "Local": self.local,
        }
        named = {"Namespace": self.consul_namespace, "Partition": self.partition}
        return body | {name: value for name, value in named.items() if value}


def service_identity(text: str) -> dict[str, Any]:
    """``name`` or ``name:dc1,dc2`` as Consul has it. Raises BadRequest."""
    name, _, where = text.partition(":")
    if not name:
        raise BadRequest("a service identity is a name, or a name with datacenters: web:dc1,dc2")
    datacenters = [part.strip() for part in where.split(",") if part.strip()]
    return {"ServiceName": name} | ({"Datacenters": datacenters} if datacenters else {})


def node_identity(text: str) -> dict[str, Any]:
    """``name:dc`` as Consul has it. Raises BadRequest."""
    name, _, datacenter = text.partition(":")
    if not name or not datacenter:
        raise BadRequest("a node identity is a name with its datacenter: server-1:dc1")
    return {"NodeName": name, "Datacenter": datacenter}


@dataclass(slots=True)
class Token(Leased):
    """An ACL token. ``place`` is the query that says where it is."""

    kind = "token"
    role: str
    accessor: str
    place: dict[str, str]

    @property
    def target(self) -> str:
        """There is one Consul a mount."""
        return "consul"

    async def renew(self, engine: Consul, request: Request, terms: Terms) -> None:
        """Extend it by what the role says now."""
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest(f'role "{self.role}" not found')
        terms.ttl, terms.max_ttl = role.ttl, role.max_ttl

    async def revoke(self, engine: Consul, request: Request) -> None:
        """Delete the token; one that is gone already is fine."""
        await (await engine.access(request)).delete(self.accessor, self.place)


class AccessPath(Path):
    """How to reach Consul."""

    pattern = "config/access"
    address: str = field("Host and port of a Consul agent, as 127.0.0.1:8500.")
    scheme: str = field("http or https.", default="http")
    token: str = field("A token that may write ACLs; none to bootstrap the ACL system.", sensitive=True)
    ca_cert: str = field("PEM of the CA of Consul's certificate; else those of the machine.")
    client_cert: str = field("PEM of a client certificate that is shown to Consul.")
    client_key: str = field("PEM of its key.", sensitive=True)

    async def read(self, engine: Consul, request: Request) -> dict[str, Any] | None:
        """Address and scheme, never the token."""
        access = await engine.accesses(request).get("access")
        return None if access is None else {"address": access.address, "scheme": access.scheme}

    async def write(self, engine: Consul, request: Request) -> None:
        """Set all of it.

        Without a token the one known for that address stays; where none is known, the ACL system is
        bootstrapped, which works once.
        """
        if not self.address:
            raise BadRequest("missing address")
        access = Access(
            self.address, self.scheme, self.token, self.ca_cert, self.client_cert, self.client_key
        )
        access.target().check()
        access.token = access.token or await engine.known_token(request, access)
        if access.token:
            engine.accesses(request).put("access", access)
            return
        # Consul does this only once, and a lost answer is a lost cluster: so the secret is ours, and kept.
        secret = uuid4_str()
        async with request.undo("bootstrap", engine.pending(access, secret)):
            access.token = await _bootstrap(access, secret)
        engine.accesses(request).put("access", access)


async def _bootstrap(access: Access, secret: str) -> str:
    answer = await access.call("PUT", "bootstrap", json={"BootstrapSecret": secret})
    if answer.status == 403:
        raise BadRequest("token not provided, and the ACL system of Consul has been bootstrapped already")
    if not answer.ok:
        raise answer.failed("token not provided; bootstrapping the ACL system")
    token: str = answer.json()["SecretID"]
    return token


class Roles(Path):
    """The roles there are."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: Consul, request: Request) -> list[str]:
        """Names of the roles."""
        return await engine.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: what its tokens may do in Consul."""

    pattern = "roles/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    consul_policies: CommaList = field("Names of Consul policies.")
    policies: CommaList = field("The older name of consul_policies.", deprecated=True)
    consul_roles: CommaList = field("Names of Consul roles.")
    service_identities: StringList = field("Services, each as name or name:dc1,dc2.")
    node_identities: StringList = field("Nodes, each as name:dc.")
    token_type: str = field(
        "client, or management for tokens that may do everything.", default="client", deprecated=True
    )
    policy: str = field("Rules of the ACL system before Consul 1.4; no longer possible.", deprecated=True)
    local: bool = field("Make tokens for the one datacenter only, not replicated.")
    consul_namespace: str = field("Namespace of the tokens, in Consul Enterprise.")
    partition: str = field("Partition of the tokens, in Consul Enterprise.")
    ttl: Duration = field("Time to live of a token; 0 is the mount's own.")
    lease: Duration = field("The older name of ttl.", deprecated=True)
    max_ttl: Duration = field("Longest time to live of a token; 0 is the mount's own.")

    async def read(self, engine: Consul, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await engine.roles(request).get(self.name)
        if role is None:
            return None
        always = ("token_type", "local", "consul_namespace", "partition", "ttl", "max_ttl")
        lists = ("consul_policies", "consul_roles", "service_identities", "node_identities")
        found = {name: getattr(role, name) for name in always} | {"lease": role.ttl}
        found |= {name: getattr(role, name) for name in lists if getattr(role, name)}
        return found | ({"policies": role.consul_policies} if role.consul_policies else {})

    async def write(self, engine: Consul, request: Request) -> None:
        """Create or replace the role. Tokens that are there keep what they have."""
        if self.policy:
            raise BadRequest(
                "rules in a role need Consul before 1.11: make them a policy there, named in consul_policies"
            )
        if self.token_type not in {"client", "management"}:
            raise BadRequest('token_type must be "client" or "management"')
        role = Role(
            self.consul_policies or self.policies,
            self.consul_roles,
            self.service_identities,
            self.node_identities,
            self.token_type,
            self.local,
            self.consul_namespace,
            self.partition,
            self.ttl or self.lease,
            self.max_ttl,
        )
        body = role.body()
        if not any(body[name] for name in ("Policies", "Roles", "ServiceIdentities", "NodeIdentities")):
            raise BadRequest("a role needs policies, roles, service identities or node identities")
        engine.roles(request).put(self.name, role)

    async def delete(self, engine: Consul, request: Request) -> None:
        """Remove the role. Tokens that are there stay until their leases end, and cannot be renewed."""
        engine.roles(request).delete(self.name)


class Creds(Path):
    """Tokens of a role."""

    pattern = "creds/{role}"
    reads_write = True
    role: str = field("Name of the role.")

    async def read(self, engine: Consul, request: Request) -> Response:
        """Make a token. Answers ``token``, its secret, and ``accessor``, its name."""
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest(f'role "{self.role}" not found')
        access = await engine.accesses(request).get("access")
        if access is None or not access.token:
            raise BadRequest("no access to Consul is configured: write config/access first")
        accessor = uuid4_str()
        async with request.undo("token", {"accessor": accessor, "place": role.place()}):
            made = await _create(access, role, accessor, _description(self.role, request))
        data = {
            "token": made["SecretID"],
            "accessor": made["AccessorID"],
            "local": made.get("Local", role.local),
            "consul_namespace": made.get("Namespace", ""),
            "partition": made.get("Partition", ""),
        }
        leased = Token(self.role, made["AccessorID"], role.place())
        return issued(data, leased, ttl=role.ttl, max_ttl=role.max_ttl)


def _description(role: str, request: Request) -> str:
    whose = request.entry.display_name if request.entry is not None else ""
    return f"Strongroom {role} {whose} {base62(8)}"


async def _create(access: Access, role: Role, accessor: str, description: str) -> dict[str, Any]:
    body = role.body() | {"AccessorID": accessor, "Description": description}
    answer = await access.call("PUT", "token", query=role.place(), json=body)
    if not answer.ok:
        raise _refused(answer)
    made: dict[str, Any] = answer.json()
    return made


def _refused(answer: Answer) -> StrongroomError:
    """The error for a token that Consul does not make; it answers 500 for a policy that is not there."""
    text = answer.body[:300].decode(errors="replace")
    if "No such ACL" in text:
        return BadRequest("Consul refused the token: a policy or role is not there", cause=text)
    return answer.failed("creating the token")


class Consul(Backend):
    """ACL tokens of Consul, made on demand and deleted when their lease ends."""

    type: ClassVar[str] = "consul"
    paths = (AccessPath, Roles, RolePath, Creds)
    leases = (Token,)
    accesses = stored(Access, under="config/")
    roles = stored(Role, under="policy/")

    @staticmethod
    def pending(access: Access, secret: str) -> dict[str, Any]:
        """What is kept of a bootstrap that is under way."""
        return {"secret": secret, "address": access.address, "scheme": access.scheme, "ca": access.ca_cert,
                "certificate": access.client_cert, "key": access.client_key}  # fmt: skip

    async def known_token(self, request: Request, access: Access) -> str:
        """The token that is stored for the same address: no other system may ever see it."""
        known = await self.accesses(request).get("access")
        same = known is not None and (known.address, known.scheme) == (access.address, access.scheme)
        return known.token if known is not None and same else ""

    async def access(self, request: Request) -> Access:
        """The configured access, to take back what was issued. Raises UpstreamFailed without one."""
        access = await self.accesses(request).get("access")
        if access is None:
            raise UpstreamFailed("no access to Consul is configured")
        return access

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Delete a token that nobody got; finish a bootstrap that came so far."""
        if kind == "token":
            await (await self.access(request)).delete(data["accessor"], data["place"])
            return
        access = Access(
            data["address"], data["scheme"], data["secret"], data["ca"], data["certificate"], data["key"]
        )
        answer = await access.call("GET", "token", "self")
        if answer.ok and not await self.known_token(request, access):
            self.accesses(request).put("access", access)
        elif not answer.ok and answer.status not in {401, 403, 404}:
            raise answer.failed("looking whether the bootstrap was done")
