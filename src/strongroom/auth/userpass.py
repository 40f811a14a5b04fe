"""Names and passwords: the method for people, and for whatever can keep a password.

Source of the behaviour: the ``auth/userpass`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import field as item
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from strongroom.crypto import password as passwords
from strongroom.errors import BadRequest, InvalidCredentials
from strongroom.framework.backend import Backend
from strongroom.framework.claim import Claim, Claiming
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.framework.token_fields import (
    OlderTokenFields,
    TokenParameters,
    cleaned,
    described_older,
)
from strongroom.logical import Auth, Request, Response

if TYPE_CHECKING:
    from strongroom.token import TokenEntry

T = TypeVar("T")


@dataclass(slots=True)
class User:
    """Somebody who can log in."""

    password_hash: str = item(repr=False)
    tokens: TokenParameters = item(default_factory=TokenParameters)
    older_names: list[str] = item(default_factory=list)
    """Which parameters were given under their older names, and are shown under both."""


@dataclass(slots=True)
class Effort:
    """The cost of the password set last: what the refusal of an unknown name has to cost as well."""

    cost: int


_EFFORT = "last"


class PasswordFields(Path):
    """A name and the password that goes with it."""

    username: str = field("Name of the user; upper and lower case are the same.")
    password: str = field("Password, of at most 72 bytes.", sensitive=True)
    password_hash: str = field(
        "The password as a bcrypt hash, instead of the password itself. Its cost is 5 to 12.",
        sensitive=True,
    )

    @property
    def name(self) -> str:
        """The name as it is stored and compared."""
        return self.username.lower()

    @property
    def sets_password(self) -> bool:
        """Whether the request brings a password, in either form."""
        return bool(self.password or self.password_hash)

    def check_password(self) -> None:
        """Raise BadRequest unless the request brings a password that can be one, once."""
        if self.password and self.password_hash:
            raise BadRequest("only one of password or password_hash may be provided")
        if not self.sets_password:
            raise BadRequest("must provide either password or password_hash")
        if len(self.password.encode()) > passwords.MAX_BYTES:
            raise BadRequest(f"password length exceeds {passwords.MAX_BYTES} bytes")
        if self.password_hash:
            _check_hash(self.password_hash)

    async def hashed(self, userpass: Userpass, request: Request) -> str:
        """The hash to keep."""
        self.check_password()
        kept = self.password_hash or await _once(
            request, "hashed", lambda: passwords.hashed(self.password.encode())
        )
        await userpass.note_effort(request, kept)
        return kept


def _check_hash(kept: str) -> None:
    """Raise BadRequest for what is no hash, is too easily guessed, or costs the server too much."""
    if not passwords.acceptable(kept):
        raise BadRequest("password_hash is not a valid bcrypt hash")
    cost, costs = passwords.cost_of(kept), passwords.COSTS
    if cost < costs[0]:
        raise BadRequest(f"bcrypt cost of {cost} is too low, want {costs[0]} at minimum")
    if cost > costs[-1]:
        raise BadRequest(f"bcrypt cost of {cost} exceeds maximum cost of {costs[-1]}")


class Users(Path):
    """The users there are."""

    pattern = "users/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, userpass: Userpass, request: Request) -> list[str]:
        """Names of the users."""
        return await userpass.users(request).list("", self.after, self.limit)


class UserPath(PasswordFields, OlderTokenFields):
    """A user: the password, and what the tokens of a login may be."""

    pattern = "users/{username}"
    reader_safe = True

    async def exists(self, userpass: Userpass, request: Request) -> bool:
        """Whether the user is there."""
        return await userpass.users(request).get(self.name) is not None

    async def read(self, userpass: Userpass, request: Request) -> dict[str, Any] | None:
        """What the user's tokens may be; never the password."""
        user = await userpass.users(request).get(self.name)
        return None if user is None else described_older(user.tokens, user.older_names)

    async def write(self, userpass: Userpass, request: Request) -> None:
        """Create the user, which takes a password or its hash, or change what is given."""
        records = userpass.users(request)
        user = await records.get(self.name)
        tokens = TokenParameters() if user is None else user.tokens
        older = self.tell_older(tokens, [] if user is None else user.older_names)
        if user is None or self.sets_password:
            kept = await self.hashed(userpass, request)
        else:
            kept = user.password_hash
        records.put(self.name, User(kept, tokens, older))

    async def delete(self, userpass: Userpass, request: Request) -> None:
        """Remove the user. Tokens that logins gave live on, but cannot be renewed."""
        userpass.users(request).delete(self.name)


