"""Kubernetes objects in protobuf, as official clients send them: decoded to what they are in JSON.

Only the fields that the simulator looks at are known, by the numbers of Kubernetes' ``generated.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MAGIC = b"k8s\x00"
CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

Schema = dict[int, tuple[str, Any]]
"""Number to name and kind: "text", "number", "texts", "map", a schema, or a list of one schema."""

_OWNER: Schema = {1: ("kind", "text"), 3: ("name", "text"), 4: ("uid", "text"), 5: ("apiVersion", "text")}
_META: Schema = {
    1: ("name", "text"),
    3: ("namespace", "text"),
    11: ("labels", "map"),
    12: ("annotations", "map"),
    13: ("ownerReferences", [_OWNER]),
}
_RULE: Schema = {
    1: ("verbs", "texts"),
    2: ("apiGroups", "texts"),
    3: ("resources", "texts"),
    4: ("resourceNames", "texts"),
    5: ("nonResourceURLs", "texts"),
}
_SUBJECT: Schema = {
    1: ("kind", "text"),
    2: ("apiGroup", "text"),
    3: ("name", "text"),
    4: ("namespace", "text"),
}
_REFERENCE: Schema = {1: ("apiGroup", "text"), 2: ("kind", "text"), 3: ("name", "text")}
_ROLE: Schema = {1: ("metadata", _META), 2: ("rules", [_RULE])}
_BINDING: Schema = {1: ("metadata", _META), 2: ("subjects", [_SUBJECT]), 3: ("roleRef", _REFERENCE)}
_REQUEST: Schema = {1: ("audiences", "texts"), 4: ("expirationSeconds", "number")}
_KINDS: dict[str, Schema] = {
    "ServiceAccount": {1: ("metadata", _META)},
    "TokenRequest": {1: ("metadata", _META), 2: ("spec", _REQUEST)},
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "DeleteOptions": {2: ("preconditions", {1: ("uid", "text")})},
}
_ENVELOPE: Schema = {1: ("type", {1: ("apiVersion", "text"), 2: ("kind", "text")}), 2: ("raw", "bytes")}


def decoded(octets: bytes) -> dict[str, Any]:
    """The object in a body that begins with the magic bytes."""
    envelope = _object(octets.removeprefix(MAGIC), _ENVELOPE)
    kind: dict[str, Any] = envelope["type"]
    return kind | _object(envelope.get("raw", b""), _KINDS[kind["kind"]])


def _object(octets: bytes, schema: Schema) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _fields(octets):
        name, kind = schema.get(number, ("", None))
        if isinstance(kind, list):
            found.setdefault(name, []).append(_object(_octets(value), kind[0]))
        elif isinstance(kind, dict):
            found[name] = _object(_octets(value), kind)
        elif kind == "texts":
            found.setdefault(name, []).append(_octets(value).decode())
        elif kind == "map":
            pair = dict(_fields(_octets(value)))
            found.setdefault(name, {})[_octets(pair[1]).decode()] = _octets(pair.get(2, b"")).decode()
        elif kind == "text":
            found[name] = _octets(value).decode()
        elif kind is not None:
            found[name] = value
    return {name: value for name, value in found.items() if value != ""}


def _octets(value: int | bytes) -> bytes:
    assert isinstance(value, bytes)
    return value


def _fields(octets: bytes) -> Iterator[tuple[int, int | bytes]]:
    position = 0
    while position < len(octets):
        tag, position = _varint(octets, position)
        value, position = _varint(octets, position)  # the only wire types here are 0 and 2
        if tag & 7 == 2:
            yield tag >> 3, octets[position : position + value]
            position += value
        else:
            yield tag >> 3, value


def _varint(octets: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = octets[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
