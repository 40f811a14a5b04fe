"""Name constraints: for which names an authority may issue at all (RFC 5280, 4.2.1.10)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.x509.oid import NameOID

_HOST = re.compile(
    r"(\*\.)?([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.IGNORECASE
)


class Forbidden(Exception):
    """A name that the issuer may not give."""


def check(chain: tuple[x509.Certificate, ...]) -> None:
    """Raise Forbidden when a certificate of the chain, leaf first, has a name that one above rules out."""
    for depth, issuer in enumerate(chain):
        constraints = _constraints(issuer) if depth else None
        if constraints is None:
            continue
        for position, certificate in enumerate(chain[:depth]):
            if position and certificate.issuer == certificate.subject:
                continue  # an authority's own key change gives no names away
            for name in _names(certificate):
                _judge(name, constraints)


def _constraints(certificate: x509.Certificate) -> x509.NameConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    try:
        given = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        given = []
    yield from given
    subject = certificate.subject
    if list(subject):
        yield x509.DirectoryName(subject)
    kinds = {type(name) for name in given}
    if x509.RFC822Name not in kinds:
        yield from _of_subject(subject, NameOID.EMAIL_ADDRESS, x509.RFC822Name)
    if x509.DNSName not in kinds:  # then the common name is taken for the host's, where it looks like one
        for name in _of_subject(subject, NameOID.COMMON_NAME, x509.DNSName):
            if _HOST.fullmatch(name.value):
                yield name


def _of_subject(
    subject: x509.Name, oid: x509.ObjectIdentifier, kind: type[x509.RFC822Name | x509.DNSName]
) -> Iterator[x509.RFC822Name | x509.DNSName]:
    for attribute in subject.get_attributes_for_oid(oid):
        text = attribute.value if isinstance(attribute.value, str) else ""
        if text.isascii():
            yield kind(text)


def _judge(name: x509.GeneralName, constraints: x509.NameConstraints) -> None:
    kind = type(name)
    excluded = [one for one in constraints.excluded_subtrees or () if type(one) is kind]
    permitted = [one for one in constraints.permitted_subtrees or () if type(one) is kind]
    if not excluded and not permitted:
        return
    within = _WITHIN.get(kind)
    if within is None:
        raise Forbidden("certificate has a name of a kind whose constraints are not understood")
    if any(within(name.value, one.value) or _covers(name, one) for one in excluded):
        raise Forbidden("certificate has a name that its issuer may not give")
    if permitted and not any(within(name.value, one.value) for one in permitted):
        raise Forbidden("certificate has a name that its issuer may not give")


def _covers(name: x509.GeneralName, excluded: x509.GeneralName) -> bool:
    """Whether a wildcard stands for an excluded host among others."""
    return (
        isinstance(name, x509.DNSName)
        and isinstance(excluded, x509.DNSName)
        and name.value.startswith("*.")
        and excluded.value.lower().endswith(name.value[1:].lower())
    )


def _host_within(host: str, constraint: str) -> bool:
    host, constraint = host.lower().rstrip("."), constraint.lower().rstrip(".")
    if constraint.startswith("."):
        return host.endswith(constraint)
    return not constraint or host == constraint or host.endswith("." + constraint)


def _exact_host(host: str, constraint: str) -> bool:
    """As :func:`_host_within`, for the hosts of mail and URIs: those below only where a dot says so."""
    host, constraint = host.lower(), constraint.lower()
    return host.endswith(constraint) if constraint.startswith(".") else host == constraint


def _mail_within(address: str, constraint: str) -> bool:
    local, at, host = address.rpartition("@")
    if not at:
        raise Forbidden("certificate has a mail address that is none")
    wanted, exact, wanted_host = constraint.rpartition("@")
    if exact:
        return local == wanted and host.lower() == wanted_host.lower()
    return not constraint or _exact_host(host, constraint)


def _uri_within(uri: str, constraint: str) -> bool:
    try:
        host = urlsplit(uri).hostname or ""
    except ValueError:
        host = ""
    if not host or ":" in host or host.replace(".", "").isdigit():
        raise Forbidden("certificate has a URI without the name of a host, which its issuer has to name")
    return not constraint or _exact_host(host, constraint)


def _address_within(address: Any, constraint: Any) -> bool:
    return isinstance(address, IPv4Address | IPv6Address) and address in constraint


def _directory_within(name: x509.Name, constraint: x509.Name) -> bool:
    names, wanted = list(_normal(name.rdns)), list(_normal(constraint.rdns))
    return names[: len(wanted)] == wanted


def _normal(rdns: Iterable[x509.RelativeDistinguishedName]) -> Iterator[frozenset[tuple[str, str | bytes]]]:
    """Names compare without regard to case and runs of spaces (RFC 5280, 7.1)."""
    for rdn in rdns:
        yield frozenset(
            (
                one.oid.dotted_string,
                " ".join(one.value.split()).casefold() if isinstance(one.value, str) else one.value,
            )
            for one in rdn
        )


_WITHIN: dict[type[x509.GeneralName], Callable[[Any, Any], bool]] = {
    x509.DNSName: _host_within,
    x509.RFC822Name: _mail_within,
    x509.UniformResourceIdentifier: _uri_within,
    x509.IPAddress: _address_within,
    x509.DirectoryName: _directory_within,
}
