"""What a database plugin is: a class per product, one small protocol per ability.

A plugin stands for one configured connection. It is made from :class:`Settings` without touching the
network, so that making one checks the options; it connects when it is first used. Its calls raise

- :class:`Refused` when the database answered and would not: nothing has changed there,
- ``UpstreamFailed`` when the database did not answer, or ended in the middle: nobody knows what happened.

Both carry what the database said, without the passwords that took part. A plugin keeps no state but
connections, bounds every wait, and does no blocking work on the event loop. Its file and a line in
:mod:`strongroom.secrets.database.plugins` are all there is to a plugin.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from strongroom.errors import BadRequest, UpstreamRefused
from strongroom.hcl import duration

PATIENCE = 10.0
"""Seconds to wait for a connection."""
LONGEST = 30.0
"""Seconds that one piece of work in a database may take."""

PASSWORD, RSA_PRIVATE_KEY, CLIENT_CERTIFICATE = "password", "rsa_private_key", "client_certificate"


class Refused(UpstreamRefused):
    """The database answered, and would not; nothing has changed there."""


@dataclass(frozen=True, slots=True)
class Settings:
    """A connection as it was configured. ``details`` are the plugin's own options, as they were sent."""

    username: str = ""
    password: str = field(default="", repr=False)
    details: dict[str, Any] = field(default_factory=dict, repr=False)

    def text(self, name: str, default: str = "") -> str:
        """An option that is a string. Raises BadRequest naming it."""
        value = self.details.get(name, default)
        if isinstance(value, str):
            return value
        raise BadRequest(f"invalid {name}: a string is expected")

    def number(self, name: str, default: int = 0) -> int:
        """An option that is a whole number, also given as a string."""
        value = self.details.get(name, default)
        if isinstance(value, int | str) or (isinstance(value, float) and value.is_integer()):
            with suppress(ValueError):
                return int(value)
        raise BadRequest(f"invalid {name}: a number is expected")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """An option that is true or false, also given as a string."""
        value = self.details.get(name, default)
        if isinstance(value, str) and value.lower() in {"true", "1", "t", "false", "0", "f", ""}:
            return value.lower() in {"true", "1", "t"}
        if isinstance(value, bool | int):
            return bool(value)
        raise BadRequest(f"invalid {name}: true or false is expected")

    def seconds(self, name: str, default: int = 0) -> int:
        """An option that is a duration."""
        value = self.details.get(name, default)
        try:
            return duration.parse(value or 0)
        except (BadRequest, TypeError, ValueError):
            raise BadRequest(f"invalid {name}: a duration is expected") from None


@dataclass(frozen=True, slots=True)
class Credential:
    """What a user proves itself with: a password, or the public half of a key or certificate."""

    kind: str = PASSWORD
    password: str = field(default="", repr=False)
    public_key: str = ""
    """PEM, of an RSA key."""
    subject: str = ""
    """The distinguished name in a certificate, as RFC 4514 writes it."""


@dataclass(frozen=True, slots=True)
class NewUser:
    """A user to be made. ``expiration`` is when its lease ends at first, nanoseconds since the epoch."""

    username: str
    credential: Credential
    expiration: int
    statements: list[str]
    rollback: list[str] = field(default_factory=list)


class Plugin(Protocol):
    """What every plugin has. See the module for what it may raise."""

    credential_types: ClassVar[frozenset[str]]
    """The kinds of credentials that users of this database can have."""
    username_template: ClassVar[str]
    """The names of users when the operator says nothing about them."""

    def __init__(self, settings: Settings) -> None: ...

    async def verify(self) -> None:
        """Log in as configured."""

    async def close(self) -> None:
        """Close every connection; those in use when they are given back. May be called again."""


@runtime_checkable
class Creates(Protocol):
    """Can make users."""

    async def create(self, user: NewUser) -> None:
        """Make the user, whole or not at all."""


@runtime_checkable
class Knows(Protocol):
    """Can tell who is there, so that a user is not made in the place of another, and then removed."""

    async def exists(self, username: str) -> bool:
        """Whether the database has a user of that name."""


@runtime_checkable
class Extends(Protocol):
    """Knows of ends of users, and can move them."""

    async def extend(self, username: str, expiration: int, statements: list[str]) -> None:
        """Have the user end at ``expiration``, nanoseconds since the epoch."""


@runtime_checkable
class Drops(Protocol):
    """Can remove users."""

    async def drop(self, username: str, statements: list[str]) -> None:
        """Remove the user, by the plugin's own way without ``statements``; one that is gone is fine."""


@runtime_checkable
class SetsCredentials(Protocol):
    """Can change what a user that is there logs in with."""

    async def set_credential(self, username: str, credential: Credential, statements: list[str]) -> None:
        """Have the user log in with the credential from now on; setting the same again is fine."""


@runtime_checkable
class ChecksLogins(Protocol):
    """Can find out whether a password holds."""

    async def accepts(self, username: str, password: str) -> bool:
        """Whether the database lets the user in with the password.

        Raises UpstreamFailed when the database cannot be asked, and only then.
        """


class Incapable(BadRequest):
    """The plugin lacks an ability."""

    def __init__(self, purpose: str) -> None:
        super().__init__(f"this database plugin cannot be used for {purpose}")


def creating(plugin: Plugin) -> Creates:
    """The plugin as one that makes users. Raises :class:`Incapable`."""
    if not isinstance(plugin, Creates):
        raise Incapable("dynamic roles")
    return plugin


def dropping(plugin: Plugin) -> Drops:
    """The plugin as one that removes users. Raises :class:`Incapable`."""
    if not isinstance(plugin, Drops):
        raise Incapable("revocation")
    return plugin


def setting(plugin: Plugin) -> SetsCredentials:
    """The plugin as one that changes credentials. Raises :class:`Incapable`."""
    if not isinstance(plugin, SetsCredentials):
        raise Incapable("changes of passwords")
    return plugin


_QUOTED = re.compile(r"""["'`].*["'`]""", re.DOTALL)
_BETWEEN = re.compile(r"""([\s"'`]+)""")
_TELLING = 3
"""Characters that a secret, or a piece of one, has at least where it is masked."""


def masked(sentence: str, *secrets: str, sent: str = "") -> str:
    """``sentence`` without the secrets; of ``sent``, which stood in a statement, also without pieces.

    A database quotes those. What it does not quote are its own words: to mask one that stands in a secret
    as well would tell of the secret.
    """
    for secret in (*secrets, sent):
        if len(secret) >= _TELLING:
            sentence = sentence.replace(secret, "•••")
    return _QUOTED.sub(lambda quoted: _without_pieces(quoted[0], sent), sentence) if sent else sentence


def _without_pieces(quoted: str, secret: str) -> str:
    return "".join(
        "•••" if len(word) >= _TELLING and word in secret else word for word in _BETWEEN.split(quoted)
    )
