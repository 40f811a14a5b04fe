"""URLs taken apart and put together, as strictly and as leniently as Go does it."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from strongroom.template.errors import FunctionError
from strongroom.template.function import Library
from strongroom.template.literal import bytes_of, text_of
from strongroom.template.value import type_name

LIBRARY = Library("sprig_")
function = LIBRARY.function
CONTROL = re.compile("[\x00-\x1f\x7f]")
SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*):")
USER = re.compile(r"[A-Za-z0-9._:~!$&'()*+,;=%@-]*")
HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:\[\]<>\"%-]|[^\x00-\x7f]")
PORT = re.compile("(:[0-9]*)?")
ESCAPED = re.compile("%([0-9A-Fa-f]{2})")
PARTS = ("scheme", "opaque", "userinfo", "host", "path", "query", "fragment")


class Url(Struct):
    """The parts of a URL, with what was escaped in plain."""

    scheme: str = ""
    opaque: str = ""
    userinfo: str = ""
    host: str = ""
    path: str = ""
    query: str = ""
    fragment: str = ""

    @property
    def hostname(self) -> str:
        if "]" in self.host:
            return self.host.partition("]")[0].removeprefix("[")
        return self.host.rpartition(":")[0] if ":" in self.host else self.host


def plain(text: str) -> str:
    """A text without its escapes."""
    if re.search("%(?![0-9A-Fa-f]{2})", text):
        raise FunctionError("invalid URL escape")
    raw = bytes_of(text)
    return text_of(re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes([int(match.group(1), 16)]), raw))


def parse(text: str) -> Url:
    """The parts of a URL. Raises where it is none."""
    text, _, fragment = text.partition("#")
    if CONTROL.search(text):
        raise FunctionError("invalid control character in URL")
    if text.startswith(":"):
        raise FunctionError("missing protocol scheme")
    url = Url(fragment=plain(fragment))
    match = SCHEME.match(text)
    if match:
        url.scheme, text = match.group(1).lower(), text[match.end() :]
    text, _, url.query = text.partition("?")
    if not text.startswith("/"):
        if url.scheme:
            url.opaque = text
            return url
        if ":" in text.partition("/")[0]:
            raise FunctionError("first path segment in URL cannot contain colon")
    if text.startswith("//") and (url.scheme or not text.startswith("///")):
        authority, slash, rest = text[2:].partition("/")
        url.userinfo, url.host = _authority(authority, url.scheme)
        text = slash + rest
    url.path = plain(text)
    return url


def _authority(text: str, scheme: str) -> tuple[str, str]:
    user, _, host = text.rpartition("@")
    if not USER.fullmatch(user):
        raise FunctionError("net/url: invalid userinfo")
    parts = [quote(bytes_of(plain(part)), safe="$&+,;=") for part in user.split(":", 1)]
    return ":".join(parts), _host(host, scheme)


def _port(text: str, scheme: str) -> str:
    """What follows the host, with its colon; that of the web has no other colon before it."""
    if text.startswith("["):
        if "]" not in text:
            raise FunctionError("missing ']' in host")
        return text.rpartition("]")[2]
    if ":" not in text:
        return ""
    return text[text.index(":") if scheme in {"http", "https"} else text.rindex(":") :]


def _host(text: str, scheme: str) -> str:
    port = _port(text, scheme)
    if not PORT.fullmatch(port):
        raise FunctionError("invalid port after host")
    for match in ESCAPED.finditer(text):
        if int(match.group(1), 16) < 0x80 and match.group() != "%25":
            raise FunctionError("invalid URL escape")
    if not all(HOST.fullmatch(char) for char in text):
        raise FunctionError("invalid character in host name")
    return plain(text)


@function("urlParse")
def url_parse(url: str) -> dict[str, Any]:
    """The parts of a URL: ``scheme``, ``host``, ``hostname``, ``path``, ``query``, ``opaque`` ..."""
    parts = parse(url)
    return {name: getattr(parts, name) for name in (*PARTS, "hostname")}


@function("urlJoin")
def url_join(parts: dict[str, Any]) -> str:
    """The URL of its parts."""
    given = {name: parts.get(name, "") for name in PARTS}
    for name, value in given.items():
        if not isinstance(value, str):
            raise FunctionError(f"{name} must be a text, not a value of type {type_name(value)}")
    url = Url(**given)
    user = parse(f"proto://{url.userinfo}@host").userinfo if url.userinfo else ""
    user = f"{user}@" if user else ""
    scheme = f"{url.scheme}:" if url.scheme else ""
    body = url.opaque or _behind(url, user)
    if not scheme and not url.opaque and not body.startswith("//") and ":" in body.partition("/")[0]:
        body = f"./{body}"
    query = f"?{url.query}" if url.query else ""
    fragment = f"#{quote(bytes_of(url.fragment), safe='/$&+,:;=@!()*?~')}" if url.fragment else ""
    return scheme + body + query + fragment


def _behind(url: Url, user: str) -> str:
    """What stands between the scheme and the query."""
    path = url.path if url.path == "*" else quote(bytes_of(url.path), safe="/$&+,:;=@~")
    marked = user or url.host or (url.scheme and path)
    host = quote(bytes_of(url.host), safe="!$&'()*+,;=:[]<>\"~")
    slash = "/" if path and not path.startswith("/") and url.host else ""
    return ("//" if marked else "") + user + host + slash + path
