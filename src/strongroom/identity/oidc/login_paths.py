"""The paths by which people log in to applications: OpenID Connect, with this server as the provider."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error
from typing import TYPE_CHECKING, Any

from strongroom.crypto import jws
from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.identity.oidc import client as clients
from strongroom.identity.oidc import grant as grants
from strongroom.identity.oidc import issuer as issuers
from strongroom.identity.oidc import key as keys
from strongroom.identity.oidc import oauth
from strongroom.identity.oidc import provider as providers
from strongroom.identity.oidc import scope as scopes
from strongroom.identity.oidc.client import PUBLIC, Client
from strongroom.identity.oidc.grant import PLAIN, S256, Grant
from strongroom.identity.oidc.provider import Provider
from strongroom.identity.oidc.scope import OPENID
from strongroom.identity.oidc.token_paths import subject
from strongroom.logical import SECOND, Request, Response
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.oidc.template import Subject

_ACCESS = "oidc"
"""Where an access token says what it is for."""


class ProviderDiscovery(Path):
    """Where applications find what they need in order to use a provider."""

    pattern = "oidc/provider/{name}/.well-known/openid-configuration/?"
    unauthenticated = True
    reader_safe = True
    name: str = field("Name of the provider.")

    async def read(self, identity: Identity, request: Request) -> Response:
        """The discovery document of OpenID Connect."""
        found = await providers.find(request, self.name)
        if found is None:
            raise NotFound
        issuer = providers.issuer(request, self.name, found)
        oauth.add_header(request, *issuers.CACHED)
        return Response(data=_discovery(request, self.name, found, issuer), bare=True)


def _discovery(request: Request, name: str, found: Provider, issuer: str) -> dict[str, Any]:
    base = found.issuer or request.core.api_address
    page = f"{base}/ui/vault/{request.namespace.path}identity/oidc/provider/{name}/authorize"
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/keys",
        "authorization_endpoint": page,
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "id_token_signing_alg_values_supported": list(jws.ALGORITHMS),
        "response_types_supported": ["code"],
        "scopes_supported": [*found.scopes_supported, OPENID],
        "claims_supported": [],
        "subject_types_supported": ["public"],
        "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": [PLAIN, S256],
    }


class ProviderKeys(Path):
    """The public keys by which a provider's tokens are checked."""

    pattern = "oidc/provider/{name}/.well-known/keys/?"
    unauthenticated = True
    reader_safe = True
    name: str = field("Name of the provider.")

    async def read(self, identity: Identity, request: Request) -> Response:
        """The keys of all clients that may use the provider."""
        found = await providers.find(request, self.name)
        if found is None:
            raise NotFound
        return Response(data=keys.jwks(await providers.signing_keys(request, found), request.now), bare=True)


# -- the user ------------------------------------------------------------------------------------------


