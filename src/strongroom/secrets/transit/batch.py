"""Batches: many inputs in one request, each with a result of its own.

One that is malformed as a whole is refused; an input that cannot be processed has an ``error`` in its result
and stops no other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.errors import BadRequest
from strongroom.logical import Response
from strongroom.secrets.transit import wire

if TYPE_CHECKING:
    from strongroom.secrets.transit.key import Key

NONE = "missing batch input to process"
MIXED_CONTEXTS = "context should be set either in all the request blocks or in none"
_TYPES: dict[str, type] = {
    **dict.fromkeys(("plaintext", "ciphertext", "context", "reference", "associated_data"), str),
    **dict.fromkeys(("input", "signature", "hmac", "cmac"), str),
    "key_version": int,
}
_MOST_TOLD = 20
_FEW, _MANY = 4, 256
"""After how many inputs of a batch others have their turn."""
_FAILED = "failed to parse batch input"
_CODE = "invalid HTTP response code override from partial_failure_response_code, reverting to 400"
_BODILESS = frozenset((204, 205, 304))
"""Statuses after which no results could follow, as after all below 200."""
_FORMS = {str: "string", bool: "bool", list: "[]interface {}", dict: "map[string]interface {}"}


def items(batch: Any, needed: str = "", missing: str = "") -> list[dict[str, Any]]:
    """The inputs of a batch, in form; ``missing`` is said of one that lacks ``needed``. Raises BadRequest."""
    if not isinstance(batch, list):
        raise BadRequest(f"{_FAILED}: source data must be an array or slice, got {_form(batch)}")
    if not batch:
        raise BadRequest(NONE)
    wrong: list[str] = []
    for at, entry in enumerate(batch):
        if type(entry) is not dict:
            wrong.append(f"[{at}] expected a map, got '{_form(entry)}'")
        else:
            for name, value in entry.items():
                if value is not None and name in _TYPES and type(value) is not _TYPES[name]:
                    wanted = "int" if _TYPES[name] is int else "string"
                    got = _form(value)
                    wrong.append(f"'[{at}].{name}' expected type '{wanted}', got unconvertible type '{got}'")
            if needed and needed not in entry:
                wrong.append(f"'[{at}].{needed}' {missing}")
        if len(wrong) > _MOST_TOLD:
            break
    if wrong:
        raise BadRequest(f"{_FAILED}: " + "\n".join(wrong))
    return batch


def texts(batch: Any, *, ignored: str = "") -> list[dict[str, Any]]:
    """As :func:`items`, where a member that is a number counts as its text, and null as an empty one.

    ``ignored`` is a member that may be anything. Raises BadRequest.
    """
    if not isinstance(batch, list):
        return items(batch)
    return items([_texts(entry, ignored) for entry in batch])


def _texts(entry: Any, ignored: str) -> Any:
    if type(entry) is not dict:
        return {} if entry is None else entry
    return {name: _text(name, value) for name, value in entry.items() if name != ignored}


def _text(name: str, value: Any) -> Any:
    if value is None:
        return None if _TYPES.get(name) is int else ""
    if type(value) is int and _TYPES.get(name) is not int:
        return str(value)
    return bytes(value).decode() if isinstance(value, msgspec.Raw) else value


def _form(value: Any) -> str:
    """What the peer calls the form of a JSON value."""
    return "<nil>" if value is None else _FORMS.get(type(value), "json.Number")


async def breathe(at: int, key: Key) -> None:
    """Let others have their turn now and then, more often where an input takes long."""
    if at % (_FEW if key.kind.family in ("rsa", "ml-dsa") else _MANY) == 0 and at:
        await asyncio.sleep(0)


def check_contexts(inputs: list[dict[str, Any]]) -> None:
    """Raise BadRequest where some inputs name a context and others do not."""
    first = bool(inputs[0].get("context"))
    if any(bool(entry.get("context")) is not first for entry in inputs):
        raise BadRequest(MIXED_CONTEXTS)


def answer(results: list[dict[str, Any]], partial_code: int | None) -> Response:
    """The results; 400 where one failed, or what the client wants where only some did."""
    failed = sum("error" in result for result in results)
    response = Response(data={"batch_results": results})
    if not failed:
        return response
    response.status = 400
    if partial_code is not None and failed < len(results):
        if 200 <= partial_code < 600 and partial_code not in _BODILESS:
            response.status = partial_code
        else:
            response.warnings.append(_CODE)
    return response


def optional(entry: dict[str, Any], name: str) -> bytes:
    """The bytes of a member that is base64, none where it is absent. Raises BadRequest."""
    text = entry.get(name)
    return wire.decode(text) if text else b""
