"""The ways to log in: each collects its credentials and says what is posted where."""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from strongroom.agent.auth.attempt import Attempt, CredentialFile, Fields, Method, Unready, from_environment
from strongroom.agent.config import Method as Stanza
from strongroom.agent.upstream import Upstream
from strongroom.secret import Secret

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


_log = logging.getLogger("agent.auth")


class _Credentials:
    """What most methods share: credential files that are followed, nothing to close."""

    LATER: ClassVar[frozenset[str]] = frozenset()
    """Keys that are read when they are needed."""

    def __init__(self, stanza: Stanza) -> None:
        self._mount = stanza.mount_path
        self.fields = Fields(stanza.label, stanza.config)
        self._files: list[CredentialFile] = []

    def _file(self, name: str, *, remove: bool = False, follow: bool = True) -> CredentialFile:
        made = CredentialFile(name, remove=remove, follow=follow)
        self._files.append(made)
        return made

    def stamp(self) -> object:
        # A file that its reader removed is no news; one that comes again is.
        return tuple(file.stamp() for file in self._files)

    async def close(self) -> None:
        """Nothing was opened."""


class AppRole(_Credentials):
    """A role ID, and a secret ID unless the role needs none: each from a file or the environment.

    The file of a secret ID is removed once read. With ``secret_id_response_wrapping_path`` the file holds
    a wrapping token; that its answer was wrapped at that very path is checked before it is opened.
    """

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        fields = self.fields
        role, secret = fields.text("role_id_file_path"), fields.text("secret_id_file_path")
        remove = fields.flag("remove_secret_id_file_after_reading", default=True)
        self._role_file = self._file(role) if role else None
        self._secret_file = self._file(secret, remove=remove) if secret else None
        self._role = from_environment(fields.text("role_id_env"))
        self._secret = from_environment(fields.text("secret_id_env"))
        self._wrapped_at = fields.text("secret_id_response_wrapping_path").strip("/")
        self._opened: tuple[Secret[str], Secret[str]] | None = None
        if self._role_file is None and self._role is None:
            fields.required("role_id_file_path")

    async def attempt(self, upstream: Upstream) -> Attempt:
        role = self._role if self._role_file is None else self._role_file.read("the role ID")
        assert role is not None  # noqa: S101  __init__ saw to it
        body = {"role_id": role.reveal()}
        secret = self._secret if self._secret_file is None else self._secret_file.read("the secret ID")
        if secret is not None and self._wrapped_at:
            secret = await self._unwrapped(upstream, secret)
        if secret is not None:
            body["secret_id"] = secret.reveal()
        return Attempt(f"{self._mount}/login", body)

    async def _unwrapped(self, upstream: Upstream, token: Secret[str]) -> Secret[str]:
        """The secret ID in an answer that was wrapped where it should be; opened once, then remembered."""
        if self._opened is not None and self._opened[0] == token:
            return self._opened[1]
        found = await upstream.call(
            "PUT", "sys/wrapping/lookup", body={"token": token.reveal()}, doing="looking the secret ID up"
        )
        made_at = found.text("creation_path").strip("/")
        if made_at != self._wrapped_at:
            raise Unready(
                "the secret ID was not wrapped at secret_id_response_wrapping_path: do not trust it"
            )
        answer = await upstream.call(
            "PUT", "sys/wrapping/unwrap", token=token, doing="unwrapping the secret ID"
        )
        value = answer.text("secret_id")
        if not value:
            raise Unready("the wrapped answer holds no secret ID")
        self._opened = (token, Secret(value))
        return self._opened[1]


class TokenFile(_Credentials):
    """A token that lies in a file: for development, and where something else logs in."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        self._token = self._file(self.fields.required("token_file_path"))

    async def attempt(self, upstream: Upstream) -> Attempt:
        return Attempt(token=self._token.read("the token"))


class Jwt(_Credentials):
    """A signed token of another system, in a file that is removed once read."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        self._role = self.fields.required("role")
        remove = self.fields.flag("remove_jwt_after_reading", default=True)
        follow = self.fields.flag("remove_jwt_follows_symlinks", default=False)
        self._jwt = self._file(self.fields.required("path"), remove=remove, follow=follow)

    async def attempt(self, upstream: Upstream) -> Attempt:
        token = self._jwt.read("the JWT").reveal()
        return Attempt(f"{self._mount}/login", {"role": self._role, "jwt": token})


