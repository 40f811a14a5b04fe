"""The paths that set up providers: assignments, scopes, clients, and the providers themselves."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.identity.oidc import client as clients
from strongroom.identity.oidc import issuer as issuers
from strongroom.identity.oidc import key as keys
from strongroom.identity.oidc import provider as providers
from strongroom.identity.oidc import scope as scopes
from strongroom.identity.oidc import template
from strongroom.identity.oidc.always import including
from strongroom.identity.oidc.client import CONFIDENTIAL, PUBLIC, Client
from strongroom.identity.oidc.key import DAY
from strongroom.identity.oidc.provider import Provider
from strongroom.identity.oidc.scope import ALLOW_ALL, OPENID, Assignment, Scope
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity


def _refuse_used(kind: str, name: str, user_kind: str, users: list[str]) -> None:
    if users:
        raise BadRequest(
            f'unable to delete {kind} "{name}" because it is currently referenced by these '
            f"{user_kind}: {', '.join(users)}"
        )


class Assignments(Path):
    """The assignments there are."""

    pattern = "oidc/assignment/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the assignments, allow_all included, which is always there."""
        found = await scopes.assignments(request).list("", self.after, self.limit)
        return including(found, ALLOW_ALL, self.after, self.limit)


class AssignmentPath(Path):
    """Who may log in to the clients that the assignment is given to."""

    pattern = "oidc/assignment/{name}"
    reader_safe = True
    name: str = field("Name of the assignment.")
    entity_ids: CommaList = field("IDs of entities.")
    group_ids: CommaList = field("IDs of groups: whoever belongs to one, at any distance.")

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the assignment is there."""
        return await scopes.assignment(request, self.name) is not None

    async def read(self, identity: Identity, request: Request) -> Assignment | None:
        """The assignment."""
        return await scopes.assignment(request, self.name)

    async def write(self, identity: Identity, request: Request) -> None:
        """Make an assignment, or change what is given."""
        if self.name == ALLOW_ALL:
            raise BadRequest(f'modification of assignment "{ALLOW_ALL}" not allowed')
        found = await scopes.assignments(request).get(self.name) or Assignment()
        for name in ("entity_ids", "group_ids"):
            if name in self.given:
                setattr(found, name, sorted({one.lower() for one in getattr(self, name)}))
        scopes.assignments(request).put(self.name, found)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the assignment, which no client may refer to."""
        if self.name == ALLOW_ALL:
            raise BadRequest(f'deletion of assignment "{ALLOW_ALL}" not allowed')
        _refuse_used("assignment", self.name, "clients", await clients.assigned(request, self.name))
        scopes.assignments(request).delete(self.name)


class Scopes(Path):
    """The scopes there are."""

    pattern = "oidc/scope/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> list[str]:
        """Names of the scopes; openid is none of them, since every provider has it."""
        return await scopes.scopes(request).list("", self.after, self.limit)


class ScopePath(Path):
    """Claims that a client may ask for."""

    pattern = "oidc/scope/{name}"
    reader_safe = True
    name: str = field("Name of the scope.")
    template: str = field("Claims, a JSON object with {{...}} as in roles, in base64 or as it is.")
    description: str = field("What the scope is for.")

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the scope is there."""
        return await scopes.scopes(request).get(self.name) is not None

    async def read(self, identity: Identity, request: Request) -> Scope | None:
        """The scope."""
        return await scopes.scopes(request).get(self.name)

    async def write(self, identity: Identity, request: Request) -> None:
        """Make a scope, or change what is given."""
        if self.name == OPENID:
            raise BadRequest(f'the "{OPENID}" scope name is reserved')
        found = await scopes.scopes(request).get(self.name) or Scope()
        if "template" in self.given:
            found.template = template.decoded(self.template)
        if "description" in self.given:
            found.description = self.description
        template.check(found.template)
        scopes.scopes(request).put(self.name, found)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the scope, which no provider may support."""
        _refuse_used("scope", self.name, "providers", await providers.users(request, self.name))
        scopes.scopes(request).delete(self.name)


# -- clients -------------------------------------------------------------------------------------------


def _described(client: Client) -> dict[str, Any]:
    found = asdict(client)
    if client.client_secret is None:
        del found["client_secret"]
    return found


class Clients(Path):
    """The clients there are."""

    pattern = "oidc/client/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Names, and under each what the client is, without its secret."""
        rows = clients.clients(request)
        info: dict[str, Any] = {}
        for name in await rows.list("", self.after, self.limit):
            found = await rows.get(name)
            if found is not None:
                info[name] = _described(replace(found, client_secret=None))
        return {"keys": [*info], "key_info": info} if info else None


_FLOWS = "client_credentials needs a client that can keep a secret"
_CLIENT_FIELDS = (
    "key",
    "redirect_uris",
    "assignments",
    "id_token_ttl",
    "access_token_ttl",
    "client_type",
    "authorization_code",
    "client_credentials",
)


