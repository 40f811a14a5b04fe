from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.listener.config import ListenerConfig
from strongroom.listener.proxy_protocol import ProxyHeader, ProxyPolicy, parse

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes((203, 0, 113, 7, 10, 0, 0, 1)) + (51234).to_bytes(2, "big") + (8200).to_bytes(2, "big")
V6 = b"\x20\x01\x0d\xb8" + b"\0" * 11 + b"\x07" + b"\xfd" + b"\0" * 15 + b"\xc8\x22\x20\x08"


def v2(version: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + bytes((version, family)) + len(addresses).to_bytes(2, "big") + addresses


GOOD = (
    (b"PROXY TCP4 203.0.113.7 10.0.0.1 51234 8200\r\n", ("203.0.113.7", 51234)),
    (b"PROXY TCP6 2001:db8::7 fd00:: 51234 8200\r\n", ("2001:db8::7", 51234)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (v2(0x21, 0x11, V4), ("203.0.113.7", 51234)),
    (v2(0x21, 0x21, V6), ("2001:db8::7", 51234)),
    (v2(0x21, 0x11, V4 + b"\x03\x00\x04abcd"), ("203.0.113.7", 51234)),  # with a TLV
    (v2(0x20, 0x11, V4), None),  # LOCAL
    (v2(0x20, 0x00, b""), None),
    (v2(0x21, 0x31, b"\0" * 216), None),  # AF_UNIX
)


@pytest.mark.parametrize(("header", "client"), GOOD)
def test_good_headers_and_every_prefix(header: bytes, client: tuple[str, int] | None) -> None:
    assert parse(header + b"GET /") == ProxyHeader(len(header), client)
    for end in range(1, len(header)):
        assert parse(header[:end]) is None


@pytest.mark.parametrize("data", (b"GET / HTTP/1.1\r\n", b"PROXI", b"\x16\x03\x01", b"\r\nGET / ", b"P\r\n"))
def test_no_header(data: bytes) -> None:
    assert parse(data) == ProxyHeader(0, None)


@pytest.mark.parametrize(
    "data",
    (
        b"PROXY TCP9 1.1.1.1 2.2.2.2 3 4\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 3\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 3 4 \r\n",
        b"PROXY TCP4 1.1.1.1.1 2.2.2.2 3 4\r\n",
        b"PROXY TCP4 ::1 ::2 3 4\r\n",
        b"PROXY TCP6 1.1.1.1 2.2.2.2 3 4\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 65536 4\r\n",
        b"PROXY " + b"A" * 102,
        v2(0x11, 0x11, V4),
        v2(0x22, 0x11, V4),
        v2(0x21, 0x11, V4[:11]),
        v2(0x21, 0x21, V4),
        v2(0x21, 0x11, b"\0" * 5000),
    ),
)
def test_malformed(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"PROXY|address"):
        parse(data)


@given(st.binary(max_size=60), st.sampled_from((b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE)))
def test_noise_is_refused_or_left_alone(noise: bytes, start: bytes) -> None:
    try:
        header = parse(start + noise)
    except ValueError:
        return
    assert header is None or header.length <= len(start + noise)


def test_whose_word_is_taken() -> None:
    networks = (ip_network("10.0.0.0/8"),)
    header = ProxyHeader(9, ("203.0.113.7", 1))
    for behavior, trusted, stranger in (
        ("use_always", "203.0.113.7", "203.0.113.7"),
        ("allow_authorized", "203.0.113.7", "192.0.2.1"),
        ("deny_unauthorized", "203.0.113.7", "192.0.2.1"),
    ):
        policy = ProxyPolicy(
            ListenerConfig(proxy_protocol_behavior=behavior, proxy_protocol_authorized_addrs=networks)
        )
        assert policy.enabled
        assert policy.client(("10.1.2.3", 5), header)[0] == trusted
        assert policy.client(("::ffff:10.1.2.3", 5), header)[0] == trusted
        assert policy.client(("192.0.2.1", 5), header)[0] == stranger
        assert policy.client(("10.1.2.3", 5), ProxyHeader(0, None)) == ("10.1.2.3", 5)
        assert policy.rejects("192.0.2.1") is (behavior == "deny_unauthorized")
        assert not policy.rejects("10.9.9.9")


@pytest.mark.parametrize("behavior", ("sometimes", "allow_authorized", "deny_unauthorized"))
def test_bad_settings(behavior: str) -> None:
    with pytest.raises(ValueError, match="proxy_protocol_behavior"):
        ProxyPolicy(ListenerConfig(proxy_protocol_behavior=behavior))