class Kubernetes(_Credentials):
    """The pod's service account."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        self._role = self.fields.required("role")
        self._jwt = self._file(self.fields.text("token_path", SERVICE_ACCOUNT) or SERVICE_ACCOUNT)

    async def attempt(self, upstream: Upstream) -> Attempt:
        token = self._jwt.read("the service account's token").reveal()
        return Attempt(f"{self._mount}/login", {"role": self._role, "jwt": token})


class Certificate(_Credentials):
    """A client certificate; with ``reload``, a changed one logs in again."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        self._name = self.fields.text("name")
        self._ca = self.fields.text("ca_cert")
        self._certificate = self.fields.text("client_cert")
        self._key = self.fields.text("client_key")
        self._own: Upstream | None = None
        if self.fields.flag("reload", default=False):
            self._files += [CredentialFile(name) for name in (self._certificate, self._key) if name]

    async def attempt(self, upstream: Upstream) -> Attempt:
        if self._own is None and (self._certificate or self._ca):
            at = upstream.endpoint
            self._own = Upstream(
                replace(
                    at,
                    ca_cert=self._ca or at.ca_cert,
                    client_cert=self._certificate or at.client_cert,
                    client_key=self._key or at.client_key,
                    keep_alive=False,  # the certificate is shown when a connection is made
                )
            )
        body = {"name": self._name} if self._name else {}
        return Attempt(f"{self._mount}/login", body, upstream=self._own)

    async def close(self) -> None:
        if self._own is not None:
            await self._own.close()


class Password(_Credentials):
    """A name and a password in a file or the environment: userpass and ldap."""

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        fields = self.fields
        self._username = fields.required("username")
        remove = fields.flag("remove_password_after_reading", default=True)
        follow = fields.flag("remove_password_follows_symlinks", default=False)
        self._password = from_environment(fields.text("password_env"))
        self._from: CredentialFile | None = None
        if self._password is None:
            self._from = self._file(fields.required("password_file_path"), remove=remove, follow=follow)

    async def attempt(self, upstream: Upstream) -> Attempt:
        password = self._password if self._from is None else self._from.read("the password")
        assert password is not None  # noqa: S101  __init__ saw to it
        return Attempt(f"{self._mount}/login/{self._username}", {"password": password.reveal()})


class AppId(_Credentials):
    """Two shared identifiers, of the service and of the machine.

    Each is text, or comes from a file or the environment, or is a salted hash that is made here, of
    ``salt_file_path`` with ``service`` and with ``address``.
    """

    LATER = frozenset({"app_id", "user_id", "service", "address"})

    def __init__(self, stanza: Stanza) -> None:
        super().__init__(stanza)
        self._salt = self._optional("salt_file_path")
        self._app = self._optional("app_id_file_path")
        self._user = self._optional("user_id_file_path")
        self._app_given = from_environment(self.fields.text("app_id_env"))
        self._user_given = from_environment(self.fields.text("user_id_env"))

    def _optional(self, name: str) -> CredentialFile | None:
        given = self.fields.text(name)
        return self._file(given) if given else None

    async def attempt(self, upstream: Upstream) -> Attempt:
        body = {
            "app_id": self._identifier(self._app, self._app_given, "app_id", "service"),
            "user_id": self._identifier(self._user, self._user_given, "user_id", "address"),
        }
        return Attempt(f"{self._mount}/login", body)

    def _identifier(
        self, file: CredentialFile | None, given: Secret[str] | None, name: str, hashed: str
    ) -> str:
        if file is not None:
            return file.read(f"the {name}").reveal()
        if given is not None:
            return given.reveal()
        if self._salt is not None:
            what = self.fields.text(hashed) or (_own_address() if hashed == "address" else "")
            if not what:
                raise Unready(f"method app-id needs {hashed}")
            text = f"{self._salt.read('the salt').reveal()}/{hashed}/{what}"
            return hashlib.sha256(text.encode()).hexdigest()
        return self.fields.required(name)


def _own_address() -> str:
    """The address this machine speaks from, by asking the kernel; nothing is sent."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""


METHODS: Mapping[str, Callable[[Stanza], Any]] = {
    "app-id": AppId,
    "approle": AppRole,
    "cert": Certificate,
    "jwt": Jwt,
    "kubernetes": Kubernetes,
    "ldap": Password,
    "token_file": TokenFile,
    "userpass": Password,
}


def method_of(stanza: Stanza) -> Method:
    """The method that a stanza configures. Raises Unready when something it needs is missing."""
    made = METHODS[stanza.label](stanza)
    if unknown := [name for name in made.fields.unasked if name not in made.LATER]:
        _log.warning(f"{stanza.place}: keys of method {stanza.label} without effect: {', '.join(unknown)}")
    method: Method = made
    return method
