"""The writer's readers: started, told, replaced when they die, drained at the end."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import pickle
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom import codec
from strongroom.cluster.frame import Hello, Level, Reload, Topic
from strongroom.cluster.link import Link
from strongroom.metrics import Snapshot
from strongroom.secret import Secret
from strongroom.wire import Application, ListenerTraits

if TYPE_CHECKING:
    from strongroom.config.stanza import ServerConfig
    from strongroom.core import Core

_log = logging.getLogger("cluster")
_snapshot = msgspec.msgpack.Decoder(Snapshot).decode
_STEADY = 10.0
"""Seconds a reader must have lived for its end to be an accident and not a habit."""
_PAUSES = (0.0, 0.2, 1.0, 5.0)
"""Seconds before a reader is replaced that died young, by how often that happened in a row."""


def reader_count(config: ServerConfig) -> int:
    """How many readers a configuration asks for: one less than cores, none for development."""
    shared = config.storage is not None and config.storage.type == "lmdb"
    if not shared:
        if config.readers:
            _log.warning("readers = %d is ignored: only lmdb storage can be shared", config.readers)
        return 0
    if config.readers is not None:
        return config.readers
    return 0 if config.dev else max(_cores() - 1, 0)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def dumped(config: ServerConfig) -> bytes:
    """A configuration for another process of ours, without what only the writer may know."""
    buffer = io.BytesIO()
    _Pickler(buffer).dump(replace(config, seals=()))
    return buffer.getvalue()


class _Pickler(pickle.Pickler):
    """Leaves secrets out."""

    def reducer_override(self, value: Any) -> Any:
        return (Secret, ("",)) if isinstance(value, Secret) else NotImplemented


class Readers:
    """``count`` reader processes on the ``sockets`` (descriptors) of listeners with these ``traits``."""

    def __init__(
        self, core: Core, app: Application, traits: Sequence[ListenerTraits], sockets: Sequence[int]
    ) -> None:
        self._core = core
        self._app = app
        self._traits = traits
        self._sockets = [*sockets]
        self._links: dict[Link, str] = {}
        self._departed = Snapshot()
        core.logs.told = self._tell_level
        self._slots: list[asyncio.Task[None]] = []
        self._telling: set[asyncio.Task[None]] = set()
        self._serial = 0
        self._reread = b""
        self._open = True
        self._leaving = False

    @property
    def pids(self) -> list[int]:
        """The processes that serve."""
        return sorted(link.pid for link in self._links if link.ready)

    def start(self, count: int) -> None:
        """Have ``count`` readers from now on."""
        names = [f"reader-{number + 1}" for number in range(count)]
        self._slots = [asyncio.create_task(self._keep(name)) for name in names]

    async def unsealed(self) -> None:
        """Hand the root key to all readers."""
        self._open = True
        await asyncio.gather(*(self._hand(link) for link in self._links if link.ready))

    async def sealed(self) -> None:
        """Take the keys from all readers; one that is starting gets none."""
        self._open = False
        self._serial += 1
        await asyncio.gather(*(link.lock(self._serial) for link in self._links))

    def reload(self, config: ServerConfig | None) -> None:
        """Pass a SIGHUP on, with the new configuration if it can be used."""
        self._reread = self._reread if config is None else dumped(config)
        for link in self._links:
            link.send(Reload(self._reread))

    def _tell_level(self, threshold: int) -> None:
        """Have all readers send the lines that somebody wants here."""
        for link in self._links:
            link.send(Level(threshold))

    async def measured(self) -> list[tuple[str, Snapshot]]:
        """What each reader has measured, and those that ended had when they were last asked."""
        await asyncio.gather(*(self._measure(link) for link in self._links if link.ready))
        known = [(name, link.measured) for link, name in self._links.items()]
        return [*known, ("", self._departed)]

    async def _measure(self, link: Link) -> None:
        content = await link.ask(Topic.METRICS)
        if content:
            link.measured = _snapshot(content)

    async def under_way(self) -> dict[str, Any]:
        """The requests that readers are answering by themselves."""
        told = await asyncio.gather(*(link.ask(Topic.REQUESTS) for link in self._links if link.ready))
        return {key: value for content in told if content for key, value in codec.decode(content).items()}

    async def stop(self, grace: float) -> None:
        """End all readers; what they are answering gets ``grace`` seconds."""
        self._leaving = True
        await asyncio.gather(*(link.leave(grace) for link in self._links))
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    async def _keep(self, name: str) -> None:
        """Have one reader, whatever happens to it."""
        loop = asyncio.get_running_loop()
        young = 0
        while not self._leaving:
            began = loop.time()
            await self._serve_once(name)
            young = 0 if loop.time() - began >= _STEADY else young + 1
            await asyncio.sleep(_PAUSES[min(young, len(_PAUSES)) - 1] if young else 0)

    async def _serve_once(self, name: str) -> None:
        """Start a reader and return when it has ended."""
        core = self._core
        hello = Hello(dumped(core.config), self._sockets, core.api_address, core.logs.threshold)
        try:
            link = await Link.start(self._app, self._traits, self._keys_wanted, hello)
        except OSError as error:
            _log.error("no reader process can be started: %s", error)
            return
        self._links[link] = name
        if self._reread:  # the listeners stay those of the start; what can change has changed
            link.send(Reload(self._reread))
        if core.logs.threshold != hello.threshold:  # it has moved while the process was started
            link.send(Level(core.logs.threshold))
        try:
            code = await link.ended()
        finally:
            del self._links[link]
            self._departed = link.measured.after(self._departed)
            link.close()
        if not self._leaving:
            _log.warning("reader process %d ended with code %s; another one takes its place", link.pid, code)

    def _keys_wanted(self, link: Link) -> None:
        task = asyncio.create_task(self._hand(link))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def _hand(self, link: Link) -> None:
        if self._open and not self._core.barrier.sealed:
            self._serial += 1
            await link.hand(self._serial, self._core.barrier.ring.root_key)
