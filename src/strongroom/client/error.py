"""What can go wrong between a client and a server."""

from __future__ import annotations

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    from collections.abc import Sequence


class ClientError(Exception):
    """The root of the two: the request never got an answer, or got a bad one."""


class TransportError(ClientError):
    """No usable answer: not connected, not trusted, timed out, redirected away."""


class ApiError(ClientError):
    """The server answered with a status of 400 or more.

    ``errors`` are the server's sentences; ``raw`` its body where it had none. The text is
    the form existing scripts look for.
    """

    def __init__(
        self,
        method: str,
        url: str,
        status: int,
        errors: Sequence[str] = (),
        *,
        raw: str = "",
        namespace: str = "",
    ) -> None:
        self.method = method
        self.url = url
        self.status = status
        self.errors = list(errors)
        self.raw = raw
        self.namespace = namespace
        super().__init__(self._text())

    def _text(self) -> str:
        where = f"Namespace: {self.namespace}\n" if self.namespace else ""
        head = f"Error making API request.\n\n{where}URL: {self.method} {self.url}\nCode: {self.status}. "
        if self.raw:
            return f"{head}Raw Message:\n\n{self.raw}"
        return head + "Errors:\n\n" + "\n".join(f"* {sentence}" for sentence in self.errors)
