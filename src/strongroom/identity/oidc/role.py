"""Roles: which key signs an identity token, for whom, for how long, and what it says besides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.framework.record import stored
from strongroom.identity.oidc import key as keys

if TYPE_CHECKING:
    from strongroom.logical import Request


@dataclass(slots=True)
class Role:
    """What tokens of a role are made of. ``client_id`` is their audience, ``ttl`` seconds."""

    key: str
    client_id: str
    template: str = ""
    ttl: int = keys.DAY


roles = stored(Role, under="oidc/role/")


def put(request: Request, name: str, role: Role, before: Role | None) -> None:
    """Store a role, and that it refers to its key."""
    if before is not None:
        keys.release(request, before.key, keys.ROLE, name)
    roles(request).put(name, role)
    keys.use(request, role.key, keys.ROLE, name)


def delete(request: Request, name: str, role: Role) -> None:
    """Forget a role."""
    keys.release(request, role.key, keys.ROLE, name)
    roles(request).delete(name)
