"""Readers of single values that only the server's configuration has."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network

from strongroom.hcl import List, Literal, Node, Object
from strongroom.setting import BadValue
from strongroom.setting.value import Reader, duration, text, words

_STATUS = re.compile(r"default|[1-5](?:xx|\d\d)", re.ASCII)

Headers = dict[str, dict[str, str]]
"""Header values by name, by status code (``200``), class (``4xx``) or ``default``."""


def ttl(node: Node) -> int:
    """A duration in whole seconds."""
    return int(duration(node))


def networks(node: Node) -> tuple[IPv4Network | IPv6Network, ...]:
    """Addresses and CIDR blocks."""
    try:
        return tuple(ip_network(word, strict=False) for word in words(node))
    except ValueError:
        raise BadValue("must be a list of IP addresses or CIDR blocks") from None


def mode(node: Node) -> int:
    """Permission bits in octal."""
    try:
        return int(text(node), 8)
    except ValueError:
        raise BadValue("must be octal permission bits such as 0600") from None


def choices(*allowed: str) -> Reader:
    """Several of some words, in any case."""

    def read(node: Node) -> tuple[str, ...]:
        found = tuple(word.lower() for word in words(node))
        if not set(found) <= set(allowed):
            raise BadValue(f"must be a list of {', '.join(allowed)}")
        return found

    return read


def table(node: Node) -> dict[str, str]:
    """Strings by name; the numbers and bools in it become strings."""
    if not isinstance(node, Object):
        raise BadValue("must be a block")
    return {item.name: _word(item.value) for item in node.items}


def _word(node: Node) -> str:
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return "true" if node.value else "false"
    return text(node)


def headers(node: Node) -> Headers:
    """Response headers by status; several values of one header are joined with ``; ``."""
    if not isinstance(node, Object):
        raise BadValue("must be a block")
    found: Headers = {}
    for item in node.items:
        if not _STATUS.fullmatch(item.name):
            raise BadValue("must be keyed by default, a class such as 4xx, or a status code")
        if not isinstance(item.value, Object):
            raise BadValue("must hold header names and values for every status")
        found[item.name] = {header.name: _joined(header.value) for header in item.value.items}
    return found


def _joined(node: Node) -> str:
    values = [text(item) for item in node.items] if isinstance(node, List) else [text(node)]
    if any("\r" in value or "\n" in value for value in values):
        raise BadValue("header values cannot hold line breaks")
    return "; ".join(values)
