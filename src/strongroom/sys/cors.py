"""Cross-origin requests: which web pages may talk to the server."""

from __future__ import annotations

from typing import Any

from strongroom import codec
from strongroom.wire import Message, Reply

STANDARD_HEADERS = (
    "Content-Type",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-Policy-Override",
)
SAFE_HEADERS = frozenset({"Content-Security-Policy", "Service-Worker-Allowed"})
"""Headers of the interface that protect it as they are."""

_METHODS = "DELETE,GET,OPTIONS,POST,PUT,LIST,SCAN"


class Cors:
    """Decides on origins; sends the headers a browser asks for."""

    def __init__(self) -> None:
        self.enabled = False
        self.origins: list[str] = []
        self.allowed_headers: list[str] = []
        self.credentials = False

    def configure(self, settings: dict[str, Any]) -> None:
        """Take over the stored settings."""
        self.enabled = bool(settings.get("enabled"))
        self.origins = list(settings.get("allowed_origins", ()))
        extra = [name for name in settings.get("allowed_headers", ()) if name not in STANDARD_HEADERS]
        self.allowed_headers = [*STANDARD_HEADERS, *extra]
        self.credentials = bool(settings.get("allow_credentials"))

    def screen(self, message: Message) -> Reply | None:
        """The refusal of a foreign origin, or the answer to a preflight; None to go on."""
        if not self.enabled:
            return None
        origin = message.headers.get("origin")
        if origin is None:
            return None
        if not self._allows(origin):
            body = codec.encode({"errors": ["origin not allowed"]}) + b"\n"
            return Reply(403, [("Cache-Control", "no-store"), ("Content-Type", "application/json")], body)
        if message.method == "OPTIONS" and "access-control-request-method" in message.headers:
            if message.headers["access-control-request-method"] not in _METHODS.split(","):
                return Reply(405, [("Cache-Control", "no-store")], b"")
            preflight = [
                *self.headers(message),
                ("Access-Control-Allow-Headers", ",".join(self.allowed_headers)),
                ("Access-Control-Allow-Methods", _METHODS),
                ("Access-Control-Max-Age", "300"),
                ("Cache-Control", "no-store"),
            ]
            return Reply(200, preflight, b"")
        return None

    def headers(self, message: Message) -> list[tuple[str, str]]:
        """What an answer to an allowed origin carries."""
        origin = message.headers.get("origin", "")
        if not self.enabled or not self._allows(origin):
            return []
        sent = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
        if self.credentials:
            sent.append(("Access-Control-Allow-Credentials", "true"))
        return sent

    def _allows(self, origin: str) -> bool:
        return "*" in self.origins or origin in self.origins