class Refused(Exception):
    """An error in the form of OAuth."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


class Authorize(Path):
    """Let an application know who the caller is."""

    pattern = "oidc/provider/{name}/authorize"
    reads_write = True
    name: str = field("Name of the provider.")
    client_id: str = field("ID of the client.", query=True)
    redirect_uri: str = field("Where the user is sent back to, exactly as registered.", query=True)
    response_type: str = field("What is asked for: code.", query=True)
    scope: str = field("Scopes with spaces between them; openid is one of them.", query=True)
    state: str = field("Comes back as it is.", query=True)
    nonce: str = field("Comes back in the ID token.", query=True)
    max_age: int = field("Seconds since the login after which the user has to log in again.", query=True)
    code_challenge: str = field("PKCE: what the verifier is compared with; 43 to 128 letters.", query=True)
    code_challenge_method: str = field(f"PKCE: {PLAIN} or {S256}.", default=PLAIN, query=True)
    request_: str = field("Not supported.", name="request", query=True)
    request_uri: str = field("Not supported.", query=True)

    async def read(self, identity: Identity, request: Request) -> Response:
        """A code for the application, good once and for five minutes."""
        return await self.write(identity, request)

    async def write(self, identity: Identity, request: Request) -> Response:
        """A code for the application, good once and for five minutes."""
        for name, value in (("request", self.request_), ("request_uri", self.request_uri)):
            if value:
                sentence = f"{name} parameter is not supported"
                return oauth.refused(f"{name}_not_supported", sentence, state="")
        try:
            grant = await self._grant(request)
        except Refused as refusal:
            return oauth.refused(refusal.error, refusal.description, state=self.state)
        return Response(data={"code": grants.give(request, grant), "state": self.state}, bare=True)

    async def _grant(self, request: Request) -> Grant:
        """What the code stands for. Raises :class:`Refused`."""
        provider = await providers.find(request, self.name)
        if provider is None:
            raise Refused("invalid_request", "provider not found")
        wanted = self.scope.split()
        self._check_form(wanted)
        client = await self._client(request, provider)
        self._check_proof(client)
        about = await subject(request, request.entry.entity_id)
        if about is None:
            raise Refused("access_denied", "identity entity must be associated with the request")
        if not await scopes.assigned(request, client.assignments, about):
            raise Refused("access_denied", "identity entity not authorized by client assignment")
        return Grant(
            provider=self.name,
            client_id=client.client_id,
            redirect_uri=self.redirect_uri,
            entity_id=about.entity.id,
            until=grants.end_of(request),
            scopes=[one for one in dict.fromkeys(wanted) if one in provider.scopes_supported],
            nonce=self.nonce,
            auth_time=self._auth_time(request),
            challenge=self.code_challenge,
            challenge_method=self.code_challenge_method,
        )

    def _check_form(self, wanted: list[str]) -> None:
        if OPENID not in wanted:
            raise Refused("invalid_request", f'scope parameter must contain the "{OPENID}" value')
        if not self.response_type:
            raise Refused("invalid_request", "response_type parameter is required")
        if self.response_type != "code":
            raise Refused("unsupported_response_type", "unsupported response_type value")
        if not self.client_id:
            raise Refused("invalid_client_id", "client_id parameter is required")
        if not self.redirect_uri:
            raise Refused("invalid_request", "redirect_uri parameter is required")

    async def _client(self, request: Request, provider: Provider) -> Client:
        client = await clients.by_id(request, self.client_id)
        if client is None:
            raise Refused("invalid_client_id", "client with client_id not found")
        if not provider.allows(client.client_id):
            raise Refused("unauthorized_client", "client is not authorized to use the provider")
        if not grants.allowed(self.redirect_uri, client.redirect_uris):
            raise Refused("invalid_redirect_uri", "redirect_uri is not allowed for the client")
        if not client.authorization_code:
            raise Refused("invalid_grant", "client not allowed to perform authorization code credential flow")
        return client

    def _check_proof(self, client: Client) -> None:
        if self.code_challenge:
            if self.code_challenge_method not in (PLAIN, S256):
                raise Refused("invalid_request", "invalid code_challenge_method")
            if not grants.is_challenge(self.code_challenge):
                raise Refused("invalid_request", "invalid code_challenge")
        elif client.client_type == PUBLIC:
            raise Refused("invalid_request", "PKCE is required for public clients")

    def _auth_time(self, request: Request) -> int:
        """When the user logged in, where the application wants to know; 0 where it does not."""
        if "max_age" not in self.given:
            return 0
        if self.max_age <= 0:
            raise Refused("invalid_request", "max_age must be greater than zero")
        logged_in = request.entry.creation_time
        if request.now > logged_in + self.max_age * SECOND:
            raise Refused("max_age_violation", "active re-authentication is required by max_age")
        return int(logged_in // SECOND)


# -- the application -----------------------------------------------------------------------------------


class ProviderToken(Path):
    """The tokens of an application."""

    pattern = "oidc/provider/{name}/token"
    unauthenticated = True
    reads_headers = frozenset({"authorization"})
    name: str = field("Name of the provider.")
    grant_type: str = field("authorization_code, or client_credentials for tokens about the client itself.")
    code: str = field("The code that the user brought back.", sensitive=True)
    redirect_uri: str = field("The same as when the code was asked for.")
    client_id: str = field("ID of the client, unless it comes as the user name of HTTP Basic.")
    client_secret: str = field("Secret of the client, unless it comes in HTTP Basic.", sensitive=True)
    code_verifier: str = field("PKCE: what the challenge was made of.", sensitive=True)
    scope: str = field("For client_credentials: scopes with spaces between them, openid is one of them.")

    async def write(self, identity: Identity, request: Request) -> Response:
        """An ID token and an access token for a code, which is used up, whatever comes of it."""
        oauth.add_header(request, "Pragma", "no-cache")
        try:
            data = await self._exchange(request)
        except Refused as refusal:
            if refusal.error == "invalid_client":
                oauth.add_header(request, "WWW-Authenticate", "Basic")
            return oauth.refused(refusal.error, refusal.description, status=refusal.status)
        return Response(data=data, bare=True)

    async def _exchange(self, request: Request) -> dict[str, Any]:
        provider = await providers.find(request, self.name)
        if provider is None:
            raise Refused("invalid_request", "provider not found")
        client = await self._client(request)
        if not provider.allows(client.client_id):
            raise Refused("invalid_client", "client is not authorized to use the provider", 401)
        key = await keys.find(request, client.key)
        if key is None or not key.allows(client.client_id):
            raise Refused("invalid_client", "client is not authorized to use the key", 401)
        issuer = providers.issuer(request, self.name, provider)
        if self.grant_type == "client_credentials":
            return await self._about_itself(request, client, issuer)
        if self.grant_type != "authorization_code":
            raise Refused("unsupported_grant_type", "unsupported grant_type or parameter is empty value")
        return await self._about_the_user(request, client, issuer)

    async def _client(self, request: Request) -> Client:
        """The client that asks, proved."""
        client_id, secret = _basic(request.headers.get("authorization", "")) or (
            self.client_id,
            self.client_secret,
        )
        if not client_id:
            raise Refused("invalid_request", "client_id parameter is required")
        client = await clients.by_id(request, client_id)
        wanted = None if client is None else client.client_secret
        same = wanted is None or hmac.compare_digest(wanted.encode(), secret.encode())
        if client is None or not same:
            raise Refused("invalid_client", "client failed to authenticate", 401)
        return client

    async def _about_itself(self, request: Request, client: Client, issuer: str) -> dict[str, Any]:
        if not client.client_credentials:
            raise Refused("invalid_grant", "client is not authorized to use given credentials flow")
        if OPENID not in self.scope.split():
            raise Refused("invalid_request", f'scope parameter must contain the "{OPENID}" value')
        key = await keys.ready(request, client.key)
        claims = _standard(request, client, issuer, client.client_id, client.access_token_ttl)
        token = keys.sign(key, claims | {"jti": uuid4_str()})
        return {"access_token": token, "expires_in": client.access_token_ttl, "token_type": "Bearer"}

    async def _about_the_user(self, request: Request, client: Client, issuer: str) -> dict[str, Any]:
        if not client.authorization_code:
            raise Refused("invalid_grant", "client is not authorized to use given credentials flow")
        grant = await self._grant(request, client)
        about = await subject(request, grant.entity_id)
        if about is None or not await scopes.assigned(request, client.assignments, about):
            raise Refused("invalid_request", "identity entity not authorized by client assignment")
        try:
            said = await scopes.claims(request, grant.scopes, about)
        except scopes.Conflicting as conflict:
            told = f"found scopes with conflicting top-level claim: {conflict}"
            raise Refused("invalid_request", told) from None
        key = await keys.ready(request, client.key)
        access = _access_token(request, client, grant)
        claims = said | _standard(request, client, issuer, grant.entity_id, client.id_token_ttl)
        algorithm = "" if key.signing is None else key.signing.algorithm
        claims["at_hash"] = jws.half_digest(algorithm, access)
        claims["c_hash"] = jws.half_digest(algorithm, self.code)
        if grant.nonce:
            claims["nonce"] = grant.nonce
        if grant.auth_time:
            claims["auth_time"] = grant.auth_time
        return {
            "access_token": access,
            "expires_in": client.access_token_ttl,
            "id_token": keys.sign(key, claims),
            "token_type": "Bearer",
        }

    async def _grant(self, request: Request, client: Client) -> Grant:
        """What the code stands for, and that it is this client's."""
        if not self.code:
            raise Refused("invalid_request", "code parameter is required")
        if not self.redirect_uri:
            raise Refused("invalid_request", "redirect_uri parameter is required")
        grant = await grants.take(request, self.code)
        if grant is None:
            raise Refused("invalid_grant", "authorization grant is invalid or expired")
        if grant.client_id != client.client_id:
            raise Refused("invalid_grant", "authorization code was not issued to the client")
        if grant.provider != self.name:
            raise Refused("invalid_grant", "authorization code was not issued by the provider")
        if grant.redirect_uri != self.redirect_uri:
            raise Refused(
                "invalid_grant",
                "redirect_uri does not match the redirect_uri used in the authorization request",
            )
        if not grant.challenge and self.code_verifier:
            raise Refused("invalid_request", "unexpected code_verifier for token exchange")
        if grant.challenge and not self.code_verifier:
            raise Refused("invalid_request", "expected code_verifier for token exchange")
        if grant.challenge and not grant.proved_by(self.code_verifier):
            raise Refused("invalid_grant", "invalid code_verifier for token exchange")
        return grant


