"""Subject alternative names: what a certificate calls its subject besides the distinguished name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_UTF8_TAG = 0x0C
_SHORT = 0x80


@dataclass(frozen=True, slots=True)
class OtherName:
    """A name of a kind that has an object identifier, as UTF-8 text."""

    oid: str
    value: str


@dataclass(slots=True)
class AlternativeNames:
    """The names by kind. ``encoded`` is the whole extension's value in DER, and beats the rest."""

    dns: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    addresses: list[Address] = field(default_factory=list)
    uris: list[str] = field(default_factory=list)
    others: list[OtherName] = field(default_factory=list)
    encoded: bytes = b""

    def __bool__(self) -> bool:
        return bool(self.dns or self.emails or self.addresses or self.uris or self.others or self.encoded)


def extension_of(names: AlternativeNames) -> x509.ExtensionType:
    """The extension. Raises ValueError for a name that cannot stand in one."""
    return x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names.encoded or _encoded(names))


_OTHER, _MAIL, _DNS, _URI, _ADDRESS = 0xA0, 0x81, 0x82, 0x86, 0x87
_SEQUENCE, _EXPLICIT, _OID = 0x30, 0xA0, 0x06


def _encoded(names: AlternativeNames) -> bytes:
    """GeneralNames (RFC 5280) in DER."""
    parts = [
        _element(_OTHER, _oid(other.oid) + _element(_EXPLICIT, _element(_UTF8_TAG, other.value.encode())))
        for other in names.others
    ]
    try:
        parts += [_element(_DNS, name.encode("ascii")) for name in names.dns]
        parts += [_element(_MAIL, name.encode("ascii")) for name in names.emails]
        parts += [_element(_ADDRESS, address.packed) for address in names.addresses]
        parts += [_element(_URI, uri.encode("ascii")) for uri in names.uris]
    except UnicodeEncodeError:
        raise ValueError("alternative names have to be ASCII") from None
    return _element(_SEQUENCE, b"".join(parts))


def names_of(extension: x509.SubjectAlternativeName) -> AlternativeNames:
    """The names in an extension. Raises ValueError for a kind that cannot be judged."""
    names = AlternativeNames()
    for name in extension:
        if isinstance(name, x509.DNSName):
            names.dns.append(name.value)
        elif isinstance(name, x509.RFC822Name):
            names.emails.append(name.value)
        elif isinstance(name, x509.IPAddress) and isinstance(name.value, Address):
            names.addresses.append(name.value)
        elif isinstance(name, x509.UniformResourceIdentifier):
            names.uris.append(name.value)
        elif isinstance(name, x509.OtherName):
            names.others.append(OtherName(name.type_id.dotted_string, _text(name.value)))
        else:
            raise ValueError("an alternative name is of a kind that is not served")  # noqa: TRY004  one error
    return names


def _oid(dotted: str) -> bytes:
    """An object identifier in DER. Raises ValueError for what is none."""
    try:
        x509.ObjectIdentifier(dotted)
    except ValueError:
        raise ValueError("this is no object identifier") from None
    first, second, *rest = map(int, dotted.split("."))
    return _element(_OID, b"".join(map(_arc, (first * 40 + second, *rest))))


def _arc(number: int) -> bytes:
    octets = [number & 0x7F]
    while number := number >> 7:
        octets.append(0x80 | (number & 0x7F))
    return bytes(reversed(octets))


def _element(tag: int, value: bytes) -> bytes:
    count = len(value)
    if count < _SHORT:
        return bytes((tag, count)) + value
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT | len(octets))) + octets + value


def _text(value: bytes) -> str:
    """The text of a UTF8String in DER. Raises ValueError for any other value."""
    if len(value) < 2 or value[0] != _UTF8_TAG:
        raise ValueError("other names have to be UTF-8 texts")
    rest = value[2:] if value[1] < _SHORT else value[2 + (value[1] & ~_SHORT) :]
    if _element(_UTF8_TAG, rest) != value:
        raise ValueError("other names have to be UTF-8 texts")
    return rest.decode()
