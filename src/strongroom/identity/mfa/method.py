"""Methods: by what a second factor is proved.

Codes by time are judged here. Of the services outside there is the configuration alone: clients that set
servers up find it as they wrote it, and a login that such a method is asked of is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.framework.record import stored
from strongroom.identity.mfa import lineage
from strongroom.identity.rows import name_key

if TYPE_CHECKING:
    from strongroom.logical import Request

TOTP = "totp"


@dataclass(slots=True)
class Method:
    """Codes that a device makes from a secret and the time. ``period`` is seconds, ``key_size`` bytes."""

    id: str
    name: str = ""
    issuer: str = ""
    period: int = 30
    key_size: int = 20
    qr_size: int = 200
    algorithm: str = "SHA1"
    digits: int = 6
    skew: int = 1
    max_validation_attempts: int = 5
    type: str = TOTP
    settings: dict[str, Any] = item(default_factory=dict)
    """Of a service outside: what of its configuration is shown."""
    secrets: dict[str, str] = item(default_factory=dict, repr=False)
    """And what of it is not."""

    @property
    def takes_code(self) -> bool:
        """Whether clients have to ask for a code."""
        return self.type == TOTP or bool(self.settings.get("use_passcode"))


_ROWS = stored(Method, under="mfa/method/")
_NAMES = "mfa/method-name/"
_USES = "mfa/method-use/"
SECRETS = "mfa/secret/"


def is_id(text: str) -> bool:
    """Whether a text may be an ID, so that it can be part of a key."""
    return 0 < len(text) <= 64 and text.isascii() and text.isprintable() and "/" not in text


async def find(request: Request, method_id: str) -> Method | None:
    """The method of an ID, or None."""
    return await _ROWS(request).get(method_id) if is_id(method_id) else None


async def known(request: Request, method_id: str) -> tuple[Request, Method] | None:
    """The method of an ID, here or in a namespace above, and a request to where it stands."""
    for here in await lineage.upward(request):
        found = await find(here, method_id)
        if found is not None:
            return here, found
    return None


async def by_name(request: Request, name: str) -> Method | None:
    """The method of a name, or None."""
    blob = await request.view.get(_NAMES + name_key(name)) if name else None
    return None if blob is None else await find(request, blob.decode())


async def ids(request: Request, after: str, limit: int) -> list[str]:
    """IDs of the methods, in order."""
    return await _ROWS(request).list("", after, limit)


def put(request: Request, method: Method, before: Method | None) -> None:
    """Store a method, and that its name leads to it."""
    if before is not None and before.name:
        request.view.delete(_NAMES + name_key(before.name))
    _ROWS(request).put(method.id, method)
    if method.name:
        request.view.put(_NAMES + name_key(method.name), method.id.encode())


async def delete(request: Request, method: Method) -> None:
    """Forget a method and all secrets that were made for it, in the namespaces below too."""
    _ROWS(request).delete(method.id)
    if method.name:
        request.view.delete(_NAMES + name_key(method.name))
    request.view.delete_prefix(f"{_USES}{method.id}/")
    core = request.core
    async for namespace in core.namespaces.from_here(request.tx, request.namespace):
        there = await lineage.at_identity(core, request, namespace)
        there.view.delete_prefix(f"{SECRETS}{method.id}/")


async def use(request: Request, method_id: str, enforcement: str) -> None:
    """Note that an enforcement of the request's namespace asks for a method."""
    found = await known(request, method_id)
    if found is not None:
        found[0].view.mark(_use(request, found[0], method_id, enforcement))


async def release(request: Request, method_id: str, enforcement: str) -> None:
    """Note that it does so no longer."""
    found = await known(request, method_id)
    if found is not None:
        found[0].view.delete(_use(request, found[0], method_id, enforcement))


def _use(request: Request, home: Request, method_id: str, enforcement: str) -> str:
    below = "" if request.namespace.id == home.namespace.id else f"{request.namespace.id}/"
    return f"{_USES}{method_id}/{below}{enforcement}"


async def users(request: Request, method_id: str) -> list[str]:
    """Names of the enforcements that ask for a method; those of a namespace below with its path."""
    found: list[str] = []
    for place in await request.view.scan(f"{_USES}{method_id}/"):
        below, _, name = place.rpartition("/")
        namespace = await request.core.namespaces.by_id(request.tx, below) if below else None
        if namespace is not None or not below:
            found.append(name if namespace is None else namespace.path + name)
    return sorted(found)


def described(request: Request, method: Method) -> dict[str, Any]:
    """The method as clients see it."""
    if method.type != TOTP:
        return method.settings | {
            "id": method.id,
            "name": method.name,
            "namespace_id": request.namespace.id,
            "namespace_path": request.namespace.path,
            "type": method.type,
        }
    return {
        "algorithm": method.algorithm,
        "digits": method.digits,
        "id": method.id,
        "issuer": method.issuer,
        "key_size": method.key_size,
        "max_validation_attempts": method.max_validation_attempts,
        "name": method.name,
        "namespace_id": request.namespace.id,
        "namespace_path": request.namespace.path,
        "period": method.period,
        "qr_size": method.qr_size,
        "skew": method.skew,
        "type": method.type,
    }
