"""The world outside a template, which the program that renders it stands for."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from msgspec import Struct

from strongroom.template.dependency import Dependency
from strongroom.template.errors import FunctionError


class _Unknown:
    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = _Unknown()


class Interface(Struct, frozen=True):
    """A network interface's address, for ``sockaddr``; ``flags`` are words such as ``up``, ``loopback``."""

    name: str
    address: str
    prefix: int
    flags: frozenset[str] = frozenset()


class World:
    """Answers what templates ask. This one is empty: a program overrides what it offers.

    Nothing here may wait for long, ``plugin`` excepted: what has to be fetched is answered UNKNOWN,
    told to the caller of ``render``, and known the next time.
    """

    def recall(self, dependency: Dependency) -> Any:
        """The value of a dependency, or UNKNOWN where it was not fetched yet."""
        return UNKNOWN

    def resolved(self, path: str) -> str:
        """Where a path leads, for ``sandbox_path``; a world with files follows their links."""
        return posixpath.normpath(path)

    def environment(self) -> Mapping[str, str]:
        """The environment that ``env`` reads."""
        return {}

    def now(self) -> datetime:
        """The time, with its zone: ``timestamp`` gives it in UTC, the ``sprig`` functions as it is."""
        return datetime.now(UTC)

    def random(self, count: int) -> bytes:
        """So many bytes that nobody can guess."""
        raise FunctionError("no source of randomness")

    def interfaces(self) -> Sequence[Interface]:
        """The addresses of this machine, those of the default route's interface first."""
        return ()

    def addresses(self, name: str) -> Sequence[str]:
        """The addresses of a host. Raises FunctionError where names are not looked up."""
        raise FunctionError("names of hosts are not looked up here")

    def plugin(self, name: str, arguments: Sequence[str]) -> str:
        """What the program ``name`` prints. Raises FunctionError when it fails."""
        raise FunctionError("plugins are not available here")
