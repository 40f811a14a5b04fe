"""Names for clients of ACME, which are programs of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.secrets.pki.acme.responders import Zone, zone


@dataclass(slots=True)
class _Filed(Zone):
    """Knows besides what stands in the files of a folder."""

    folder: Path | None = None

    def answer(self, message: bytes, *, over_udp: bool) -> bytes:
        for file in [] if self.folder is None else self.folder.iterdir():
            self.txt(file.name.rstrip("."), file.read_text().strip())
        return Zone.answer(self, message, over_udp=over_udp)


@contextmanager
def resolver(*names: str, folder: Path | None = None) -> Iterator[int]:
    """A resolver that knows these names, in a thread of its own; gives its port.

    Files in ``folder`` are TXT records, by the names of the files.
    """
    ready, ports = threading.Event(), []
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with zone(_Filed(folder=folder)) as known:
            for name in names:
                known.address(name)
            ports.append(known.port)
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert ready.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(10)
        loop.close()
