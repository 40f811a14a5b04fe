"""Providers: the faces that this server shows to applications, each with its issuer and its scopes."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING

from strongroom.framework.record import stored
from strongroom.identity.oidc import issuer as issuers
from strongroom.identity.oidc import key as keys
from strongroom.identity.oidc.client import by_id

if TYPE_CHECKING:
    from strongroom.identity.oidc.key import NamedKey
    from strongroom.logical import Request

DEFAULT = "default"
"""The provider that is always there."""


@dataclass(slots=True)
class Provider:
    """A face of the server. ``issuer`` empty is the server's own address."""

    issuer: str = ""
    allowed_client_ids: list[str] = item(default_factory=list)
    scopes_supported: list[str] = item(default_factory=list)

    def allows(self, client_id: str) -> bool:
        """Whether an application may use the provider."""
        return client_id in self.allowed_client_ids or keys.ALL in self.allowed_client_ids


providers = stored(Provider, under="oidc/provider/")
_SCOPES = "oidc/scope-use/"


async def find(request: Request, name: str) -> Provider | None:
    """The provider of a name, or None."""
    found = await providers(request).get(name)
    if found is None and name == DEFAULT:
        return Provider(allowed_client_ids=[keys.ALL])
    return found


def put(request: Request, name: str, provider: Provider, before: Provider | None) -> None:
    """Store a provider, and which scopes it uses."""
    for scope in () if before is None else before.scopes_supported:
        request.view.delete(f"{_SCOPES}{scope}/{name}")
    providers(request).put(name, provider)
    for scope in provider.scopes_supported:
        request.view.mark(f"{_SCOPES}{scope}/{name}")


def delete(request: Request, name: str, provider: Provider) -> None:
    """Forget a provider."""
    for scope in provider.scopes_supported:
        request.view.delete(f"{_SCOPES}{scope}/{name}")
    providers(request).delete(name)


async def users(request: Request, scope: str) -> list[str]:
    """Names of the providers that use a scope."""
    return await request.view.list(f"{_SCOPES}{scope}/")


def issuer(request: Request, name: str, provider: Provider) -> str:
    """What the provider's tokens name as their issuer."""
    return issuers.below(request, provider.issuer, f"/provider/{name}")


async def signing_keys(request: Request, provider: Provider) -> list[NamedKey]:
    """The keys of the applications that may use a provider."""
    if keys.ALL in provider.allowed_client_ids:
        names = await keys.used_by(request, keys.CLIENT)
    else:
        known = [await by_id(request, one) for one in provider.allowed_client_ids]
        names = list(dict.fromkeys(client.key for client in known if client is not None))
    found = [await keys.find(request, name) for name in names]
    return [key for key in found if key is not None]
