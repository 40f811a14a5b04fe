"""Nomad: ACL tokens made on demand, with policies, deleted when their lease ends.

Give the engine the address of a Nomad server and a management token, or no token where the ACL system has
not been bootstrapped: then the engine does that and keeps the token it gets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import field as item
from typing import Any, ClassVar

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.framework import outliving
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.lease import Leased, Terms, issued
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request, Response
from strongroom.upstream.http import Answer, Target, segment, send

MAX_NAME = 256
"""Characters of a token's name, in Nomad 0.8.4 and later."""
SHORTEST_NAME = 48
"""With less a name would not be one token's alone."""
_PAGE = 500


@dataclass(slots=True)
class Access:
    """How to reach Nomad's ACL API."""

    address: str
    token: str = ""
    max_token_name_length: int = 0
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = ""

    def target(self) -> Target:
        """The server, as the HTTP client knows it."""
        return Target(
            "Nomad", self.address, ca=self.ca_cert, certificate=self.client_cert, key=self.client_key
        )

    async def call(
        self, method: str, *path: str, query: dict[str, str] | None = None, json: Any = None
    ) -> Answer:
        """One call; ``path`` is the segments after ``/v1/acl``."""
        where = "/v1/acl/" + "/".join(segment(part) for part in path)
        headers = {"X-Nomad-Token": self.token} if self.token else {}
        return await send(self.target(), method, where, headers=headers, query=query, json=json)

    async def delete(self, accessor: str) -> None:
        """Delete a token, if it is there. Versions differ in how they refuse one that is not."""
        answer = await self.call("DELETE", "token", accessor)
        if answer.ok or answer.status == 404:
            return
        if (await self.call("GET", "token", accessor)).status != 404:
            raise answer.failed("deleting the token")

    async def named(self, name: str) -> list[str]:
        """Accessors of the tokens of that name; Nomad filters, but versions before 1.4 show all."""
        found, position = [], ""
        while True:
            query = {"filter": f'Name == "{name}"', "per_page": str(_PAGE)}
            answer = await self.call("GET", "tokens", query=query | {"next_token": position})
            if not answer.ok:
                raise answer.failed("looking for the token")
            found += [token["AccessorID"] for token in answer.json() or () if token["Name"] == name]
            position = answer.headers.get("x-nomad-nexttoken", "")
            if not position:
                return found


@dataclass(slots=True)
class LeaseTimes:
    """How long tokens live, in seconds; 0 is the mount's own."""

    ttl: int = 0
    max_ttl: int = 0


@dataclass(slots=True)
class Role:
    """What the tokens of a role may do."""

    type: str = "client"
    policies: list[str] = item(default_factory=list)
    everywhere: bool = False


@dataclass(slots=True)
class Token(Leased):
    """An ACL token."""

    kind = "token"
    accessor: str

    @property
    def target(self) -> str:
        """There is one Nomad a mount."""
        return "nomad"

    async def renew(self, engine: Nomad, request: Request, terms: Terms) -> None:
        """Extend it by what the lease settings say now."""
        times = await engine.times(request).get("lease") or LeaseTimes()
        terms.ttl, terms.max_ttl = times.ttl, times.max_ttl

    async def revoke(self, engine: Nomad, request: Request) -> None:
        """Delete the token; one that is gone already is fine."""
        await (await engine.access(request)).delete(self.accessor)
        await outliving.let_go(request, engine.accesses(request), "token")


class AccessPath(Path):
    """How to reach Nomad."""

    pattern = "config/access"
    address: str = field("Address of a Nomad server, as http://127.0.0.1:4646.")
    token: str = field("A management token; none to bootstrap the ACL system.", sensitive=True)
    max_token_name_length: int = field("Longest name of a token that this Nomad takes; 0 is 256.")
    ca_cert: str = field("PEM of the CA of Nomad's certificate; else those of the machine.")
    client_cert: str = field("PEM of a client certificate that is shown to Nomad.")
    client_key: str = field("PEM of its key.", sensitive=True)

    async def read(self, engine: Nomad, request: Request) -> dict[str, Any] | None:
        """The address and the longest name, never the token."""
        access = await engine.accesses(request).get("access")
        if access is None:
            return None
        return {"address": access.address, "max_token_name_length": access.max_token_name_length}

    async def write(self, engine: Nomad, request: Request) -> None:
        """Set what is given; the rest stays.

        A token stays only with its address. Where none is known, the ACL system is bootstrapped, which
        works once.
        """
        access = await engine.accesses(request).get("access") or Access("")
        if self.address and self.address != access.address:
            access.token = ""  # no other system may ever see it
        for name in self.given:
            setattr(access, name, getattr(self, name) or getattr(access, name))
        if not access.address:
            raise BadRequest("missing address")
        if access.max_token_name_length and access.max_token_name_length < SHORTEST_NAME:
            raise BadRequest(f"max_token_name_length must be at least {SHORTEST_NAME}")
        access.target().check()
        if not access.token:
            # Nomad does this only once, and a lost answer is a lost cluster: so the secret is ours, and kept.
            secret = uuid4_str()
            async with request.undo("bootstrap", asdict(access) | {"token": secret}):
                access.token = await _bootstrap(access, secret)
        outliving.replace(engine.accesses(request), "access", access)

    async def delete(self, engine: Nomad, request: Request) -> Response | None:
        """Forget it. While tokens that were issued need it to end it is kept, out of sight."""
        return await outliving.retire(request, engine.accesses(request), "access", "token")


