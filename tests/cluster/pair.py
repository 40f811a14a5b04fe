"""A leader and a follower in one process, on one in-memory storage: no sockets, nothing to wait for."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from strongroom.cluster.follower import Follower
from strongroom.cluster.frame import Topic
from strongroom.cluster.reader import Answering, told
from strongroom.config.load import dev
from strongroom.log import Logs
from strongroom.metrics import Snapshot
from strongroom.wire import ListenerTraits, Message, Reply
from tests.inprocess import Answer, InProcess


@dataclass(slots=True)
class Direct:
    """The leader as the follower reaches it, and what was handed to it."""

    api: InProcess
    forwarded: list[str] = field(default_factory=list)
    wanted: int = 0

    async def forward(self, message: Message) -> Reply:
        self.forwarded.append(f"{message.method} {message.target.removeprefix('/v1/')}")
        outcome = self.api.handler(message)
        return outcome if isinstance(outcome, Reply) else await outcome

    def want_keys(self) -> None:
        self.wanted += 1


@dataclass(slots=True)
class Told:
    """The followers, as the leader reaches them."""

    follower: Follower
    leader: InProcess

    async def unsealed(self) -> None:
        assert await self.follower.unlock(bytes(self.leader.core.barrier.ring.root_key))

    async def sealed(self) -> None:
        await self.follower.lifecycle.seal()

    async def measured(self) -> list[tuple[str, Snapshot]]:
        content = told(self.follower, Topic.METRICS)
        return [("reader-1", msgspec.msgpack.decode(content, type=Snapshot))]

    async def under_way(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(told(self.follower, Topic.REQUESTS))
        return found


@dataclass(slots=True)
class Pair:
    """Calling it sends a request to the follower, as root; ``leader`` sends to the leader."""

    leader: InProcess
    follower: Follower
    reached: Direct
    app: Answering
    traits: ListenerTraits = field(default_factory=ListenerTraits)

    @classmethod
    async def of(cls, leader: InProcess) -> Pair:
        reached = Direct(leader)
        config = dev(address="127.0.0.1:0")
        follower = Follower(config, leader.core.store.physical, reached, Logs("error"))
        await follower.start()
        told = Told(follower, leader)
        leader.core.followers = told
        await told.unsealed()
        return cls(leader, follower, reached, Answering(follower, reached))

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        token: str | None = "",
        address: str = "127.0.0.1",
    ) -> Answer:
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if token is not None:
            sent.setdefault("x-vault-token", token or self.leader.token)
        content = b"" if body is None else orjson.dumps(body)
        message = Message(
            method, f"/v1/{path}", sent, content, address, peer_address=address, listener=self.traits
        )
        outcome = self.app(message)
        reply = await outcome if inspect.isawaitable(outcome) else outcome
        assert isinstance(reply, Reply)
        assert isinstance(reply.body, bytes)
        return Answer(reply.status, {name.lower(): value for name, value in reply.headers}, reply.body)

    async def here(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a request that the follower has to answer by itself."""
        before = len(self.reached.forwarded)
        answer = await self(method, path, body, **options)
        assert self.reached.forwarded[before:] == []
        return answer

    async def there(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send a request that the follower has to hand over, once."""
        before = len(self.reached.forwarded)
        answer = await self(method, path, body, **options)
        assert len(self.reached.forwarded) == before + 1, f"{method} {path} was answered by the follower"
        return answer