def _basic(header: str) -> tuple[str, str] | None:
    """Name and password of HTTP Basic, if they were sent."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = b64decode(text.strip(), validate=True).decode().partition(":")
    except (Error, ValueError):
        return None
    return (name, password) if colon else None


def _standard(request: Request, client: Client, issuer: str, about: str, ttl: int) -> dict[str, Any]:
    """The claims that every token has."""
    now = request.now // SECOND
    return {
        "aud": client.client_id,
        "exp": now + ttl,
        "iat": now,
        "iss": issuer,
        "namespace": request.namespace.id,
        "sub": about,
    }


def _access_token(request: Request, client: Client, grant: Grant) -> str:
    """A token that is good for nothing but to ask who the user is: no policies, not even the entity's."""
    ttl = client.access_token_ttl
    entry = TokenEntry(
        key="",
        accessor="",
        policies=[],
        path=request.relative,
        meta={"oidc_token_type": "access token"},
        type="batch",
        creation_time=request.now,
        ttl=ttl,
        expire_time=request.now + ttl * SECOND,
        renewable=False,
        entity_id=grant.entity_id,
        namespace_id=request.namespace.id,
        no_identity_policies=True,
        internal={
            _ACCESS: {"provider": grant.provider, "client_id": client.client_id, "scopes": grant.scopes}
        },
    )
    token: str = request.core.tokens.issue(request, entry)
    return token


