"""Roles: which certificates are signed, or for which hosts passwords are made."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Any

from strongroom.crypto.ssh_certificate import RSA_ALGORITHMS
from strongroom.crypto.ssh_key import ECDSA, SMALLEST_RSA, PublicKey
from strongroom.errors import BadRequest, multierror
from strongroom.secrets.ssh.template import split

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_OTP_SHOWN = ("allowed_users", "cidr_list", "default_user", "exclude_cidr_list", "key_type", "port")
_OTP_ONLY = frozenset({"cidr_list", "exclude_cidr_list", "port"})
_NAMES = {"rsa": ("rsa", "ssh-rsa"), "ecdsa": ("ecdsa", "ec"), "ed25519": ("ed25519", "ssh-ed25519")}
"""What the families of keys are called in ``allowed_user_key_lengths``."""


@dataclass(slots=True)
class Role:
    """A role as it is stored. Times are seconds, 0 the mount's own; lists are texts with commas."""

    key_type: str
    default_user: str = ""
    default_user_template: bool = False
    allowed_users: str = ""
    allowed_users_template: bool = False
    cidr_list: str = ""
    exclude_cidr_list: str = ""
    port: int = 22
    ttl: int = 0
    max_ttl: int = 0
    not_before_duration: int = 30
    allowed_domains: str = ""
    allowed_domains_template: bool = False
    allow_bare_domains: bool = False
    allow_subdomains: bool = False
    allow_user_certificates: bool = False
    allow_host_certificates: bool = False
    allow_user_key_ids: bool = False
    allow_empty_principals: bool = False
    allow_commas_in_identity_templates: bool = False
    allow_wildcards_in_identity_templates: bool = False
    key_id_format: str = ""
    allowed_critical_options: str = ""
    allowed_extensions: str = ""
    default_critical_options: dict[str, str] = item(default_factory=dict)
    default_extensions: dict[str, str] = item(default_factory=dict)
    default_extensions_template: bool = False
    allowed_user_key_lengths: dict[str, list[int]] = item(default_factory=dict)
    algorithm_signer: str = "default"
    issuer_ref: str = "default"

    def check(self) -> None:
        """Raise BadRequest for what no role can be."""
        networks(self.cidr_list, "cidr_list")
        networks(self.exclude_cidr_list, "exclude_cidr_list entry")
        if self.key_type == "otp":
            self._check_otp()
        elif self.key_type == "ca":
            self._check_ca()
        elif self.key_type == "dynamic":
            raise BadRequest("dynamic key type roles are no longer supported")
        else:
            raise BadRequest("invalid key type" if self.key_type else "missing key type")

    def _check_otp(self) -> None:
        if not self.default_user:
            raise BadRequest("missing default user")
        if not 0 < self.port < 65536:
            raise BadRequest("port must be 1 to 65535")

    def _check_ca(self) -> None:
        if not (self.allow_user_certificates or self.allow_host_certificates):
            raise BadRequest(
                "Either 'allow_user_certificates' or 'allow_host_certificates' must be set to 'true'"
            )
        if self.algorithm_signer not in {"default", *RSA_ALGORITHMS}:
            raise BadRequest(multierror(f'unknown algorithm signer "{self.algorithm_signer}"'))
        if self.max_ttl and self.ttl > self.max_ttl:
            raise BadRequest('"ttl" value must be less than "max_ttl" when both are specified')

    def described(self) -> dict[str, Any]:
        """The role as it is read: what belongs to its kind."""
        if self.key_type == "otp":
            return {name: getattr(self, name) for name in _OTP_SHOWN}
        names = (name for name in Role.__slots__ if name not in _OTP_ONLY)
        shown = {name: getattr(self, name) for name in names}
        shown["allowed_user_key_lengths"] = {
            name: sizes or None for name, sizes in self.allowed_user_key_lengths.items()
        }
        return shown

    def summary(self) -> dict[str, Any]:
        """What a listing tells of the role."""
        return {"key_type": self.key_type} | (
            {"issuer_ref": self.issuer_ref} if self.key_type == "ca" else {}
        )

    def forbidden(self) -> str:
        """Characters that a value of an identity must not hold, as they would widen what is allowed."""
        commas = "" if self.allow_commas_in_identity_templates else ","
        return commas + ("" if self.allow_wildcards_in_identity_templates else "*?")

    def accept(self, key: PublicKey) -> None:
        """Raise BadRequest unless certificates may be made for the key.

        Where nothing is said of sizes, weak RSA keys are not: to certify one, its size has to be named.
        """
        flaw = self._flaw(key)
        if flaw:
            raise BadRequest(f"public_key failed to meet the key requirements: {flaw}")

    def _flaw(self, key: PublicKey) -> str:
        sizes = f"key is of an invalid size: {key.bits}"
        if not self.allowed_user_key_lengths:
            return sizes if key.family == "rsa" and key.bits < SMALLEST_RSA else ""
        one_size = key.family == "ed25519"
        named = dict.fromkeys(_NAMES[key.family], one_size) | {key.type: one_size or key.type in ECDSA}
        allowed = {name: sizes for name, sizes in self.allowed_user_key_lengths.items() if name in named}
        if not allowed:
            return f"key of type {key.family} is not allowed"
        fits = any(found if named[name] else key.bits in found for name, found in allowed.items())
        return "" if fits else sizes

    def reaches(self, address: Address) -> bool:
        """Whether the host of an address belongs to the role."""
        inside = _within(address, networks(self.cidr_list, "cidr_list"))
        return inside and not _within(address, networks(self.exclude_cidr_list, "exclude_cidr_list entry"))


def networks(text: str, name: str) -> list[Network]:
    """The networks in a list with commas. Raises BadRequest."""
    return [_network(part, name) for part in split(text)]


def _network(text: str, name: str) -> Network:
    try:
        return ip_network(text if "/" in text else "", strict=False)
    except ValueError:
        sentence = f"failed to validate {name}: invalid CIDR address: {text}"
        raise BadRequest(multierror(sentence)) from None


def _within(address: Address, found: list[Network]) -> bool:
    return any(address.version == network.version and address in network for network in found)


def lengths(given: dict[str, Any]) -> dict[str, list[int]]:
    """Allowed sizes of keys by type, from a number, a text or a list of these each. Raises BadRequest."""
    return {
        name: [_size(one) for one in (sizes if isinstance(sizes, list) else [sizes])]
        for name, sizes in given.items()
    }


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else str(value) if type(value) is int else ""
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise BadRequest("error processing allowed_user_key_lengths: sizes are whole numbers")
    return int(text)


def options(given: dict[str, Any], name: str) -> dict[str, str]:
    """Extensions or critical options as texts. Raises BadRequest for a value that is a list or an object."""
    return {key: _text(value, name) for key, value in given.items()}


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, list | dict):
        raise BadRequest(f"{name} are names with a text each")
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        value if isinstance(value, str) else str(value) if isinstance(value, int) else bytes(value).decode()
    )
