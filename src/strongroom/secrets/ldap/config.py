"""The directory of a mount: where it is, as whom to act, and how passwords are made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from strongroom.clock import rfc3339
from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest
from strongroom.framework import outliving
from strongroom.framework.field import Duration
from strongroom.framework.field import field as path_field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.ldap.directory import Address, Directory
from strongroom.secrets.ldap.schema import SCHEMAS, USER_ATTRIBUTE, password_attributes

if TYPE_CHECKING:
    from strongroom.secrets.ldap.engine import Ldap

CONFIG = "config"
_SECRET = frozenset({"bindpass", "client_tls_key", "password_changed", "revision"})
Version = Literal["tls10", "tls11", "tls12", "tls13"]


@dataclass(slots=True)
class Config:
    """The settings as they are stored. Durations are seconds."""

    binddn: str = ""
    bindpass: str = field(default="", repr=False)
    url: str = "ldap://127.0.0.1"
    userdn: str = ""
    userattr: str = ""
    upndomain: str = ""
    schema: str = "openldap"
    credential_type: str = "password"
    password_policy: str = ""
    certificate: str = ""
    client_tls_cert: str = ""
    client_tls_key: str = field(default="", repr=False)
    starttls: bool = False
    insecure_tls: bool = False
    tls_min_version: str = "tls12"
    tls_max_version: str = "tls12"
    connection_timeout: int = 30
    request_timeout: int = 90
    ttl: int = 0
    max_ttl: int = 0
    skip_static_role_import_rotation: bool = False
    password_changed: int = 0
    revision: str = ""

    def directory(self) -> Directory:
        """The directory, seen as the configured account."""
        address = Address(
            urls=[url.strip() for url in self.url.split(",") if url.strip()],
            starttls=self.starttls,
            insecure_tls=self.insecure_tls,
            certificate=self.certificate,
            client_certificate=self.client_tls_cert,
            client_key=self.client_tls_key,
            tls_min_version=self.tls_min_version,
            tls_max_version=self.tls_max_version,
            connection_timeout=self.connection_timeout,
            request_timeout=self.request_timeout,
        )
        return Directory(address, self.binddn, self.bindpass)

    async def dn_of(self, username: str) -> str:
        """The DN of an account. Raises Missing where the directory has none."""
        attribute = self.userattr or USER_ATTRIBUTE[self.schema]
        value = f"{username}@{self.upndomain}" if self.upndomain and "@" not in username else username
        return await self.directory().find(self.userdn, attribute, value)

    async def set_password(self, dn: str, password: str) -> None:
        """Have an account log in with this password from now on."""
        attributes = password_attributes(self.schema, password, phrase=self.credential_type == "phrase")
        await self.directory().replace(dn, attributes)

    def described(self) -> dict[str, Any]:
        """The settings as they are shown: without secrets."""
        shown = {name: value for name, value in asdict(self).items() if name not in _SECRET}
        shown["userattr"] = self.userattr or USER_ATTRIBUTE[self.schema]
        if self.password_changed:
            shown["last_bind_password_rotation"] = rfc3339(self.password_changed)
        return shown


class ConfigPath(Path):
    """The directory of this mount."""

    pattern = "config"
    reader_safe = True
    binddn: str = path_field("DN of the account that makes and changes others.")
    bindpass: str = path_field("Password of that account; it is never shown.", sensitive=True)
    url: str = path_field("ldap:// or ldaps:// and a host; several with commas.", default="ldap://127.0.0.1")
    userdn: str = path_field("Where accounts are looked for.")
    userattr: str = path_field("Attribute that holds an account's name; cn, or what the schema has.")
    upndomain: str = path_field("Domain that is appended to names in a search.")
    schema: Literal["openldap", "ad", "racf"] = path_field("Kind of directory.", default="openldap")
    credential_type: Literal["password", "phrase"] = path_field(
        "Of schema racf: password or phrase.", default="password"
    )
    password_policy: str = path_field("Password policy for the passwords made here.")
    certificate: str = path_field("CA certificate of the directory, PEM.")
    client_tls_cert: str = path_field("Certificate to show to the directory, PEM.")
    client_tls_key: str = path_field("Its key, PEM; it is never shown.", sensitive=True)
    starttls: bool = path_field("Go over to TLS on a connection that begins without.")
    insecure_tls: bool = path_field("Do not verify the directory's certificate.")
    tls_min_version: Version = path_field("Oldest version of TLS to speak.", default="tls12")
    tls_max_version: Version = path_field("Newest version of TLS to speak.", default="tls12")
    connection_timeout: Duration = path_field("Time to wait for a connection.", default=30)
    request_timeout: Duration = path_field("Time to wait for an answer.", default=90)
    ttl: Duration = path_field("How long what is issued here lives, where a role does not say it.")
    max_ttl: Duration = path_field("How long it lives at most, however often it is renewed.")
    skip_static_role_import_rotation: bool = path_field(
        "Leave passwords of new static roles as they are until the first planned change."
    )

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any] | None:
        """The settings, without any password or key."""
        config = await ldap.configs(request).get(CONFIG)
        return None if config is None else config.described()

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Set the directory, or change what is given."""
        before = await ldap.configs(request).get(CONFIG) or Config()
        given = {name: getattr(self, name) for name in self.given if name in Config.__dataclass_fields__}
        config = replace(before, revision=base62(12), **given)
        _check(config)
        outliving.replace(ldap.configs(request), CONFIG, config)

    async def delete(self, ldap: Ldap, request: Request) -> Response | None:
        """Forget the directory. While what was issued needs it to end it is kept, out of sight."""
        return await outliving.retire(request, ldap.configs(request), CONFIG, "create")


def _check(config: Config) -> None:
    """Raise BadRequest for settings that cannot work."""
    if not config.binddn:
        raise BadRequest("binddn is required")
    if not config.bindpass:
        raise BadRequest("bindpass is required")
    if config.schema not in SCHEMAS:
        raise BadRequest(f"schema must be one of {', '.join(SCHEMAS)}")
    for url in config.url.split(","):
        try:
            parts = urlsplit(url.strip())
            fits = parts.scheme in {"ldap", "ldaps"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fits = False
        if not fits:
            raise BadRequest("url must be ldap:// or ldaps:// and a host")
    if config.max_ttl and config.ttl > config.max_ttl:
        raise BadRequest("ttl must not be greater than max_ttl")
    if config.tls_min_version > config.tls_max_version:
        raise BadRequest("tls_min_version must not be newer than tls_max_version")