class UserInfo(Path):
    """Who the user is that an access token is about."""

    pattern = "oidc/provider/{name}/userinfo"
    unauthenticated = True
    reader_safe = True
    looks_up = True
    name: str = field("Name of the provider.")

    async def read(self, identity: Identity, request: Request) -> Response:
        """The claims of the scopes that the user allowed. The access token comes as a bearer token."""
        return await self.write(identity, request)

    async def write(self, identity: Identity, request: Request) -> Response:
        """The claims of the scopes that the user allowed. The access token comes as a bearer token."""
        try:
            return Response(data=await self._claims(request), bare=True)
        except Refused as refusal:
            if refusal.status == 401:
                told = f'error="{refusal.error}",error_description="{refusal.description}"'
                oauth.add_header(request, "WWW-Authenticate", f"Bearer {told}")
            return oauth.refused(refusal.error, refusal.description, status=refusal.status)

    async def _claims(self, request: Request) -> dict[str, Any]:
        entry = await request.core.tokens.lookup(request, request.token)
        about: Subject | None = None if entry is None else await subject(request, entry.entity_id)
        access = {} if entry is None else entry.internal.get(_ACCESS)
        provider = await providers.find(request, self.name)
        if entry is not None and "x-vault-token" in request.received:
            raise Refused("invalid_token", "access token must be sent as a Bearer token", 401)
        if entry is not None and not access:
            raise Refused("invalid_token", "access token is malformed or invalid", 401)
        if about is None or provider is None or access["provider"] != self.name:
            raise Refused("invalid_token", "permission denied", 401)
        client = await clients.by_id(request, access["client_id"])
        if client is None or not provider.allows(client.client_id):
            raise Refused("invalid_token", "client is gone or may not use the provider", 401)
        if not await scopes.assigned(request, client.assignments, about):
            raise Refused("access_denied", "identity entity not authorized by client assignment", 403)
        try:
            said = await scopes.claims(request, access["scopes"], about)
        except scopes.Conflicting as conflict:
            told = f"found scopes with conflicting top-level claim: {conflict}"
            raise Refused("invalid_request", told) from None
        return said | {"sub": about.entity.id}


LOGIN_PATHS: tuple[type[Path], ...] = (ProviderDiscovery, ProviderKeys, Authorize, ProviderToken, UserInfo)
