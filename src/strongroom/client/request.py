"""One request to the API, and its answer."""

from __future__ import annotations

TYPE_CHECKING = False  # see environment.py
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Number(float):
    """A JSON number with a fraction or exponent, that prints the way the server wrote it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text


class Request:
    """``path`` is below ``/v1/``. ``body`` is a JSON object, or bytes sent as they are."""

    __slots__ = ("body", "headers", "method", "path", "query")

    def __init__(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        query: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.method = method
        self.path = path.strip("/") if not path.endswith("/") else path.lstrip("/")
        self.body = body
        self.query = dict(query or {})
        self.headers = dict(headers or {})

    def payload(self) -> bytes | None:
        """The body as it goes over the wire."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        import json  # noqa: PLC0415 (most commands send nothing)

        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()


class Response:
    """``headers`` have lower-case names."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        """The body decoded; None when it is empty. Raises ValueError when it is not JSON."""
        if not self.body.strip():
            return None
        import json  # noqa: PLC0415 (as above)

        return json.loads(self.body, parse_float=Number)

    def secret(self) -> dict[str, Any] | None:
        """The usual envelope; None for 204 and for an empty or other-shaped body."""
        decoded = self.json()
        return decoded if isinstance(decoded, dict) else None
