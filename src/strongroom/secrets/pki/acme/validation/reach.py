"""Where validations may go: the addresses of an identifier, without those that no certificate is for."""

from __future__ import annotations

from ipaddress import ip_address

from strongroom.secrets.pki.acme.identifier import IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation.resolver import Resolver


async def addresses(identifier: Identifier, resolver: Resolver) -> list[str]:
    """The addresses at which the holder of an identifier answers. Raises Problem."""
    if identifier.type == IP:
        found = [identifier.value]
    else:
        found = await resolver.addresses(identifier.base)
    allowed = [address for address in found if may_be_asked(address)]
    if not allowed:
        raise Problem("connection", f"no address of {identifier.base} is one that is asked")
    return allowed


def may_be_asked(address: str) -> bool:
    """Whether an address is one that hosts have.

    Private ones are: certificates of hosts inside are what this is for. Those of one link are not: there
    clouds tell machines their credentials.
    """
    ip = ip_address(address)
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return not (plain.is_link_local or plain.is_multicast or plain.is_unspecified)