class PasswordPath(PasswordFields):
    """The password of a user."""

    pattern = "users/{username}/password"

    async def write(self, userpass: Userpass, request: Request) -> None:
        """Set another password, or its hash."""
        user = await userpass.known(request, self.name)
        user.password_hash = await self.hashed(userpass, request)
        userpass.users(request).put(self.name, user)


class PoliciesPath(Path):
    """The policies of a user."""

    pattern = "users/{username}/policies"
    username: str = field("Name of the user; upper and lower case are the same.")
    token_policies: CommaList = field("Policies of the user's tokens.")
    policies: CommaList = field("Older name of token_policies.", deprecated=True)

    async def write(self, userpass: Userpass, request: Request) -> None:
        """Replace the policies. Tokens that were given for others can no longer be renewed."""
        name = self.username.lower()
        user = await userpass.known(request, name)
        older = set(user.older_names) - {"policies"}
        if "token_policies" in self.given:
            user.tokens.token_policies = cleaned(self.token_policies)
        elif "policies" in self.given:
            user.tokens.token_policies = cleaned(self.policies)
        else:
            return
        if "policies" in self.given:
            older.add("policies")
        user.older_names = sorted(older)
        user.tokens.check()
        userpass.users(request).put(name, user)


class Login(Claiming):
    """Log in with name and password."""

    pattern = "login/{username}"
    unauthenticated = True
    username: str = field("Name of the user; upper and lower case are the same.")
    password: str = field("Password of the user.", sensitive=True)

    async def claim(self, userpass: Userpass, request: Request) -> Claim:
        """The user whose password is tried."""
        name = self.username.lower()
        return Claim(name, known=await userpass.users(request).get(name) is not None)

    async def write(self, userpass: Userpass, request: Request) -> Response:
        """Get a token. A wrong name is refused as a wrong password is, in the same time."""
        if not self.password:
            raise BadRequest("missing password")
        name = self.username.lower()
        user = await userpass.users(request).get(name)
        kept = await userpass.decoy(request) if user is None else user.password_hash
        proved = await _once(
            request, ("matches", kept), lambda: passwords.matches(self.password.encode(), kept)
        )
        if user is None or not proved:
            raise InvalidCredentials("invalid username or password")
        auth = user.tokens.auth(request, alias=name)
        auth.display_name, auth.metadata = name, {"username": name}
        return Response(auth=auth)


async def _once(request: Request, key: Any, work: Callable[[], T]) -> T:
    """Do the work in a thread, and only once however often the request runs.

    ``key`` names all it depends on, but for what the request brought.
    """
    if key not in request.once:
        request.once[key] = await asyncio.get_running_loop().run_in_executor(_threads(), work)
    done: T = request.once[key]
    return done


@cache
def _threads() -> ThreadPoolExecutor:
    """Threads of their own: a flood of logins holds up nothing but logins."""
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="password")


class Userpass(Backend):
    """Names and passwords.

    Write a user with a password and policies; whoever logs in with both gets a token. Passwords are
    kept as bcrypt hashes. Repeated wrong passwords lock the name for a while.
    """

    type: ClassVar[str] = "userpass"
    kind: ClassVar[str] = "auth"
    paths = (Users, UserPath, PasswordPath, PoliciesPath, Login)
    users = stored(User, under="user/")
    effort = stored(Effort, under="effort/")

    async def known(self, request: Request, name: str) -> User:
        """The user of that name. Raises BadRequest."""
        user = await self.users(request).get(name)
        if user is None:
            raise BadRequest("username does not exist")
        return user

    async def note_effort(self, request: Request, kept: str) -> None:
        """Remember the cost of a new hash, where it is another than that of the last."""
        records, cost = self.effort(request), passwords.cost_of(kept)
        last = await records.get(_EFFORT)
        if last is None or last.cost != cost:
            records.put(_EFFORT, Effort(cost))

    async def decoy(self, request: Request) -> str:
        """What the password of a name that nobody has is compared with."""
        last = await self.effort(request).get(_EFFORT)
        return passwords.decoy(passwords.COST if last is None else last.cost)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """A token lives on while its user is there and has the policies that the token has."""
        user = await self.users(request).get((entry.meta or {}).get("username", ""))
        if user is None:
            raise BadRequest("the user is no longer there")
        if {*cleaned(user.tokens.token_policies), "default"} != {*entry.policies, "default"}:
            raise BadRequest("policies have changed, not renewing")
        return user.tokens.terms()
