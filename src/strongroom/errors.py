"""The one tree of errors: a status code on the class, public words and private cause apart.

The handler turns these into the wire form ``{"errors": [...]}``. Whatever is not in this
tree becomes a 500 with a request ID and no detail. Public sentences never repeat what the
client submitted where that could be a secret.
"""

from __future__ import annotations

from typing import Any


def multierror(*sentences: str) -> str:
    """The sentence Vault's servers make of a list of errors; clients match on this form."""
    count = f"{len(sentences)} error{'' if len(sentences) == 1 else 's'} occurred:"
    return count + "".join(f"\n\t* {sentence}" for sentence in sentences) + "\n\n"


class StrongroomError(Exception):
    """Root of the tree. ``public`` goes to the client, ``cause`` only to the server's log.

    ``headers`` are added to the reply; ``extra`` are further top-level keys of the error
    body, which older clients ignore.
    """

    status = 500

    def __init__(
        self,
        public: str = "internal error",
        *,
        cause: str = "",
        headers: dict[str, str] | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(public)
        self.public = public
        self.cause = cause
        self.headers = headers or {}
        self.extra = extra or {}

    def sentences(self) -> list[str]:
        """What stands in ``errors`` on the wire; an empty sentence gives an empty list."""
        return [self.public] if self.public else []


class BadRequest(StrongroomError):
    """The request is malformed or asks for something that cannot be."""

    status = 400


class CASMismatch(BadRequest):
    """A check-and-set write met another version than the one it named."""


class InvalidCredentials(BadRequest):
    """A login that did not prove what it claims. Repeated, it locks the claimed name; nothing else does."""


class LeaseNotFound(BadRequest):
    """No lease of that ID in the request's namespace."""


class PermissionDenied(StrongroomError):
    """No, and the wire never says why; ``decision`` holds the reason for those entitled."""

    status = 403

    def __init__(self, public: str = "permission denied", *, decision: Any = None, **kw: Any) -> None:
        super().__init__(public, **kw)
        self.decision = decision


class NotFound(StrongroomError):
    """Nothing there. Without words the wire form is ``{"errors": []}``."""

    status = 404

    def __init__(self, public: str = "", **kw: Any) -> None:
        super().__init__(public, **kw)


class UnsupportedPath(NotFound):
    """A mount answers for the prefix, but declares no such path."""

    def __init__(self) -> None:
        super().__init__(multierror("unsupported path"))


class UnsupportedOperation(StrongroomError):
    """The path exists, the operation on it does not. ``bare`` is how paths for logins say it."""

    status = 405

    def __init__(self, *, bare: bool = False) -> None:
        told = "unsupported operation"
        super().__init__(told if bare else multierror(told))


class NoSuchVerb(UnsupportedOperation):
    """The path has no such HTTP verb at all."""

    def sentences(self) -> list[str]:
        """Nothing, as the peer."""
        return []


class PayloadTooLarge(StrongroomError):
    """Body above the listener's limit."""

    status = 413


class UnsupportedMediaType(StrongroomError):
    """PATCH without a merge-patch content type."""

    status = 415


class RateLimited(StrongroomError):
    """A quota refused the request."""

    status = 429


class Conflict(StrongroomError):
    """The request lost a race several times over; nothing was written."""

    status = 409


class Waited(Conflict):
    """The request waited for another one that acted on the same thing outside, and begins again."""


class Internal(StrongroomError):
    """A failure that is ours. The public words say no more than that."""

    status = 500


class AuditFailed(Internal):
    """No audit device took the line, so nothing happened."""


class StorageFailed(Internal):
    """The storage refused a read or a write (disk full, I/O error, lost fence)."""


class Uninitialized(StrongroomError):
    """The server was never initialised."""

    status = 400


class Sealed(StrongroomError):
    """The barrier is closed."""

    status = 503

    def __init__(self, public: str = "Vault is sealed", **kw: Any) -> None:
        super().__init__(public, **kw)


class UpstreamRefused(BadRequest):
    """A system outside answered, and would not; nothing has changed there."""


class UpstreamFailed(StrongroomError):
    """A system outside answered badly."""

    status = 502
