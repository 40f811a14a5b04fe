"""``sockaddr``: the addresses of this machine, chosen by a pipeline of its own.

The text is a pipeline as in a template, of the functions below: ``GetPrivateIP``, or
``GetAllInterfaces | include "name" "eth" | sort "address" | attr "address"``.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from strongroom.template.errors import FunctionError, TemplateError
from strongroom.template.execution import Execution, Source
from strongroom.template.format import show
from strongroom.template.function import TYPES, GoType, Library
from strongroom.template.lexer import place
from strongroom.template.parser import Parser
from strongroom.template.regex import compile_pattern
from strongroom.template.value import List
from strongroom.template.world import Interface

LIBRARY = Library()
ADDRESSES = Library()
function = ADDRESSES.function
RFC: dict[str, tuple[str, ...]] = {
    "1918": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
    "3927": ("169.254.0.0/16",),
    "4193": ("fc00::/7",),
    "4291": ("fe80::/10",),
    "6598": ("100.64.0.0/10",),
}
RFC["6890"] = (*RFC["1918"], *RFC["3927"], *RFC["6598"], "127.0.0.0/8")


class Addresses(List):
    """Interfaces with their addresses."""

    go_type = "sockaddr.IfAddrs"
    element = "sockaddr.IfAddr"


TYPES[Addresses] = GoType("sockaddr.IfAddrs", "", Addresses)


@LIBRARY.function("sockaddr")
def sockaddr(execution: Execution, expression: str) -> str:
    """An address of this machine, chosen by a pipeline: ``sockaddr "GetPrivateIP"``."""
    text = "{{" + expression + "}}"
    try:
        body = Parser(text, "sockaddr", ADDRESSES).parse()
        source = Source("sockaddr", body, {}, lambda node: place(text, node.position))
        inner = Execution(source, ADDRESSES, execution.world, execution.options)
        inner.run(body, None)
    except TemplateError as error:
        raise FunctionError(f"its pipeline fails at column {max(error.column - 2, 1)}") from None
    return "".join(inner.out)


def _within(interface: Interface, rfc: str) -> bool:
    if rfc not in RFC:
        raise FunctionError("unknown RFC")
    address = ip_address(interface.address)
    return any(address in ip_network(network) for network in RFC[rfc])


def _network(interface: Interface) -> IPv4Network | IPv6Network:
    return ip_network(f"{interface.address}/{interface.prefix}", strict=False)


def _is_private(interface: Interface) -> bool:
    return any(_within(interface, rfc) for rfc in ("1918", "4193", "6598"))


def _is_public(interface: Interface) -> bool:
    return ip_address(interface.address).is_global


@function("GetAllInterfaces")
def all_interfaces(execution: Execution) -> Addresses:
    """All addresses of all interfaces."""
    return Addresses(execution.world.interfaces())


@function("GetDefaultInterfaces")
def default_interfaces(execution: Execution) -> Addresses:
    """The addresses of the interface that the default route leaves by."""
    known = execution.world.interfaces()
    return Addresses(each for each in known if each.name == known[0].name)


@function("GetPrivateInterfaces")
def private_interfaces(execution: Execution) -> Addresses:
    """Private addresses of interfaces that are up."""
    return Addresses(each for each in _up(execution) if _is_private(each))


@function("GetPublicInterfaces")
def public_interfaces(execution: Execution) -> Addresses:
    """Public addresses of interfaces that are up."""
    return Addresses(each for each in _up(execution) if _is_public(each))


def _up(execution: Execution) -> list[Interface]:
    return [each for each in execution.world.interfaces() if "up" in each.flags]


def _first(addresses: Addresses) -> str:
    return addresses[0].address if addresses else ""


def _all(addresses: Addresses) -> str:
    return " ".join(each.address for each in addresses)


@function("GetPrivateIP")
def private_ip(execution: Execution) -> str:
    """The first private address, that of the default route's interface before others."""
    return _first(private_interfaces(execution))


@function("GetPrivateIPs")
def private_ips(execution: Execution) -> str:
    """All private addresses, with spaces between them."""
    return _all(private_interfaces(execution))


