"""An authority to try things on, and openssl to ask about what it made."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from tests.inprocess import Answer, InProcess

ROOT: dict[str, Any] = {"common_name": "Root", "key_type": "ec", "ttl": "8760h", "issuer_name": "root"}
ANY: dict[str, Any] = {"key_type": "ec", "allow_any_name": True, "enforce_hostnames": False}


async def mounted(api: InProcess, at: str = "pki", **root: Any) -> dict[str, Any]:
    """A mount with a root and a role ``any``; what generating the root answered."""
    made = await api("POST", f"sys/mounts/{at}", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    assert made.status == 204, made
    answer = await api("POST", f"{at}/root/generate/internal", {**ROOT, **root})
    assert answer.status == 200, answer
    await role(api, "any", at=at, **ANY)
    data: dict[str, Any] = answer.data
    return data


async def role(api: InProcess, name: str, at: str = "pki", **fields: Any) -> None:
    answer = await api("POST", f"{at}/roles/{name}", fields)
    assert answer.status == 200, answer


async def issued(api: InProcess, name: str = "any", at: str = "pki", **fields: Any) -> dict[str, Any]:
    answer = await api("POST", f"{at}/issue/{name}", {"common_name": "a.example.com", **fields})
    assert answer.status == 200, answer
    data: dict[str, Any] = answer.data
    return data


async def revoke(api: InProcess, serial: str, at: str = "pki") -> Answer:
    answer = await api("POST", f"{at}/revoke", {"serial_number": serial})
    assert answer.status == 200, answer
    return answer


def openssl(*words: str | Path, given: bytes = b"") -> str:
    """What openssl says; it has to succeed."""
    command = ["openssl", *map(str, words)]
    done = subprocess.run(command, input=given, capture_output=True, timeout=20, check=False)
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    return said


def text_of(pem: str) -> str:
    """A certificate as openssl writes it out."""
    return openssl("x509", "-noout", "-text", given=pem.encode())
