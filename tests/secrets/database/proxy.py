"""A wire between Strongroom and PostgreSQL that stops at a chosen moment and tells that it has.

``before``: the statement has left Strongroom and does not arrive. ``after``: PostgreSQL has carried it out
and nobody hears of it. ``login``: it has been acknowledged, and the login that tries the password out hangs.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

STEPS = ("before", "after", "login")


@dataclass
class Wire:
    """``step`` is where to stop, at a statement that holds ``mark``; nowhere while it is empty."""

    target: int
    mark: bytes = b""
    step: str = ""
    port: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _seen: bool = False
    _sockets: list[socket.socket] = field(default_factory=list)

    def arm(self, step: str, mark: bytes) -> None:
        self.stopped.clear()
        self._seen, self.step, self.mark = False, step, mark

    def disarm(self) -> None:
        """Let everything through from now on; what is held stays held until its connection ends."""
        self.step = ""

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            self._sockets += [client, server]
            if self.step == "login" and self._seen:
                self.stopped.set()
                continue  # nobody answers
            hold = threading.Event()
            for work in (self._up, self._down):
                threading.Thread(target=work, args=(client, server, hold), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, hold: threading.Event) -> None:
        for data in _pieces(client):
            if self.step and self.mark in data:
                self._seen = True
                if self.step == "before":
                    self.stopped.set()
                    return
                if self.step == "after":
                    hold.set()
            with contextlib.suppress(OSError):
                server.sendall(data)
        _end(server)

    def _down(self, client: socket.socket, server: socket.socket, hold: threading.Event) -> None:
        for data in _pieces(server):
            if hold.is_set():
                self.stopped.set()
                return
            with contextlib.suppress(OSError):
                client.sendall(data)
        _end(client)


def _pieces(source: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            yield data


def _end(target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    """A wire to a port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = Wire(target, port=listener.getsockname()[1])
        thread = threading.Thread(target=made._serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            _end(listener)
            listener.close()
            thread.join(5)
            for one in made._sockets:
                _end(one)  # who waits for it in another thread holds it open
                one.close()
