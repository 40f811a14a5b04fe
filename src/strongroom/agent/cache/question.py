"""A request on its way to the server, and where in the API it leads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import unquote

from strongroom.agent.cache.identity import fingerprint, identity

READS = frozenset({"GET", "HEAD", "LIST", "SCAN"})


@dataclass(frozen=True)
class Question:
    """A request as the server will see it. ``headers`` are without the token and those of connections."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    token: str = field(default="", repr=False)

    @cached_property
    def id(self) -> str:
        """The same for the same request."""
        return identity(self.method, self.target, self.headers, self.body, self.token)

    @cached_property
    def owner(self) -> str:
        """Stands for the token."""
        return fingerprint(self.token)

    @cached_property
    def path(self) -> str:
        """Without query and escapes: ``/v1/secret/foo``."""
        return unquote(self.target.partition("?")[0])

    @property
    def namespace(self) -> str:
        """The namespace that the header names, without slashes around it."""
        return self.headers.get("x-vault-namespace", "").strip("/")

    @property
    def reads(self) -> bool:
        """Whether it only asks."""
        return self.method in READS
