"""Roles: what a machine has to bring to log in, and what its token may be."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.token_fields import TokenFields, TokenParameters, check_cidrs, cleaned
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.auth.approle.approle import AppRole


@dataclass(slots=True)
class Role:
    """What logs in as a role, and the tokens that come of it. Durations are seconds.

    ``key`` names the role's rows, and is never used again; under ``salt`` its secret IDs are hashed.
    """

    name: str
    key: str
    salt: bytes = item(repr=False)
    role_id: str
    bind_secret_id: bool = True
    secret_id_bound_cidrs: list[str] = item(default_factory=list)
    secret_id_num_uses: int = 0
    secret_id_ttl: int = 0
    local_secret_ids: bool = False
    tokens: TokenParameters = item(default_factory=TokenParameters)
    older_names: list[str] = item(default_factory=list)
    """Which parameters were given under their older names, and are shown under both."""

    def value(self, name: str) -> Any:
        """A parameter by the name it has on the wire."""
        return getattr(self.tokens if name.startswith("token_") else self, name)

    def put(self, name: str, value: Any) -> None:
        """Set a parameter by the name it has on the wire."""
        setattr(self.tokens if name.startswith("token_") else self, name, value)

    def shown(self, name: str) -> Any:
        """A parameter as an answer shows it: a role bound to no network says null."""
        return (self.value(name) or None) if name == "secret_id_bound_cidrs" else self.value(name)

    def named(self, name: str, *, older: bool) -> None:
        """Note by which of its names a parameter was given last."""
        kept = [other for other in self.older_names if other != name]
        self.older_names = [*kept, name] if older else kept

    def older(self) -> dict[str, Any]:
        """What is shown under its older name too."""
        values = {name: self.value(OLDER[name]) for name in self.older_names}
        return {name: value for name, value in values.items() if value}

    def check(self) -> None:
        """Raise BadRequest for a role that cannot be, or that would let everybody in."""
        if self.secret_id_num_uses < 0:
            raise BadRequest("secret_id_num_uses cannot be negative")
        check_cidrs(self.secret_id_bound_cidrs)
        self.tokens.check()
        if not (self.bind_secret_id or self.secret_id_bound_cidrs or self.tokens.token_bound_cidrs):
            raise BadRequest("at least one constraint should be enabled on the role")


OLDER = {"policies": "token_policies", "period": "token_period"}
"""Names that parameters had before all those of a token began alike."""

_OWN = ("bind_secret_id", "secret_id_bound_cidrs", "secret_id_num_uses", "secret_id_ttl")


class Roles(Path):
    """The roles there are."""

    pattern = "role/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, approle: AppRole, request: Request) -> list[str]:
        """Names of the roles."""
        return await approle.roles(request).list("", self.after, self.limit)


class RolePath(TokenFields):
    """A role: what a login has to bring, and what its token may be."""

    pattern = "role/{role_name}"
    reader_safe = True
    role_name: str = field("Name of the role; upper and lower case are the same.")
    role_id: str = field("ID that logs in as this role, unlike that of any other; made up when not given.")
    bind_secret_id: bool = field("Whether a login needs a secret ID.", default=True)
    secret_id_bound_cidrs: CommaList = field("Networks from which its logins come.")
    bound_cidr_list: CommaList = field("Older name of secret_id_bound_cidrs.", deprecated=True)
    secret_id_num_uses: int = field("How many logins a secret ID is good for; 0 is without limit.")
    secret_id_ttl: Duration = field("How long a secret ID is good; 0 is for ever.")
    local_secret_ids: bool = field(
        "Keep the secret IDs in this cluster. Said when the role is made, and never changed."
    )
    policies: CommaList = field("Older name of token_policies.", deprecated=True)
    period: Duration = field("Older name of token_period.", deprecated=True)

    async def exists(self, approle: AppRole, request: Request) -> bool:
        """Whether the role is there."""
        return await approle.role(request, self.role_name) is not None

    async def read(self, approle: AppRole, request: Request) -> dict[str, Any] | None:
        """The parameters of the role."""
        role = await approle.role(request, self.role_name)
        if role is None:
            return None
        own = {name: role.shown(name) for name in (*_OWN, "local_secret_ids")}
        return own | role.older() | role.tokens.described()

    async def write(self, approle: AppRole, request: Request) -> Response:
        """Create the role, or change what is given."""
        role = await approle.role(request, self.role_name)
        if role is None:
            role = approle.new_role(self.role_name)
            role.local_secret_ids = self.local_secret_ids
            await approle.claim(request, role, self.role_id if "role_id" in self.given else role.role_id)
        else:
            if "local_secret_ids" in self.given:
                raise BadRequest("local_secret_ids can only be modified during role creation")
            if "role_id" in self.given:
                await approle.claim(request, role, self.role_id)
        if self.period > approle.longest:
            raise BadRequest("the period is longer than tokens of this mount can live")
        adjusted = self._plain_type()
        self._apply(role)
        role.check()
        approle.roles(request).put(role.name, role)
        return Response(warnings=adjusted + approle.warnings(role))

    async def delete(self, approle: AppRole, request: Request) -> None:
        """Remove the role with all its secret IDs. Tokens it made can be used, not renewed."""
        await approle.delete_role(request, self.role_name)

    def _plain_type(self) -> list[str]:
        """Read a type that only a mount can have as the one it leads to; gives what to say of it."""
        named = self.token_type
        if named not in {"default-service", "default-batch"}:
            return []
        self.token_type = named.removeprefix("default-")
        return [f"{named} has no useful meaning; adjusting to {self.token_type}"]

    def _apply(self, role: Role) -> None:
        """Take over what is given; where both names of a parameter are, the newer counts."""
        if "bound_cidr_list" in self.given:
            role.secret_id_bound_cidrs = self.bound_cidr_list
        for older, newer in OLDER.items():
            if newer in self.given:
                role.named(older, older=older in self.given)
            elif older in self.given:
                value = getattr(self, older)
                role.put(newer, cleaned(value) if older == "policies" else value)
                role.named(older, older=True)
        for name in _OWN:
            if name in self.given:
                setattr(role, name, getattr(self, name))
        self.tell(role.tokens)


class RoleId(Path):
    """The ID that logs in as a role. It is no secret, but there is no need to show it around."""

    pattern = "role/{role_name}/role-id"
    reader_safe = True
    role_name: str = field("Name of the role.")
    role_id: str = field("ID unlike that of any other role.")

    async def read(self, approle: AppRole, request: Request) -> dict[str, Any] | None:
        """The role's ID."""
        role = await approle.role(request, self.role_name)
        return None if role is None else {"role_id": role.role_id}

    async def write(self, approle: AppRole, request: Request) -> None:
        """Give the role an ID of one's own; the one before logs nobody in any more."""
        role = await approle.require(request, self.role_name)
        if not self.role_id:
            raise BadRequest("missing role_id")
        await approle.claim(request, role, self.role_id)
        approle.roles(request).put(role.name, role)
