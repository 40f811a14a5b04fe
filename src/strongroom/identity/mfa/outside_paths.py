"""The paths of methods by which a service outside judges a second factor: Duo, Okta, PingID.

Their configuration is kept as it was written, for clients that set servers up. This server does not ask
these services: a login for which such a method is the only one is refused.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.identity.mfa import catalogue
from strongroom.identity.mfa import method as methods
from strongroom.identity.mfa.method import Method

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.logical import Request


class OutsideFields(Path):
    """The configuration of a service that is not asked. ``kind`` is the type of its methods."""

    kind: ClassVar[str]
    method_name: str = field("Name by which logins may call the method, instead of its ID.")
    username_format: str = field("Template of the name under which the service knows somebody.")

    def settings(self) -> dict[str, Any]:
        """What of the configuration is shown. Raises BadRequest for one that cannot be."""
        raise NotImplementedError

    def secrets(self) -> dict[str, str]:
        """What of it is not."""
        raise NotImplementedError

    def make(self, method_id: str) -> Method:
        """The method with this configuration. Raises BadRequest."""
        settings = self.settings()
        return Method(
            id=method_id, name=self.method_name, type=self.kind, settings=settings, secrets=self.secrets()
        )


class Outside(OutsideFields):
    """The methods of a service outside."""

    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each what the method is."""
        return await catalogue.listed(request, self.after, self.limit, self.kind)

    async def write(self, identity: Identity, request: Request) -> dict[str, str]:
        """Keep a method, or set one anew that has this name; gives its ID."""
        before = await methods.by_name(request, self.method_name)
        fresh = self.make(uuid4_str() if before is None else before.id)
        methods.put(request, fresh, before)
        return {"method_id": fresh.id}


class OutsideMethod(OutsideFields):
    """A method of a service outside."""

    reader_safe = True
    method_id: str = field("ID of the method.")

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """What the method is, without its secrets."""
        return await catalogue.described(request, self.method_id, self.kind)

    async def write(self, identity: Identity, request: Request) -> None:
        """Set the method anew; the name stays where none is given."""
        await catalogue.change(request, self.method_id, self.kind, self.method_name, self.make)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the method. No enforcement may ask for it."""
        await catalogue.delete(request, self.method_id, self.kind)


class DuoFields(OutsideFields):
    """The configuration of Duo."""

    kind = "duo"
    secret_key: str = field("Secret key of the application.", sensitive=True)
    integration_key: str = field("Integration key of the application.", sensitive=True)
    api_hostname: str = field("Name of the host that serves the application.")
    push_info: str = field("What a push shows, as key=value with & between.")
    use_passcode: bool = field("Ask for a passcode rather than for a push.")

    def settings(self) -> dict[str, Any]:
        """What is shown."""
        for name in ("secret_key", "integration_key", "api_hostname"):
            if not getattr(self, name):
                raise BadRequest(f"{name} is empty")
        return {
            "api_hostname": self.api_hostname,
            "mount_accessor": "",
            "pushinfo": self.push_info,
            "use_passcode": self.use_passcode,
            "username_format": self.username_format,
        }

    def secrets(self) -> dict[str, str]:
        """The keys."""
        return {"secret_key": self.secret_key, "integration_key": self.integration_key}


class DuoMethods(DuoFields, Outside):
    """Methods of Duo."""

    pattern = "mfa/method/duo/?"


class DuoMethod(DuoFields, OutsideMethod):
    """A method of Duo."""

    pattern = "mfa/method/duo/{method_id}"


class OktaFields(OutsideFields):
    """The configuration of Okta."""

    kind = "okta"
    org_name: str = field("Name of the organisation.")
    api_token: str = field("Token of the organisation's API.", sensitive=True)
    base_url: str = field("Base of the API's address; okta.com where nothing is said.")
    primary_email: bool = field("Compare the name with the first e-mail address, rather than the login.")
    production: bool = field("Older way to choose between two addresses.", deprecated=True)

    def settings(self) -> dict[str, Any]:
        """What is shown."""
        for name in ("org_name", "api_token"):
            if not getattr(self, name):
                raise BadRequest(f"{name} must be set")
        chosen: dict[str, Any] = {"base_url": self.base_url or "okta.com"}
        if "production" in self.given and not self.base_url:
            chosen = {"production": self.production}
        return chosen | {
            "mount_accessor": "",
            "org_name": self.org_name,
            "username_format": self.username_format,
        }

    def secrets(self) -> dict[str, str]:
        """The token, and what else no answer shows."""
        return {"api_token": self.api_token, "primary_email": str(self.primary_email).lower()}


class OktaMethods(OktaFields, Outside):
    """Methods of Okta."""

    pattern = "mfa/method/okta/?"


class OktaMethod(OktaFields, OutsideMethod):
    """A method of Okta."""

    pattern = "mfa/method/okta/{method_id}"


_PING_SHOWN = ("idp_url", "org_alias", "admin_url", "authenticator_url")
_PING_SECRET = ("use_base64_key", "token")


class PingFields(OutsideFields):
    """The configuration of PingID."""

    kind = "pingid"
    settings_file_base64: str = field("The settings file that PingID gives, in base64.", sensitive=True)

    def settings(self) -> dict[str, Any]:
        """What is shown."""
        read = self._file()
        signature = read.get("use_signature", "false")
        if signature not in {"true", "false"}:
            raise BadRequest("error parsing use_signature value in pingid settings file")
        return {name: read.get(name, "") for name in _PING_SHOWN} | {"use_signature": signature == "true"}

    def secrets(self) -> dict[str, str]:
        """The key and the token, and what else no answer shows."""
        read = self._file()
        kept = {name: read.get(name, "") for name in _PING_SECRET}
        return kept | {"username_format": self.username_format}

    def _file(self) -> dict[str, str]:
        """The lines of the file. Raises BadRequest."""
        if not self.settings_file_base64:
            raise BadRequest("settings_file_base64 is empty")
        try:
            text = b64decode(self.settings_file_base64, validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadRequest("settings_file_base64 is not base64 of a text") from None
        read: dict[str, str] = {}
        for line in (line.strip() for line in text.splitlines()):
            if not line or line.startswith("#"):
                continue
            name, separator, value = line.partition("=")
            if not separator:
                raise BadRequest("pingid settings file contains a line that is not in key=value format")
            if name not in {*_PING_SHOWN, *_PING_SECRET, "use_signature"}:
                raise BadRequest("unknown key in pingid settings file")
            read[name] = value
        return read


class PingMethods(PingFields, Outside):
    """Methods of PingID."""

    pattern = "mfa/method/pingid/?"


class PingMethod(PingFields, OutsideMethod):
    """A method of PingID."""

    pattern = "mfa/method/pingid/{method_id}"


OUTSIDE_PATHS: tuple[type[Path], ...] = (
    DuoMethods,
    DuoMethod,
    OktaMethods,
    OktaMethod,
    PingMethods,
    PingMethod,
)
