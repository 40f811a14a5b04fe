"""Roles: accounts that are made for whoever asks, and removed when their lease ends."""

from __future__ import annotations

import base64
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.clock import rfc3339
from strongroom.errors import BadRequest
from strongroom.framework import outliving
from strongroom.framework.field import Duration
from strongroom.framework.field import field as path_field
from strongroom.framework.lease import Leased, Terms, effective_ttl, issued
from strongroom.framework.name_template import NameTemplate
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.ldap import ldif
from strongroom.secrets.ldap.ldif import Change

if TYPE_CHECKING:
    from strongroom.secrets.ldap.engine import Ldap

DEFAULT_NAMES = "v_{{.DisplayName}}_{{.RoleName}}_{{random 10}}_{{unix_time}}"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.@-]+")
_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_ATTRIBUTE = re.compile(r"([^:{\s]+):(?!:)[ \t]*")
_PLACES = re.compile(r"\.(\w+)((?:\s*\|\s*(?:utf16le|base64))*)")
_FIELDS = frozenset({
    "Username", "Password", "DisplayName", "RoleName", "IssueTime", "IssueTimeSeconds",
    "ExpirationTime", "ExpirationTimeSeconds",
})  # fmt: skip


@dataclass(slots=True)
class Role:
    """A role as it is stored. Durations are seconds."""

    creation_ldif: str = ""
    deletion_ldif: str = ""
    rollback_ldif: str = ""
    username_template: str = ""
    default_ttl: int = 0
    max_ttl: int = 0


@dataclass(slots=True)
class Account(Leased):
    """An account that was made for a role; ``deletion`` is the LDIF that removes it."""

    kind: ClassVar[str] = "creds"
    role: str
    username: str
    deletion: str

    @property
    def target(self) -> str:
        """The directory."""
        return "directory"

    async def renew(self, engine: Ldap, request: Request, terms: Terms) -> None:
        """The account knows no end; the lease goes on by the terms of its role."""
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest("the role is no longer there")
        config = await engine.config(request)
        terms.ttl, terms.max_ttl = role.default_ttl or config.ttl, role.max_ttl or config.max_ttl

    async def revoke(self, engine: Ldap, request: Request) -> None:
        """Remove the account."""
        config = await engine.last_config(request)
        await config.directory().apply(ldif.parse(self.deletion), forgiving=True)
        await outliving.let_go(request, engine.configs(request), "create")


def fill(template: str, values: dict[str, str]) -> str:
    """An LDIF text with its places filled.

    A place is ``{{.Username}}`` or another field; for Active Directory it may go on as in
    ``{{printf "%q" .Password | utf16le | base64}}``: in quotes, in UTF-16, in base64. Raises BadRequest
    for what no place can be.
    """

    def put(found: re.Match[str]) -> str:
        place = _PLACES.fullmatch(found[1].replace('printf "%q" ', ""))
        if place is None or place[1] not in _FIELDS:
            raise BadRequest("LDIF: a place is not one of the fields there are")
        quoted = found[1].startswith("printf")
        value: bytes = (f'"{values[place[1]]}"' if quoted else values[place[1]]).encode()
        for step in re.findall(r"\w+", place[2]):
            value = value.decode().encode("utf-16-le") if step == "utf16le" else base64.b64encode(value)
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise BadRequest("LDIF: a value in UTF-16 has to be put into base64") from None

    lines = (line.rstrip() if "{{" in line else line for line in template.split("\n"))
    return "\n".join(_kept(line, _ACTION.sub(put, line)) for line in lines)


def _kept(line: str, filled: str) -> str:
    """A line that was filled, in base64 where LDIF would not read the value as it is."""
    name = _ATTRIBUTE.match(line)
    if name is None or filled == line:
        return filled
    value = filled[name.end() :]
    if value.isprintable() and value == value.strip() and not value.startswith((":", "<")):
        return filled
    return f"{name[1]}:: {base64.b64encode(value.encode()).decode()}"


