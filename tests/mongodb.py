"""A stand-in for MongoDB: its wire protocol, SCRAM-SHA-256, and the commands for users, in memory."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import hmac
import os
import ssl
import struct
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest
from pymongo.saslprep import saslprep

from tests.secrets.database.product import ADMIN, ADMIN_PASSWORD
from tests.server import free_port

FORGETFUL = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""For tests with the driver: a connection that fails half made it leaves to the collector of garbage."""

_MESSAGE, _QUERY, _REPLY = 2013, 2004, 1
_ROUNDS = 4096
_OPEN = frozenset({"hello", "ismaster", "saslStart", "saslContinue", "ping", "endSessions"})
_ROLES = frozenset({"root", "read", "readWrite", "dbAdmin"})


class Failed(Exception):
    """A command that is answered with a code."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(slots=True)
class Account:
    """A user as the server stores it: no password."""

    salt: bytes
    stored: bytes
    server: bytes
    roles: list[Any]

    @classmethod
    def of(cls, password: str, roles: list[Any]) -> Account:
        salt = os.urandom(16)
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), salt, _ROUNDS)
        client = hmac.digest(salted, b"Client Key", "sha256")
        return cls(salt, hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256"), roles)

    def holds(self, password: str) -> bool:
        salted = hashlib.pbkdf2_hmac("sha256", saslprep(password).encode(), self.salt, _ROUNDS)
        client = hmac.digest(salted, b"Client Key", "sha256")
        return hashlib.sha256(client).digest() == self.stored


@dataclass(slots=True)
class MongoDB:
    """A running stand-in. Users are by database and name; ``commands`` are those that were carried out."""

    port: int = field(default_factory=free_port)
    tls: ssl.SSLContext | None = None
    accounts: dict[tuple[str, str], Account] = field(default_factory=dict)
    commands: list[dict[str, Any]] = field(default_factory=list)
    _loop: asyncio.AbstractEventLoop | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"mongodb://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/admin"

    @property
    def config(self) -> dict[str, Any]:
        return {
            "plugin_name": "mongodb-database-plugin",
            "connection_url": self.url,
            "username": ADMIN,
            "password": ADMIN_PASSWORD,
        }

    @property
    def creation(self) -> list[str]:
        return ['{"db": "admin", "roles": [{"role": "readWrite", "db": "shop"}]}']

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        if self._loop is not None and self._thread is not None:
            loop, self._loop = self._loop, None
            loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(loop)])
            self._thread.join(10)

    def make(self, user: str, password: str, database: str = "admin") -> None:
        self.accounts[database, user] = Account.of(password, ["root" if user == ADMIN else "read"])

    def users(self) -> set[str]:
        return {name for _, name in self.accounts} - {ADMIN}

    def logs_in(self, user: str, password: str, database: str = "admin") -> bool:
        found = self.accounts.get((database, user))
        return found is not None and found.holds(password)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._talk, "127.0.0.1", self.port, ssl=self.tls)
        ready.set()
        with contextlib.suppress(asyncio.CancelledError):
            await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while True:
                header = await reader.readexactly(16)
                length, number, _, kind = struct.unpack("<iiii", header)
                body = await reader.readexactly(length - 16)
                writer.write(session.answered(kind, number, body))
                await writer.drain()
        writer.transport.abort()


class Session:
    """One connection: what it has been let in as."""

    def __init__(self, place: MongoDB) -> None:
        self.place = place
        self.who: tuple[str, str] | None = None
        self.scram: Callable[[str], tuple[str, bool]] | None = None

    def answered(self, kind: int, number: int, body: bytes) -> bytes:
        command = self._command(kind, body)
        try:
            reply = {"ok": 1.0} | self._carried_out(command)
        except Failed as error:
            reply = {"ok": 0.0, "errmsg": str(error), "code": error.code}
        document = bson.encode(reply)
        if kind == _QUERY:
            return self._framed(_REPLY, number, struct.pack("<iqii", 8, 0, 0, 1) + document)
        return self._framed(_MESSAGE, number, struct.pack("<i", 0) + b"\0" + document)

    def _framed(self, kind: int, number: int, body: bytes) -> bytes:
        return struct.pack("<iiii", len(body) + 16, 1, number, kind) + body

    def _command(self, kind: int, body: bytes) -> dict[str, Any]:
        if kind == _MESSAGE:
            assert body[4] == 0, "one document is expected"
            return bson.decode(body[5:])
        assert kind == _QUERY
        name_end = body.index(b"\0", 4)
        found: dict[str, Any] = bson.decode(body[name_end + 9 :])
        return {**found, "$db": body[4:name_end].decode().partition(".")[0]}

    def _carried_out(self, command: dict[str, Any]) -> dict[str, Any]:
        name = next(iter(command))
        database = command["$db"]
        if name not in _OPEN:
            if self.who is None:
                raise Failed(13, f"command {name} requires authentication")
            account = self.place.accounts.get(self.who)
            if account is None or "root" not in account.roles:
                raise Failed(13, f"not authorized on {database} to execute command {name}")
            self.place.commands.append(command)
        act = getattr(self, f"_{name}", None)
        if act is None:
            raise Failed(59, f"no such command: '{name}'")
        answer: dict[str, Any] = act(database, command)
        return answer

    def _hello(self, database: str, command: dict[str, Any]) -> dict[str, Any]:
        return {
            "ismaster": True, "isWritablePrimary": True, "helloOk": True, "minWireVersion": 0,
            "maxWireVersion": 21, "maxBsonObjectSize": 16_777_216, "maxMessageSizeBytes": 48_000_000,
            "maxWriteBatchSize": 100_000, "logicalSessionTimeoutMinutes": 30, "readOnly": False,
            "saslSupportedMechs": ["SCRAM-SHA-256"],
        }  # fmt: skip

    _ismaster = _hello

    def _ping(self, database: str, command: dict[str, Any]) -> dict[str, Any]:
        return {}

    _endSessions = _ping  # noqa: N815  the protocol's name

    def _usersInfo(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        assert command["usersInfo"] == {"forAllDBs": True}
        wanted = command["filter"]["user"]
        return {"users": [{"user": user, "db": db} for db, user in self.place.accounts if user == wanted]}

    def _createUser(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        key = (database, command["createUser"])
        if key in self.place.accounts:
            raise Failed(51003, f'User "{key[1]}@{key[0]}" already exists')
        for role in command["roles"]:
            named = role["role"] if isinstance(role, dict) else role
            if named not in _ROLES:
                raise Failed(31, f"Could not find role: {named}@{database}")
        self.place.accounts[key] = Account.of(command["pwd"], command["roles"])
        return {}

    def _updateUser(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        account = self.place.accounts.get((database, command["updateUser"]))
        if account is None:
            raise Failed(11, f"User {command['updateUser']}@{database} not found")
        self.place.accounts[database, command["updateUser"]] = Account.of(command["pwd"], account.roles)
        return {}

    def _dropUser(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if self.place.accounts.pop((database, command["dropUser"]), None) is None:
            raise Failed(11, f"User '{command['dropUser']}@{database}' not found")
        return {}

    # -- SCRAM, RFC 5802 ---------------------------------------------------------------------------

    def _saslStart(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if command["mechanism"] != "SCRAM-SHA-256":
            raise Failed(334, "Unsupported mechanism")
        bare = bytes(command["payload"]).decode().removeprefix("n,,")
        parts = dict(part.split("=", 1) for part in bare.split(","))
        who = (database, parts["n"].replace("=2C", ",").replace("=3D", "="))
        account = self.place.accounts.get(who)
        if account is None:
            raise Failed(18, "Authentication failed.")
        nonce = parts["r"] + b64encode(os.urandom(18)).decode()
        first = f"r={nonce},s={b64encode(account.salt).decode()},i={_ROUNDS}"

        def finished(final: str) -> tuple[str, bool]:
            without, _, proof = final.rpartition(",p=")
            signed = f"{bare},{first},{without}".encode()
            key = bytes(
                a ^ b
                for a, b in zip(b64decode(proof), hmac.digest(account.stored, signed, "sha256"), strict=True)
            )
            if hashlib.sha256(key).digest() != account.stored or f"r={nonce}" not in without:
                raise Failed(18, "Authentication failed.")
            self.who = who
            return "v=" + b64encode(hmac.digest(account.server, signed, "sha256")).decode(), True

        self.scram = finished
        return {"conversationId": 1, "payload": first.encode(), "done": False}

    def _saslContinue(self, database: str, command: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        payload = bytes(command["payload"]).decode()
        if not payload:
            return {"conversationId": 1, "payload": b"", "done": True}
        if self.scram is None:
            raise Failed(17, "No SASL session state found")
        scram, self.scram = self.scram, None
        answer, done = scram(payload)
        return {"conversationId": 1, "payload": answer.encode(), "done": done}


@pytest.fixture
def mongodb(monkeypatch: pytest.MonkeyPatch) -> Iterator[MongoDB]:
    """A stand-in, running, without a user. Where there is none, nobody waits for one as long as elsewhere."""
    monkeypatch.setattr("strongroom.secrets.database.mongodb.PATIENCE", 1)
    server = MongoDB()
    server.start()
    gc.disable()
    try:
        yield server
    finally:
        server.stop()
        gc.collect()
        gc.enable()
