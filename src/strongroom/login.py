"""From an identity to a token: what happens after a method has said who somebody is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import lockout
from strongroom.errors import BadRequest, InvalidCredentials, PermissionDenied
from strongroom.framework.lease import effective_ttl
from strongroom.identity.mfa import gate
from strongroom.logical import ROOT, SECOND, Auth, Operation, Request, Response
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.core import Core


TOKEN_MOUNTS = frozenset({"token", "ns_token"})
"""Types of the mounts where tokens are made from tokens, rather than by a login."""

_CORE_KEYS = frozenset({"id", "path", "role"})
"""What a token creation tells the core besides; it does not stay with the token."""


def clean_policies(policies: list[str], *, default: bool) -> list[str]:
    """Policy names in lower case, once each, sorted; with ``default`` unless only root is there."""
    names = {name.strip().lower() for name in policies} - {""}
    if "root" in names:
        return ["root"]
    if default:
        names.add("default")
    return sorted(names)


async def complete(core: Core, request: Request, auth: Auth, response: Response) -> None:
    """Issue the token for an :class:`~strongroom.logical.Auth` and fill in what the client sees.

    A login that needs a second factor, and has not brought it, gets no token but what to prove.

    Raises BadRequest when a login, rather than a token creation, would give the root policy, and
    PermissionDenied when whoever logs in is disabled or brings a wrong second factor.
    """
    creating = request.mount_type in TOKEN_MOUNTS
    if auth.alias_name:
        await core.identity.arrive(request, auth)
    needed = None if creating else await gate.hold(core, request, auth)
    if needed is None:
        await issue(core, request, auth, response)
    else:
        response.auth = Auth(orphan=False, mfa_requirement=needed)
        response.warnings.append(gate.NOTE)


async def go_on(core: Core, request: Request, request_id: str, payload: dict[str, Any]) -> Response:
    """Issue the token of a login that waited for its second factor, once that is proved."""
    first, auth = await gate.go_on(core, request, request_id, gate.from_payload(payload))
    response = Response(auth=auth)
    await issue(core, first, auth, response)
    request.on_commit += first.on_commit
    return response


async def issue(core: Core, request: Request, auth: Auth, response: Response) -> None:
    """Issue the token for an identity of which everything is proved."""
    creating = request.mount_type in TOKEN_MOUNTS
    policies = clean_policies(auth.policies, default=not auth.no_default_policy)
    if "root" in policies and (not creating or request.namespace is not ROOT):
        raise BadRequest("auth methods cannot create root tokens")
    # Asked before the token is written: what is read of a state that is stored is remembered.
    standing = await core.identity.standing(request, auth.entity_id) if auth.entity_id else None
    ttl = _ttl(core, request, auth, response, policies)
    entry = TokenEntry(
        key="",
        accessor="",
        policies=policies,
        path=str(auth.internal.get("path") or request.path),
        display_name=_display_name(request, auth),
        meta=auth.metadata,
        type=_token_type(core, request, auth),
        parent="" if auth.orphan or request.entry is None else request.entry.key,
        num_uses=auth.num_uses,
        creation_time=request.now,
        ttl=ttl,
        expire_time=request.now + ttl * SECOND if ttl else 0,
        max_ttl=auth.max_ttl,
        explicit_max_ttl=auth.explicit_max_ttl,
        period=auth.period,
        renewable=auth.renewable and ttl > 0,
        role=str(auth.internal.get("role", "")),
        entity_id=auth.entity_id,
        bound_cidrs=auth.bound_cidrs,
        namespace_id=request.namespace.id,
        internal={key: value for key, value in auth.internal.items() if key not in _CORE_KEYS},
    )
    if entry.type == "batch":
        _check_batch(entry)
    auth.client_token = core.tokens.issue(request, entry, str(auth.internal.get("id", "")))
    auth.accessor, auth.display_name = entry.accessor, entry.display_name
    entry.identity_policies = [] if standing is None else standing.policies
    auth.token_policies, auth.identity_policies = policies, sorted(entry.identity_policies)
    auth.policies = sorted({*policies, *auth.identity_policies})
    auth.lease_duration = ttl
    auth.renewable = entry.renewable
    auth.token_type = entry.type
    auth.orphan = entry.orphan
    core.token_created(request, entry)


async def vouch(core: Core, request: Request, accessor: str, path: str, data: dict[str, Any]) -> None:
    """Have a request be of whoever a login at an auth mount shows, for as long as it runs: no token is made.

    ``accessor`` is that of a mount in the request's namespace, ``path`` and ``data`` what is asked of it.
    Raises InvalidCredentials for a login that proves nothing, and what else the method says; PermissionDenied
    where the policies are against the request, and where a second factor is needed.
    """
    auth = await _logged_in(core, request, accessor, path, data)
    policies = clean_policies(auth.policies, default=not auth.no_default_policy)
    if "root" in policies:
        raise BadRequest("auth methods cannot create root tokens")
    standing = await core.identity.standing(request, auth.entity_id) if auth.entity_id else None
    entry = TokenEntry(
        key="",
        accessor="",
        policies=policies,
        path=request.path,
        display_name=auth.display_name,
        meta=auth.metadata,
        type="batch",
        creation_time=request.now,
        entity_id=auth.entity_id,
        bound_cidrs=auth.bound_cidrs,
        namespace_id=request.namespace.id,
    )
    entry.identity_policies = [] if standing is None else standing.policies
    request.vouched, request.entry, request.acl = True, entry, await core.policies.load_acl(request, entry)
    decision = request.acl.decide(request.operation, request.judged, request.data, now=request.now)
    request.decision = decision
    if not decision.allowed:
        raise PermissionDenied(decision=decision)


async def _logged_in(core: Core, request: Request, accessor: str, path: str, data: dict[str, Any]) -> Auth:
    """What a login says, as if it had come by itself: with its lockout, its entity and its second factor."""
    mounts = (await core.mounts.ready(request.namespace)).by_prefix.values()
    mount = next((one for one in mounts if one.accessor == accessor and one.backend.kind == "auth"), None)
    found = None if mount is None else mount.backend.table.match(path)
    if mount is None or found is None or not found[0].unauthenticated or mount.entry.tainted:
        raise InvalidCredentials("there is no such login")
    core.mounts.hold(request.tx, mount)
    inner = core.inner_request(request, mount, mount.prefix + path)
    inner.operation, inner.data, inner.received = Operation.UPDATE, data, request.received
    inner.scratch, inner.once = request.scratch, request.once
    inner.on_commit, inner.on_failure = request.on_commit, request.on_failure
    inner.path_class, inner.captures = found
    inner.bound_path = inner.path_class.bind(inner.captures, data)
    refusing = lockout.refuse(core, inner)
    if refusing is not None:
        await refusing
    inner.response = await mount.backend.handle(inner.bound_path, inner)
    auth = inner.response.auth
    if auth is None:
        raise InvalidCredentials("the login proves nothing")
    lockout.forgive(core, inner)
    if auth.alias_name:
        await core.identity.arrive(inner, auth)
    if await gate.hold(core, inner, auth) is not None:
        raise PermissionDenied("a second factor is needed, which cannot be brought here")
    auth.display_name = _display_name(inner, auth)
    return auth


def _ttl(core: Core, request: Request, auth: Auth, response: Response, policies: list[str]) -> int:
    if policies == ["root"] and not auth.ttl and not auth.period and not auth.explicit_max_ttl:
        return 0
    default, longest = core.ttls(request.mount)
    ttl, warnings = effective_ttl(
        default=default,
        longest=longest,
        wanted=auth.ttl,
        backend_max=auth.max_ttl,
        explicit_max=auth.explicit_max_ttl,
        period=auth.period,
    )
    response.warnings[:0] = warnings
    return ttl


def _display_name(request: Request, auth: Auth) -> str:
    if request.mount_type in TOKEN_MOUNTS:
        return auth.display_name
    kind = request.mount_point.removeprefix("auth/").rstrip("/").replace("/", "-")
    return f"{kind}-{auth.display_name}" if auth.display_name else kind


def _token_type(core: Core, request: Request, auth: Auth) -> str:
    """``service`` or ``batch``: the mount may force one or set the default."""
    wanted = auth.token_type or "default"
    tuned = request.mount.entry.config.token_type if request.mount is not None else ""
    if tuned in {"service", "batch"}:
        return tuned
    if wanted in {"service", "batch"}:
        return wanted
    return "batch" if "default-batch" in (tuned, wanted) else "service"


def _check_batch(entry: TokenEntry) -> None:
    """A batch token is not stored, so what needs a row is refused."""
    for name in ("num_uses", "period", "explicit_max_ttl"):
        if getattr(entry, name):
            raise BadRequest(f'batch tokens cannot have "{name}" set')
    if entry.policies == ["root"]:
        raise BadRequest("batch tokens cannot be root tokens")
    entry.renewable = False


def refuse_child_of(entry: TokenEntry) -> None:
    """Raise unless tokens can be made with this one."""
    if entry.type == "batch":
        raise BadRequest("batch tokens cannot create more tokens")
    if entry.num_uses:
        raise BadRequest("restricted use token cannot generate child tokens")
    if entry.policies == ["response-wrapping"]:
        raise PermissionDenied
