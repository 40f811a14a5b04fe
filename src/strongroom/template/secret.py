"""Secrets as a template sees them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar

from strongroom.template.value import JsonNumber, NilPointer, NilStrings, Record, StringMap, Strings


@dataclass
class Auth(Record):
    go_type: ClassVar[str] = "dependency.SecretAuth"

    client_token: str = ""
    accessor: str = ""
    policies: list[str] = field(default_factory=list)
    metadata: dict[str, str] = field(default_factory=dict)
    lease_duration: int = 0
    renewable: bool = False

    def fields(self) -> dict[str, Any]:
        return {
            "ClientToken": self.client_token,
            "Accessor": self.accessor,
            "Policies": Strings(self.policies),
            "Metadata": StringMap(self.metadata),
            "LeaseDuration": self.lease_duration,
            "Renewable": self.renewable,
        }


@dataclass
class WrapInfo(Record):
    go_type: ClassVar[str] = "dependency.SecretWrapInfo"

    token: str = ""
    ttl: int = 0
    creation_time: str = ""
    wrapped_accessor: str = ""

    def fields(self) -> dict[str, Any]:
        return {
            "Token": self.token,
            "TTL": self.ttl,
            "CreationTime": self.creation_time,
            "WrappedAccessor": self.wrapped_accessor,
        }


USUAL = frozenset(
    {"request_id", "lease_id", "lease_duration", "data", "auth", "wrap_info", "warnings", "errors"}
)


@dataclass
class Secret(Record):
    """An answer of the server: ``.Data``, ``.LeaseID``, ``.LeaseDuration``, ``.Renewable``, ``.Auth`` ..."""

    go_type: ClassVar[str] = "dependency.Secret"

    data: dict[str, Any] = field(default_factory=dict)
    request_id: str = ""
    lease_id: str = ""
    lease_duration: int = 0
    renewable: bool = False
    warnings: list[str] = field(default_factory=list)
    auth: Auth | None = None
    wrap_info: WrapInfo | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "RequestID": self.request_id,
            "LeaseID": self.lease_id,
            "LeaseDuration": self.lease_duration,
            "Renewable": self.renewable,
            "Data": self.data,
            "Warnings": Strings(self.warnings) if self.warnings else NilStrings(),
            "Auth": self.auth or NilPointer(Auth.go_type),
            "WrapInfo": self.wrap_info or NilPointer(WrapInfo.go_type),
        }

    @classmethod
    def from_answer(cls, body: dict[str, Any]) -> Secret:
        """From a decoded answer of the server, whose numbers were read by ``read_numbers``.

        What has none of an answer's usual parts, such as that of ``sys/health``, is data itself.
        """
        return cls(
            data=body.get("data") or ({} if USUAL & body.keys() else body),
            request_id=body.get("request_id") or "",
            lease_id=body.get("lease_id") or "",
            lease_duration=int(body.get("lease_duration") or 0),
            renewable=bool(body.get("renewable")),
            warnings=body.get("warnings") or [],
            auth=_auth(body.get("auth")),
            wrap_info=_wrap_info(body.get("wrap_info")),
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> Secret:
        """From the server's answer itself."""
        return cls.from_answer(read_numbers(text))


def read_numbers(text: str | bytes) -> Any:
    """JSON whose numbers stay as they were written, however large or exact."""
    return json.loads(text, parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=JsonNumber)


def _auth(body: dict[str, Any] | None) -> Auth | None:
    if not body:
        return None
    return Auth(
        client_token=body.get("client_token") or "",
        accessor=body.get("accessor") or "",
        policies=body.get("policies") or [],
        metadata=body.get("metadata") or {},
        lease_duration=int(body.get("lease_duration") or 0),
        renewable=bool(body.get("renewable")),
    )


def _wrap_info(body: dict[str, Any] | None) -> WrapInfo | None:
    if not body:
        return None
    return WrapInfo(
        token=body.get("token") or "",
        ttl=int(body.get("ttl") or 0),
        creation_time=body.get("creation_time") or "",
        wrapped_accessor=body.get("wrapped_accessor") or "",
    )


@dataclass
class Certificate(Record):
    """What ``pkiCert`` gives: ``.Cert``, ``.Key``, ``.CA`` and ``.CAChain``, as PEM texts."""

    go_type: ClassVar[str] = "dependency.PemEncoded"
    pointer: ClassVar[bool] = False

    cert: str = ""
    key: str = ""
    ca: str = ""
    ca_chain: list[str] = field(default_factory=list)

    def fields(self) -> dict[str, Any]:
        return {
            "Cert": self.cert,
            "Key": self.key,
            "CA": self.ca,
            "CAChain": Strings(self.ca_chain),
        }
