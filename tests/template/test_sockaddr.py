"""Addresses of this machine."""

from __future__ import annotations

import pytest

from strongroom.template import ExecutionError, Interface
from tests.template.world import Known, rendered


class Machine(Known):
    def interfaces(self) -> tuple[Interface, ...]:
        up = frozenset({"up"})
        return (
            Interface("eth0", "10.0.0.7", 24, up),
            Interface("eth0", "fd00::7", 64, up),
            Interface("eth1", "8.8.4.4", 16, up),
            Interface("down0", "192.168.1.1", 24),
            Interface("lo", "127.0.0.1", 8, up | {"loopback"}),
        )


@pytest.mark.parametrize(
    ("expression", "expected"),
    (
        ("GetPrivateIP", "10.0.0.7"),
        ("GetPrivateIPs", "10.0.0.7 fd00::7"),
        ("GetPublicIP", "8.8.4.4"),
        ('GetInterfaceIP "lo"', "127.0.0.1"),
        ('GetInterfaceIP "nope"', ""),
        (
            'GetAllInterfaces | include "name" "^eth" | exclude "type" "IPv6" | join "address" ","',
            "10.0.0.7,8.8.4.4",
        ),
        ('GetAllInterfaces | include "flags" "up|loopback" | attr "name"', "lo"),
        ('GetAllInterfaces | include "rfc" "1918" | attr "network"', "10.0.0.0/24"),
        ('GetAllInterfaces | sort "-address" | limit 1 | attr "address"', "fd00::7"),
        ('GetAllInterfaces | include "network" "8.0.0.0/8" | attr "netmask"', "255.255.0.0"),
        ('GetAllInterfaces | unique "name" | offset 3 | join "name" " "', "eth0"),
        ('GetDefaultInterfaces | join "address" " "', "10.0.0.7 fd00::7"),
    ),
)
def test_expressions(expression: str, expected: str) -> None:
    assert rendered(f"{{{{ sockaddr `{expression}` }}}}", Machine()) == expected


@pytest.mark.parametrize(
    "expression", ("", "nope", 'GetAllInterfaces | include "x" "y"', "GetPrivateIP | attr")
)
def test_what_is_no_expression(expression: str) -> None:
    with pytest.raises(ExecutionError, match="sockaddr"):
        rendered(f"{{{{ sockaddr `{expression}` }}}}", Machine())


def test_no_addresses() -> None:
    assert rendered('{{ sockaddr `GetPrivateIP` }}{{ sockaddr `GetDefaultInterfaces | attr "name"` }}') == ""