class RolePath(Path):
    """How accounts are made and removed. The name of a role may have slashes."""

    pattern = "role/{name*}"
    reader_safe = True
    name: str = path_field("Name of the role; a listing takes a folder.")
    creation_ldif: str = path_field(
        "LDIF that makes an account: {{.Username}}, {{.Password}} and the like stand for its values."
    )
    deletion_ldif: str = path_field("LDIF that removes it.")
    rollback_ldif: str = path_field("LDIF that cleans up after a failed creation; deletion_ldif without.")
    username_template: str = path_field("How accounts are named, a template.")
    default_ttl: Duration = path_field("How long an account lives at first.")
    max_ttl: Duration = path_field("How long it lives at most, however often its lease is renewed.")
    after: str = path_field("List names that come after this one.", query=True)
    limit: int = path_field("List at most this many names.", query=True)

    async def exists(self, ldap: Ldap, request: Request) -> bool:
        """Whether there is a role of that name."""
        return await ldap.roles(request).get(self.name) is not None

    async def list(self, ldap: Ldap, request: Request) -> list[str]:
        """Names of the roles below a folder."""
        return await ldap.roles(request).list(self.name, self.after, self.limit)

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any] | None:
        """The role."""
        role = await ldap.roles(request).get(self.name)
        return None if role is None else asdict(role)

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Create a role, or change what is given of it."""
        role = await ldap.roles(request).get(self.name) or Role()
        for name in Role.__dataclass_fields__:
            if name in self.given:
                setattr(role, name, _decoded(name, getattr(self, name)))
        _check(role)
        ldap.roles(request).put(self.name, role)

    async def delete(self, ldap: Ldap, request: Request) -> None:
        """Remove the role. Accounts made for it live until their leases end."""
        ldap.roles(request).delete(self.name)


def _decoded(name: str, value: Any) -> Any:
    """LDIF is also taken in base64, which survives shells."""
    if not name.endswith("_ldif") or ":" in value:
        return value
    try:
        return base64.b64decode(value, validate=True).decode()
    except ValueError:
        return value


def _check(role: Role) -> None:
    """Raise BadRequest for a role that could make or remove nothing."""
    if not role.creation_ldif:
        raise BadRequest("missing creation_ldif")
    if not role.deletion_ldif:
        raise BadRequest("missing deletion_ldif")
    if role.max_ttl and role.default_ttl > role.max_ttl:
        raise BadRequest("default_ttl must not be greater than max_ttl")
    sample = dict.fromkeys(_FIELDS, "x")
    for text in filter(None, (role.creation_ldif, role.deletion_ldif, role.rollback_ldif)):
        ldif.parse(fill(text, sample))
    NameTemplate(role.username_template or DEFAULT_NAMES, what="username")


class Creds(Path):
    """An account made for whoever reads this."""

    pattern = "creds/{name*}"
    reads_write = True
    name: str = path_field("Name of the role.")

    async def read(self, ldap: Ldap, request: Request) -> Response:
        """Make an account, and hand out how it logs in. It goes when its lease ends."""
        role = await ldap.roles(request).get(self.name)
        if role is None:
            raise BadRequest("unknown role")
        config = await ldap.config(request)
        default, longest = ldap.core.ttls(ldap.mount)
        ttl, max_ttl = role.default_ttl or config.ttl, role.max_ttl or config.max_ttl
        lives, _ = effective_ttl(default=default, longest=longest, wanted=ttl, backend_max=max_ttl)
        values = await self._values(ldap, request, role, lives)
        creation = ldif.parse(fill(role.creation_ldif, values))
        deletion = fill(role.deletion_ldif, values)
        rollback = fill(role.rollback_ldif, values) if role.rollback_ldif else deletion
        async with request.undo("create", {"rollback": rollback}):
            await config.directory().apply(creation)
        data = {
            "username": values["Username"],
            "password": values["Password"],
            "distinguished_names": _names(creation),
        }
        return issued(data, Account(self.name, values["Username"], deletion), ttl=ttl, max_ttl=max_ttl)

    async def _values(self, ldap: Ldap, request: Request, role: Role, lives: int) -> dict[str, str]:
        """What the LDIF's places stand for. Names hold nothing that LDIF or a DN would read otherwise."""
        who = _UNSAFE.sub("-", request.entry.display_name if request.entry is not None else "")
        name = _UNSAFE.sub("-", self.name)
        template = NameTemplate(role.username_template or DEFAULT_NAMES)
        username = template.render(request.now, display_name=who, role_name=name)
        ends = request.now + lives * SECOND
        return {
            "Username": _UNSAFE.sub("-", username),
            "Password": await ldap.password(request, await ldap.config(request)),
            "DisplayName": who,
            "RoleName": name,
            "IssueTime": rfc3339(request.now),
            "IssueTimeSeconds": str(request.now // SECOND),
            "ExpirationTime": rfc3339(ends),
            "ExpirationTimeSeconds": str(ends // SECOND),
        }


def _names(changes: list[Change]) -> list[str]:
    return list(dict.fromkeys(change.dn for change in changes))


async def undo(ldap: Ldap, request: Request, data: dict[str, Any]) -> None:
    """Remove an account whose lease was never stored."""
    config = await ldap.last_config(request)
    await config.directory().apply(ldif.parse(data["rollback"]), forgiving=True)
    await outliving.let_go(request, ldap.configs(request), "create")
