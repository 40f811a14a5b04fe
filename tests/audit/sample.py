"""Requests, responses and tokens that the audit tests log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from strongroom.audit.device import Device, DeviceConfig, open_device
from strongroom.logical import Operation, Request
from strongroom.policy.decision import Decision, Reason
from strongroom.token import TokenEntry

SALT = b"salt" * 8
NOW = 1_795_386_164_007_410_202
TOKEN = "s.TheTokenOfTheTests"
ACCESSOR = "AccessorOfTheTests"


@dataclass
class Mount:
    audit_request_keys: frozenset[str] = frozenset()
    audit_response_keys: frozenset[str] = frozenset()


def entry(**fields: Any) -> TokenEntry:
    defaults: dict[str, Any] = {
        "key": "k",
        "accessor": ACCESSOR,
        "policies": ["default", "p1"],
        "path": "auth/token/create",
        "display_name": "token-bob",
        "meta": {"m": "v"},
        "ttl": 3600,
        "creation_time": NOW,
    }
    return TokenEntry(**(defaults | fields))


def request(**fields: Any) -> Request:
    defaults: dict[str, Any] = {
        "id": "28a7f2ea-dfde-b11c-2997-deef3ab06473",
        "operation": Operation.READ,
        "path": "kv/data/x",
        "token": TOKEN,
        "remote_address": "127.0.0.1",
        "remote_port": 36196,
        "mount_point": "kv/",
        "mount_type": "kv",
        "mount_accessor": "kv_32305960",
        "mount_class": "secret",
        "client_id": "client",
        "entry": entry(),
        "decision": Decision(True, Reason.ALLOWED, policies=("p1",)),
        "mount": Mount(),
    }
    return Request(**(defaults | fields))


def anonymous(**fields: Any) -> Request:
    return request(**({"entry": None, "token": "", "client_id": "", "decision": None} | fields))


def device(path: str, type_: str = "file", /, **options: str) -> Device:
    return open_device(DeviceConfig(path, type_, options), SALT, {})


def loaded(line: bytes) -> dict[str, Any]:
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    parsed: dict[str, Any] = json.loads(line)
    return parsed
