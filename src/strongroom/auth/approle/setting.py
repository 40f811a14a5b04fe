"""Settings: each parameter of a role by itself, so that a policy can give it to somebody alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.auth.approle.role import OLDER
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.token_fields import cleaned
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.auth.approle.approle import AppRole

_OLDER_OF = {newer: older for older, newer in OLDER.items()}


class Readable(Path):
    """One parameter of a role. ``parameter`` is its name in the role."""

    reader_safe = True
    parameter: ClassVar[str]
    role_name: str = field("Name of the role.")

    async def read(self, approle: AppRole, request: Request) -> dict[str, Any] | None:
        """The parameter as it is now."""
        role = await approle.role(request, self.role_name)
        if role is None:
            return None
        older = _OLDER_OF.get(self.parameter, "")
        shown = {older: value} if (value := role.older().get(older)) else {}
        return shown | {self.parameter: role.shown(self.parameter)}


class Setting(Readable):
    """One parameter of a role that can be set and put back."""

    async def write(self, approle: AppRole, request: Request) -> None:
        """Set the parameter."""
        role = await approle.require(request, self.role_name)
        older = _OLDER_OF.get(self.parameter, "")
        by_older = self.parameter not in self.given
        name = older if by_older else self.parameter
        if name not in self.given:
            raise BadRequest(f"missing {self.parameter}")
        role.put(self.parameter, self.meant(getattr(self, name)))
        if older:
            role.named(older, older=by_older)
        role.check()
        approle.roles(request).put(role.name, role)

    def meant(self, value: Any) -> Any:
        """What is kept of the value that is given."""
        return value

    async def delete(self, approle: AppRole, request: Request) -> None:
        """Put the parameter back to what it is for a new role."""
        role = await approle.role(request, self.role_name)
        if role is None:
            return
        role.put(self.parameter, approle.new_role(role.name).value(self.parameter))
        role.check()
        approle.roles(request).put(role.name, role)


class Policies(Setting):
    """Policies of a role's tokens."""

    pattern = "role/{role_name}/policies"
    parameter = "token_policies"
    token_policies: CommaList = field("Policies of the token.")
    policies: CommaList = field("Older name of token_policies.", deprecated=True)

    def meant(self, value: list[str]) -> list[str]:
        """The names in lower case, each once."""
        return cleaned(value)


class Period(Setting):
    """Whether a role's tokens are periodic."""

    pattern = "role/{role_name}/period"
    parameter = "token_period"
    token_period: Duration = field("Make periodic tokens: each renewal gives this much time.")
    period: Duration = field("Older name of token_period.", deprecated=True)

    async def write(self, approle: AppRole, request: Request) -> None:
        """Set the parameter; the mount's maximum bounds it."""
        if max(self.token_period, self.period) > approle.longest:
            raise BadRequest("the period is longer than tokens of this mount can live")
        await super().write(approle, request)


class BindSecretId(Setting):
    """Whether a login needs a secret ID. Without, its network is all that it has to prove."""

    pattern = "role/{role_name}/bind-secret-id"
    parameter = "bind_secret_id"
    bind_secret_id: bool = field("Whether a login needs a secret ID.", default=True)


class SecretIdBoundCidrs(Setting):
    """Networks from which a role's logins come."""

    pattern = "role/{role_name}/secret-id-bound-cidrs"
    parameter = "secret_id_bound_cidrs"
    secret_id_bound_cidrs: CommaList = field("Networks from which its logins come.")


class BoundCidrList(Path):
    """Networks from which a role's logins come, under the older name."""

    pattern = "role/{role_name}/bound-cidr-list"
    reader_safe = True
    role_name: str = field("Name of the role.")
    bound_cidr_list: CommaList = field("Older name of secret_id_bound_cidrs.", deprecated=True)

    async def read(self, approle: AppRole, request: Request) -> dict[str, Any] | None:
        """The networks as they are now."""
        role = await approle.role(request, self.role_name)
        return None if role is None else {"bound_cidr_list": role.shown("secret_id_bound_cidrs")}

    async def write(self, approle: AppRole, request: Request) -> None:
        """Set the networks."""
        if "bound_cidr_list" not in self.given:
            raise BadRequest("missing bound_cidr_list")
        await self._newer(self.bound_cidr_list).write(approle, request)

    async def delete(self, approle: AppRole, request: Request) -> None:
        """Let logins come from anywhere."""
        await self._newer([]).delete(approle, request)

    def _newer(self, networks: list[str]) -> SecretIdBoundCidrs:
        return SecretIdBoundCidrs.bind({"role_name": self.role_name}, {"secret_id_bound_cidrs": networks})


class SecretIdNumUses(Setting):
    """How many logins a role's secret IDs are good for."""

    pattern = "role/{role_name}/secret-id-num-uses"
    parameter = "secret_id_num_uses"
    secret_id_num_uses: int = field("How many logins a secret ID is good for; 0 is without limit.")


class SecretIdTTL(Setting):
    """How long a role's secret IDs are good."""

    pattern = "role/{role_name}/secret-id-ttl"
    parameter = "secret_id_ttl"
    secret_id_ttl: Duration = field("How long a secret ID is good; 0 is for ever.")


class TokenBoundCidrs(Setting):
    """Networks from which a role's tokens can be used."""

    pattern = "role/{role_name}/token-bound-cidrs"
    parameter = "token_bound_cidrs"
    token_bound_cidrs: CommaList = field("Networks from which a login succeeds and its token can be used.")


class TokenNumUses(Setting):
    """How often a role's tokens can be used."""

    pattern = "role/{role_name}/token-num-uses"
    parameter = "token_num_uses"
    token_num_uses: int = field("How often the token can be used; 0 is without limit.")


class TokenTTL(Setting):
    """How long a role's tokens live at first."""

    pattern = "role/{role_name}/token-ttl"
    parameter = "token_ttl"
    token_ttl: Duration = field("First time to live.")


class TokenMaxTTL(Setting):
    """How long a role's tokens can be kept alive."""

    pattern = "role/{role_name}/token-max-ttl"
    parameter = "token_max_ttl"
    token_max_ttl: Duration = field("The token cannot be renewed beyond this.")


class LocalSecretIds(Readable):
    """Whether a role's secret IDs stay in this cluster. It is said when the role is made."""

    pattern = "role/{role_name}/local-secret-ids"
    parameter = "local_secret_ids"


SETTINGS: tuple[type[Path], ...] = (
    Policies,
    Period,
    BindSecretId,
    SecretIdBoundCidrs,
    BoundCidrList,
    SecretIdNumUses,
    SecretIdTTL,
    TokenBoundCidrs,
    TokenNumUses,
    TokenTTL,
    TokenMaxTTL,
    LocalSecretIds,
)
