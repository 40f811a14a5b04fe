"""Who may do what to which token, and the refusals."""

from __future__ import annotations

from strongroom.errors import BadRequest, StrongroomError, multierror
from strongroom.logical import Request
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


def refuse_foreign(request: Request, entry: TokenEntry, act: str) -> None:
    """Raise BadRequest for a token of another namespace than the request's."""
    if entry.namespace_id != request.namespace.id:
        raise BadRequest(multierror(f"cannot {act} a token across namespaces"))