async def _bootstrap(access: Access, secret: str) -> str:
    answer = await access.call("POST", "bootstrap", json={"BootstrapSecret": secret})
    if answer.status == 400:
        raise BadRequest("token not provided, and the ACL system of Nomad has been bootstrapped already")
    if not answer.ok:
        raise answer.failed("token not provided; bootstrapping the ACL system")
    token: str = answer.json()["SecretID"]
    return token


class LeasePath(Path):
    """How long the tokens of all roles live."""

    pattern = "config/lease"
    ttl: Duration = field("Time to live of a token; 0 is the mount's own.")
    max_ttl: Duration = field("Longest time to live of a token, renewals included; 0 is the mount's own.")

    async def read(self, engine: Nomad, request: Request) -> LeaseTimes | None:
        """The times, in seconds."""
        return await engine.times(request).get("lease")

    async def write(self, engine: Nomad, request: Request) -> None:
        """Set both times. Tokens that are there keep theirs until they are renewed."""
        engine.times(request).put("lease", LeaseTimes(self.ttl, self.max_ttl))

    async def delete(self, engine: Nomad, request: Request) -> None:
        """Go back to the times of the mount."""
        engine.times(request).delete("lease")


class Roles(Path):
    """The roles there are."""

    pattern = "role/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: Nomad, request: Request) -> list[str]:
        """Names of the roles."""
        return await engine.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: what its tokens may do in Nomad."""

    pattern = "role/{name}"
    reader_safe = True
    name: str = field("Name of the role.")
    type: str = field("client, or management for tokens that may do everything.", default="client")
    policies: CommaList = field("Names of Nomad policies; for client tokens.")
    everywhere: bool = field("Make tokens for all regions, not for one alone.", name="global")

    async def read(self, engine: Nomad, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await engine.roles(request).get(self.name)
        if role is None:
            return None
        return {"type": role.type, "global": role.everywhere, "policies": role.policies}

    async def write(self, engine: Nomad, request: Request) -> None:
        """Create the role, or set what is given of it. Tokens that are there keep what they have."""
        role = await engine.roles(request).get(self.name) or Role()
        for name in self.given - {"name"}:
            setattr(role, name, getattr(self, name))
        if role.type not in {"client", "management"}:
            raise BadRequest('type must be "client" or "management"')
        if role.type == "client" and not role.policies:
            raise BadRequest("policies cannot be empty when using client tokens")
        if role.type == "management" and role.policies:
            raise BadRequest("policies should be empty when using management tokens")
        engine.roles(request).put(self.name, role)

    async def delete(self, engine: Nomad, request: Request) -> None:
        """Remove the role. Tokens that are there stay until their leases end."""
        engine.roles(request).delete(self.name)


class Creds(Path):
    """Tokens of a role."""

    pattern = "creds/{name}"
    reads_write = True
    name: str = field("Name of the role.")

    async def read(self, engine: Nomad, request: Request) -> Response:
        """Make a token. Answers ``secret_id``, the token, and ``accessor_id``, its name in Nomad."""
        role = await engine.roles(request).get(self.name)
        if role is None:
            raise BadRequest(f'role "{self.name}" not found')
        access = await engine.accesses(request).get("access")
        if access is None:
            raise BadRequest("no access to Nomad is configured: write config/access first")
        name = _token_name(access, self.name, request)
        async with request.undo("token", {"name": name}):
            made = await _create(access, role, name)
        times = await engine.times(request).get("lease") or LeaseTimes()
        data = {"secret_id": made["SecretID"], "accessor_id": made["AccessorID"]}
        return issued(data, Token(made["AccessorID"]), ttl=times.ttl, max_ttl=times.max_ttl)


def _token_name(access: Access, role: str, request: Request) -> str:
    """A name that is one token's alone: what was made is found again by it. Nomad gives IDs only later."""
    whose = request.entry.display_name if request.entry is not None else ""
    told = "".join(char if char.isalnum() or char in "-_." else "_" for char in f"{role}-{whose}")
    return f"strongroom-{uuid4_str()}-{told}"[: access.max_token_name_length or MAX_NAME]


async def _create(access: Access, role: Role, name: str) -> dict[str, Any]:
    body = {"Name": name, "Type": role.type, "Policies": role.policies, "Global": role.everywhere}
    answer = await access.call("POST", "token", json=body)
    if not answer.ok:
        raise answer.failed("creating the token")
    made: dict[str, Any] = answer.json()
    return made


class Nomad(Backend):
    """ACL tokens of Nomad, made on demand and deleted when their lease ends."""

    type: ClassVar[str] = "nomad"
    paths = (AccessPath, LeasePath, Roles, RolePath, Creds)
    leases = (Token,)
    accesses = stored(Access, under="config/")
    times = stored(LeaseTimes, under="config/")
    roles = stored(Role, under="role/")

    async def access(self, request: Request) -> Access:
        """The configured access, to take back what was issued. Raises UpstreamFailed without one."""
        access = await outliving.still(self.accesses(request), "access")
        if access is None:
            raise UpstreamFailed("no access to Nomad is configured")
        return access

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Delete a token that nobody got; finish a bootstrap that came so far."""
        if kind == "token":
            access = await self.access(request)
            for accessor in await access.named(data["name"]):
                await access.delete(accessor)
            await outliving.let_go(request, self.accesses(request), "token")
            return
        access = Access(**data)
        answer = await access.call("GET", "token", "self")
        known = await self.accesses(request).get("access")
        if answer.ok and (known is None or known.address != access.address):
            self.accesses(request).put("access", access)
        elif not answer.ok and answer.status not in {401, 403, 404}:
            raise answer.failed("looking whether the bootstrap was done")
