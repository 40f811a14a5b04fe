"""Enforcements: which logins need a second factor, and by which methods it may be proved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.framework.record import stored
from strongroom.identity.mfa import lineage
from strongroom.identity.mfa import method as methods

if TYPE_CHECKING:
    from strongroom.logical import Request


@dataclass(slots=True)
class Enforcement:
    """A login that any of the four lists names needs one of the methods."""

    id: str
    name: str
    mfa_method_ids: list[str] = item(default_factory=list)
    auth_method_accessors: list[str] = item(default_factory=list)
    auth_method_types: list[str] = item(default_factory=list)
    identity_group_ids: list[str] = item(default_factory=list)
    identity_entity_ids: list[str] = item(default_factory=list)

    def places(self) -> list[str]:
        """The index rows by which a login finds it."""
        return [
            *(f"{_FOR}accessor/{one}/{self.name}" for one in self.auth_method_accessors),
            *(f"{_FOR}type/{one}/{self.name}" for one in self.auth_method_types),
            *(f"{_FOR}group/{one}/{self.name}" for one in self.identity_group_ids),
            *(f"{_FOR}entity/{one}/{self.name}" for one in self.identity_entity_ids),
        ]


_FOR = "mfa/for/"
enforcements = stored(Enforcement, under="mfa/enforcement/")


async def put(request: Request, fresh: Enforcement, before: Enforcement | None) -> None:
    """Store an enforcement, and by what logins find it."""
    if before is not None:
        await _unlink(request, before)
    enforcements(request).put(fresh.name, fresh)
    for place in fresh.places():
        request.view.mark(place)
    for one in fresh.mfa_method_ids:
        await methods.use(request, one, fresh.name)


async def delete(request: Request, found: Enforcement) -> None:
    """Forget an enforcement."""
    await _unlink(request, found)
    enforcements(request).delete(found.name)


async def _unlink(request: Request, found: Enforcement) -> None:
    for place in found.places():
        request.view.delete(place)
    for one in found.mfa_method_ids:
        await methods.release(request, one, found.name)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A login: where, by whom, and to what groups that one belongs, at any distance."""

    accessor: str
    type: str
    entity_id: str
    group_ids: tuple[str, ...]

    def places(self) -> list[str]:
        """Where the enforcements stand that are for this login."""
        return [
            f"{_FOR}accessor/{self.accessor}/",
            f"{_FOR}type/{self.type}/",
            *([f"{_FOR}entity/{self.entity_id}/"] if self.entity_id else ()),
            *(f"{_FOR}group/{one}/" for one in self.group_ids),
        ]


async def any_at_all(request: Request) -> bool:
    """Whether any login needs a second factor, by what is asked here or above."""
    for here in await lineage.upward(request):
        if await enforcements(here).list("", "", 1):
            return True
    return False


async def applying(request: Request, arrival: Arrival) -> list[Enforcement]:
    """The enforcements that are for a login, here and above; each of them has to be satisfied.

    One from above whose name is taken is told apart by its namespace.
    """
    found: dict[str, Enforcement] = {}
    for here in await lineage.upward(request):
        names = {name for place in arrival.places() for name in await here.view.list(place)}
        for name in sorted(names):
            one = await enforcements(here).get(name)
            if one is not None:
                shown = f"{here.namespace.path or 'root/'}{name}" if name in found else name
                found[shown] = replace(one, name=shown)
    return list(found.values())


def described(request: Request, found: Enforcement) -> dict[str, Any]:
    """The enforcement as clients see it."""
    return {
        "auth_method_accessors": found.auth_method_accessors,
        "auth_method_types": found.auth_method_types,
        "id": found.id,
        "identity_entity_ids": found.identity_entity_ids,
        "identity_group_ids": found.identity_group_ids,
        "mfa_method_ids": found.mfa_method_ids,
        "name": found.name,
        "namespace_id": request.namespace.id,
        "namespace_path": request.namespace.path,
    }
