"""InfluxDB 1.x: users of its own, by its HTTP API.

Needs ``pip install strongroom[http]``. A statement may hold several, separated by ``;``. The server makes no
transaction of them: what fails in the middle is taken back here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import urlencode

import msgspec

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.secrets.database.plugin import (
    LONGEST,
    PASSWORD,
    Credential,
    NewUser,
    Refused,
    Settings,
    masked,
)
from strongroom.secrets.database.statement import Dialect, fill, split
from strongroom.upstream.http import Target, basic, send

_DIALECT = Dialect(backslashes=True, doubling=False)
_CREATE = "CREATE USER \"{{username}}\" WITH PASSWORD '{{password}}'"
_SET_PASSWORD = "SET PASSWORD FOR \"{{username}}\" = '{{password}}'"
_DROP = 'DROP USER "{{username}}"'
_GRANTS = 'SHOW GRANTS FOR "{{username}}"'
_HARMLESS = "SHOW DATABASES"
_GONE = "user not found"
_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----", re.DOTALL)


class InfluxDB:
    """One server, and what can be done there."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD})
    username_template: ClassVar[str] = (
        '{{ printf "v_%s_%s_%s_%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) '
        '(unix_time) | truncate 100 | replace "-" "_" | lowercase }}'
    )

    def __init__(self, settings: Settings) -> None:
        for name, value in (
            ("host", settings.text("host")), ("username", settings.username), ("password", settings.password)
        ):  # fmt: skip
            if not value:
                raise BadRequest(f"{name} cannot be empty")
        self._target = _target(settings)
        self._username, self._password = settings.username, settings.password

    # -- what the engine asks for --------------------------------------------------------------

    async def verify(self) -> None:
        """Log in as configured; only an administrator is told of anybody's rights."""
        await self._run([_GRANTS], _values(self._username))

    async def close(self) -> None:
        """Connections are shared, and closed when nobody has used them for a while."""

    async def exists(self, username: str) -> bool:
        """Whether there is a user of that name."""
        try:
            await self._run([_GRANTS], _values(username))
        except _Gone:
            return False
        return True

    async def create(self, user: NewUser) -> None:
        """Make a user by the operator's statements. When one is refused, what the others made is removed."""
        values = _values(user.username, user.credential.password, user.expiration)
        try:
            await self._run(user.statements or [_CREATE], values)
        except _Halfway as halfway:
            try:
                await self.drop(user.username, user.rollback)
            except Refused as error:
                raise UpstreamFailed(f"{halfway.public}; what was made is left: {error.public}") from None
            raise Refused(halfway.public) from None

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give a user that is there another password."""
        await self._run(statements or [_SET_PASSWORD], _values(username, credential.password))

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a user; one that is gone is fine."""
        try:
            await self._run(statements or [_DROP], _values(username))
        except (Refused, _Halfway):
            if await self.exists(username):
                raise

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the server lets a user in with a password."""
        try:
            await self._send(_HARMLESS, username, password)
        except _Shut:
            return False
        except Refused:
            return True  # who is refused something has been let in
        return True

    # -- queries -------------------------------------------------------------------------------

    async def _run(self, statements: Sequence[str], values: dict[str, str]) -> None:
        """Run statements. Raises :class:`_Halfway` when one but the first is refused."""
        texts = [
            fill(statement, values, _DIALECT) for text in statements for statement in split(text, _DIALECT)
        ]
        # The line breaks end a comment that a statement ends with.
        await self._send("\n;\n".join(texts), self._username, self._password, values.get("password", ""))

    async def _send(self, query: str, username: str, password: str, secret: str = "") -> None:
        # In the body: addresses of requests are written to logs.
        answer = await send(
            self._target,
            "POST",
            "/query",
            headers=basic(username, password) | {"Content-Type": "application/x-www-form-urlencoded"},
            content=urlencode({"q": query}).encode(),
        )
        if answer.status == 401:
            raise _Shut("the database does not let the user in")
        if answer.status not in {200, 400, 403}:
            raise UpstreamFailed(f"the database answered {answer.status}")
        try:
            said = msgspec.json.decode(answer.body, type=_Said)
        except (msgspec.DecodeError, UnicodeError):
            raise UpstreamFailed("the database answered something that is not its own") from None
        for done, error in enumerate([said.error] if said.error else [one.error for one in said.results]):
            if error:
                sentence = f"the database refused it: {masked(error, sent=secret)}"
                raise _Halfway(sentence) if done else (_Gone if error == _GONE else Refused)(sentence)
        if answer.status != 200:
            raise UpstreamFailed(f"the database answered {answer.status}")


class _Result(msgspec.Struct):
    error: str = ""


class _Said(msgspec.Struct):
    """An answer: an error, or what became of each statement."""

    error: str = ""
    results: list[_Result] = msgspec.field(default_factory=list)


class _Shut(UpstreamFailed):
    """The server does not let the user in."""


class _Gone(Refused):
    """There is no such user."""


class _Halfway(UpstreamFailed):
    """A statement was refused after others had been carried out."""


def _target(settings: Settings) -> Target:
    """Where the server is. Raises BadRequest."""
    bundle = settings.text("pem_bundle") or _bundle(settings.text("pem_json"))
    secure = settings.flag("tls") or bool(bundle)
    port = settings.number("port", 8086)
    host = settings.text("host")
    if not 0 < port < 65_536 or any(sign in host for sign in "/?#@ "):
        raise BadRequest("invalid host or port")
    address = f"[{host}]" if ":" in host and not host.startswith("[") else host
    key, certificate, authorities = _parts(bundle)
    target = Target(
        "the database",
        f"{'https' if secure else 'http'}://{address}:{port}",
        ca=authorities,
        certificate=certificate,
        key=key,
        verify=not settings.flag("insecure_tls"),
        timeout=float(settings.seconds("connect_timeout") or LONGEST),
    )
    target.check()
    return target


def _bundle(text: str) -> str:
    """The PEM texts of an answer of the PKI engine, given as JSON."""
    if not text:
        return ""
    try:
        found = msgspec.json.decode(text, type=_Issued)
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest("invalid pem_json: what the PKI engine answers is expected") from None
    found = found.data or found
    authorities = found.ca_chain or [found.issuing_ca]
    return "\n".join((found.private_key, found.certificate, *authorities))


class _Issued(msgspec.Struct):
    certificate: str = ""
    private_key: str = ""
    issuing_ca: str = ""
    ca_chain: list[str] = msgspec.field(default_factory=list)
    data: _Issued | None = None


def _parts(bundle: str) -> tuple[str, str, str]:
    """Key, its certificate, and authorities; without a key all certificates are those of authorities."""
    blocks = [(found[1], found[0]) for found in _PEM.finditer(bundle)]
    if bundle and not blocks:
        raise BadRequest("invalid pem_bundle: it holds no PEM")
    keys = [text for kind, text in blocks if kind.endswith("PRIVATE KEY")]
    certificates = [text for kind, text in blocks if kind == "CERTIFICATE"]
    own = certificates[:1] if keys else []
    return "".join(keys[:1]), "".join(own), "\n".join(certificates[len(own) :])


def _values(username: str, password: str = "", expiration: int = 0) -> dict[str, str]:
    values = {"name": username, "username": username}
    if password:
        values["password"] = password
    if expiration:
        values["expiration"] = datetime.fromtimestamp(expiration // SECOND, UTC).strftime(
            "%Y-%m-%d %H:%M:%S+0000"
        )
    return values
