"""What DNS-01 takes for a proof, and how a resolver is asked."""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.secrets.pki.acme.identifier import DNS, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import dns01, dns_message, resolver
from strongroom.secrets.pki.acme.validation.resolver import Resolver
from tests.secrets.pki.acme.responders import Zone, zone

PROOF = urlsafe_b64encode(sha256(b"token.print").digest()).rstrip(b"=").decode()
NAME = "_acme-challenge.host.test"


def look(fill: Any, identifier: str = "host.test") -> str:
    async def scenario() -> str:
        async with zone() as names:
            fill(names)
            try:
                ask = Resolver(f"127.0.0.1:{names.port}")
                await dns01.check(Identifier(DNS, identifier), "token", "token.print", ask)
            except Problem as problem:
                return problem.kind
            return ""

    return asyncio.run(scenario())


def test_one_record_is_enough() -> None:
    assert look(lambda names: names.txt(NAME, PROOF)) == ""
    assert look(lambda names: names.txt(NAME, "other", PROOF, "more")) == ""
    assert look(lambda names: names.txt(NAME, PROOF), "*.host.test") == ""
    assert look(lambda names: names.txt(NAME, "other", PROOF[:-1])) == "incorrectResponse"
    assert look(lambda names: None) == "dns"


def test_a_record_in_several_strings_is_one_text() -> None:
    def fill(names: Zone) -> None:
        names.records[NAME, 16] = [
            bytes((10,)) + PROOF[:10].encode() + bytes((len(PROOF) - 10,)) + PROOF[10:].encode()
        ]

    assert look(fill) == ""


def test_an_alias_is_followed() -> None:
    def fill(names: Zone) -> None:
        names.aliases[NAME] = "proof.elsewhere.test"
        names.txt("proof.elsewhere.test", PROOF)

    assert look(fill) == ""


def test_a_long_answer_comes_over_tcp() -> None:
    def fill(names: Zone) -> None:
        names.long = True
        names.txt(NAME, *(f"filling-{i}" for i in range(60)), PROOF)

    assert look(fill) == ""


def test_answers_to_other_questions_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolver, "PATIENCE", 0.1)

    def forged(reply: bytes) -> bytes:
        return bytes((reply[0] ^ 1,)) + reply[1:]

    def fill(names: Zone) -> None:
        names.txt(NAME, PROOF)
        names.twist = forged

    assert look(fill) == "dns"


def test_a_resolver_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(names: Zone) -> None:
        names.twist = lambda reply: reply[:3] + bytes((reply[3] & 0xF0 | 2,)) + reply[4:]

    assert look(fill) == "dns"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120), st.sampled_from([dns_message.A, dns_message.TXT]))
def test_whatever_arrives_is_read_or_refused(junk: bytes, kind: int) -> None:
    asked = dns_message.question(7, "a.test", kind)
    for message in (junk, asked[:2] + b"\x81\x80" + junk, _reply(asked) + junk):
        try:
            found = dns_message.answer(message, 7, "a.test", kind)
            for data in found.data:
                dns_message.text(data)
        except dns_message.Unreadable:
            pass


def _reply(asked: bytes) -> bytes:
    """The head and the question of an answer that promises five records."""
    return asked[:2] + b"\x81\x80\0\x01\0\x05\0\0\0\0" + asked[12 : 12 + 8 + 4]


def test_names_that_point_in_a_circle_end() -> None:
    asked = dns_message.question(7, "a.test", dns_message.A)
    place = 12 + 8 + 4
    message = _reply(asked) + bytes((0xC0, place)) + b"\0" * 10
    with pytest.raises(dns_message.Unreadable):
        dns_message.answer(message, 7, "a.test", dns_message.A)


@pytest.mark.parametrize(
    ("text", "server"),
    (("127.0.0.1:53", ("127.0.0.1", 53)), ("[::1]:5353", ("::1", 5353))),
)
def test_resolvers_by_address(text: str, server: tuple[str, int]) -> None:
    assert resolver.parse(text) == server


@pytest.mark.parametrize("text", ("x", "127.0.0.1", ":53", "host:53", "127.0.0.1:0", "::1:53", "127.0.0.1:x"))
def test_what_is_no_address_of_a_resolver(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        resolver.parse(text)


def test_addresses_come_from_the_resolver_or_from_the_system() -> None:
    async def scenario() -> None:
        async with zone() as names:
            names.address("host.test", "192.0.2.1")
            names.records["host.test", 28] = [bytes(15) + b"\1"]
            ask = Resolver(f"127.0.0.1:{names.port}")
            assert await ask.addresses("host.test") == ["192.0.2.1", "::1"]
            assert "127.0.0.1" in await Resolver().addresses("localhost")
            with pytest.raises(Problem):
                await ask.addresses("nowhere.test")

    asyncio.run(scenario())
