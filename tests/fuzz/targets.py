"""What bytes from outside reach first: the listener, the JSON codec, HCL and policies.

Each target takes any bytes and fails when the code does anything but understand them or say no.
"""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from collections.abc import Callable

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

from strongroom import codec, hcl
from strongroom.crypto import chain
from strongroom.crypto.client_certificate import ClientCertificate, text_of
from strongroom.crypto.revocation import BadAnswer, BadList, judge, question, read_list
from strongroom.hcl.printer import dump
from strongroom.policy.parser import parse_policy
from strongroom.policy.stanza import PolicyError
from tests.auth.cert.visitor import CLIENT, ROOT
from tests.certificates import NOW, Responder, revocation_list
from tests.listener.conversation import Conversation

MAX_STRINGS = 1000


def http(stream: bytes) -> None:
    """A stream, whole and in two reads: the same requests, and no answer that is the server's fault."""
    half = len(stream) // 2
    whole, halves = Conversation(), Conversation()
    for conversation, parts in ((whole, (stream,)), (halves, (stream[:half], stream[half:]))):
        for part in parts:
            if not conversation.wire.closed:
                conversation.connection.data_received(part)
        conversation.connection.connection_lost(None)
    assert whole.heard == halves.heard
    assert all(status < 500 or status in (501, 505) for status in statuses(whole)), statuses(whole)
    for _, target, _ in whole.heard:
        assert target.isascii()


def statuses(conversation: Conversation) -> list[int]:
    """Of the replies; what the application echoes may look like one, so only those at a line's start."""
    lines = conversation.wire.output.split(b"\r\n")
    return [int(line[9:12]) for line in lines if line.startswith(b"HTTP/1.1 ") and line[9:12].isdigit()]


def check(holds: bool) -> None:
    """What must hold of a refusal."""
    assert holds


def json(body: bytes) -> None:
    """A request body: an object that survives being written again, or a refusal that does not quote it."""
    try:
        value = codec.decode_object(body, max_strings=MAX_STRINGS)
    except codec.NotJSON as error:
        check(len(error.public) < 200)
        return
    assert codec.decode(codec.encode(value)) == value


def configuration(text: bytes) -> None:
    """A file: a tree that is the same after printing, or an error with a place."""
    try:
        tree = hcl.parse(text.decode(errors="replace"))
    except hcl.ParseError as error:
        check(error.line >= 1)
        return
    printed = dump(tree)
    assert dump(hcl.parse(printed)) == printed


def policy(text: bytes) -> None:
    """A policy or a refusal that says so."""
    try:
        parse_policy("p", text.decode(errors="replace"))
    except PolicyError as error:
        check(error.public.startswith("failed to parse policy"))


def certificate(der: bytes) -> None:
    """What a client shows: a certificate of which all can be asked that roles ask, or none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)  # of oddities that OpenSSL takes too
        _shown(der)


def _shown(der: bytes) -> None:
    try:
        shown = ClientCertificate.of(der, (der, ROOT.der))
        chain.chains(shown.leaf, shown.sent, [ROOT.certificate], NOW)
    except chain.Untrusted:
        return
    for extension in shown.leaf.extensions:
        text_of(shown.extension(extension.oid.dotted_string) or b"")
    assert shown.serial_number.isdigit()
    assert all(isinstance(name, str) for name in (shown.common_name, *shown.dns_names, *shown.uris))


def revocation(data: bytes) -> None:
    """A revocation list, or what a responder answers."""
    with contextlib.suppress(BadList), warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        assert all(read_list(data).revoked)
    with contextlib.suppress(BadAnswer), warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        judge(data, CLIENT.certificate, ROOT.certificate, now=NOW)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "http": http,
    "json": json,
    "configuration": configuration,
    "policy": policy,
    "certificate": certificate,
    "revocation": revocation,
}

UNSEEN = frozenset({"certificate", "revocation"})
"""Targets whose parsers are not Python's: which way an input takes in them cannot be followed."""

_REQUEST = b"POST /v1/secret/a HTTP/1.1\r\nHost: a\r\nX-Vault-Token: t\r\n"
SEEDS: dict[str, tuple[bytes, ...]] = {
    "http": (
        _REQUEST + b'Content-Length: 7\r\n\r\n{"a":1}',
        _REQUEST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"LIST /v1/a?x=%20 HTTP/1.1\r\nHost: a\r\n\r\nSCAN / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
        b"GET http://a/v1/x HTTP/1.0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na",
    ),
    "json": (
        b'{"data":{"a":[1,-2.50,1e400,true,null,"\\u00e9\\ud83d\\ude00"]}}',
        b'{"a":' * 20 + b"{}" + b"}" * 20,
        b'{"big":123456789012345678901234567890,"a":"b","a":"c"}',
    ),
    "configuration": (
        b'storage "lmdb" {\n  path = "/x"\n}\n# c\nlistener "tcp" { a = [1, "b", { c = true }] }\n',
        b'{"storage": {"file": {"path": "/x"}}, "a": [1, 2.5e3, "\\n"]}',
        b'a = <<EOF\ntext\nEOF\nb = "${x("y")}"\n/* c */ d = 0x1f // e\n',
    ),
    "policy": (
        b'path "secret/+/a*" { capabilities = ["read", "list"] allowed_parameters = { "a" = ["b"] } }',
        b'path "x/{{identity.entity.id}}" { policy = "write" min_wrapping_ttl = "1h" }',
        b'{"path": {"x": {"capabilities": ["deny"], "denied_parameters": {"*": []}}}}',
    ),
    "certificate": (CLIENT.der, ROOT.der),
    "revocation": (
        revocation_list(ROOT, CLIENT).public_bytes(Encoding.DER),
        Responder(ROOT, ROOT).answer(question(CLIENT.certificate, ROOT.certificate)),
    ),
}


def run(target: str, data: bytes) -> None:
    """Give one input to a target; the listener needs a loop around it."""
    if target != "http":
        TARGETS[target](data)
        return

    async def once() -> None:
        http(data)

    asyncio.run(once())