@function("GetPublicIP")
def public_ip(execution: Execution) -> str:
    """The first public address."""
    return _first(public_interfaces(execution))


@function("GetPublicIPs")
def public_ips(execution: Execution) -> str:
    """All public addresses, with spaces between them."""
    return _all(public_interfaces(execution))


@function("GetInterfaceIP")
def interface_ip(execution: Execution, name: str) -> str:
    """The first address of the interfaces whose names match an expression."""
    return _first(include("name", name, all_interfaces(execution)))


@function("GetInterfaceIPs")
def interface_ips(execution: Execution, name: str) -> str:
    """All addresses of the interfaces whose names match an expression, with spaces between them."""
    return _all(include("name", name, all_interfaces(execution)))


def _meets(interface: Interface, criterion: str, wanted: str) -> bool:
    match criterion:
        case "name":
            return compile_pattern(wanted).search(interface.name) is not None
        case "address":
            return compile_pattern(wanted).search(interface.address) is not None
        case "flag" | "flags":
            return set(wanted.split("|")) <= interface.flags
        case "rfc":
            return any(_within(interface, rfc) for rfc in wanted.split("|"))
        case "network":
            return any(ip_address(interface.address) in ip_network(each) for each in wanted.split("|"))
        case "type":
            version = ip_address(interface.address).version
            return bool({"ip", f"ipv{version}"} & set(wanted.lower().split("|")))
    raise FunctionError("unknown criterion")


@function("include")
def include(criterion: str, wanted: str, addresses: Addresses) -> Addresses:
    """Those that meet a criterion: ``name``, ``address``, ``flags``, ``rfc``, ``network`` or ``type``."""
    return Addresses(each for each in addresses if _meets(each, criterion, wanted))


@function("exclude")
def exclude(criterion: str, unwanted: str, addresses: Addresses) -> Addresses:
    """Those that do not meet a criterion."""
    return Addresses(each for each in addresses if not _meets(each, criterion, unwanted))


def _attribute(interface: Interface, name: str) -> str:
    match name:
        case "name":
            return interface.name
        case "address" | "host":
            return interface.address
        case "network":
            return str(_network(interface))
        case "netmask":
            return str(_network(interface).netmask)
        case "broadcast":
            return str(_network(interface).broadcast_address)
        case "flags":
            return "|".join(sorted(interface.flags))
        case "type":
            return f"IPv{ip_address(interface.address).version}"
        case "size":
            return show(_network(interface).num_addresses)
    raise FunctionError("unknown attribute")


@function("attr")
def attribute(name: str, addresses: Addresses) -> str:
    """An attribute of the first one: ``name``, ``address``, ``network``, ``netmask``, ``flags`` ..."""
    return _attribute(addresses[0], name) if addresses else ""


@function("join")
def join(name: str, separator: str, addresses: Addresses) -> str:
    """An attribute of all, with a separator between them."""
    return separator.join(_attribute(each, name) for each in addresses)


@function("limit")
def limit(count: int, addresses: Addresses) -> Addresses:
    """The first so many."""
    return Addresses(addresses[: max(count, 0)])


@function("offset")
def offset(count: int, addresses: Addresses) -> Addresses:
    """All but the first so many."""
    return Addresses(addresses[count:])


@function("sort")
def sort(names: str, addresses: Addresses) -> Addresses:
    """In the order of attributes with commas between them; ``-`` before one turns it round."""
    ordered = list(addresses)
    for name in reversed(names.split(",")):
        ranks = {id(each): _rank(each, name.strip("+-")) for each in ordered}
        ordered.sort(key=lambda each, ranks=ranks: ranks[id(each)], reverse=name.startswith("-"))  # type: ignore[misc]
    return Addresses(ordered)


def _rank(interface: Interface, name: str) -> Any:
    if name == "address":
        address = ip_address(interface.address)
        return address.version, int(address)
    return _attribute(interface, name)


@function("unique")
def unique(name: str, addresses: Addresses) -> Addresses:
    """The first of those that share an attribute."""
    return Addresses({_attribute(each, name): each for each in reversed(addresses)}.values())
