"""The token store: making tokens from tokens, looking them up, renewing and revoking them.

Source of the behaviour: the ``auth/token`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as item
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest, NotFound, StrongroomError, multierror
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, Duration, KVPairs, SignedDuration, StringList, field
from strongroom.framework.lease import effective_ttl
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.lease import TIDY_NOTE
from strongroom.logical import ROOT, SECOND, Auth, Request, Response
from strongroom.login import clean_policies, refuse_child_of
from strongroom.token import SERVICE_PREFIX, TokenEntry

if TYPE_CHECKING:
    from strongroom.core import Core


@dataclass
class Role:
    """What tokens made through a role may be. Durations are seconds."""

    name: str
    allowed_policies: list[str] = item(default_factory=list)
    disallowed_policies: list[str] = item(default_factory=list)
    allowed_policies_glob: list[str] = item(default_factory=list)
    disallowed_policies_glob: list[str] = item(default_factory=list)
    allowed_entity_aliases: list[str] = item(default_factory=list)
    orphan: bool = False
    renewable: bool = True
    path_suffix: str = ""
    token_period: int = 0
    token_explicit_max_ttl: int = 0
    token_bound_cidrs: list[str] = item(default_factory=list)
    token_no_default_policy: bool = False
    token_num_uses: int = 0
    token_type: str = "default-service"
    older_names: list[str] = item(default_factory=list)
    """Which settings were given under their older names, and are shown under both."""


_SUFFIX = re.compile(r"\w(?:[\w.-]*\w)?", re.ASCII)


class BadToken(StrongroomError):
    """The token to look up or act on is not there (any more)."""

    status = 403

    def __init__(self) -> None:
        super().__init__("bad token")


class InvalidAccessor(BadRequest):
    """No live token of this namespace has that accessor."""

    def __init__(self) -> None:
        super().__init__(multierror("invalid accessor"))


# -- creation --------------------------------------------------------------------------------


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
        return await tokens.create(self, request, None)


class Create(CreateFields):
    """Create a token with the policies asked for, as a child of the calling token."""

    pattern = "create"


class CreateOrphan(CreateFields):
    """Create a token that has no parent. Whoever may use this path needs no sudo for it."""

    pattern = "create-orphan"

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create a token without a parent."""
        return await tokens.create(self, request, None, orphan=True)


