"""Data source names, as MySQL's connections are configured: ``user:password@tcp(host:3306)/?tls=true``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from strongroom.errors import BadRequest
from strongroom.secrets.database.plugin import Settings

_ADDRESS = re.compile(r"(?P<network>[a-z]*)(?:\((?P<address>[^()]*)\))?")
_HOST = re.compile(r"\[(?P<inner>[^\]]+)\](?::(?P<port>\d+))?|(?P<host>[^:]*)(?::(?P<plain_port>\d+))?")
_PARAMETERS = frozenset({
    "allowAllFiles", "allowCleartextPasswords", "allowFallbackToPlaintext", "allowNativePasswords",
    "allowOldPasswords", "charset", "checkConnLiveness", "clientFoundRows", "collation", "columnsWithAlias",
    "connectionAttributes", "interpolateParams", "loc", "maxAllowedPacket", "multiStatements", "parseTime",
    "readTimeout", "rejectReadOnly", "timeTruncate", "timeout", "tls", "writeTimeout",
})  # fmt: skip
"""Those of the usual driver that change nothing here, and those that are minded."""


@dataclass(frozen=True, slots=True)
class DSN:
    """Where a server is and as whom to log in; ``socket`` is a path instead of host and port."""

    user: str = ""
    password: str = field(default="", repr=False)
    host: str = "127.0.0.1"
    port: int = 3306
    socket: str = ""
    database: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def dsn(settings: Settings) -> DSN:
    """The name in ``connection_url``, with the credentials in place. Raises BadRequest.

    It is taken apart before they are put in, so nothing in them can add to it.
    """
    url = settings.text("connection_url")
    if not url:
        raise BadRequest("connection_url cannot be empty")
    if any("{{" in value for value in (settings.username, settings.password)):
        raise BadRequest("username and/or password cannot contain the template variables")
    before, slash, after = url.rpartition("/")
    if not slash:
        raise BadRequest("invalid connection_url: user:password@tcp(host:port)/ is expected")
    credentials, _, address = before.rpartition("@")
    user, _, password = credentials.partition(":")
    database, _, parameters = after.partition("?")
    host, port, socket = _place(address)
    return DSN(
        _filled(user, settings),
        _filled(password, settings),
        host,
        port,
        socket,
        database,
        _parameters(parameters),
    )


def _filled(text: str, settings: Settings) -> str:
    values = {"{{username}}": settings.username, "{{password}}": settings.password}
    return re.sub(r"\{\{(?:username|password)\}\}", lambda hole: values[hole[0]], text)


def _place(text: str) -> tuple[str, int, str]:
    """Host, port and socket."""
    found = _ADDRESS.fullmatch(text)
    network = (found["network"] or "tcp") if found else ""
    if found is None or network not in {"tcp", "unix"}:
        raise BadRequest("invalid connection_url: tcp(host:port) or unix(path) is expected")
    address = found["address"] or ""
    if network == "unix":
        return "", 0, address or "/tmp/mysql.sock"  # noqa: S108  where servers put it
    host = _HOST.fullmatch(address)
    port = int((host["port"] or host["plain_port"] or 3306) if host else 0)
    if host is None or not 0 < port < 65_536:
        raise BadRequest("invalid connection_url: a port is a number up to 65535")
    return host["inner"] or host["host"] or "127.0.0.1", port, ""


def _parameters(text: str) -> dict[str, str]:
    found = dict(parse_qsl(text, keep_blank_values=True))
    if unknown := sorted(found.keys() - _PARAMETERS):
        raise BadRequest(f"invalid connection_url: the parameter {unknown[0]} is not known")
    if found.get("tls", "") not in {"", "true", "false", "skip-verify", "preferred"}:
        raise BadRequest("invalid connection_url: tls is true, false, skip-verify or preferred")
    return found
