"""Subject alternative names: what a certificate calls its subject besides the distinguished name."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from strongroom.crypto.der import SEQUENCE, element, object_identifier

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
_EXPLICIT = 0xA0


def _encoded(names: AlternativeNames) -> bytes:
    """GeneralNames (RFC 5280) in DER."""
    parts = [
        element(
            _OTHER,
            object_identifier(other.oid) + element(_EXPLICIT, element(_UTF8_TAG, other.value.encode())),
        )
        for other in names.others
    ]
    try:
        parts += [element(_DNS, name.encode("ascii")) for name in names.dns]
        parts += [element(_MAIL, name.encode("ascii")) for name in names.emails]
        parts += [element(_ADDRESS, address.packed) for address in names.addresses]
        parts += [element(_URI, uri.encode("ascii")) for uri in names.uris]
    except UnicodeEncodeError:
        raise ValueError("alternative names have to be ASCII") from None
    return element(SEQUENCE, b"".join(parts))


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


def _text(value: bytes) -> str:
    """The text of a UTF8String in DER. Raises ValueError for any other value."""
    if len(value) < 2 or value[0] != _UTF8_TAG:
        raise ValueError("other names have to be UTF-8 texts")
    rest = value[2:] if value[1] < _SHORT else value[2 + (value[1] & ~_SHORT) :]
    if element(_UTF8_TAG, rest) != value:
        raise ValueError("other names have to be UTF-8 texts")
    return rest.decode()
