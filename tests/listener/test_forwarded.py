from __future__ import annotations

from base64 import b64encode
from ipaddress import ip_network
from typing import Any
from urllib.parse import quote

import pytest

from strongroom.listener.config import ListenerConfig
from strongroom.listener.forwarded import Forwarding
from strongroom.listener.refusal import Refusal
from strongroom.wire import Message

DER = b"\x30\x03\x02\x01\xff"
BASE64 = b64encode(DER).decode()
PEM = f"-----BEGIN CERTIFICATE-----\n{BASE64}\n-----END CERTIFICATE-----\n"


def forward(headers: dict[str, str], peer: str = "10.0.0.1", **settings: Any) -> Message:
    config = ListenerConfig(
        x_forwarded_for_authorized_addrs=(ip_network("10.0.0.0/8"), ip_network("fd00::/8")), **settings
    )
    message = Message(
        "GET", "/", headers, b"", peer, 99, peer, tls=True, certificate=b"tls", certificate_chain=(b"ca",)
    )
    Forwarding(config)(message)
    return message


def refusal(headers: dict[str, str], peer: str = "10.0.0.1", **settings: Any) -> str:
    with pytest.raises(Refusal) as caught:
        forward(headers, peer, **settings)
    assert caught.value.status == 400
    return caught.value.sentence


@pytest.mark.parametrize(
    ("chain", "skips", "client"),
    (
        ("203.0.113.7", 0, "203.0.113.7"),
        ("1.1.1.1, 203.0.113.7", 0, "203.0.113.7"),
        ("1.1.1.1,203.0.113.7 , 10.0.0.2", 1, "203.0.113.7"),
        ("rubbish, 203.0.113.7", 0, "203.0.113.7"),
        ("2001:db8::1", 0, "2001:db8::1"),
        ("::ffff:203.0.113.7", 0, "203.0.113.7"),
    ),
)
def test_client_address(chain: str, skips: int, client: str) -> None:
    message = forward({"x-forwarded-for": chain}, x_forwarded_for_hop_skips=skips)
    assert (message.remote_address, message.remote_port, message.peer_address) == (client, 0, "10.0.0.1")


def test_strangers_are_not_believed() -> None:
    for peer in ("192.0.2.1", "", "::1"):
        assert forward({"x-forwarded-for": "203.0.113.7"}, peer).remote_address == peer
    assert forward({"x-forwarded-for": "203.0.113.7"}, "fd00::5").remote_address == "203.0.113.7"


def test_sentences() -> None:
    """Measured on the peer, except for the last, which it lets pass."""
    assert refusal({}, x_forwarded_for_reject_not_present=True) == (
        "missing x-forwarded-for header and configured to reject when not present"
    )
    assert refusal(
        {"x-forwarded-for": "1.1.1.1"}, "192.0.2.1", x_forwarded_for_reject_not_authorized=True
    ) == ("client address not authorized for x-forwarded-for and configured to reject connection")
    assert refusal({"x-forwarded-for": "1.1.1.1"}, x_forwarded_for_hop_skips=1) == (
        "malformed x-forwarded-for configuration or request, hops to skip (1) would skip"
        " before earliest chain link (chain length 1)"
    )
    assert refusal({"x-forwarded-for": "banana"}) == "malformed x-forwarded-for address"


def test_absent_and_not_demanded() -> None:
    assert forward({}).remote_address == "10.0.0.1"


@pytest.mark.parametrize(
    ("decoders", "value"),
    (
        (("RFC9440",), f":{BASE64}:"),
        (("URL", "PEM"), quote(PEM)),
        (("PEM",), PEM.replace("\n", " ")),
        ((), BASE64),
    ),
)
def test_certificate_by_header(decoders: tuple[str, ...], value: str) -> None:
    message = forward(
        {"x-forwarded-for": "203.0.113.7", "client-cert": value},
        x_forwarded_for_client_cert_header="Client-Cert",
        x_forwarded_for_client_cert_decoders=decoders,
    )
    assert (message.certificate, message.certificate_chain) == (DER, ())
    assert "client-cert" not in message.headers


@pytest.mark.parametrize(
    ("decoders", "value"),
    (
        (("RFC9440",), "garbage"),
        (("RFC9440",), ":"),
        (("RFC9440",), ":AAAA:"),
        (("PEM",), BASE64),
        (("URL", "PEM"), "%ff"),
        ((), "!"),
        ((), "ä"),
        ((), ""),
    ),
)
def test_undecodable_certificate(decoders: tuple[str, ...], value: str) -> None:
    sentence = refusal(
        {"x-forwarded-for": "203.0.113.7", "client-cert": value},
        x_forwarded_for_client_cert_header="Client-Cert",
        x_forwarded_for_client_cert_decoders=decoders,
    )
    assert sentence.startswith("error decoding")


@pytest.mark.parametrize("keep", (True, False))
def test_whose_certificate_it_is(*, keep: bool) -> None:
    """A stranger's header counts for nothing; the TLS certificate stays where the settings say so."""
    settings = {"x_forwarded_for_client_cert_header": "Client-Cert"}
    kept = b"tls" if keep else None
    cert = {"client-cert": BASE64}
    not_forwarded = forward(cert.copy(), x_forwarded_for_client_cert_keep_not_forwarded=keep, **settings)
    assert not_forwarded.certificate == kept
    stranger = forward(
        {"x-forwarded-for": "1.1.1.1", **cert},
        "192.0.2.1",
        x_forwarded_for_client_cert_keep_unauthorized=keep,
        **settings,
    )
    assert stranger.certificate == kept
    assert stranger.headers == {"x-forwarded-for": "1.1.1.1"}
    without = forward({"x-forwarded-for": "1.1.1.1"}, **settings)
    assert (without.certificate, without.certificate_chain) == (None, ())
    assert forward({"x-forwarded-for": "1.1.1.1"}).certificate == b"tls"


@pytest.mark.parametrize(
    "config",
    (
        ListenerConfig(x_forwarded_for_hop_skips=-1),
        ListenerConfig(x_forwarded_for_client_cert_header="Client-Cert"),
        ListenerConfig(x_forwarded_for_client_cert_decoders=("ROT13",)),
    ),
)
def test_bad_settings(config: ListenerConfig) -> None:
    with pytest.raises(ValueError, match="x_forwarded_for"):
        Forwarding(config)
