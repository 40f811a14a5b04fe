"""What a login sends, and what a credential may come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from strongroom.agent.upstream import Upstream
from strongroom.errors import StrongroomError
from strongroom.secret import Secret


class Unready(StrongroomError):
    """There is nothing to log in with yet; the sentence names what is missing, never a value."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login: what is posted where. With ``token`` there is none: the token is there already."""

    path: str = ""
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    token: Secret[str] | None = None
    upstream: Upstream | None = None
    """Another way to the server than the usual one, for methods that show a certificate."""


class Method(Protocol):
    """A way to log in."""

    async def attempt(self, upstream: Upstream) -> Attempt:
        """Collect the credentials. Raises Unready."""

    def stamp(self) -> object:
        """What changes when the credentials do; the same for ever where they do not."""

    async def close(self) -> None:
        """Let go of what was opened."""


class Fields:
    """The ``config`` block of a method: text by name, with what is missing told by name."""

    def __init__(self, kind: str, values: Mapping[str, Any]) -> None:
        self._kind = kind
        self._values = values
        self._asked: set[str] = set()

    @property
    def unasked(self) -> list[str]:
        """Names nobody has asked for yet."""
        return sorted(set(self._values) - self._asked)

    def text(self, name: str, default: str = "") -> str:
        """A string. Raises Unready for anything else."""
        self._asked.add(name)
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Unready(f"method {self._kind}: {name} must be a string")
        return str(value)

    def required(self, name: str) -> str:
        """A string that has to be there."""
        value = self.text(name)
        if not value:
            raise Unready(f"method {self._kind} needs {name}")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """A bool, or the word for one."""
        self._asked.add(name)
        value = self._values.get(name, default)
        if isinstance(value, str) and value.lower() in {"true", "1", "t", "false", "0", "f"}:
            return value.lower() in {"true", "1", "t"}
        if isinstance(value, bool | int):
            return bool(value)
        raise Unready(f"method {self._kind}: {name} must be true or false")


class CredentialFile:
    """A file with a credential. Read, it may be removed; what was read is remembered until it comes again."""

    def __init__(self, name: str, *, remove: bool = False, follow: bool = True) -> None:
        self._path = Path(name)
        self._remove = remove
        self._follow = follow
        self._known: Secret[str] | None = None

    def read(self, what: str) -> Secret[str]:
        """The credential, without the line break at its end. Raises Unready."""
        try:
            value = self._path.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            if self._known is not None:
                return self._known
            reason = getattr(error, "strerror", None) or "is not UTF-8"
            raise Unready(f"{what} cannot be read from {self._path}: {reason}") from None
        if not value:
            raise Unready(f"{what} in {self._path} is empty")
        self._known = Secret(value)
        if self._remove:
            self._removed()
        return self._known

    def forget(self) -> None:
        """What was read is used up."""
        self._known = None

    def stamp(self) -> tuple[int, int, int] | None:
        """Identity, time and size of the file; None when it is not there."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _removed(self) -> None:
        """Delete the file; a link's target too where that is wanted, but never by accident."""
        try:
            target = self._path.resolve() if self._follow and self._path.is_symlink() else self._path
            target.unlink()
        except OSError:
            return  # a read-only volume: the credential is used all the same


def from_environment(name: str) -> Secret[str] | None:
    """A credential in the agent's environment, taken out of what its children inherit."""
    value = os.environ.pop(name, "") if name else ""
    return Secret(value) if value else None
