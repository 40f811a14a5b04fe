"""Sprig's functions that encode and hash, that read paths, URLs, versions and the environment."""

from __future__ import annotations

import base64
import hashlib
import posixpath
import re
import uuid
import zlib
from typing import Any

from strongroom.template import jsontext
from strongroom.template.errors import FunctionError
from strongroom.template.execution import Execution
from strongroom.template.function import Library
from strongroom.template.functions.encoding import read_json
from strongroom.template.functions.radix import CorruptInput, decode32, decode64
from strongroom.template.literal import bytes_of, text_of

LIBRARY = Library("sprig_")
function = LIBRARY.function


@function("b64enc")
def b64enc(text: str) -> str:
    """The text in base64."""
    return base64.b64encode(bytes_of(text)).decode()


@function("b64dec")
def b64dec(text: str) -> str:
    """The text that a base64 text stands for; for any other text, a sentence that says where it is wrong."""
    try:
        return text_of(decode64(bytes_of(text)))
    except CorruptInput as error:
        return str(error)


@function("b32enc")
def b32enc(text: str) -> str:
    """The text in base32."""
    return base64.b32encode(bytes_of(text)).decode()


@function("b32dec")
def b32dec(text: str) -> str:
    """The text that a base32 text stands for; for any other text, a sentence that says where it is wrong."""
    try:
        return text_of(decode32(bytes_of(text)))
    except CorruptInput as error:
        return str(error)


@function("sha1sum")
def sha1sum(text: str) -> str:
    """The SHA-1 hash of a text; for checksums, not for security."""
    return hashlib.sha1(bytes_of(text), usedforsecurity=False).hexdigest()


@function("sha256sum")
def sha256sum(text: str) -> str:
    """The SHA-256 hash of a text, in hexadecimal digits."""
    return hashlib.sha256(bytes_of(text)).hexdigest()


@function("sha512sum")
def sha512sum(text: str) -> str:
    """The SHA-512 hash of a text, in hexadecimal digits."""
    return hashlib.sha512(bytes_of(text)).hexdigest()


@function("adler32sum")
def adler32sum(text: str) -> str:
    """The Adler-32 checksum of a text, as a number."""
    return str(zlib.adler32(bytes_of(text)))


@function("fromJson")
def from_json(text: str) -> Any:
    """The value that a JSON text stands for; nothing for any other text."""
    try:
        return read_json(text)
    except FunctionError:
        return None


@function("mustFromJson")
def must_from_json(text: str) -> Any:
    """The value that a JSON text stands for."""
    return read_json(text)


@function("toJson")
def to_json(value: Any) -> str:
    """The value as JSON on one line; nothing for what JSON has no form for."""
    try:
        return jsontext.write(value)
    except FunctionError:
        return ""


@function("mustToJson")
def must_to_json(value: Any) -> str:
    """The value as JSON on one line."""
    return jsontext.write(value)


@function("toPrettyJson")
def to_pretty_json(value: Any) -> str:
    """The value as JSON over several lines; nothing for what JSON has no form for."""
    try:
        return jsontext.write(value, indent="  ")
    except FunctionError:
        return ""


@function("mustToPrettyJson")
def must_to_pretty_json(value: Any) -> str:
    """The value as JSON over several lines."""
    return jsontext.write(value, indent="  ")


@function("toRawJson", "mustToRawJson")
def to_raw_json(value: Any) -> str:
    """The value as JSON in which ``<``, ``>`` and ``&`` stay as they are."""
    return jsontext.write(value, escape=False)


@function("env")
def env(execution: Execution, name: str) -> str:
    """A variable of the environment."""
    return execution.world.environment().get(name, "")


VARIABLE = re.compile(r"\$(?:\{([^}]*)\}|([A-Za-z_][A-Za-z0-9_]*))")


@function("expandenv")
def expandenv(execution: Execution, text: str) -> str:
    """The text with ``$NAME`` and ``${NAME}`` replaced from the environment."""
    known = execution.world.environment()
    return VARIABLE.sub(lambda match: known.get(match.group(1) or match.group(2) or "", ""), text)


@function("fail")
def fail(message: str) -> str:
    """Ends the template with an error, which names this place."""
    raise FunctionError("the template says so")


@function("base", "osBase")
def base(path: str) -> str:
    """The last part of a path."""
    if not path:
        return "."
    return posixpath.basename(path.rstrip("/")) or "/"


@function("dir", "osDir")
def directory(path: str) -> str:
    """The path without its last part."""
    return clean(path[: path.rfind("/") + 1])


@function("clean", "osClean")
def clean(path: str) -> str:
    """The shortest form of a path."""
    return re.sub("^//", "/", posixpath.normpath(path)) if path else "."


@function("ext", "osExt")
def extension(path: str) -> str:
    """The ending of a file's name, with its dot."""
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :] if "." in name else ""


@function("isAbs", "osIsAbs")
def is_absolute(path: str) -> bool:
    """Whether a path begins at the root."""
    return path.startswith("/")


@function("uuidv4")
def uuidv4(execution: Execution) -> str:
    """A UUID at random."""
    return str(uuid.UUID(bytes=execution.world.random(16), version=4))


@function("randBytes")
def rand_bytes(execution: Execution, count: int) -> str:
    """So many bytes at random, in base64."""
    execution.bound(count)
    return base64.b64encode(execution.world.random(max(count, 0))).decode()