class CreateWithRole(CreateFields):
    """Create a token within the bounds of a role."""

    pattern = "create/{role_name}"
    role_name: str = field("Name of the role.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create a token through a role."""
        role = await tokens.roles(request).get(self.role_name)
        if role is None:
            raise BadRequest(f"unknown role {self.role_name}")
        return await tokens.create(self, request, role)


# -- lookup ----------------------------------------------------------------------------------


class Lookup(Path):
    """What is known of a token."""

    pattern = "lookup"
    reader_safe = True
    looks_up = True
    token: str = field("Token to look up; the calling one when absent.", sensitive=True)

    async def read(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token, or of the one given."""
        return await self.write(tokens, request)

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of a token."""
        token = self.token or request.token
        return await tokens.describe(request, await tokens.find(request, token), token)


class LookupSelf(Path):
    """What is known of the calling token."""

    pattern = "lookup-self"
    reader_safe = True
    looks_up = True

    async def read(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token."""
        return await tokens.describe(request, request.entry, request.token)

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of the calling token."""
        return await tokens.describe(request, request.entry, request.token)


class LookupAccessor(Path):
    """What is known of the token that an accessor belongs to; never the token itself."""

    pattern = "lookup-accessor"
    reader_safe = True
    looks_up = True
    accessor: str = field("Accessor of the token.")

    async def write(self, tokens: TokenAuth, request: Request) -> dict[str, Any]:
        """Properties of a token by its accessor."""
        return await tokens.describe(request, await tokens.find_accessor(request, self.accessor), "")


class Accessors(Path):
    """The accessors of all tokens. Needs sudo."""

    pattern = "accessors/?"
    reader_safe = True
    root_protected = True

    async def list(self, tokens: TokenAuth, request: Request) -> list[str]:
        """Every accessor of the namespace."""
        return await tokens.core.tokens.accessors(request)


# -- renewal ---------------------------------------------------------------------------------


class Renew(Path):
    """Extend the life of a token."""

    pattern = "renew"
    token: str = field("Token to renew.", sensitive=True)
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew a token."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is None:
            raise BadRequest("token not found")
        refuse_foreign(request, entry, "renew")
        return await tokens.renew_token(request, entry, self.increment, self.token)


class RenewSelf(Path):
    """Extend the life of the calling token."""

    pattern = "renew-self"
    token: str = field("Ignored; the calling token is renewed.", sensitive=True)
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew the calling token."""
        return await tokens.renew_token(request, request.entry, self.increment, request.token)


class RenewAccessor(Path):
    """Extend the life of the token that an accessor belongs to."""

    pattern = "renew-accessor"
    accessor: str = field("Accessor of the token.")
    increment: Duration = field("Seconds wanted from now.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Renew a token by its accessor."""
        entry = await tokens.find_accessor(request, self.accessor)
        return await tokens.renew_token(request, entry, self.increment, "")


# -- revocation ------------------------------------------------------------------------------


class Revoke(Path):
    """Revoke a token and everything it made."""

    pattern = "revoke"
    token: str = field("Token to revoke.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke a token, its children and their leases. One that is not there is fine."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is not None:
            refuse_foreign(request, entry, "revoke")
            await tokens.revoke_entry(request, entry)


class RevokeSelf(Path):
    """Revoke the calling token and everything it made."""

    pattern = "revoke-self"
    token: str = field("Ignored; the calling token is revoked.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke the calling token."""
        await tokens.revoke_entry(request, request.entry)


class RevokeAccessor(Path):
    """Revoke the token that an accessor belongs to, and everything it made."""

    pattern = "revoke-accessor"
    accessor: str = field("Accessor of the token.")

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Revoke a token by its accessor. One that is not there is fine."""
        try:
            entry = await tokens.find_accessor(request, self.accessor)
        except InvalidAccessor:
            return Response(warnings=["No token found with this accessor"])
        await tokens.revoke_entry(request, entry)
        return Response()


class RevokeOrphan(Path):
    """Revoke a token and let its children live on. Needs sudo."""

    pattern = "revoke-orphan"
    root_protected = True
    token: str = field("Token to revoke.", sensitive=True)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Revoke one token only."""
        if not self.token:
            raise BadRequest("missing token ID")
        entry = await tokens.core.tokens.lookup(request, self.token)
        if entry is None:
            raise BadRequest("token to revoke not found")
        refuse_foreign(request, entry, "revoke")
        await tokens.core.tokens.revoke_orphan(request, entry.key)


class Tidy(Path):
    """Remove what a crash of an older version, or a restored backup, may have left of tokens."""

    pattern = "tidy"
    statuses = (("write", 202, "done"),)

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Remove index rows whose token is gone."""
        await tokens.core.tokens.tidy(request)
        return Response(status=202, warnings=[TIDY_NOTE])


# -- roles -----------------------------------------------------------------------------------


class Roles(Path):
    """The token roles there are."""

    pattern = "roles/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, tokens: TokenAuth, request: Request) -> list[str]:
        """Names of the roles."""
        return await tokens.roles(request).list("", self.after, self.limit)


class RolePath(Path):
    """A role: the bounds of the tokens that are made through it."""

    pattern = "roles/{role_name}"
    reader_safe = True
    role_name: str = field("Name of the role.")
    allowed_policies: CommaList = field("Policies a token may have; any when empty.")
    disallowed_policies: CommaList = field("Policies a token may not have.")
    allowed_policies_glob: CommaList = field("Patterns of policies a token may have.")
    disallowed_policies_glob: CommaList = field("Patterns of policies a token may not have.")
    allowed_entity_aliases: CommaList = field("Entity aliases a token may be made for.")
    orphan: bool = field("Tokens have no parent.")
    renewable: bool = field("Tokens can be renewed.", default=True)
    path_suffix: str = field("Appended to the path of the tokens, for revoking by prefix.")
    period: Duration = field("Older name of token_period.", deprecated=True)
    explicit_max_ttl: Duration = field("Older name of token_explicit_max_ttl.", deprecated=True)
    bound_cidrs: CommaList = field("Older name of token_bound_cidrs.", deprecated=True)
    token_period: Duration = field("Tokens are periodic with this period.")
    token_explicit_max_ttl: Duration = field("Tokens cannot outlive this.")
    token_bound_cidrs: CommaList = field("Networks from which the tokens can be used.")
    token_no_default_policy: bool = field("Leave the default policy out.")
    token_num_uses: int = field("How often a token can be used; 0 is without limit.")
    token_type: str = field("service, batch, default-service or default-batch.", default="default-service")

    async def exists(self, tokens: TokenAuth, request: Request) -> bool:
        """Whether the role is there."""
        return await tokens.roles(request).get(self.role_name) is not None

    async def read(self, tokens: TokenAuth, request: Request) -> dict[str, Any] | None:
        """Settings of the role."""
        role = await tokens.roles(request).get(self.role_name)
        return None if role is None else describe_role(role)

    async def write(self, tokens: TokenAuth, request: Request) -> None:
        """Create the role, or change what is given of it."""
        records = tokens.roles(request)
        role = await records.get(self.role_name) or Role(self.role_name)
        self._older_names(role)
        for name in Role.__dataclass_fields__:
            if name in self.given:
                setattr(role, name, getattr(self, name))
        _check_role(role)
        records.put(self.role_name, role)

    def _older_names(self, role: Role) -> None:
        given = set(self.given)
        older = set(role.older_names)
        for name in ("period", "explicit_max_ttl", "bound_cidrs"):
            if f"token_{name}" in given:
                older.discard(name)
            elif name in given:
                setattr(self, f"token_{name}", getattr(self, name))
                given.add(f"token_{name}")
                older.add(name)
        role.older_names = sorted(older)
        self.given = frozenset(given)

    async def delete(self, tokens: TokenAuth, request: Request) -> None:
        """Remove the role; tokens made through it stay."""
        tokens.roles(request).delete(self.role_name)


def _check_role(role: Role) -> None:
    if role.token_type not in {"service", "batch", "default-service", "default-batch", ""}:
        raise BadRequest(f"invalid 'token_type' value \"{role.token_type}\"")
    if role.token_type in {"batch", "default-batch"} and role.token_period:
        kind = role.token_type
        raise BadRequest(f"'token_type' cannot be '{kind}' when role is set to generate periodic tokens")
    if role.token_num_uses < 0:
        raise BadRequest("'token_num_uses' cannot be negative")
    if role.path_suffix and not _SUFFIX.fullmatch(role.path_suffix):
        raise BadRequest("path_suffix contains invalid characters")
    for cidr in role.token_bound_cidrs:
        _check_cidr(cidr)
    role.token_type = role.token_type or "default-service"
    for name in ("allowed_policies", "disallowed_policies"):
        setattr(role, name, clean_names(getattr(role, name)))


def _check_cidr(cidr: str) -> None:
    try:
        ip_network(cidr, strict=False)
    except ValueError:
        raise BadRequest("bound_cidrs holds something that is not a network") from None


def clean_names(names: list[str]) -> list[str]:
    """Policy names in lower case, each once, sorted."""
    return sorted({name.lower() for name in names})


def describe_role(role: Role) -> dict[str, Any]:
    """The answer for a role, with the older names where they carry something."""
    body: dict[str, Any] = {
        "allowed_entity_aliases": role.allowed_entity_aliases or None,
        "allowed_policies": role.allowed_policies,
        "allowed_policies_glob": role.allowed_policies_glob,
        "disallowed_policies": role.disallowed_policies,
        "disallowed_policies_glob": role.disallowed_policies_glob,
        "explicit_max_ttl": role.token_explicit_max_ttl if "explicit_max_ttl" in role.older_names else 0,
        "name": role.name,
        "orphan": role.orphan,
        "path_suffix": role.path_suffix,
        "period": role.token_period if "period" in role.older_names else 0,
        "renewable": role.renewable,
        "token_explicit_max_ttl": role.token_explicit_max_ttl,
        "token_no_default_policy": role.token_no_default_policy,
        "token_period": role.token_period,
        "token_type": role.token_type,
    }
    if role.token_bound_cidrs:
        body["token_bound_cidrs"] = role.token_bound_cidrs
        if "bound_cidrs" in role.older_names:
            body["bound_cidrs"] = role.token_bound_cidrs
    if role.token_num_uses:
        body["token_num_uses"] = role.token_num_uses
    return body


# -- the method ------------------------------------------------------------------------------


class TokenAuth(Backend):
    """Tokens: the credential that every request carries.

    A token has policies, a time to live, perhaps a count of uses, and a parent that takes it
    along when it is revoked. Create one for each thing that talks to the server.
    """

    type: ClassVar[str] = "token"
    kind: ClassVar[str] = "auth"
    paths = (
        Create,
        CreateOrphan,
        CreateWithRole,
        Lookup,
        LookupSelf,
        LookupAccessor,
        Accessors,
        Renew,
        RenewSelf,
        RenewAccessor,
        Revoke,
        RevokeSelf,
        RevokeAccessor,
        RevokeOrphan,
        Tidy,
        Roles,
        RolePath,
    )
    roles = stored(Role, under="roles/")
    core: Core

    async def find(self, request: Request, token: str) -> TokenEntry:
        """The live entry of a token. Raises :class:`BadToken`."""
        if token == request.token:
            own: TokenEntry = request.entry
            return own
        entry = await self.core.tokens.lookup(request, token)
        if entry is None or entry.namespace_id != request.namespace.id:
            raise BadToken
        return entry

    async def find_accessor(self, request: Request, accessor: str) -> TokenEntry:
        """The live entry of an accessor. Raises BadRequest."""
        if not accessor:
            raise BadRequest(multierror("missing accessor"))
        entry = await self.core.tokens.by_accessor(request, accessor)
        if entry is None:
            raise InvalidAccessor
        return entry

    async def describe(self, request: Request, entry: TokenEntry, token: str) -> dict[str, Any]:
        """The answer of a lookup, with what the token's entity gives it at this moment."""
        await self.core.identity.stand(request, entry)
        body = describe(entry, request.now, token)
        if entry.namespace_id != ROOT.id:
            here = entry.namespace_id == request.namespace.id
            body["namespace_path"] = (request.namespace if here else request.home).path
        return body

    async def revoke_entry(self, request: Request, entry: TokenEntry) -> None:
        """Revoke a token and its tree. Batch tokens cannot be revoked: they only end."""
        if entry.type == "batch":
            raise BadRequest("batch tokens cannot be revoked")
        await self.core.tokens.revoke_tree(request, entry.key)

    async def renew_token(self, request: Request, entry: TokenEntry, increment: int, token: str) -> Response:
        """Give a token more time, as far as its limits allow."""
        if entry.type == "batch":
            raise BadRequest("batch tokens cannot be renewed")
        if not entry.renewable or not entry.expire_time:
            raise BadRequest("lease is not renewable")
        mount = self.core.mounts.of(request.namespace).find(entry.path) or request.mount
        default, longest = self.core.ttls(mount)
        inner = self.core.inner_request(request, mount, entry.path)
        terms = await mount.backend.renew_login(inner, entry) or Auth(
            ttl=entry.ttl, max_ttl=entry.max_ttl, period=entry.period
        )
        ttl, warnings = effective_ttl(
            default=terms.ttl or default,
            longest=longest,
            wanted=increment,
            backend_max=terms.max_ttl,
            explicit_max=entry.explicit_max_ttl,
            period=terms.period,
            age=(request.now - entry.creation_time) // SECOND,
        )
        entry = self.core.tokens.renewed(request, entry, ttl)
        await self.core.identity.stand(request, entry)
        return Response(auth=_auth_of(entry, ttl, token), warnings=warnings)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """A token that was made through a role follows the role's period as it is today."""
        role = await self.roles(request).get(entry.role) if entry.role else None
        if role is None or not role.token_period:
            return None
        return Auth(ttl=entry.ttl, max_ttl=entry.max_ttl, period=role.token_period)

    async def create(
        self, asked: CreateFields, request: Request, role: Role | None, *, orphan: bool = False
    ) -> Response:
        """Decide what token comes of a request; the core issues it."""
        parent: TokenEntry = request.entry
        refuse_child_of(parent)
        if asked.entity_alias:
            _check_alias(asked.entity_alias, role)
        sudo = has_sudo(request)
        if parent.namespace_id != request.namespace.id and role is None and not sudo:
            raise BadRequest(
                "root or sudo privileges required to directly generate a token in a child namespace"
            )
        response = Response()
        _refuse_root_below(request, parent, clean_policies(asked.policies, default=False))
        policies = self._policies(asked, parent, role, request.namespace.id, sudo=sudo)
        _refuse_root_below(request, parent, policies)
        for name in policies:
            if not await self.core.policies.exists(request, name):
                response.warnings.append(f'Policy "{name}" does not exist')
        orphan = orphan or self._orphan(asked, role, sudo=sudo)
        period = role.token_period if role and role.token_period else asked.period
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
            explicit_max_ttl=_lower(asked.explicit_max_ttl, role.token_explicit_max_ttl if role else 0),
            period=period,
            renewable=asked.renewable and (role is None or role.renewable),
            num_uses=_lower(asked.num_uses, role.token_num_uses if role else 0),
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
            await self._custom_id(asked.id, request, sudo=sudo)
            response.auth.internal["id"] = asked.id
        return response

    def _policies(
        self, asked: CreateFields, parent: TokenEntry, role: Role | None, namespace_id: str, *, sudo: bool
    ) -> list[str]:
        drop_default = asked.no_default_policy or bool(role and role.token_no_default_policy)
        inherited = parent.policies if parent.namespace_id == namespace_id else ["default"]
        if role is not None:
            return role_policies(asked.policies, inherited, role, default=not drop_default)
        wanted = clean_policies(asked.policies or inherited, default=False)
        if not asked.policies:
            return [name for name in wanted if name != "default"] if drop_default else wanted
        if not sudo and not set(wanted) <= {*inherited, "default"}:
            raise BadRequest("child policies must be subset of parent")
        if "root" in wanted and "root" not in parent.policies:
            raise BadRequest("root tokens may not be created without parent token being root")
        return clean_policies(wanted, default=not drop_default)

    def _orphan(self, asked: CreateFields, role: Role | None, *, sudo: bool) -> bool:
        if role is not None:
            return role.orphan
        if asked.no_parent and not sudo:
            raise BadRequest("root or sudo privileges required to create orphan token")
        return asked.no_parent

    async def _custom_id(self, token: str, request: Request, *, sudo: bool) -> None:
        if request.namespace is not ROOT:
            raise BadRequest("token IDs can only be manually specified in the root namespace")
        if not sudo:
            raise BadRequest("root or sudo privileges required to specify token id")
        for prefix in ("s.", "hvs.", SERVICE_PREFIX):
            if token.startswith(prefix):
                raise BadRequest(f"custom token ID cannot have the '{prefix}' prefix")
        if "." in token:
            raise BadRequest("custom token ID cannot have a '.' in the value")
        if await self.core.tokens.row(request.tx, self.core.tokens.key(token)):
            raise BadRequest("cannot create a token with a duplicate ID")


def _check_alias(name: str, role: Role | None) -> None:
    """Raise BadRequest unless the role lets tokens be made for an alias of this name, in any case."""
    if role is None:
        raise BadRequest("'entity_alias' is only allowed in combination with token role")
    if not _matches([pattern.lower() for pattern in role.allowed_entity_aliases], name.lower()):
        raise BadRequest("invalid 'entity_alias' value")


def _lower(asked: int, bound: int) -> int:
    """The lower of two bounds, of which 0 is none."""
    return min(asked or bound, bound or asked)


def has_sudo(request: Request) -> bool:
    """Whether the caller's policies give sudo on the path of the request."""
    return bool({"root", "sudo"} & set(request.acl.capabilities(request.judged)))


def refuse_foreign(request: Request, entry: TokenEntry, act: str) -> None:
    """Raise BadRequest for a token of another namespace than the request's."""
    if entry.namespace_id != request.namespace.id:
        raise BadRequest(multierror(f"cannot {act} a token across namespaces"))


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


def role_policies(asked: list[str], parent: list[str], role: Role, *, default: bool) -> list[str]:
    """The policies of a token made through a role. Raises BadRequest where the role forbids one."""
    restricted = bool(role.allowed_policies or role.allowed_policies_glob)
    if asked:
        wanted = clean_policies(asked, default=default)
    elif role.allowed_policies:
        wanted = clean_policies(role.allowed_policies, default=default)
    else:
        wanted = clean_policies(parent, default=default)
    allowed = sorted({*role.allowed_policies, "default"} if default else set(role.allowed_policies))
    globs = role.allowed_policies_glob
    if restricted and not all(name in allowed or _matches(globs, name) for name in wanted):
        raise BadRequest(
            f"token policies ({_go_list(wanted)}) must be subset of the role's allowed policies "
            f"({_go_list(allowed)}) or glob policies ({_go_list(role.allowed_policies_glob)})"
        )
    for name in wanted:
        if name in role.disallowed_policies or _matches(role.disallowed_policies_glob, name):
            raise BadRequest(f'token policy "{name}" is disallowed by this role')
    if (
        not restricted
        and not set(wanted) <= {*parent, "default"}
        and "root" not in parent
        and not (role.disallowed_policies or role.disallowed_policies_glob)
    ):
        raise BadRequest("child policies must be subset of parent")
    if "root" in wanted and "root" not in parent:
        raise BadRequest("root tokens may not be created without parent token being root")
    return wanted


def _matches(globs: list[str], name: str) -> bool:
    """Whether a name matches one of the patterns; ``*`` stands for anything at either end."""
    return any(_glob(pattern, name) for pattern in globs)


def _glob(pattern: str, name: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    if not name.startswith(first) or len(name) < len(first) + len(rest[-1]):
        return False
    at = len(first)
    for piece in rest[:-1]:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return name[at:].endswith(rest[-1])


def _go_list(names: list[str]) -> str:
    return "[" + " ".join(f'"{name}"' for name in names) + "]"


def _auth_of(entry: TokenEntry, ttl: int, token: str) -> Auth:
    return Auth(
        client_token=token,
        accessor=entry.accessor,
        policies=sorted({*entry.policies, *entry.identity_policies}),
        token_policies=entry.policies,
        identity_policies=sorted(entry.identity_policies),
        metadata=entry.meta,
        lease_duration=ttl,
        renewable=entry.renewable,
        entity_id=entry.entity_id,
        token_type=entry.type,
        orphan=entry.orphan,
        num_uses=max(entry.num_uses, 0),
    )


def describe(entry: TokenEntry | None, now: int, token: str) -> dict[str, Any]:
    """The answer of a lookup. Raises NotFound without an entry."""
    if entry is None:
        raise NotFound
    body: dict[str, Any] = {
        "accessor": entry.accessor,
        "creation_time": entry.creation_time // SECOND,
        "creation_ttl": entry.ttl,
        "display_name": entry.display_name,
        "entity_id": entry.entity_id,
        "expire_time": rfc3339(entry.expire_time) if entry.expire_time else None,
        "explicit_max_ttl": entry.explicit_max_ttl,
        "id": token,
        "issue_time": rfc3339(entry.creation_time),
        "meta": entry.meta,
        "num_uses": max(entry.num_uses, 0),
        "orphan": entry.orphan,
        "path": entry.path,
        "policies": entry.policies,
        "renewable": entry.renewable,
        "ttl": max((entry.expire_time - now) // SECOND, 0) if entry.expire_time else 0,
        "type": entry.type,
    }
    _add_optional(body, entry)
    return body


def _add_optional(body: dict[str, Any], entry: TokenEntry) -> None:
    if entry.period:
        body["period"] = entry.period
    if entry.role:
        body["role"] = entry.role
    if entry.bound_cidrs:
        body["bound_cidrs"] = entry.bound_cidrs
    if entry.identity_policies:
        body["identity_policies"] = entry.identity_policies
        body["external_namespace_policies"] = {}
    if entry.last_renewal:
        body["last_renewal"] = rfc3339(entry.last_renewal)
        body["last_renewal_time"] = entry.last_renewal // SECOND
    if entry.type == "batch":
        body["expire_time"] = rfc3339(entry.expire_time // SECOND * SECOND) if entry.expire_time else None
        body["issue_time"] = rfc3339(entry.creation_time // SECOND * SECOND)
