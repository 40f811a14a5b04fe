"""One call of one command: its flags, its arguments, its terminal, its client."""

from __future__ import annotations

from strongroom.cli.command import Command, Failure

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.flag import Values
    from strongroom.cli.terminal import Terminal
    from strongroom.client.client import Client
    from strongroom.client.settings import Settings

LOCAL_HEADERS = "x-vault-"


class Session:
    """What a command's function gets. ``name`` is the program's name as it was called."""

    def __init__(
        self, name: str, command: Command, flags: Values, arguments: list[str], terminal: Terminal
    ) -> None:
        self.name = name
        self.command = command
        self.flags = flags
        self.arguments = arguments
        self.terminal = terminal
        self.anonymous = False  # whether no token is looked for, and none sent
        self._client: Client | None = None

    @property
    def format(self) -> str:
        """How to print: table, json, yaml, pretty or raw."""
        form: str = self.flags.get("format") or "table"
        return form.lower()

    @property
    def field(self) -> str:
        """The one field to print; empty for all."""
        return self.flags.get("field") or ""

    @property
    def client(self) -> Client:
        """The client, made at its first use so that commands that need none start sooner."""
        if self._client is None:
            self._client = self._make_client()
        return self._client

    def close(self) -> None:
        """Closes the client's connection, if there is one."""
        if self._client is not None:
            self._client.close()

    def print(self, text: str = "") -> None:
        self.terminal.print(text)

    def warn(self, text: str = "") -> None:
        self.terminal.warn(text)

    def succeed(self, sentence: str) -> int:
        """Ends the command well, saying so."""
        self.print(f"Success! {sentence}")
        return 0

    def ask_hidden(self, question: str, refusal: str) -> str:
        """A secret from the keyboard; Failure with ``refusal`` where nobody can be asked."""
        if self.flags.get("non-interactive"):
            raise Failure(refusal, 1)
        return self.terminal.ask_hidden(question)

    def _make_client(self) -> Client:
        from strongroom.client.client import Client  # noqa: PLC0415 (http.client is slow to import)
        from strongroom.client.settings import Settings  # noqa: PLC0415 (as above)
        from strongroom.client.token_helper import token_helper  # noqa: PLC0415 (as above)

        # A person who waits wants the failure at once; scripts may ask for retries.
        settings = Settings(self.terminal.environ, retries=0)
        self._override(settings)
        if self.anonymous:
            settings.token = ""
        elif not settings.token:
            settings.token = token_helper(self.terminal.environ).get()
        if self.flags.get("output-curl-string") or self.flags.get("output-policy"):
            from strongroom.cli.dry import DryClient  # noqa: PLC0415 (rare)

            return DryClient(settings, self)
        return Client(settings)

    def _override(self, settings: Settings) -> None:
        from strongroom.cli.value import go_duration  # noqa: PLC0415 (as above)

        flags = self.flags
        settings.address = flags.get("agent-address") or flags.get("address") or settings.address
        if "address" in flags.given and "agent-address" not in flags.given:
            settings.address = flags["address"]
        settings.namespace = flags.get("namespace") or ""
        settings.follow_redirects = not flags.get("disable-redirects")
        settings.mfa = flags.get("mfa") or []
        settings.policy_override = bool(flags.get("policy-override"))
        settings.wrap_ttl = go_duration(flags["wrap-ttl"]) if flags.get("wrap-ttl") else ""
        settings.headers = _headers(flags)
        tls: Any = settings.tls
        for flag in ("ca-cert", "ca-path", "client-cert", "client-key", "tls-server-name", "tls-skip-verify"):
            attribute = flag.removeprefix("tls-").replace("-", "_")
            setattr(tls, attribute, flags.get(flag) or getattr(tls, attribute))


def _headers(flags: Values) -> dict[str, str]:
    headers = {}
    for name, value in flags.get("header", {}).items():
        if name.strip().lower().startswith(LOCAL_HEADERS):
            raise Failure(f"failed to setup Headers[{name}]: headers starting with 'X-Vault-' are reserved")
        headers["-".join(part.capitalize() for part in name.strip().split("-"))] = value.strip()
    if key := flags.get("unlock-key"):
        headers["X-Vault-Unlock-Key"] = key
    return headers
