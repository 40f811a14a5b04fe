"""JSON for people and pipes: two spaces of indent, and the server's own spelling of numbers."""

from __future__ import annotations

from json.encoder import encode_basestring

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def json_text(value: Any, indent: str = "") -> str:
    """``value`` as JSON text that is safe to paste into a web page."""
    inner = indent + "  "
    if isinstance(value, str):
        return encode_basestring(value).translate(HTML)
    if isinstance(value, dict):
        lines = [f"{inner}{json_text(str(key))}: {json_text(item, inner)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}" if lines else "{}"
    if isinstance(value, (list, tuple)):
        lines = [inner + json_text(item, inner) for item in value]
        return "[\n" + ",\n".join(lines) + f"\n{indent}]" if lines else "[]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def ordered(value: Any) -> Any:
    """``value`` with the keys of every object in order."""
    if isinstance(value, dict):
        return {key: ordered(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [ordered(item) for item in value]
    return value
