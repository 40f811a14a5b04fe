"""An HTTP server that publishes revocation lists and answers OCSP questions."""

from __future__ import annotations

from typing import Any

from tests.certificates import Responder
from tests.upstream.simulator import Call, Simulator


class Publisher(Simulator):
    """``list`` is what stands at ``/list``; ``responders`` answer at ``/NAME``."""

    def __init__(self) -> None:
        super().__init__()
        self.list = b""
        self.responders: dict[str, Responder] = {}
        self.status = 200

    def answer(self, call: Call) -> tuple[int, Any]:
        if self.status != 200:
            return self.status, b""
        if call.parts == ["list"]:
            return (200, self.list) if call.method == "GET" else (405, b"")
        responder = self.responders.get(call.parts[0])
        if responder is None:
            return 404, b""
        if call.method != "POST" or call.headers.get("content-type") != "application/ocsp-request":
            return 400, b""
        return 200, responder.answer(call.body)
