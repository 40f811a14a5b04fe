"""Clients: the applications that let people log in by this server, and who may log in to them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING

from strongroom.framework.record import stored
from strongroom.identity.oidc import key as keys

if TYPE_CHECKING:
    from strongroom.logical import Request

CONFIDENTIAL, PUBLIC = "confidential", "public"


@dataclass(slots=True)
class Client:
    """An application. Durations are seconds.

    ``client_secret`` is None for a public client, which can keep none: it proves itself by PKCE.
    """

    client_id: str
    client_secret: str | None = item(default=None, repr=False)
    client_type: str = CONFIDENTIAL
    key: str = keys.DEFAULT
    redirect_uris: list[str] = item(default_factory=list)
    assignments: list[str] = item(default_factory=list)
    id_token_ttl: int = keys.DAY
    access_token_ttl: int = keys.DAY
    authorization_code: bool = True
    client_credentials: bool = False


clients = stored(Client, under="oidc/client/")
_IDS = "oidc/client-id/"
_ASSIGNED = "oidc/assignment-use/"


def put(request: Request, name: str, client: Client, before: Client | None) -> None:
    """Store a client, that it uses its key and its assignments, and that its ID leads to it."""
    if before is not None:
        _unlink(request, name, before)
    clients(request).put(name, client)
    request.view.put(_IDS + client.client_id, name.encode())
    keys.use(request, client.key, keys.CLIENT, name)
    for assignment in client.assignments:
        request.view.mark(f"{_ASSIGNED}{assignment}/{name}")


def delete(request: Request, name: str, client: Client) -> None:
    """Forget a client."""
    _unlink(request, name, client)
    clients(request).delete(name)


def _unlink(request: Request, name: str, client: Client) -> None:
    request.view.delete(_IDS + client.client_id)
    keys.release(request, client.key, keys.CLIENT, name)
    for assignment in client.assignments:
        request.view.delete(f"{_ASSIGNED}{assignment}/{name}")


async def by_id(request: Request, client_id: str) -> Client | None:
    """The client of an ID, or None."""
    if not (client_id.isascii() and client_id.isalnum() and len(client_id) <= 64):
        return None
    blob = await request.view.get(_IDS + client_id)
    return None if blob is None else await clients(request).get(blob.decode())


async def assigned(request: Request, assignment: str) -> list[str]:
    """Names of the clients that an assignment is for."""
    return await request.view.list(f"{_ASSIGNED}{assignment}/")
