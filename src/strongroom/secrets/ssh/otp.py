"""Passwords for one login: made for a user at an address, checked there by the host's helper, then gone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, multierror
from strongroom.framework.field import CommaList, field
from strongroom.framework.lease import Leased, issued
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.ssh.role import Address, Role
from strongroom.secrets.ssh.template import split

if TYPE_CHECKING:
    from strongroom.secrets.ssh.engine import SSH

ECHO, ECHOED = "verify-echo-request", "verify-echo-response"
"""What a host's helper sends to find out whether it would reach the engine, and what it is told."""
_ANYWHERE = "zeroaddress"


@dataclass(slots=True)
class Password:
    """What a password is good for, until ``ends`` (nanoseconds). The password itself is not stored."""

    role: str
    username: str
    ip: str
    ends: int


@dataclass(slots=True)
class Anywhere:
    """The roles that are for hosts of every address."""

    roles: list[str]


passwords = stored(Password, under="otp/")
_anywhere = stored(Anywhere, under="config/")


def _row(password: str) -> str:
    """The name of a password's row: random as it is, its digest needs no key."""
    return hashlib.sha256(password.encode()).hexdigest()


@dataclass(slots=True)
class Unused(Leased):
    """A password that was not used yet."""

    kind = "otp"
    row: str

    async def revoke(self, engine: SSH, request: Request) -> None:
        """Forget the password; one that was used is gone already."""
        passwords(request).delete(self.row)


async def anywhere(request: Request) -> list[str]:
    """The roles that are for hosts of every address."""
    found = await _anywhere(request).get(_ANYWHERE)
    return [] if found is None else found.roles


async def forget_role(request: Request, name: str) -> None:
    """Take a role that is removed from those for every address."""
    found = await anywhere(request)
    if name in found:
        _anywhere(request).put(_ANYWHERE, Anywhere([one for one in found if one != name]))


class ZeroAddress(Path):
    """The roles that are for hosts of every address, whatever networks they name."""

    pattern = "config/zeroaddress"
    reader_safe = True
    roles: CommaList = field("Names of the roles.")

    async def read(self, engine: SSH, request: Request) -> dict[str, Any] | None:
        """Names of the roles."""
        found = await _anywhere(request).get(_ANYWHERE)
        return None if found is None else {"roles": found.roles}

    async def write(self, engine: SSH, request: Request) -> None:
        """Set which they are."""
        if not self.roles:
            raise BadRequest("Missing roles")
        for name in self.roles:
            if await engine.roles(request).get(name) is None:
                raise BadRequest(f'Role "{name}" does not exist')
        _anywhere(request).put(_ANYWHERE, Anywhere(self.roles))

    async def delete(self, engine: SSH, request: Request) -> None:
        """No role is for hosts of every address."""
        _anywhere(request).delete(_ANYWHERE)


class Creds(Path):
    """Passwords of a role."""

    pattern = "creds/{role@}"
    role: str = field("Name of the role.")
    username: str = field("The user at the host; else the role's own.")
    ip: str = field("Address of the host.")

    async def write(self, engine: SSH, request: Request) -> Response:
        """Make a password, ``key``, for one login of a user at a host. It is gone when its lease ends."""
        if not self.ip:
            raise BadRequest("Missing ip")
        role = await engine.roles(request).get(self.role)
        if role is None:
            raise BadRequest(f'Role "{self.role}" not found')
        username = self._username(role)
        address = _address(self.ip)
        if not role.reaches(address) and self.role not in await anywhere(request):
            raise BadRequest("Error validating IP: IP does not belong to role")
        if role.key_type != "otp":
            raise BadRequest(multierror("key type unknown"))
        password, (ttl, _) = uuid4_str(), engine.core.ttls(engine.mount)
        good_for = Password(self.role, username, str(address), request.now + ttl * SECOND)
        passwords(request).put(_row(password), good_for)
        data = {
            "key": password,
            "key_type": "otp",
            "username": username,
            "ip": good_for.ip,
            "port": role.port,
        }
        return issued(data, Unused(_row(password)), ttl=ttl, renewable=False)

    def _username(self, role: Role) -> str:
        wanted = self.username or role.default_user
        if not wanted:
            raise BadRequest("No default username registered. Use 'username' option")
        if wanted == role.default_user or role.allowed_users == "*" or wanted in split(role.allowed_users):
            return wanted
        if not role.allowed_users:
            raise BadRequest(
                "Username has to be either in allowed users list or has to be a default username"
            )
        raise BadRequest("Username is not present is allowed users list")


def _address(text: str) -> Address:
    try:
        found = ip_address(text.replace("%", "?"))  # an address with a zone means one machine's own links
    except ValueError:
        raise BadRequest(f'Invalid IP "{text}"') from None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


class Lookup(Path):
    """Which roles there are for a host."""

    pattern = "lookup"
    looks_up = True
    ip: str = field("Address of the host.")

    async def write(self, engine: SSH, request: Request) -> dict[str, Any]:
        """Names of the roles that make passwords for the host."""
        if not self.ip:
            raise BadRequest("Missing ip")
        address, found = _address(self.ip), set(await anywhere(request))
        for name in await engine.roles(request).list():
            role = await engine.roles(request).get(name)
            if role is not None and role.key_type == "otp" and role.reaches(address):
                found.add(name)
        return {"roles": sorted(found) or None}


class Verify(Path):
    """What a password is good for: asked by the helper on the host, which has no token."""

    pattern = "verify"
    unauthenticated = True
    otp: str = field("The password that somebody gave at the host.", sensitive=True)

    async def write(self, engine: SSH, request: Request) -> dict[str, Any]:
        """Use the password up. Answers ``username``, ``ip`` and ``role_name``: whom it lets in, and where.

        Whoever asks has to compare both. A password is told of once, however many ask.
        """
        if self.otp == ECHO:
            return {"message": ECHOED}
        found = await passwords(request).get(_row(self.otp))
        if found is None or found.ends <= request.now:
            raise BadRequest("OTP not found")
        passwords(request).delete(_row(self.otp))
        return {"ip": found.ip, "username": found.username, "role_name": found.role}


class TidyDynamicKeys(Path):
    """What is left of keys that earlier servers installed on hosts."""

    pattern = "tidy/dynamic-keys"

    async def delete(self, engine: SSH, request: Request) -> dict[str, str]:
        """Remove them. No server of this kind has made any."""
        return {"message": "Removed 0 of 0 host keys."}
