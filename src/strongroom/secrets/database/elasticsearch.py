"""Elasticsearch: users of its native realm, by the security API.

Needs ``pip install strongroom[http]``. The statement of a role is a JSON object: the names of roles that are
there, ``{"elasticsearch_roles": ["reader"]}``, or what a role of the user's own allows,
``{"elasticsearch_role_definition": {...}}``.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from strongroom.errors import BadRequest, UpstreamFailed
from strongroom.secrets.database.plugin import (
    LONGEST,
    PASSWORD,
    Credential,
    NewUser,
    Refused,
    Settings,
    masked,
)
from strongroom.upstream.http import Answer, Target, basic, segment, send


class Elasticsearch:
    """One cluster, and what can be done there."""

    credential_types: ClassVar[frozenset[str]] = frozenset({PASSWORD})
    username_template: ClassVar[str] = (
        '{{ printf "v-%s-%s-%s-%s" (.DisplayName | truncate 15) (.RoleName | truncate 15) (random 20) '
        "(unix_time) | truncate 100 }}"
    )

    def __init__(self, settings: Settings) -> None:
        for name, value in (
            ("url", settings.text("url")), ("username", settings.username), ("password", settings.password)
        ):  # fmt: skip
            if not value:
                raise BadRequest(f"{name} cannot be empty")
        self._target = _target(settings)
        self._api = "/_xpack/security" if settings.flag("use_old_xpack") else "/_security"
        self._username, self._password = settings.username, settings.password

    # -- what the engine asks for --------------------------------------------------------------

    async def verify(self) -> None:
        """Log in as configured."""
        await self._ask("GET", "/_authenticate")

    async def close(self) -> None:
        """Connections are shared, and closed when nobody has used them for a while."""

    async def exists(self, username: str) -> bool:
        """Whether there is a user of that name, or a role that would be taken for its own."""
        for kind in ("user", "role"):
            if (await self._ask("GET", f"/{kind}/{segment(username)}", missing=True)).ok:
                return True
        return False

    async def create(self, user: NewUser) -> None:
        """Make a user with roles that are there, or with a role of its own."""
        wanted = _wanted(user.statements)
        name = segment(user.username)
        roles = wanted.elasticsearch_roles
        if wanted.elasticsearch_role_definition:
            await self._ask("PUT", f"/role/{name}", wanted.elasticsearch_role_definition)
            roles = [user.username]
        body = {"password": user.credential.password, "roles": roles}
        try:
            await self._ask("PUT", f"/user/{name}", body, secret=user.credential.password)
        except Refused:
            if wanted.elasticsearch_role_definition:
                await self._ask("DELETE", f"/role/{name}", missing=True)
            raise

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Give a user that is there another password."""
        body = {"password": credential.password}
        path = f"/user/{segment(username)}/_password"
        await self._ask("PUT", path, body, secret=credential.password)

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove a user, and the role of its own; those that are gone are fine."""
        for kind in ("user", "role"):
            await self._ask("DELETE", f"/{kind}/{segment(username)}", missing=True)

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the cluster lets a user in with a password."""
        answer = await self._send("GET", "/_authenticate", username, password)
        if answer.status in {200, 401}:
            return answer.ok
        raise UpstreamFailed(f"the database answered {answer.status}")

    # -- requests ------------------------------------------------------------------------------

    async def _ask(
        self, method: str, path: str, body: Any = None, *, missing: bool = False, secret: str = ""
    ) -> Answer:
        """A request of the administrator's. ``missing`` says that nothing need be there."""
        answer = await self._send(method, path, self._username, self._password, body)
        if answer.ok or (missing and answer.status == 404):
            return answer
        said = f"the database answered {answer.status}: {masked(_reason(answer), sent=secret)}"
        raise Refused(said) if answer.status in {400, 403, 404, 405, 409} else UpstreamFailed(said)

    async def _send(self, method: str, path: str, username: str, password: str, body: Any = None) -> Answer:
        return await send(
            self._target, method, self._api + path, headers=basic(username, password), json=body
        )


class _Wanted(msgspec.Struct):
    """What a role of the engine says of users."""

    elasticsearch_roles: list[str] = msgspec.field(default_factory=list)
    elasticsearch_role_definition: dict[str, Any] = msgspec.field(default_factory=dict)


class _Error(msgspec.Struct):
    reason: str = ""


class _Failure(msgspec.Struct):
    error: _Error | str = ""


def _wanted(statements: list[str]) -> _Wanted:
    if len(statements) != 1:
        raise BadRequest("creation_statements are one JSON object")
    try:
        wanted = msgspec.json.decode(statements[0], type=_Wanted)
    except (msgspec.DecodeError, UnicodeError):
        raise BadRequest("creation_statements are a JSON object of roles or of a role's definition") from None
    if bool(wanted.elasticsearch_roles) == bool(wanted.elasticsearch_role_definition):
        raise BadRequest("elasticsearch_roles or elasticsearch_role_definition is expected")
    return wanted


def _reason(answer: Answer) -> str:
    try:
        error = msgspec.json.decode(answer.body, type=_Failure).error
    except (msgspec.DecodeError, UnicodeError):
        return ""
    return error.reason if isinstance(error, _Error) else error


def _target(settings: Settings) -> Target:
    """Where the cluster is. Raises BadRequest."""
    if settings.text("ca_path"):
        raise BadRequest("ca_path is not read here; give the PEM itself as ca_cert")
    for name in ("ca_cert", "client_cert", "client_key"):
        if settings.text(name) and "-----BEGIN" not in settings.text(name):
            raise BadRequest(f"{name} is PEM, not the name of a file")
    target = Target(
        "the database",
        settings.text("url").rstrip("/"),
        ca=settings.text("ca_cert"),
        certificate=settings.text("client_cert"),
        key=settings.text("client_key"),
        verify=not settings.flag("insecure"),
        server_name=settings.text("tls_server_name"),
        timeout=LONGEST,
    )
    target.check()
    return target
