"""Texts as data and data as texts: JSON, YAML, TOML, base64, hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

from strongroom.template import jsontext, toml, yamldocument, yamltext
from strongroom.template.errors import FunctionError
from strongroom.template.function import Library
from strongroom.template.functions.radix import URL_SAFE, decode64
from strongroom.template.literal import bytes_of, text_of

LIBRARY = Library()
function = LIBRARY.function


def read_json(text: str) -> Any:
    """JSON whose numbers are ``float64``, as Go reads them into values of no type."""
    try:
        return json.loads(text, parse_int=float, parse_constant=_refuse)
    except (ValueError, OverflowError, RecursionError):
        raise FunctionError("invalid JSON") from None


def _refuse(word: str) -> None:
    raise ValueError(word)


@function("base64Encode")
def base64_encode(text: str) -> str:
    """The text in base64."""
    return base64.b64encode(bytes_of(text)).decode()


@function("base64Decode")
def base64_decode(text: str) -> str:
    """The text that a base64 text stands for."""
    return text_of(decode64(bytes_of(text)))


@function("base64URLEncode")
def base64_url_encode(text: str) -> str:
    """The text in the base64 that is safe in URLs."""
    return base64.urlsafe_b64encode(bytes_of(text)).decode()


@function("base64URLDecode")
def base64_url_decode(text: str) -> str:
    """The text that a base64 text, of the kind that is safe in URLs, stands for."""
    return text_of(decode64(bytes_of(text), URL_SAFE))


@function("parseJSON")
def parse_json(text: str) -> Any:
    """The value that a JSON text stands for; an empty text gives an empty map."""
    return read_json(text) if text else {}


@function("parseYAML")
def parse_yaml(text: str) -> Any:
    """The value that a YAML text stands for; an empty text gives an empty map."""
    return yamldocument.read(text) if text else {}


@function("toJSON")
def to_json(value: Any) -> str:
    """The value as JSON on one line."""
    return jsontext.write(value)


@function("toJSONPretty")
def to_json_pretty(value: Any) -> str:
    """The value as JSON over several lines."""
    return jsontext.write(value, indent="  ")


@function("toUnescapedJSON")
def to_unescaped_json(value: Any) -> str:
    """The value as JSON in which ``<``, ``>`` and ``&`` stay as they are."""
    return jsontext.write(value, escape=False)


@function("toUnescapedJSONPretty")
def to_unescaped_json_pretty(value: Any) -> str:
    """The same over several lines."""
    return jsontext.write(value, escape=False, indent="  ")


@function("toYAML")
def to_yaml(value: Any) -> str:
    """The value as YAML."""
    return yamltext.write(value)


@function("toTOML")
def to_toml(value: Any) -> str:
    """The map as TOML."""
    return toml.write(value)


@function("sha256Hex")
def sha256_hex(text: str) -> str:
    """The SHA-256 hash of a text, in hexadecimal digits."""
    return hashlib.sha256(bytes_of(text)).hexdigest()


@function("md5sum")
def md5sum(text: str) -> str:
    """The MD5 hash of a text, in hexadecimal digits; for checksums, not for security."""
    return hashlib.md5(bytes_of(text), usedforsecurity=False).hexdigest()


@function("hmacSHA256Hex")
def hmac_sha256_hex(message: str, key: str) -> str:
    """The HMAC of a text under a key, with SHA-256, in hexadecimal digits."""
    return hmac.digest(bytes_of(key), bytes_of(message), "sha256").hex()
