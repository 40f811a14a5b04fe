"""Custom metadata: strings by key that people attach to a secret, within the format's limits. Pure."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from strongroom.errors import BadRequest, multierror

MAX_KEYS, MAX_KEY, MAX_VALUE = 64, 128, 512
"""How many keys there may be, and the longest key and value, in bytes of UTF-8."""

_FAILED = "custom_metadata validation failed: "


def validated(given: dict[str, Any]) -> dict[str, str] | None:
    """``given`` with scalars written as strings; None when it is empty.

    Raises BadRequest naming every fault at once. Keys are named, values are not.
    """
    cleaned = {key: _text(value) for key, value in given.items()}
    faults = [_FAILED + fault for fault in _faults(cleaned)]
    if faults:
        raise BadRequest(multierror(*faults))
    return cleaned or None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    if value is None:
        return ""
    if not isinstance(value, str | int):
        raise BadRequest(f"{_FAILED}values must be strings")
    return str(value)


def _faults(metadata: dict[str, str]) -> list[str]:
    if len(metadata) > MAX_KEYS:
        return [f"payload must contain at most {MAX_KEYS} keys, provided {len(metadata)}"]
    faults = []
    for key, value in metadata.items():
        quoted = json.dumps(key, ensure_ascii=False)
        size = len(key.encode())
        if not 0 < size <= MAX_KEY:
            faults.append(f"length of key {quoted} is {size} but must be 0 < len(key) <= {MAX_KEY}")
        size = len(value.encode())
        if not 0 < size <= MAX_VALUE:
            faults.append(
                f"length of value for key {quoted} is {size} but must be 0 < len(value) <= {MAX_VALUE}"
            )
        if not key.isprintable():
            faults.append(f"key {quoted} contains unprintable characters")
        if not value.isprintable():
            faults.append(f"value for key {quoted} contains unprintable characters")
    return faults
