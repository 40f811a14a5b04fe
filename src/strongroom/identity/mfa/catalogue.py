"""The methods as paths show and remove them: by ID, of one type or of all, here and in namespaces above."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.identity.mfa import lineage
from strongroom.identity.mfa import method as methods

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.identity.mfa.method import Method
    from strongroom.logical import Request


async def listed(request: Request, after: str, limit: int, kind: str = "") -> dict[str, Any] | None:
    """IDs, and under each what the method is."""
    info: dict[str, Any] = {}
    for here in await lineage.upward(request):
        found = [await methods.find(here, one) for one in await methods.ids(here, after, -1)]
        info |= {
            one.id: methods.described(here, one)
            for one in found
            if one is not None and kind in ("", one.type)
        }
    keys = sorted(info)[: limit if limit > 0 else None]
    return {"keys": keys, "key_info": {key: info[key] for key in keys}} if keys else None


async def described(request: Request, method_id: str, kind: str = "") -> dict[str, Any] | None:
    """What the method is, or None. Raises BadRequest for one of another type."""
    found = await methods.known(request, method_id)
    if found is None:
        return None
    if kind not in ("", found[1].type):
        raise BadRequest(f"failed to find the method ID under MFA type {kind}.")
    return methods.described(*found)


async def own(request: Request, method_id: str, kind: str) -> Method | None:
    """The method, or None. Raises BadRequest for one of a namespace above, or of another type."""
    found = await methods.known(request, method_id)
    if found is None:
        return None
    if found[0].namespace.id != request.namespace.id:
        raise BadRequest("request namespace does not match method namespace")
    if found[1].type != kind:
        raise BadRequest("method type does not match the MFA config type")
    return found[1]


async def change(
    request: Request, method_id: str, kind: str, name: str, make: Callable[[str], Method]
) -> None:
    """Set the method anew, to what ``make`` gives for its ID; the name stays where none is given.

    Raises BadRequest where it is not there, or another has the name.
    """
    before = await own(request, method_id, kind)
    if before is None:
        raise BadRequest(f'configuration for method ID "{method_id}" does not exist')
    fresh = make(before.id)
    fresh.name = name or before.name
    other = await methods.by_name(request, fresh.name)
    if other is not None and other.id != fresh.id:
        raise BadRequest("another method has this name")
    methods.put(request, fresh, before)


async def delete(request: Request, method_id: str, kind: str) -> None:
    """Delete the method, if it is there. Raises BadRequest while an enforcement asks for it."""
    found = await own(request, method_id, kind)
    if found is None:
        return
    users = await methods.users(request, found.id)
    if users:
        raise BadRequest(f"the method is asked for by these enforcements: {', '.join(users)}")
    await methods.delete(request, found)
