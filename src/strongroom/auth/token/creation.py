"""Tokens made from tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.auth.token.guard import has_sudo
from strongroom.auth.token.role import Role, lower, matches, token_policies
from strongroom.errors import BadRequest
from strongroom.framework.field import KVPairs, SignedDuration, StringList, field
from strongroom.framework.path import Path
from strongroom.logical import ROOT, Auth, Request, Response
from strongroom.login import clean_policies, refuse_child_of
from strongroom.token import SERVICE_PREFIX, TokenEntry

if TYPE_CHECKING:
    from strongroom.auth.token.token import TokenAuth


class CreateFields(Path):
    """What a token creation can ask for."""

    id: str = field("A token ID of one's own. Needs sudo.", sensitive=True)
    policies: StringList = field("Policies of the token; those of the parent when none are given.")
    meta: KVPairs = field("Metadata that appears in the audit log.")
    no_parent: bool = field("Make the token without a parent. Needs sudo.")
    no_default_policy: bool = field("Leave the default policy out.")
    renewable: bool = field("Whether the token can be renewed.", default=True)
    ttl: SignedDuration = field("First time to live.")
    lease: SignedDuration = field("Older name of ttl.", deprecated=True)
    explicit_max_ttl: SignedDuration = field("The token cannot outlive this, whatever is renewed.")
    display_name: str = field("Name of the token for people.", default="token")
    num_uses: int = field("How often the token can be used; 0 is without limit.")
    period: SignedDuration = field("Make a periodic token: each renewal gives this much time. Needs sudo.")
    type: str = field("service or batch.")
    entity_alias: str = field("Alias of the entity the token is for; the role must allow it.")

    def refuse_negative(self) -> None:
        """Raise BadRequest naming the first number that is below 0."""
        for name in ("ttl", "explicit_max_ttl", "period"):
            if getattr(self, name) < 0:
                raise BadRequest(f"{name} must be positive")
        if self.num_uses < 0:
            raise BadRequest("number of uses cannot be negative")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create a token as a child of the one that asks."""
        return await create(tokens, self, request, None)


class Create(CreateFields):
    """Create a token with the policies asked for, as a child of the calling token."""

    pattern = "create"


class CreateOrphan(CreateFields):
    """Create a token that has no parent. Whoever may use this path needs no sudo for it."""

    pattern = "create-orphan"

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create a token without a parent."""
        return await create(tokens, self, request, None, orphan=True)


class CreateWithRole(CreateFields):
    """Create a token within the bounds of a role."""

    pattern = "create/{role_name}"
    role_name: str = field("Name of the role.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create a token through a role."""
        role = await tokens.roles(request).get(self.role_name)
        if role is None:
            raise BadRequest(f"unknown role {self.role_name}")
        return await create(tokens, self, request, role)


async def create(
    tokens: TokenAuth, asked: CreateFields, request: Request, role: Role | None, *, orphan: bool = False
) -> Response:
    """Decide what token comes of a request; the core issues it."""
    parent: TokenEntry = request.entry
    refuse_child_of(parent)
    if asked.entity_alias:
        _check_alias(asked.entity_alias, role)
    sudo = has_sudo(request)
    if parent.namespace_id != request.namespace.id and role is None and not sudo:
        raise BadRequest("root or sudo privileges required to directly generate a token in a child namespace")
    response = Response()
    _refuse_root_below(request, parent, clean_policies(asked.policies, default=False))
    policies = _policies(asked, parent, role, request.namespace.id, sudo=sudo)
    _refuse_root_below(request, parent, policies)
    for name in policies:
        if not await tokens.core.policies.exists(request, name):
            response.warnings.append(f'Policy "{name}" does not exist')
    orphan = orphan or _orphan(asked, role, sudo=sudo)
    period = _tighter("Period", asked.period, role.token_period if role else 0, response)
    if period and role is None and not sudo:
        raise BadRequest("root or sudo privileges required to create periodic token")
    asked.refuse_negative()
    _refuse_endless_root(parent, asked, policies)
    response.auth = Auth(
        policies=policies,
        no_default_policy="default" not in policies and policies != ["root"],
        display_name=_display_name(asked.display_name),
        metadata=asked.meta or None,
        ttl=asked.ttl or asked.lease,
        explicit_max_ttl=_tighter(
            "Explicit max TTL", asked.explicit_max_ttl, role.token_explicit_max_ttl if role else 0, response
        ),
        period=period,
        renewable=asked.renewable and (role is None or role.renewable),
        num_uses=lower(asked.num_uses, role.token_num_uses if role else 0),
        bound_cidrs=_bound_cidrs(asked, role, policies),
        token_type=_token_type(asked, role),
        orphan=orphan,
        entity_id=_entity(request, parent, orphan=orphan),
        alias_name=asked.entity_alias,
    )
    if role is not None:
        response.auth.internal["role"] = role.name
        if role.path_suffix:
            response.auth.internal["path"] = f"{request.path}/{role.path_suffix}"
    if asked.id:
        await _custom_id(tokens, asked.id, request, sudo=sudo)
        response.auth.internal["id"] = asked.id
    return response


