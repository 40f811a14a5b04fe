"""Scopes and assignments: what applications may learn of somebody, and who may log in to them."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.framework.record import stored
from strongroom.identity.oidc import template
from strongroom.identity.oidc.template import Subject

if TYPE_CHECKING:
    from strongroom.logical import Request

OPENID = "openid"
"""The scope that every request has to ask for; it stands for the claims that are always there."""
ALLOW_ALL = "allow_all"
"""The assignment that is always there: everybody."""
EVERYBODY = "*"


@dataclass(slots=True)
class Scope:
    """Claims that an application may ask for."""

    template: str = ""
    description: str = ""


@dataclass(slots=True)
class Assignment:
    """Who may log in: entities, and whoever belongs to groups."""

    entity_ids: list[str] = item(default_factory=list)
    group_ids: list[str] = item(default_factory=list)

    def allows(self, subject: Subject) -> bool:
        """Whether somebody may log in."""
        ids = {group.id for group in subject.groups}
        everybody = EVERYBODY in (*self.entity_ids, *self.group_ids)
        return everybody or subject.entity.id in self.entity_ids or not ids.isdisjoint(self.group_ids)


scopes = stored(Scope, under="oidc/scope/")
assignments = stored(Assignment, under="oidc/assignment/")


async def assignment(request: Request, name: str) -> Assignment | None:
    """The assignment of a name, or None."""
    if name == ALLOW_ALL:
        return Assignment([EVERYBODY], [EVERYBODY])
    return await assignments(request).get(name)


async def assigned(request: Request, names: list[str], subject: Subject) -> bool:
    """Whether any of these assignments lets somebody log in."""
    for name in names:
        found = await assignment(request, name)
        if found is not None and found.allows(subject):
            return True
    return False


class Conflicting(Exception):
    """Two scopes make the same claim. The words say which."""


async def claims(request: Request, names: list[str], subject: Subject) -> dict[str, Any]:
    """What scopes say of somebody. Raises :class:`Conflicting`."""
    found: dict[str, Any] = {}
    owner: dict[str, str] = {}
    for name in names:
        scope = await scopes(request).get(name)
        rendered = {} if scope is None else template.render(scope.template, subject)
        for claim, value in rendered.items():
            if claim in found:
                raise Conflicting(f'claim "{claim}" in scopes "{name}", "{owner[claim]}"')
            if claim not in template.RESERVED:
                found[claim], owner[claim] = value, name
    return found


async def conflict(request: Request, names: list[str]) -> str:
    """A claim that two scopes make, and which do; empty for none."""
    try:
        await claims(request, names, Subject())
    except Conflicting as error:
        return str(error).replace("claim ", "conflict ", 1)
    return ""
