"""The paths of identity tokens: get one, check one, and what others need in order to check them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto import jws
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.identity.oidc import issuer as issuers
from strongroom.identity.oidc import key as keys
from strongroom.identity.oidc import template
from strongroom.identity.oidc.role import Role, roles
from strongroom.identity.oidc.template import Subject
from strongroom.logical import SECOND, Request, Response

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity


async def subject(request: Request, entity_id: str) -> Subject | None:
    """An entity that may log in, with its groups, or None."""
    known = request.core.identity
    entity = await known.entities.resolve(request, entity_id) if entity_id else None
    if entity is None or entity.disabled:
        return None
    return Subject(entity, (await known.groups.of_entity(request, entity.id)).all, request.now)


class ConfigPath(Path):
    """What holds for all identity tokens."""

    pattern = "oidc/config/?"
    reader_safe = True
    issuer: str = field(
        "Address that tokens name as their issuer, a scheme, a host and perhaps a port. Empty: the api_addr "
        "of the server."
    )

    async def read(self, identity: Identity, request: Request) -> dict[str, Any]:
        """What is set."""
        return {"issuer": (await issuers.config(request)).issuer}

    async def write(self, identity: Identity, request: Request) -> Response | None:
        """Set the issuer. Whoever checks tokens looks for the keys there."""
        if "issuer" not in self.given:
            return None
        if self.issuer:
            issuers.check(self.issuer)
        issuers.configure(request, issuers.Config(self.issuer))
        return Response(warnings=[issuers.WARNING]) if self.issuer else None


class TokenPath(Path):
    """An identity token: says to others who the caller is, signed by the server."""

    pattern = "oidc/token/{name}"
    reads_write = True
    name: str = field("Name of the role.")

    async def read(self, identity: Identity, request: Request) -> dict[str, Any]:
        """A token about the entity behind the calling token. Only holders of an entity can have one."""
        role = await roles(request).get(self.name)
        if role is None:
            raise BadRequest(f'role "{self.name}" not found')
        found = await keys.find(request, role.key)
        if found is None or not found.allows(role.client_id):
            raise BadRequest(
                f'the key "{role.key}" does not list the client ID of the role "{self.name}" '
                "as an allowed client ID"
            )
        about = await subject(request, request.entry.entity_id)
        if about is None:
            raise BadRequest("no entity associated with the request's token")
        key = await keys.ready(request, role.key)
        ttl = min(role.ttl, key.verification_ttl)
        claims = await _claims(request, role, about, ttl)
        return {"client_id": role.client_id, "token": keys.sign(key, claims), "ttl": ttl}


async def _claims(request: Request, role: Role, about: Subject, ttl: int) -> dict[str, Any]:
    """The claims of a role's token: the server's own win over any that a template makes."""
    now = request.now // SECOND
    rendered = template.render(role.template, about)
    return {name: value for name, value in rendered.items() if name not in template.RESERVED} | {
        "aud": role.client_id,
        "exp": now + ttl,
        "iat": now,
        "iss": await issuers.issuer(request),
        "namespace": request.namespace.id,
        "sub": about.entity.id,
    }


class Introspect(Path):
    """Whether an identity token holds."""

    pattern = "oidc/introspect/?"
    looks_up = True
    reader_safe = True
    token: str = field("The identity token.", sensitive=True)
    client_id: str = field("Audience that the token must be for, if given.")

    async def write(self, identity: Identity, request: Request) -> Response:
        """Check signature, issuer, times, audience, and that the entity may still log in."""
        flaw = await self._flaw(request)
        return Response(data={"active": False, "error": flaw} if flaw else {"active": True}, bare=True)

    async def _flaw(self, request: Request) -> str:
        """What is wrong with the token; empty for nothing."""
        try:
            key = await keys.by_kid(request, jws.kid_of(self.token))
            claims = {} if key is None else jws.verify(key.algorithm, key.public, self.token)
        except jws.Malformed:
            return "error parsing token"
        except jws.Unverifiable:
            key = None
        if key is None:
            return "unable to validate the token signature"
        return await self._flaw_in(request, claims)

    async def _flaw_in(self, request: Request, claims: dict[str, Any]) -> str:
        now = request.now // SECOND
        wrong = next(
            (
                sentence
                for sentence, holds in (
                    ("invalid issuer claim (iss)", claims.get("iss") == await issuers.issuer(request)),
                    ("token is expired (exp)", now < int(claims.get("exp", 0))),
                    ("token issued in the future (iat)", int(claims.get("iat", 0)) <= now),
                    ("invalid audience claim (aud)", self.client_id in ("", claims.get("aud"))),
                )
                if not holds
            ),
            "",
        )
        if wrong:
            return f"error validating claims: {wrong}"
        if await subject(request, str(claims.get("sub", ""))) is None:
            return "entity was not found or is disabled"
        return ""


class Discovery(Path):
    """Where others find what they need in order to check identity tokens."""

    pattern = "oidc/.well-known/openid-configuration/?"
    unauthenticated = True
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> Response:
        """The discovery document of OpenID Connect."""
        issuer = await issuers.issuer(request)
        request.reply_headers = [*(request.reply_headers or ()), issuers.CACHED]
        return Response(
            data={
                "issuer": issuer,
                "jwks_uri": f"{issuer}/.well-known/keys",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": list(jws.ALGORITHMS),
            },
            bare=True,
        )


class PublicKeys(Path):
    """The public keys by which identity tokens are checked."""

    pattern = "oidc/.well-known/keys/?"
    unauthenticated = True
    reader_safe = True

    async def read(self, identity: Identity, request: Request) -> Response:
        """All keys that a role refers to: that sign, that will next, and that signed what still holds."""
        named = [await keys.find(request, name) for name in await keys.used_by(request, keys.ROLE)]
        return Response(data=keys.jwks([key for key in named if key is not None], request.now), bare=True)


TOKEN_PATHS: tuple[type[Path], ...] = (ConfigPath, Discovery, PublicKeys, TokenPath, Introspect)
