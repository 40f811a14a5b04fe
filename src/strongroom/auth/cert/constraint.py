"""What a role asks of a certificate that it trusts. Pure: certificates and patterns in, a verdict out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from strongroom.crypto.client_certificate import ClientCertificate, text_of
from strongroom.errors import BadRequest

if TYPE_CHECKING:
    from strongroom.auth.cert.role import Role

_OID = re.compile(r"[0-2](\.\d{1,39}){1,40}")
_HEX = "hex:"


def check(required: list[str], told: list[str]) -> None:
    """Raise BadRequest for what could fit no extension."""
    for one in required:
        oid, colon, _ = one.removeprefix(_HEX).partition(":")
        if not colon or not _OID.fullmatch(oid):
            raise BadRequest("required_extensions takes OID:PATTERN or hex:OID:PATTERN")
    if not all(_OID.fullmatch(oid) for oid in told):
        raise BadRequest("allowed_metadata_extensions takes OIDs")


def fits(role: Role, shown: ClientCertificate) -> bool:
    """Whether the certificate says all that the role asks for."""
    common = [shown.common_name]
    return (
        _one(role.allowed_names, (*common, *shown.dns_names, *shown.emails))
        and _one(role.allowed_common_names, common)
        and _one(role.allowed_dns_sans, shown.dns_names)
        and _one(role.allowed_email_sans, shown.emails)
        and _one(role.allowed_uri_sans, shown.uris)
        and _one(role.allowed_organizational_units, shown.organizational_units)
        and all(_has(shown, wanted) for wanted in role.required_extensions or ())
    )


def metadata(role: Role, shown: ClientCertificate) -> dict[str, str]:
    """The extensions that the role tells of, by OID with dashes; what is no text is empty."""
    told = {}
    for oid in role.allowed_metadata_extensions or ():
        value = shown.extension(oid)
        if value is not None:
            told[oid.replace(".", "-")] = text_of(value) or ""
    return told


def _one(patterns: list[str] | None, names: Iterable[str]) -> bool:
    return not patterns or any(matches(pattern, name) for name in names for pattern in patterns)


def _has(shown: ClientCertificate, wanted: str) -> bool:
    oid, _, pattern = wanted.removeprefix(_HEX).partition(":")
    value = shown.extension(oid)
    if value is None:
        return False
    if wanted.startswith(_HEX):
        return matches(pattern.lower(), value.hex())
    text = text_of(value)
    return text is not None and matches(pattern, text)


def matches(pattern: str, text: str) -> bool:
    """Whether the pattern, where ``*`` stands for any text, is all of ``text``.

    Whoever makes the certificate chooses the text, so the work grows no faster than its length.
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first) or len(text) < len(first) + len(rest[-1]) or not text.endswith(rest[-1]):
        return False
    at, end = len(first), len(text) - len(rest[-1])
    for part in rest[:-1]:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
