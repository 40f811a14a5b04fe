"""What went wrong, in the form that ACME clients read (RFC 7807, with the types of RFC 8555, section 6.7)."""

from __future__ import annotations

from typing import Any

import orjson

from strongroom.logical import Response

CONTENT_TYPE = "application/problem+json"
_URN = "urn:ietf:params:acme:error:"

STATUSES = {
    "accountDoesNotExist": 400,
    "alreadyRevoked": 400,
    "badCSR": 400,
    "badNonce": 400,
    "badPublicKey": 400,
    "badRevocationReason": 400,
    "badSignatureAlgorithm": 400,
    "connection": 400,
    "dns": 400,
    "externalAccountRequired": 403,
    "incorrectResponse": 403,
    "invalidContact": 400,
    "malformed": 400,
    "orderNotReady": 403,
    "rejectedIdentifier": 403,
    "serverInternal": 500,
    "tls": 400,
    "unauthorized": 401,
    "unsupportedContact": 400,
    "unsupportedIdentifier": 400,
}
"""The types of problems there are, and the status each is answered with."""


class Problem(Exception):
    """A refused request, or a validation that failed. ``members`` are further ones of the document."""

    def __init__(self, kind: str, detail: str, *, status: int = 0, **members: Any) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.members = kind, detail, members
        self.status = status or STATUSES[kind]
        self.headers: list[tuple[str, str]] = []

    @property
    def document(self) -> dict[str, Any]:
        """The problem document."""
        return {"type": _URN + self.kind, "detail": self.detail, **self.members}

    @property
    def response(self) -> Response:
        """The answer to the request that is refused."""
        body = orjson.dumps(self.document | {"status": self.status})
        return Response(raw=body, status=self.status, content_type=CONTENT_TYPE, headers=self.headers)


def malformed(detail: str) -> Problem:
    """A message that is not what it should be."""
    return Problem("malformed", detail)
