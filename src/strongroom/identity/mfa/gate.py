"""The gate between a proved login and its token: a second factor, where one is asked for.

What is asked is decided twice, when a login arrives and when it brings its second factor: an enforcement
that came in between holds too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest, PermissionDenied, multierror
from strongroom.identity.mfa import enforcement, lineage, method, secret, waiting
from strongroom.identity.mfa.enforcement import Arrival, Enforcement

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.identity.mfa.method import Method
    from strongroom.identity.record import Entity
    from strongroom.logical import Auth, Request
    from strongroom.mount import Mount

HEADER = "x-vault-mfa"
NOTE = (
    "This login needs a second factor. There is no token before it has been sent to sys/mfa/validate "
    "under the mfa_request_id."
)
Given = dict[str, list[str]]
"""What was brought, by ID or name of a method."""


async def hold(core: Core, request: Request, auth: Auth) -> dict[str, Any] | None:
    """What a login still has to prove; None when it may have its token.

    A login that brings its second factor along has to have the right one: PermissionDenied.
    """
    inner = await lineage.at_identity(core, request, request.namespace)
    if not await enforcement.any_at_all(inner):
        return None
    entity, asked = await _asked(core, inner, auth, request.mount)
    if not asked:
        return None
    given = from_header(request.received.get(HEADER, ""))
    if given:
        if await _flaw(inner, asked, entity, given):
            raise PermissionDenied
        return None
    if entity is None:
        raise PermissionDenied(cause="a second factor is asked of a login that has no entity")
    request_id = await waiting.put(inner, auth, request.path, request.mount.entry.uuid)
    return {
        "mfa_request_id": request_id,
        "mfa_constraints": {one.name: {"any": await _choice(inner, one)} for one in asked},
    }


async def go_on(core: Core, request: Request, request_id: str, given: Given) -> tuple[Request, Auth]:
    """The login that waits under an ID, with its second factor proved, and the request it was made by.

    Raises BadRequest when none waits, PermissionDenied when the second factor is wrong.
    """
    inner = await lineage.at_identity(core, request, request.namespace)
    found = await waiting.find(inner, request_id)
    mount = None if found is None else core.mounts.of(request.namespace).by_uuid(found.mount)
    if found is None or mount is None or mount.entry.tainted:
        raise BadRequest("invalid request ID")
    core.mounts.hold(request.tx, mount)
    entity, asked = await _asked(core, inner, found.auth, mount)
    flaw = await _flaw(inner, asked, entity, given)
    if flaw:
        raise PermissionDenied(flaw)
    waiting.take(inner, request_id, found)
    found.auth.entity_id = "" if entity is None else entity.id
    return core.inner_request(request, mount, found.path), found.auth


async def _asked(
    core: Core, inner: Request, auth: Auth, mount: Mount
) -> tuple[Entity | None, list[Enforcement]]:
    """Who logs in, and what is asked of them. Raises PermissionDenied when they may not any more."""
    known = core.identity
    entity = await known.entities.resolve(inner, auth.entity_id) if auth.entity_id else None
    if auth.entity_id and (entity is None or entity.disabled):
        raise PermissionDenied
    groups = () if entity is None else (await known.groups.of_entity(inner, entity.id)).all
    ids = tuple(group.id for group in groups)
    arrival = Arrival(mount.accessor, mount.type, "" if entity is None else entity.id, ids)
    return entity, await enforcement.applying(inner, arrival)


async def _choice(inner: Request, asked: Enforcement) -> list[dict[str, Any]]:
    """The methods of an enforcement as clients see them."""
    found = await _methods(inner, asked)
    return [
        {"type": one.type, "id": one.id}
        | ({"uses_passcode": True} if one.takes_code else {})
        | ({"name": one.name} if one.name else {})
        for one in found
    ]


async def _methods(inner: Request, asked: Enforcement) -> list[Method]:
    found = [await method.known(inner, one) for one in dict.fromkeys(asked.mfa_method_ids)]
    return [one[1] for one in found if one is not None]


# -- what was brought ----------------------------------------------------------------------------------


def from_header(text: str) -> Given:
    """What a header brings: ``method:passcode``, several with commas between them."""
    given: Given = {}
    for part in text.split(","):
        name, _, passcode = part.strip().partition(":")
        if name:
            given.setdefault(name, []).append(passcode)
    return given


def from_payload(payload: dict[str, Any]) -> Given:
    """What a validation brings. Raises BadRequest."""
    for passcodes in payload.values():
        if not isinstance(passcodes, list) or not all(isinstance(one, str) for one in passcodes):
            raise BadRequest("invalid mfa payload")
    return payload


async def _flaw(inner: Request, asked: list[Enforcement], entity: Entity | None, given: Given) -> str:
    """What of what is asked was not proved; empty for nothing. A code serves all that ask for its method."""
    proved: dict[str, str] = {}
    for one in asked:
        wrong: list[str] = []
        found = await _methods(inner, one)
        tried = [each for each in found if each.id in given or (each.name and each.name in given)]
        if not tried:
            return f"failed to satisfy enforcement {one.name}. error: {_missing(found)}"
        for each in tried:
            if each.id not in proved:
                proved[each.id] = await _try(inner, each, entity, given)
            if proved[each.id]:
                wrong.append(proved[each.id])
            else:
                break
        else:
            ids = " ".join(each.id for each in tried)
            told = multierror(*wrong, f"login MFA validation failed for methodID: [{ids}]")
            return f"failed to satisfy enforcement {one.name}. error: {told}"
    return ""


def _missing(found: list[Method]) -> str:
    told = [
        f"failed to find MFA credentials associated with an MFA method ID {one.id}, method name {one.name}"
        for one in found
    ]
    return f"failed to sanitize MFA creds, {multierror(*told)}"


async def _try(inner: Request, tried: Method, entity: Entity | None, given: Given) -> str:
    """What is wrong with what was brought for a method; empty for nothing. That it was tried is counted."""
    if tried.type != method.TOTP:
        return f"methods of type {tried.type} are not asked by this server"
    found = None if entity is None else await secret.find(inner, tried.id, entity)
    if found is None:
        entity_id = "" if entity is None else entity.id
        return f'MFA secret for method name "{tried.name}" not present in entity "{entity_id}"'
    place, before = found
    passcodes = given.get(tried.id) or given.get(tried.name) or [""]
    passcode = passcodes[0].removeprefix("passcode=")
    after, flaw = before.judge(passcode, inner.now, tried.max_validation_attempts)
    secret.put(inner, place, after)
    inner.on_failure.append(lambda: secret.put(inner, place, after))
    return flaw
