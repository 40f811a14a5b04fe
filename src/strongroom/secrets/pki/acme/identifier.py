"""What a certificate is ordered for: names of hosts, and addresses."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from strongroom.secrets.pki.acme.problem import Problem, malformed

MOST = 100
"""Identifiers that an order may have."""

DNS, IP = "dns", "ip"
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_NAME_LIMIT = 253


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A name in lower case, or an address in its one spelling. ``value`` of a wildcard begins with ``*.``."""

    type: str
    value: str

    @property
    def wildcard(self) -> bool:
        """Whether it stands for all names one level below."""
        return self.value.startswith("*.")

    @property
    def base(self) -> str:
        """The name that is validated."""
        return self.value.removeprefix("*.")


def parse_all(value: Any) -> list[Identifier]:
    """The identifiers of an order, each once. Raises Problem."""
    if not isinstance(value, list) or not value:
        raise malformed("invalid field 'identifiers': a list of at least one identifier is needed")
    if len(value) > MOST:
        raise malformed(f"an order may have {MOST} identifiers at most")
    return list(dict.fromkeys(parse(one) for one in value))


def parse(value: Any) -> Identifier:
    """The identifier of a decoded object. Raises Problem."""
    kind, text = (value.get("type"), value.get("value")) if isinstance(value, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(text, str):
        raise malformed("an identifier has a type and a value, which are text")
    if kind == DNS:
        return Identifier(DNS, name(text))
    if kind == IP:
        return Identifier(IP, address(text))
    raise Problem("unsupportedIdentifier", "identifiers are of type dns or ip")


def name(text: str) -> str:
    """The one spelling of a name of a host. Raises Problem for what is none."""
    lower = text.lower()
    plain = lower.removeprefix("*.")
    if "*" in plain:
        raise malformed("a wildcard stands in place of the whole first label, or nowhere")
    if len(plain) > _NAME_LIMIT or not all(_LABEL.fullmatch(label) for label in plain.split(".")):
        raise malformed("an identifier of type dns is not a name of a host in ASCII")
    if plain.rpartition(".")[2].isdigit():
        raise malformed("an identifier of type dns is an address")
    return lower


def address(text: str) -> str:
    """The one spelling of an address. Raises Problem for what is none."""
    if "%" in text:
        raise malformed("an address of a certificate has no zone")
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise malformed("an identifier of type ip is not an address") from None
