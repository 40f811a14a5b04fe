"""The names a role lets certificates carry: pure rules, of names and a role to an answer.

Source of the rules: the parameters of roles in Vault's HTTP API documents.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.crypto.alternative_names import Address, AlternativeNames, OtherName
from strongroom.errors import BadRequest

if TYPE_CHECKING:
    from strongroom.secrets.pki.role import Role

_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_WILD_LABEL = rf"(?:\*|\*{_LABEL}|{_LABEL}\*|{_LABEL}\*{_LABEL})"
_HOSTNAME = re.compile(rf"(?:{_WILD_LABEL}\.)?(?:{_LABEL}\.)*{_LABEL}\.?", re.ASCII)
_LONGEST_NAME, _LONGEST_LABEL = 253, 63
_MOST_EFFORT = 200_000
"""Comparisons of a name with a rule that one request may need."""
_LOCAL = ("localhost", "localdomain")
UTF8_TYPES = ("utf8", "utf-8")

Domains = list[tuple[str, bool]]
"""Allowed domains as they hold for one request: the text, and whether a ``*`` in it is a glob."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """Allowed domains, ready to be asked about many names: only the globs among them are gone through.

    ``bare`` are in lower case.
    """

    bare: frozenset[str]
    plain: frozenset[str]
    globs: tuple[str, ...]

    @classmethod
    def of(cls, role: Role, domains: Domains) -> Allowed:
        """The domains of a role as they hold for one request."""
        texts = [text for text, _ in domains if text]
        globs = [text for text, is_glob in domains if is_glob and "*" in text]
        return cls(
            frozenset(map(str.lower, texts)) if role.allow_bare_domains else frozenset(),
            frozenset(texts) if role.allow_subdomains else frozenset(),
            tuple(globs) if role.allow_glob_domains else (),
        )

    def allows(self, name: str, base: str, *, is_mail: bool, wild: bool) -> bool:
        """Whether a name is of one of them; ``base`` is what stands behind its user or its wildcard."""
        if name.lower() in self.bare or (is_mail and base.lower() in self.bare):
            return True
        if self.plain and ((wild and base in self.plain) or self._has_parent(base)):
            return True
        return any(glob_matches(text, name) for text in self.globs)

    def _has_parent(self, base: str) -> bool:
        dot = base.find(".")
        while dot >= 0:
            if base[dot + 1 :] in self.plain:
                return True
            dot = base.find(".", dot + 1)
        return False


def check_effort(role: Role, domains: Allowed, alternatives: AlternativeNames, user_ids: list[str]) -> None:
    """Raise BadRequest where judging would take long: many names by many rules that are gone through."""
    effort = (len(alternatives.dns) + len(alternatives.emails)) * len(domains.globs)
    effort += len(alternatives.uris) * len(role.allowed_uri_sans)
    effort += len(alternatives.others) * len(role.allowed_other_sans)
    effort += len(alternatives.addresses) * len(role.allowed_ip_sans_cidr)
    effort += len(user_ids) * len(role.allowed_user_ids)
    if effort > _MOST_EFFORT:
        raise BadRequest("these are more names than can be judged at once by so many rules; ask for fewer")


def glob_matches(pattern: str, text: str) -> bool:
    """Whether the text fits a pattern in which ``*`` stands for any characters, also for none."""
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    *middle, last = rest
    if not text.startswith(first):
        return False
    position = len(first)
    for part in middle:
        found = text.find(part, position)
        if found < 0:
            return False
        position = found + len(part)
    return len(text) - len(last) >= position and text.endswith(last)


def ascii_name(name: str) -> str:
    """A host name in the ASCII that certificates carry. Raises BadRequest for labels that cannot be."""
    if name.isascii():
        _check_labels(name)
        if len(name) > _LONGEST_NAME:
            raise BadRequest(f'idna: invalid label "{name}"')
        return name
    try:
        return ".".join(
            label if label.isascii() else label.encode("idna").decode() for label in name.split(".")
        )
    except UnicodeError:
        raise BadRequest("idna: the name has a label that is not allowed") from None


def _check_labels(name: str) -> None:
    for label in name.split("."):
        if not label:
            raise BadRequest(f'idna: invalid label "{name}"')
        if len(label) > _LONGEST_LABEL:
            raise BadRequest(f'idna: invalid label "{label}"')


def is_hostname(name: str) -> bool:
    """Whether the name can be that of a host, or of many with a wildcard in its first label."""
    return len(name) <= _LONGEST_NAME and _HOSTNAME.fullmatch(name) is not None


def split_wildcard(name: str) -> str | None:
    """What follows the first label when that holds a wildcard; None where the wildcard may not stand so."""
    label, dot, rest = name.partition(".")
    if name.count("*") != 1 or "*" not in label or not dot or not rest:
        return None
    return rest


def refused(role: Role, domains: Allowed, names: Iterable[str]) -> str:
    """The first of the names (of hosts or of mail) that the role does not allow; empty when it allows all."""
    return next((name for name in names if not _allowed(role, domains, name)), "")


def _allowed(role: Role, domains: Allowed, name: str) -> bool:
    reduced, is_mail, wild = name, False, False
    if "@" in name:
        user, _, reduced = name.partition("@")
        if not user or not reduced or "@" in reduced:
            return False
        is_mail = True
    if "*" in reduced:
        rest = split_wildcard(reduced)
        if rest is None or is_mail or not role.allow_wildcard_certificates:
            return False
        wild = True
    if role.enforce_hostnames and not _is_real(reduced):
        return False
    if role.allow_any_name:
        return True
    base = rest if wild and rest else reduced
    if role.allow_localhost and _is_local(role, base, wild=wild):
        return True
    return domains.allows(name, base, is_mail=is_mail, wild=wild)


def _is_real(name: str) -> bool:
    try:
        return is_hostname(ascii_name(name))
    except BadRequest:
        return False


def _is_local(role: Role, base: str, *, wild: bool) -> bool:
    if base in _LOCAL and not wild:
        return True
    if not role.allow_subdomains:
        return False
    return base in _LOCAL or base.endswith(tuple("." + local for local in _LOCAL))


def check_common_name(role: Role, domains: Allowed, name: str) -> None:
    """Raise BadRequest where the role does not allow the common name."""
    if role.cn_validations == ["disabled"]:
        return
    kind = "email" if "@" in name else "hostname"
    wrong_kind = bool(role.cn_validations) and kind not in role.cn_validations
    if refused(role, domains, [name]) or wrong_kind:
        raise BadRequest(f"common name {name} not allowed by this role")


def check_alternatives(role: Role, domains: Allowed, hosts: list[str], mails: list[str]) -> None:
    """Raise BadRequest naming the first name that the role does not allow."""
    if bad := refused(role, domains, hosts):
        raise BadRequest(f"subject alternate name {bad} not allowed by this role")
    if bad := refused(role, domains, mails):
        raise BadRequest(f"email address {bad} not allowed by this role")


def check_serial_number(role: Role, serial: str) -> None:
    """Raise BadRequest where the role does not allow the serial number in the subject."""
    if serial and not _any(role.allowed_serial_numbers, serial):
        raise BadRequest(f"serial_number {serial} not allowed by this role")


def check_user_ids(role: Role, ids: list[str]) -> None:
    """Raise BadRequest naming the first user ID that the role does not allow."""
    for one in ids:
        if not _any(role.allowed_user_ids, one):
            raise BadRequest(f"user_id {one} is not allowed by this role")


def check_addresses(role: Role, addresses: list[Address]) -> None:
    """Raise BadRequest where the role allows none, or not this one: however the address was asked for."""
    if not role.allowed_ip_sans_cidr:
        return
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in role.allowed_ip_sans_cidr]
    for address in addresses:
        plain = getattr(address, "ipv4_mapped", None) or address
        if not any(plain in network for network in networks):
            raise BadRequest(f'the IP address "{address}" is not allowed in this role')


def check_uris(role: Role, uris: list[str], render: Callable[[str], Domains], source: str) -> None:
    """Raise BadRequest where the role does not allow a URI; ``source`` says how they came."""
    if not uris:
        return
    if not role.allowed_uri_sans:
        raise BadRequest(
            f"URI Subject Alternative Names are not allowed in this role, but were provided via {source}"
        )
    allowed = [pair for text in role.allowed_uri_sans for pair in render(text)]
    for uri in uris:
        if not any(glob_matches(text, uri) if is_glob else text == uri for text, is_glob in allowed):
            raise BadRequest(
                f"URI Subject Alternative Names were provided via {source} which are not valid for this role"
            )


def check_others(role: Role, others: list[OtherName]) -> None:
    """Raise BadRequest where the role does not allow another name."""
    if not others or role.allowed_other_sans == ["*"]:
        return
    allowed: dict[str, list[str]] = {}
    for text in role.allowed_other_sans:
        rule = other_name(text)
        allowed.setdefault(rule.oid, []).append(rule.value)
    for other in others:
        if other.oid not in allowed:
            raise BadRequest(f"other SAN OID {other.oid} not allowed by this role")
        if not _any(allowed[other.oid], other.value):
            raise BadRequest(f"other SAN {other.value} not allowed for OID {other.oid} by this role")


def other_name(text: str) -> OtherName:
    """``OID;utf8:value``, or what stands for such names in a role. Raises BadRequest."""
    oid, semicolon, rest = text.partition(";")
    if not semicolon:
        raise BadRequest(f'expected a semicolon in other SAN "{text}"')
    kind, colon, value = rest.partition(":")
    if not colon:
        raise BadRequest(f'expected a colon in other SAN "{text}"')
    if kind.lower() not in UTF8_TYPES:
        raise BadRequest(
            f'only utf8 other SANs are supported; found non-supported type in other SAN "{text}"'
        )
    return OtherName(oid, value)


def _any(patterns: list[str], text: str) -> bool:
    return any(glob_matches(pattern, text) for pattern in patterns)
