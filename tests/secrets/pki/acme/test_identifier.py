"""What can be ordered, and in which spelling."""

from __future__ import annotations

import pytest

from strongroom.secrets.pki.acme import identifier
from strongroom.secrets.pki.acme.problem import Problem


def test_spellings() -> None:
    found = identifier.parse_all(
        [
            {"type": "dns", "value": "A.example.com"},
            {"type": "dns", "value": "a.example.com"},
            {"type": "dns", "value": "*.Example.com"},
            {"type": "ip", "value": "2001:DB8::0:1"},
            {"type": "dns", "value": "xn--nxasmq6b"},
        ]
    )
    assert [one.value for one in found] == ["a.example.com", "*.example.com", "2001:db8::1", "xn--nxasmq6b"]
    assert [one.wildcard for one in found] == [False, True, False, False]
    assert found[1].base == "example.com"


@pytest.mark.parametrize(
    ("value", "kind"),
    (
        ({"type": "email", "value": "x"}, "unsupportedIdentifier"),
        ({"type": "dns", "value": "a b"}, "malformed"),
        ({"type": "dns", "value": "a.*.b"}, "malformed"),
        ({"type": "dns", "value": "*a.b"}, "malformed"),
        ({"type": "dns", "value": "*"}, "malformed"),
        ({"type": "dns", "value": "*.*.b"}, "malformed"),
        ({"type": "dns", "value": "10.0.0.1"}, "malformed"),
        ({"type": "dns", "value": "*.10.0.0.1"}, "malformed"),
        ({"type": "dns", "value": "a.example.com."}, "malformed"),
        ({"type": "dns", "value": ""}, "malformed"),
        ({"type": "dns", "value": "-a.b"}, "malformed"),
        ({"type": "dns", "value": "a_b.c"}, "malformed"),
        ({"type": "dns", "value": "ä.example.com"}, "malformed"),
        ({"type": "dns", "value": "a" * 64 + ".b"}, "malformed"),
        ({"type": "dns", "value": "a." * 127 + "b"}, "malformed"),
        ({"type": "dns", "value": "a.b\n"}, "malformed"),
        ({"type": "ip", "value": "nope"}, "malformed"),
        ({"type": "ip", "value": "fe80::1%eth0"}, "malformed"),
        ({"type": "ip", "value": "*.1.2.3.4"}, "malformed"),
        ({"type": "dns"}, "malformed"),
        ("x", "malformed"),
    ),
)
def test_what_cannot_be_ordered(value: object, kind: str) -> None:
    with pytest.raises(Problem) as caught:
        identifier.parse_all([value])
    assert caught.value.kind == kind


@pytest.mark.parametrize("value", (None, [], "x", [{"type": "dns", "value": "a"}] * 101))
def test_what_is_no_list_of_identifiers(value: object) -> None:
    with pytest.raises(Problem):
        identifier.parse_all(value)
