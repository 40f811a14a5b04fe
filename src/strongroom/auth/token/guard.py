"""Who may do what to which token, and the refusals."""

from __future__ import annotations

from strongroom.errors import BadRequest, StrongroomError, multierror
from strongroom.logical import Namespace, Request
from strongroom.token import TokenEntry


class BadToken(StrongroomError):
    """The token to look up or act on is not there (any more)."""

    status = 403

    def __init__(self) -> None:
        super().__init__("bad token")


class InvalidAccessor(BadRequest):
    """No live token of this namespace has that accessor."""

    def __init__(self) -> None:
        super().__init__(multierror("invalid accessor"))


def has_sudo(request: Request) -> bool:
    """Whether the caller's policies give sudo on the path of the request."""
    return bool({"root", "sudo"} & set(request.acl.capabilities(request.judged)))


async def within_reach(request: Request, entry: TokenEntry) -> bool:
    """Whether a token belongs to the namespace of the request or to one below it."""
    if entry.namespace_id == request.namespace.id:
        return True
    home: Namespace | None = await request.core.namespaces.by_id(request.tx, entry.namespace_id)
    return home is not None and home.path.startswith(request.namespace.path)


async def refuse_foreign(request: Request, entry: TokenEntry, act: str) -> None:
    """Raise BadRequest for a token that is not within reach."""
    if not await within_reach(request, entry):
        raise BadRequest(multierror(f"cannot {act} a token across namespaces"))
