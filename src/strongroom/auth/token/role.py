"""Token roles: the bounds of the tokens that are made through them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.token_fields import spelled
from strongroom.logical import Request, Response
from strongroom.login import clean_policies

if TYPE_CHECKING:
    from strongroom.auth.token.token import TokenAuth


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

    @property
    def rules(self) -> bool:
        """Whether it says which policies a token may have."""
        return any(getattr(self, name) for name in _RULES)


_NAMES = (
    "allowed_policies",
    "disallowed_policies",
    "allowed_policies_glob",
    "disallowed_policies_glob",
    "allowed_entity_aliases",
)
_RULES = _NAMES[:4]
_SUFFIX = re.compile(r"\w[\w.-]+\w", re.ASCII)


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

    async def write(self, tokens: TokenAuth, request: Request) -> Response:
        """Create the role, or change what is given of it."""
        records = tokens.roles(request)
        role = await records.get(self.role_name) or Role(self.role_name)
        warnings = self._older_names(role)
        for name in Role.__dataclass_fields__:
            if name in self.given:
                setattr(role, name, getattr(self, name))
        _check_role(role)
        records.put(self.role_name, role)
        longest = tokens.core.ttls(tokens.mount)[1]
        if role.token_explicit_max_ttl > longest:
            warnings.append(
                f"the explicit max TTL of {role.token_explicit_max_ttl} seconds is beyond what the mount "
                f"allows; tokens end after {longest} seconds"
            )
        return Response(warnings=warnings)

    def _older_names(self, role: Role) -> list[str]:
        """Take over what is given under an older name alone; gives what to say of those given twice."""
        given = set(self.given)
        older = set(role.older_names)
        warnings: list[str] = []
        for name in ("period", "explicit_max_ttl", "bound_cidrs"):
            if f"token_{name}" in given:
                older.discard(name)
                if name in given:
                    warnings.append(
                        f"Both 'token_{name}' and deprecated '{name}' value supplied, "
                        "ignoring the deprecated value"
                    )
            elif name in given:
                setattr(self, f"token_{name}", getattr(self, name))
                given.add(f"token_{name}")
                older.add(name)
        role.older_names = sorted(older)
        self.given = frozenset(given)
        return warnings

    async def delete(self, tokens: TokenAuth, request: Request) -> None:
        """Remove the role; tokens made through it stay."""
        tokens.roles(request).delete(self.role_name)


def _check_role(role: Role) -> None:
    if role.token_type not in {"service", "batch", "default-service", "default-batch"}:
        raise BadRequest(f"invalid 'token_type' value \"{role.token_type}\"")
    if role.token_type in {"batch", "default-batch"} and role.token_period:
        kind = role.token_type
        raise BadRequest(f"'token_type' cannot be '{kind}' when role is set to generate periodic tokens")
    if role.token_num_uses < 0:
        raise BadRequest("'token_num_uses' cannot be negative")
    if role.path_suffix and not _SUFFIX.fullmatch(role.path_suffix):
        raise BadRequest("given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w")
    if role.token_type == "batch":
        _check_batch(role)
    role.token_bound_cidrs = spelled(role.token_bound_cidrs)
    for name in _NAMES:
        setattr(role, name, clean_names(getattr(role, name)))


def _check_batch(role: Role) -> None:
    """Raise BadRequest for tokens that would have to be stored."""
    for given, tokens in ((not role.orphan, "non-orphan"), (role.renewable, "renewable")):
        if given:
            raise BadRequest(f"'token_type' cannot be 'batch' when role is set to generate {tokens} tokens")


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


def lower(asked: int, bound: int) -> int:
    """The lower of two bounds, of which 0 is none."""
    return min(asked or bound, bound or asked)


# -- what a role allows ------------------------------------------------------------------------


def token_policies(
    asked: list[str], parent: list[str], role: Role | None, *, default: bool, sudo: bool
) -> list[str]:
    """The policies of a new token. Raises BadRequest for what may not be asked.

    By the rules of a role where it has some. Else who asks for none gets the parent's, and, without sudo, can
    ask for no more than those: the default policy is no exception. Without ``default`` it is left out.
    """
    if role is not None and role.rules:
        found = _by_rules(asked, parent, role, default=default)
    elif not asked:
        found = clean_policies(parent, default=False)
    else:
        wanted = clean_policies(asked, default=False)
        if not sudo and not set(wanted) <= set(parent):
            raise BadRequest("child policies must be subset of parent")
        found = clean_policies(wanted, default=default and (sudo or "default" in parent))
    return [name for name in found if default or name != "default"]


def _by_rules(asked: list[str], parent: list[str], role: Role, *, default: bool) -> list[str]:
    """What a role makes of a request.

    Who asks for none gets those that the role allows by name, or, where it allows any, the parent's.
    """
    restricted = bool(role.allowed_policies or role.allowed_policies_glob)
    adds = default and not _disallowed(role, "default")
    allowed = clean_policies(role.allowed_policies, default=adds)
    wanted = allowed if restricted and not asked else clean_policies(asked or parent, default=adds)
    globs = role.allowed_policies_glob
    if restricted and not all(name in allowed or matches(globs, name) for name in wanted):
        raise BadRequest(
            f"token policies ({_go_list(wanted)}) must be subset of the role's allowed policies "
            f"({_go_list(allowed)}) or glob policies ({_go_list(globs)})"
        )
    for name in wanted:
        if _disallowed(role, name):
            raise BadRequest(f'token policy "{name}" is disallowed by this role')
    return wanted


def _disallowed(role: Role, name: str) -> bool:
    return name in role.disallowed_policies or matches(role.disallowed_policies_glob, name)


def matches(globs: list[str], name: str) -> bool:
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
