"""HTTP's basic authentication, as a client sends it."""

from __future__ import annotations

import base64


def authorization(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
