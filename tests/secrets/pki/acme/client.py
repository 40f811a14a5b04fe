"""A client of ACME inside the test, and the mount it talks to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from strongroom.core import Core
from strongroom.crypto import base64url
from strongroom.secrets.pki.engine import Pki
from tests.inprocess import Answer, InProcess
from tests.leasing import later, reap
from tests.secrets.pki.acme import signing
from tests.secrets.pki.acme.signing import Account, Key

BASE = "https://ca.test/v1/pki"
JOSE = {"content-type": "application/jose+json"}


async def authority(api: InProcess, **config: Any) -> None:
    """A mount ``pki`` with a root and ACME enabled."""
    for path, body in (
        ("sys/mounts/pki", {"type": "pki"}),
        ("pki/root/generate/internal", {"common_name": "Root", "key_type": "ec", "ttl": "9000h"}),
        ("pki/config/cluster", {"path": BASE}),
        ("pki/config/acme", {"enabled": True, **config}),
    ):
        answer = await api("POST", path, body)
        assert answer.status < 300, answer


def engine(core: Core) -> Pki:
    found = core.mounts.by_prefix["pki/"].backend
    assert isinstance(found, Pki)
    return found


async def settle(core: Core) -> None:
    """Have all that is due done, and wait for validations under way."""
    await reap(core)
    await engine(core).validations.settle()


async def exhaust(core: Core) -> None:
    """Have every look at a challenge taken that there will be."""
    with later(core, 1):
        await settle(core)
    for seconds in (10, 30, 60, 120):
        with later(core, seconds):
            await settle(core)


@dataclass(slots=True)
class Client:
    """Signs, keeps the nonce of the last answer, and knows its account."""

    api: InProcess
    account: Account = field(default_factory=Account)
    place: str = "acme"
    nonce: str = ""

    def url(self, rest: str) -> str:
        return f"{BASE}/{self.place}/{rest}"

    async def fresh_nonce(self) -> str:
        answer = await self.api("HEAD", f"pki/{self.place}/new-nonce", token=None)
        assert (answer.status, answer.body) == (200, b""), answer
        return answer.headers["replay-nonce"]

    async def send(self, url: str, body: Any) -> Answer:
        """Post a message as it is."""
        path = url.removeprefix("https://ca.test/v1/")
        answer = await self.api("POST", path, body, JOSE, token=None)
        self.nonce = answer.headers.get("replay-nonce", "")
        return answer

    async def post(self, url: str, payload: Any = None, **header: Any) -> Answer:
        """Sign and post; what ``header`` has replaces what would stand there, None leaves it out."""
        if not url.startswith("https:"):
            url = self.url(url)
        nonce = self.nonce or await self.fresh_nonce()
        protected = {"nonce": nonce, "url": url} | self.account.identity | header
        protected = {name: value for name, value in protected.items() if value is not None}
        return await self.send(url, signing.signed(self.account.key, protected, payload))

    async def register(self, **fields: Any) -> Answer:
        answer = await self.post("new-account", {"termsOfServiceAgreed": True, **fields})
        if answer.status in (200, 201):
            self.account.url = answer.headers["location"]
        return answer

    async def order(self, *names: str, **fields: Any) -> Order:
        identifiers = [_identifier(name) for name in names]
        answer = await self.post("new-order", {"identifiers": identifiers, **fields})
        assert answer.status == 201, answer
        return Order(self, answer.headers["location"], answer.json)

    def authorization(self, token: str) -> str:
        """The key authorization for a token."""
        return f"{token}.{signing.thumbprint(self.account.key)}"


def _identifier(name: str) -> dict[str, str]:
    return {"type": "ip" if name.replace(".", "").isdigit() or ":" in name else "dns", "value": name}


@dataclass(slots=True)
class Order:
    """An order, as it was told last."""

    client: Client
    url: str
    told: dict[str, Any]

    async def again(self) -> dict[str, Any]:
        answer = await self.client.post(self.url)
        assert answer.status == 200, answer
        self.told = answer.json
        return self.told

    async def challenge(self, number: int, kind: str) -> dict[str, Any]:
        answer = await self.client.post(self.told["authorizations"][number])
        found: dict[str, Any] = next(c for c in answer.json["challenges"] if c["type"] == kind)
        return found

    async def respond(self, number: int, kind: str) -> Answer:
        challenge = await self.challenge(number, kind)
        return await self.client.post(challenge["url"], {})

    async def finalize(self, key: Key, *names: str, **options: Any) -> Answer:
        answer = await self.client.post(self.told["finalize"], {"csr": signing.csr(key, *names, **options)})
        if answer.status == 200:
            self.told = answer.json
        return answer

    async def certificate(self) -> Answer:
        return await self.client.post(self.told["certificate"])


def problem(answer: Answer) -> str:
    """The type of the problem that an answer is, without what all types begin with."""
    assert answer.headers["content-type"] == "application/problem+json", answer
    document = orjson.loads(answer.body)
    assert document["status"] == answer.status
    assert document["detail"]
    prefix, _, kind = document["type"].rpartition(":")
    assert prefix == "urn:ietf:params:acme:error"
    assert isinstance(kind, str)
    return kind


def decoded(part: str) -> Any:
    return orjson.loads(base64url.decode(part))
