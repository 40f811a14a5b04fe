"""Distinguished names: who a certificate is about, as a list of what the engine knows of him."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID

_ORDER = (
    ("country", NameOID.COUNTRY_NAME),
    ("organization", NameOID.ORGANIZATION_NAME),
    ("ou", NameOID.ORGANIZATIONAL_UNIT_NAME),
    ("locality", NameOID.LOCALITY_NAME),
    ("province", NameOID.STATE_OR_PROVINCE_NAME),
    ("street_address", NameOID.STREET_ADDRESS),
    ("postal_code", NameOID.POSTAL_CODE),
)
_PRINTABLE = frozenset({NameOID.COUNTRY_NAME, NameOID.SERIAL_NUMBER})
"""Parts that RFC 5280 has as PrintableString."""
_LONGEST = 64


@dataclass(slots=True)
class Subject:
    """The parts of a distinguished name. ``encoded`` is the whole name in DER, and beats the parts."""

    common_name: str = ""
    serial_number: str = ""
    country: list[str] = field(default_factory=list)
    organization: list[str] = field(default_factory=list)
    ou: list[str] = field(default_factory=list)
    locality: list[str] = field(default_factory=list)
    province: list[str] = field(default_factory=list)
    street_address: list[str] = field(default_factory=list)
    postal_code: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    encoded: bytes = b""


def name_of(subject: Subject) -> x509.Name:
    """The name. Raises ValueError for a part that cannot stand in one, naming the part."""
    parts = [_part(label, oid, getattr(subject, label)) for label, oid in _ORDER if getattr(subject, label)]
    if subject.common_name:
        parts.append(_part("common_name", NameOID.COMMON_NAME, [subject.common_name]))
    if subject.serial_number:
        parts.append(_part("serial_number", NameOID.SERIAL_NUMBER, [subject.serial_number]))
    if subject.user_ids:
        parts.append(_part("user_ids", NameOID.USER_ID, subject.user_ids))
    return x509.Name(parts)


def _part(label: str, oid: x509.ObjectIdentifier, values: list[str]) -> x509.RelativeDistinguishedName:
    try:
        if not all(values):
            raise ValueError("empty")  # noqa: TRY301  one sentence for all
        attributes = [x509.NameAttribute(oid, value) for value in dict.fromkeys(values)]
        if not all(value.isascii() for value in values) and oid in _PRINTABLE:
            raise ValueError("ASCII only")  # noqa: TRY301  as above
        return x509.RelativeDistinguishedName(attributes)
    except (ValueError, TypeError):
        longest = "2" if label == "country" else str(_LONGEST)
        raise ValueError(
            f"{label}: has to have 1 to {longest} characters that a certificate can hold"
        ) from None


def subject_of(name: x509.Name) -> Subject:
    """The parts of a name that the engine knows."""

    def values(oid: x509.ObjectIdentifier) -> list[str]:
        return [str(a.value) for a in name.get_attributes_for_oid(oid)]

    subject = Subject()
    for label, oid in _ORDER:
        setattr(subject, label, values(oid))
    subject.common_name = (values(NameOID.COMMON_NAME) or [""])[-1]
    subject.serial_number = (values(NameOID.SERIAL_NUMBER) or [""])[-1]
    subject.user_ids = values(NameOID.USER_ID)
    return subject