def _policies(
    asked: CreateFields, parent: TokenEntry, role: Role | None, namespace_id: str, *, sudo: bool
) -> list[str]:
    default = not (asked.no_default_policy or (role is not None and role.token_no_default_policy))
    held = parent.policies if parent.namespace_id == namespace_id else ["default"]
    found = token_policies(asked.policies, held, role, default=default, sudo=sudo)
    if "root" in found and "root" not in parent.policies:
        raise BadRequest("root tokens may not be created without parent token being root")
    return found


def _orphan(asked: CreateFields, role: Role | None, *, sudo: bool) -> bool:
    if role is not None:
        return role.orphan
    if asked.no_parent and not sudo:
        raise BadRequest("root or sudo privileges required to create orphan token")
    return asked.no_parent


async def _custom_id(tokens: TokenAuth, token: str, request: Request, *, sudo: bool) -> None:
    if request.namespace is not ROOT:
        raise BadRequest("token IDs can only be manually specified in the root namespace")
    if not sudo:
        raise BadRequest("root or sudo privileges required to specify token id")
    for prefix in ("s.", "hvs.", SERVICE_PREFIX):
        if token.startswith(prefix):
            raise BadRequest(f"custom token ID cannot have the '{prefix}' prefix")
    if "." in token:
        raise BadRequest("custom token ID cannot have a '.' in the value")
    if await tokens.core.tokens.row(request.tx, tokens.core.tokens.key(token)):
        raise BadRequest("cannot create a token with a duplicate ID")


def _check_alias(name: str, role: Role | None) -> None:
    """Raise BadRequest unless the role lets tokens be made for an alias of this name, in any case."""
    if role is None:
        raise BadRequest("'entity_alias' is only allowed in combination with token role")
    if not matches([pattern.lower() for pattern in role.allowed_entity_aliases], name.lower()):
        raise BadRequest("invalid 'entity_alias' value")


def _tighter(name: str, asked: int, bound: int, response: Response) -> int:
    """The lower of what the request and the role say; that both say something is told."""
    chosen = lower(asked, bound)
    if asked and bound:
        response.warnings.append(
            f"{name} specified both during creation call and in role; "
            f"using the lesser value of {chosen} seconds"
        )
    return chosen


def _entity(request: Request, parent: TokenEntry, *, orphan: bool) -> str:
    """Whose a token is: the parent's entity, which is that of its own namespace only."""
    if parent.namespace_id != request.namespace.id or (orphan and parent.policies == ["root"]):
        return ""
    return parent.entity_id


def _refuse_root_below(request: Request, parent: TokenEntry, policies: list[str]) -> None:
    """There are no root tokens but those of the root namespace."""
    if "root" in policies and request.namespace is not ROOT:
        if parent.namespace_id != request.namespace.id:
            raise BadRequest("root tokens may not be created from a parent namespace")
        raise BadRequest("root tokens may not be created without parent token being root")


def _token_type(asked: CreateFields, role: Role | None) -> str:
    """What kind of token: the role has the last word where it names one."""
    kind = asked.type or "service"
    if kind not in {"service", "batch"}:
        raise BadRequest("invalid 'token_type' value")
    if role is None:
        return kind
    if role.token_type in {"service", "batch"}:
        return role.token_type
    if asked.type:
        return asked.type
    return "batch" if role.token_type == "default-batch" else "service"


def _refuse_endless_root(parent: TokenEntry, asked: CreateFields, policies: list[str]) -> None:
    """A root token that ends cannot make one that does not."""
    if policies == ["root"] and parent.expire_time and not (asked.ttl or asked.period or asked.lease):
        raise BadRequest("expiring root tokens cannot create non-expiring root tokens")


def _bound_cidrs(asked: CreateFields, role: Role | None, policies: list[str]) -> list[str]:
    """The role's networks; a root token that never ends is bound to none, so that it is always of use."""
    endless = policies == ["root"] and not (
        asked.ttl or asked.lease or asked.period or asked.explicit_max_ttl
    )
    return [] if role is None or endless else role.token_bound_cidrs


def _display_name(name: str) -> str:
    if name == "token":
        return name
    return "token-" + "".join(char if char.isalnum() or char == "-" else "-" for char in name).strip("-")
