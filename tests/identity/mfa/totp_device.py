"""A device that makes codes, and what it takes to ask for them."""

from __future__ import annotations

from base64 import b32decode
from typing import Any
from urllib.parse import parse_qs, urlsplit

from strongroom.crypto import totp
from strongroom.logical import SECOND
from tests.inprocess import Answer, InProcess

METHOD = "identity/mfa/method/totp"


class Device:
    """Somebody's telephone: all it knows is what the barcode said."""

    def __init__(self, url: str) -> None:
        about = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        text = about["secret"]
        self.key = b32decode(text + "=" * (-len(text) % 8))
        self.digits, self.period, self.algorithm = (
            int(about["digits"]),
            int(about["period"]),
            about["algorithm"],
        )

    def code(self, seconds: float, offset: int = 0) -> str:
        return totp.code(self.key, int(seconds) // self.period + offset, self.digits, self.algorithm)

    def now(self, api: InProcess, offset: int = 0) -> str:
        """The code of the server's time, or of so many periods later."""
        return self.code(api.core.clock() / SECOND, offset)


async def method(api: InProcess, **fields: Any) -> str:
    """Make a method; gives its ID."""
    answer = await api("POST", METHOD, {"issuer": "Strongroom", **fields})
    assert answer.status == 200, answer
    made: str = answer.data["method_id"]
    return made


async def device(api: InProcess, method_id: str, entity_id: str) -> Device:
    """Give an entity a secret."""
    fields = {"method_id": method_id, "entity_id": entity_id}
    answer = await api("POST", f"{METHOD}/admin-generate", fields)
    assert answer.status == 200, answer
    return Device(answer.data["url"])


async def enforce(api: InProcess, name: str, *methods: str, **fields: Any) -> None:
    answer = await api(
        "POST", f"identity/mfa/login-enforcement/{name}", {"mfa_method_ids": methods, **fields}
    )
    assert answer.status == 204, answer


async def validate(api: InProcess, request_id: str, **payload: str) -> Answer:
    """Bring passcodes, by ID or name of their method."""
    passcodes = {name: [code] for name, code in payload.items()}
    body = {"mfa_request_id": request_id, "mfa_payload": passcodes}
    return await api("POST", "sys/mfa/validate", body, token=None)
