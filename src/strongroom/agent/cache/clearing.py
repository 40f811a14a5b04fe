"""What an operator asks to be forgotten: the body of ``cache-clear``."""

from __future__ import annotations

import msgspec

from strongroom.errors import BadRequest

TYPES = {
    "request_path": "request path",
    "token": "token",
    "token_accessor": "token accessor",
    "lease": "lease",
    "all": "",
}


class Clearing(msgspec.Struct, frozen=True):
    """``type`` is one of request_path, lease, token, token_accessor, all."""

    type: str = ""
    value: str = ""
    namespace: str = ""

    def __repr__(self) -> str:
        return f"<clearing by {self.type}>"


def clearing(body: bytes) -> Clearing:
    """What a body asks for. Raises BadRequest."""
    if not body.strip():
        raise BadRequest("failed to parse JSON input: empty JSON provided")
    try:
        found = msgspec.json.decode(body, type=Clearing)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("failed to parse JSON input: it is not an object of texts") from None
    if not found.type:
        raise BadRequest("failed to parse clear input: no type provided")
    if found.type not in TYPES:
        raise BadRequest("failed to clear cache: invalid type provided")
    if found.type != "all" and not found.value:
        raise BadRequest(f"failed to clear cache: {TYPES[found.type]} not provided")
    return msgspec.structs.replace(found, namespace=found.namespace.strip("/"))
