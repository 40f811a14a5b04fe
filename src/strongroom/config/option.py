"""How one key of a stanza is declared; parsing, errors and the sanitized answer derive from it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

from strongroom.secret import Secret
from strongroom.setting.value import Reader, anything, secret

if TYPE_CHECKING:
    from strongroom.config.stanza import Stanza


@dataclass(frozen=True, slots=True)
class Option:
    """One key.

    ``within`` names the nested block the key stands in (it may stand outside too). ``ignored``
    says why the key has no meaning here: it is accepted with that warning. ``shown`` is its name
    in the sanitized configuration, ``reloads`` whether a running server takes a new value over
    on SIGHUP, ``env`` the suffix of the environment variables that override it.
    """

    name: str
    read: Reader
    help: str = ""
    within: str = ""
    ignored: str = ""
    shown: str = ""
    reloads: bool = False
    required: bool = False
    env: str = ""
    kind: str = ""

    @property
    def secret(self) -> bool:
        """Whether the value may not be shown."""
        return self.read is secret


def option(
    read: Reader,
    default: Any,
    help: str = "",  # noqa: A002 - the word the whole project uses
    *,
    within: str = "",
    ignored: str = "",
    shown: str | bool = True,
    reloads: bool = False,
    required: bool = False,
    env: str = "",
) -> Any:
    """Declare a key of a stanza as a dataclass field."""
    metadata = {
        "read": read,
        "help": help,
        "within": within,
        "ignored": ignored,
        "shown": shown,
        "reloads": reloads,
        "required": required,
        "env": env,
    }
    if isinstance(default, Secret):  # not hashable, which dataclasses take for mutable
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


def ignored(default: Any = None, reason: str = "has no meaning here", *, shown: bool = False) -> Any:
    """Declare a key that Vault or OpenBao know and that has no meaning here."""
    return option(anything, default, ignored=reason, shown=shown)


def options(stanza: type[Stanza]) -> dict[str, Option]:
    """The keys of a stanza by name, in the order of their declaration."""
    found: dict[str, Option] = {}
    for each in fields(stanza):
        if "read" not in each.metadata:
            continue
        declared = dict(each.metadata)
        shown = declared.pop("shown")
        found[each.name] = Option(
            name=each.name, shown=each.name if shown is True else shown or "", kind=str(each.type), **declared
        )
    return found
