"""What the agent knows of itself: shown by ``agent status`` and by the metrics, never with a value.

Times are Unix seconds. Everything is written by the event loop's one thread.
"""

from __future__ import annotations

import time
from typing import Any

from msgspec import Struct, field, to_builtins


class AuthState(Struct):
    """The login and its token."""

    method: str = ""
    authenticated: bool = False
    last_success: float = 0.0
    expires: float = 0.0
    """When the token ends; 0: never, or there is none."""
    logins: int = 0
    renewals: int = 0
    failures: int = 0
    last_error: str = ""

    def succeeded(self, ttl: float) -> None:
        """A login was made."""
        self.logins += 1
        self._good(ttl)

    def renewed(self, ttl: float) -> None:
        """The token was renewed."""
        self.renewals += 1
        self._good(ttl)

    def failed(self, sentence: str) -> None:
        """A login or renewal was not."""
        self.failures += 1
        self.last_error = sentence

    def _good(self, ttl: float) -> None:
        self.authenticated, self.last_error = True, ""
        self.last_success = time.time()
        self.expires = self.last_success + ttl if ttl > 0 else 0.0


class ServerState(Struct):
    """How the server was when it was last spoken to."""

    reachable: bool | None = None
    sealed: bool | None = None
    since: float = 0.0
    """When that began."""
    last_error: str = ""
    failures: int = 0


class TemplateState(Struct):
    """One template."""

    destination: str
    rendered: int = 0
    last_rendered: float = 0.0
    missing: int = 0
    failures: int = 0
    last_error: str = ""
    commands: int = 0
    command_failures: int = 0


class ProcessState(Struct):
    """The process that is run."""

    pid: int = 0
    starts: int = 0
    restarts: int = 0
    signals: int = 0
    last_exit: int | None = None


class CycleState(Struct):
    """Turns of a group that restarts calmly."""

    group: str = ""
    phase: str = "idle"
    fence: int = 0
    turns: int = 0
    given_up: int = 0
    last_error: str = ""


class State(Struct):
    """All of it."""

    started: float = field(default_factory=time.time)
    auth: AuthState = field(default_factory=AuthState)
    server: ServerState = field(default_factory=ServerState)
    templates: list[TemplateState] = field(default_factory=list)
    process: ProcessState = field(default_factory=ProcessState)
    cycles: list[CycleState] = field(default_factory=list)
    leases: int = 0
    lease_renewals: int = 0
    lease_failures: int = 0
    sinks: int = 0
    sink_failures: int = 0

    def answered(self) -> None:
        """The server answered as an open one does."""
        if self.server.reachable is not True or self.server.sealed:
            self.server.since = time.time()
        self.server.reachable, self.server.sealed, self.server.last_error = True, False, ""

    def refused(self, sentence: str, *, reachable: bool, sealed: bool) -> None:
        """The server is away, or answers that it cannot serve."""
        if (self.server.reachable, self.server.sealed) != (reachable, sealed):
            self.server.since = time.time()
        self.server.reachable, self.server.sealed = reachable, sealed
        self.server.failures += 1
        self.server.last_error = sentence

    def document(self) -> dict[str, Any]:
        """All of it as JSON takes it."""
        found: dict[str, Any] = to_builtins(self)
        return found