class ClientPath(Path):
    """An application that lets people log in by this server."""

    pattern = "oidc/client/{name}"
    reader_safe = True
    name: str = field("Name of the client.")
    client_type: str = field(
        f"{CONFIDENTIAL}: it proves itself by a secret; {PUBLIC}: it cannot keep one, and proves itself by "
        "PKCE. Never changes.",
        default=CONFIDENTIAL,
    )
    key: str = field("Name of the key that signs for it. Never changes.", default=keys.DEFAULT)
    redirect_uris: CommaList = field("Addresses to which people are sent back, exactly as written.")
    assignments: CommaList = field(f"Names of assignments: who may log in; {ALLOW_ALL} for everybody.")
    id_token_ttl: Duration = field(
        "Seconds an ID token is valid; at most the verification_ttl of the key.", default=DAY
    )
    access_token_ttl: Duration = field("Seconds an access token is valid.", default=DAY)
    authorization_code: bool = field("Whether people may log in to it.", default=True)
    client_credentials: bool = field("Whether it may have tokens of its own, about itself.", default=False)

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the client is there."""
        return await clients.clients(request).get(self.name) is not None

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The client, with its secret."""
        found = await clients.clients(request).get(self.name)
        return None if found is None else _described(found)

    async def write(self, identity: Identity, request: Request) -> None:
        """Make a client with an ID and a secret, or change what is given."""
        before = await clients.clients(request).get(self.name)
        if before is not None:
            for name in ("client_type", "key"):
                if name in self.given and getattr(self, name) != getattr(before, name):
                    raise BadRequest(f"{name} modification is not allowed")
        given = {name: getattr(self, name) for name in _CLIENT_FIELDS if name in self.given}
        given |= {
            name: sorted(set(given[name])) for name in ("redirect_uris", "assignments") if name in given
        }
        fresh = replace(before or Client(base62(32)), **given)
        await self._check(request, fresh)
        if before is None and fresh.client_type == CONFIDENTIAL:
            fresh.client_secret = f"sro_secret_{base62(64)}"
        await keys.ready(request, fresh.key)
        clients.put(request, self.name, fresh, before)

    async def _check(self, request: Request, fresh: Client) -> None:
        """Raise BadRequest for what no client can be."""
        if fresh.client_type not in (CONFIDENTIAL, PUBLIC):
            raise BadRequest(f'invalid client_type "{fresh.client_type}"')
        if fresh.client_type == PUBLIC and fresh.client_credentials:
            raise BadRequest(_FLOWS)
        for name in fresh.assignments:
            if await scopes.assignment(request, name) is None:
                raise BadRequest(f'assignment "{name}" does not exist')
        key = await keys.find(request, fresh.key)
        if key is None:
            raise BadRequest(f'key "{fresh.key}" does not exist')
        if fresh.id_token_ttl > key.verification_ttl:
            raise BadRequest(
                "a client's id_token_ttl cannot be greater than the verification_ttl of the key it references"
            )

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the client. Its access tokens are good for nothing any more."""
        found = await clients.clients(request).get(self.name)
        if found is not None:
            clients.delete(request, self.name, found)


# -- providers -----------------------------------------------------------------------------------------


def _provider(request: Request, name: str, found: Provider) -> dict[str, Any]:
    return {
        "allowed_client_ids": found.allowed_client_ids,
        "issuer": providers.issuer(request, name, found),
        "scopes_supported": found.scopes_supported,
    }


class Providers(Path):
    """The providers there are."""

    pattern = "oidc/provider/?"
    reader_safe = True
    allowed_client_id: str = field("List only those that a client may use.", query=True)
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """Names, and under each what the provider is; the one called default is always there."""
        names = await providers.providers(request).list("", self.after, self.limit)
        info: dict[str, Any] = {}
        for name in including(names, providers.DEFAULT, self.after, self.limit):
            found = await providers.find(request, name)
            if found is not None and (not self.allowed_client_id or found.allows(self.allowed_client_id)):
                info[name] = _provider(request, name, found)
        return {"keys": [*info], "key_info": info} if info else None


class ProviderPath(Path):
    """A provider of OpenID Connect: one issuer, and what clients may ask it for."""

    pattern = "oidc/provider/{name}"
    reader_safe = True
    name: str = field("Name of the provider.")
    issuer: str = field("Scheme, host and perhaps port of its addresses. Empty: the api_addr of the server.")
    allowed_client_ids: CommaList = field("IDs of the clients that may use it; * for all.")
    scopes_supported: CommaList = field("Names of the scopes that clients may ask for, besides openid.")

    async def exists(self, identity: Identity, request: Request) -> bool:
        """Whether the provider is there."""
        return await providers.find(request, self.name) is not None

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """The provider."""
        found = await providers.find(request, self.name)
        return None if found is None else _provider(request, self.name, found)

    async def write(self, identity: Identity, request: Request) -> Response | None:
        """Make a provider, or change what is given."""
        before = await providers.find(request, self.name)
        names = ("issuer", "allowed_client_ids", "scopes_supported")
        given = {name: getattr(self, name) for name in names if name in self.given}
        fresh = replace(before or Provider(), **given)
        warnings = []
        if given.get("issuer"):
            issuers.check(self.issuer)
            warnings.append(issuers.WARNING)
        fresh.allowed_client_ids = list(dict.fromkeys(fresh.allowed_client_ids))
        fresh.scopes_supported = list(dict.fromkeys(fresh.scopes_supported))
        for name in fresh.scopes_supported:
            if await scopes.scopes(request).get(name) is None:
                raise BadRequest(f'scope "{name}" does not exist')
        if found := await scopes.conflict(request, fresh.scopes_supported):
            warnings.append(
                f"Found scope templates with conflicting top-level keys: {found}. This may result in an "
                "error if the scopes are requested in an OIDC Authentication Request."
            )
        providers.put(request, self.name, fresh, before)
        return Response(warnings=warnings) if warnings else None

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the provider."""
        if self.name == providers.DEFAULT:
            raise BadRequest(f'deletion of OIDC provider "{self.name}" not allowed')
        found = await providers.find(request, self.name)
        if found is not None:
            providers.delete(request, self.name, found)


PROVIDER_PATHS: tuple[type[Path], ...] = (
    Assignments,
    AssignmentPath,
    Scopes,
    ScopePath,
    Clients,
    ClientPath,
    Providers,
    ProviderPath,
)
