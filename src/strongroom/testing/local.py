"""A whole server in a thread of the test's own process: real sockets, storage in memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from strongroom.client.client import Client
from strongroom.client.settings import Settings
from strongroom.config.listeners import listener_config
from strongroom.config.load import dev
from strongroom.core import Core
from strongroom.errors import StrongroomError
from strongroom.handler import Handler
from strongroom.listener.listener import Listener
from strongroom.log import Logs
from strongroom.seal.seal import InitRequest
from strongroom.storage.inmem import InMem

if TYPE_CHECKING:
    import hvac

ROOT_TOKEN = "root"
PATIENCE = 30.0
"""Seconds that starting and stopping may take before a test fails."""


class LocalServer:
    """An initialised, unsealed server on a free loopback port, with KV version 2 at ``secret/``.

    A context manager; ``start`` and ``stop`` may also be called by hand. Nothing is shared between
    two of them but the process.
    """

    root_token = ROOT_TOKEN

    def __init__(self) -> None:
        self._thread = Thread(target=self._run, name="strongroom", daemon=True)
        self._started: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop
        self._done: asyncio.Event
        self._clients: list[Client] = []
        self._sessions: list[Any] = []
        self.address = ""

    def start(self) -> Self:
        """Listen; ``address`` is where. Raises what kept the server from starting."""
        self._thread.start()
        self.address = self._started.result(PATIENCE)
        return self

    def stop(self) -> None:
        """Close the clients that were handed out, then the server. Stopping twice is fine."""
        for client in self._clients:
            client.close()
        for session in self._sessions:
            session.close()
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._done.set)
            self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead any Vault client to this server, as root."""
        return {"VAULT_ADDR": self.address, "VAULT_TOKEN": self.root_token}

    def client(self, token: str = ROOT_TOKEN) -> Client:
        """A small client of the HTTP API with this token; an empty one sends none."""
        settings = Settings({"VAULT_ADDR": self.address, "VAULT_TOKEN": token}, retries=0)
        self._clients.append(Client(settings))
        return self._clients[-1]

    def hvac(self, token: str = ROOT_TOKEN) -> hvac.Client:
        """A ready client of the package hvac. Raises StrongroomError where that is not installed."""
        try:
            import hvac  # noqa: PLC0415  needed by those only who ask for it
        except ImportError:
            raise StrongroomError("hvac is not installed: pip install strongroom[testing]") from None
        client = hvac.Client(url=self.address, token=token)
        self._sessions.append(client.adapter)
        return client

    # -- in the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        config = dev(address="127.0.0.1:0")
        core = Core(config, InMem(), logs=Logs(root=logging.getLogger(__name__)))
        listener = Listener(Handler(core), listener_config(config.listeners[0]))
        try:
            await _open(core)
            await listener.start()
            core.api_address = f"http://{listener.address}"
            self._started.set_result(core.api_address)
            await self._done.wait()
        finally:
            await listener.stop(grace=1.0)
            await core.stop()


async def _open(core: Core) -> None:
    """Initialise and unseal with a key that nobody needs to know."""
    await core.start()
    made, token = await core.lifecycle.initialize(InitRequest(secret_shares=1, secret_threshold=1))
    await core.lifecycle.submit(bytes(made.keys.parts[0]))
    await core.lifecycle.prepare_dev(token, ROOT_TOKEN, kv_version="2")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """The loop that servers run on: uvloop where it is installed."""
    try:
        import uvloop  # noqa: PLC0415  optional
    except ImportError:
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
