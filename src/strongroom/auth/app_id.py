"""App ID: the method of the first machines, by two shared identifiers; new ones use AppRole.

Source of the behaviour: the documentation of Vault's App ID method, which Vault had until 1.11.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest, InvalidCredentials
from strongroom.framework.backend import Backend
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.framework.record import Records, stored
from strongroom.framework.token_fields import cleaned, within
from strongroom.logical import Auth, Request, Response

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.token import TokenEntry


@dataclass(slots=True)
class App:
    """What an app ID stands for."""

    value: str = ""
    display_name: str = ""


@dataclass(slots=True)
class User:
    """Which app IDs a user ID may come with, and from where."""

    value: str = ""
    cidr_block: str = ""


@dataclass(slots=True)
class Salt:
    """What the stored identifiers are hashed with."""

    value: str


_SALT = "salt"


# -- the maps ----------------------------------------------------------------------------------------


class Apps(Path):
    """The app IDs there are, as salted hashes: whoever may list them cannot log in with what is listed."""

    pattern = "map/app-id/?"
    reader_safe = True
    after: str = field("List hashes that come after this one.", query=True)
    limit: int = field("List at most this many hashes.", query=True)

    async def list(self, method: AppId, request: Request) -> list[str]:
        """Hashes of the app IDs."""
        return await method.apps(request).list("", self.after, self.limit)


class AppPath(Path):
    """An app ID: the policies of those who log in with it."""

    pattern = "map/app-id/{key!}"
    reader_safe = True
    key: str = field(
        "The app ID: a text that is hard to guess. Upper and lower case are the same.", sensitive=True
    )
    value: str = field("Policies, separated by commas.")
    display_name: str = field("Name of the app for people, in the audit log and in tokens.")

    async def exists(self, method: AppId, request: Request) -> bool:
        """Whether the app ID is there."""
        return await method.apps(request).get(await method.hashed(request, self.key)) is not None

    async def read(self, method: AppId, request: Request) -> dict[str, Any] | None:
        """What the app ID stands for."""
        app = await method.apps(request).get(await method.hashed(request, self.key))
        if app is None:
            return None
        return {"key": self.key, "value": app.value, "display_name": app.display_name}

    async def write(self, method: AppId, request: Request) -> None:
        """Create the app ID, or replace what it stands for."""
        if "root" in cleaned(self.value.split(",")):
            raise BadRequest("auth methods cannot create root tokens")
        name = await method.hashed(request, self.key)
        method.apps(request).put(name, App(self.value, self.display_name))

    async def delete(self, method: AppId, request: Request) -> None:
        """Remove the app ID. Tokens that logins gave live on, but cannot be renewed."""
        method.apps(request).delete(await method.hashed(request, self.key))


class Users(Path):
    """The user IDs there are, as salted hashes."""

    pattern = "map/user-id/?"
    reader_safe = True
    after: str = field("List hashes that come after this one.", query=True)
    limit: int = field("List at most this many hashes.", query=True)

    async def list(self, method: AppId, request: Request) -> list[str]:
        """Hashes of the user IDs."""
        return await method.users(request).list("", self.after, self.limit)


class UserPath(Path):
    """A user ID: the machine that may use certain app IDs."""

    pattern = "map/user-id/{key!}"
    reader_safe = True
    key: str = field(
        "The user ID: a text that only the machine knows. Upper and lower case are the same.", sensitive=True
    )
    value: str = field("App IDs that it may come with, separated by commas.")
    cidr_block: str = field("Network from which it may log in; any when empty.")

    async def exists(self, method: AppId, request: Request) -> bool:
        """Whether the user ID is there."""
        return await method.users(request).get(await method.hashed(request, self.key)) is not None

    async def read(self, method: AppId, request: Request) -> dict[str, Any] | None:
        """The app IDs and the network of the user ID."""
        user = await method.users(request).get(await method.hashed(request, self.key))
        if user is None:
            return None
        return {"key": self.key, "value": user.value, "cidr_block": user.cidr_block}

    async def write(self, method: AppId, request: Request) -> None:
        """Create the user ID, or replace its app IDs and network."""
        if self.cidr_block:
            try:
                ip_network(self.cidr_block, strict=False)
            except ValueError:
                raise BadRequest("cidr_block is not a network in CIDR form") from None
        name = await method.hashed(request, self.key)
        method.users(request).put(name, User(self.value, self.cidr_block))

    async def delete(self, method: AppId, request: Request) -> None:
        """Remove the user ID. Tokens that logins gave live on, but cannot be renewed."""
        method.users(request).delete(await method.hashed(request, self.key))


# -- logging in --------------------------------------------------------------------------------------


class Login(Path):
    """Log in with an app ID and a user ID."""

    pattern = "login/?"
    unauthenticated = True
    app_id: str = field("The app ID.", sensitive=True)
    user_id: str = field("The user ID.", sensitive=True)

    async def write(self, method: AppId, request: Request) -> Response:
        """Get a token with the policies of the app ID."""
        for name in ("app_id", "user_id"):
            if not getattr(self, name):
                raise BadRequest(f"missing {name}")
        app = await method.hashed(request, self.app_id)
        user = await method.hashed(request, self.user_id)
        return Response(auth=await method.auth(request, app, user))


class LoginWithAppId(Login):
    """Log in with the app ID in the path, as the first clients did."""

    pattern = "login/{app_id!}"
    app_id: str = field("The app ID. What stands in a path stands in logs too: better send it in the body.")


# -- the method --------------------------------------------------------------------------------------


class AppId(Backend):
    """App ID: a machine logs in with two identifiers that are hard to guess.

    The app ID says what runs there and comes from its configuration; the user ID says which machine it
    is, and the machine finds it out by itself. Map an app ID to policies and a user ID to app IDs.
    Neither is stored: only hashes, with a salt of this mount's own.
    """

    type: ClassVar[str] = "app-id"
    kind: ClassVar[str] = "auth"
    paths = (Apps, AppPath, Users, UserPath, Login, LoginWithAppId)
    apps = stored(App, under="map/app-id/")
    users = stored(User, under="map/user-id/")
    salts = stored(Salt, under="config/")

    async def enabled(self, request: Request, view: View) -> None:
        """Choose the salt."""
        self.salts.within(view).put(_SALT, Salt(uuid4_str()))

    async def hashed(self, request: Request, identifier: str) -> str:
        """An identifier as it is stored; its case does not count."""
        records: Records[Salt] = self.salts(request)
        salt = await records.get(_SALT)
        if salt is None:
            raise BadRequest("the method has no salt; enable it again")
        return salted(salt.value, identifier)

    async def auth(self, request: Request, app_hash: str, user_hash: str) -> Auth:
        """Who logs in with two identifiers, given as their hashes. Raises BadRequest."""
        app, user = await self.apps(request).get(app_hash), await self.users(request).get(user_hash)
        allowed = [] if user is None else [name.strip() for name in user.value.split(",")]
        hashes = [await self.hashed(request, name) for name in allowed if name]
        paired = [hmac.compare_digest(name, app_hash) for name in hashes]
        if app is None or user is None or not any(paired):
            raise InvalidCredentials("invalid user ID or app ID")
        if user.cidr_block and not within(request.remote_address, [user.cidr_block]):
            raise InvalidCredentials("unauthorized source address")
        return Auth(
            policies=cleaned(app.value.split(",")),
            display_name=app.display_name,
            metadata={"app-id": f"sha1:{app_hash}", "user-id": f"sha1:{user_hash}"},
            renewable=True,
        )

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """A token lives on while its login would still give the same policies."""
        meta = {name: value.removeprefix("sha1:") for name, value in (entry.meta or {}).items()}
        auth = await self.auth(request, meta.get("app-id", ""), meta.get("user-id", ""))
        if {*auth.policies, "default"} != {*entry.policies, "default"}:
            raise BadRequest("policies do not match")
        return None


def salted(salt: str, identifier: str) -> str:
    """The hash of an identifier, in the form that Vault's audit logs and token metadata know."""
    return hashlib.sha1((salt + identifier.lower()).encode()).hexdigest()  # noqa: S324  it hides, it does not sign
