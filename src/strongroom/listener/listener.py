"""The listening socket: accepts connections, and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import grp
import os
import pwd
import socket
import ssl
import stat
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from strongroom.listener.admission import admit
from strongroom.listener.config import ListenerConfig
from strongroom.listener.connection import Connection
from strongroom.listener.proxy_protocol import ProxyPolicy
from strongroom.listener.reply import ReplyWriter
from strongroom.listener.service import Service, logger
from strongroom.listener.tls import server_context
from strongroom.wire import Application

_BACKLOG = 1024
_ACCEPTS_AT_ONCE = 64
_SHARED_AT_ONCE = 4
_AFTER_YOU = 0.001
"""Seconds that a process which took connections leaves the next ones to the others."""
_RETRY = 0.5


@dataclass(slots=True, frozen=True)
class Counters:
    """A listener's figures: connections open now, and totals since it was made."""

    open_connections: int
    accepted: int
    requests: int
    refused: int


class Listener:
    """Serves ``app`` on one address.

    Sockets are accepted here and not by ``loop.create_server``: PROXY protocol stands before
    TLS, and each connection must get the certificates and the trust of its own moment.
    """

    def __init__(self, app: Application, config: ListenerConfig) -> None:
        self._config = config
        self._service = Service(app, config)
        self._proxies = ProxyPolicy(config)
        self._authorities: list[str] = []
        self._offered: list[str] = []
        self._trusting = asyncio.Lock()
        self._reloads = 0
        self._context: ssl.SSLContext | None = None
        self._socket: socket.socket | None = None
        self._owns_path = False
        self._timer: asyncio.TimerHandle | None = None
        self._patience = config.read_header_timeout  # for PROXY header and TLS handshake, each
        self._admissions: set[asyncio.Task[None]] = set()
        self.address = ""
        self.shared = False
        """Whether other processes accept from the same socket: then each leaves the others their part."""

        self.trust: Callable[[], Awaitable[list[str]]] | None = None
        """Gives, before each handshake, the CA certificates (PEM) to trust; another list when they change."""

    def fileno(self) -> int:
        """The listening socket's descriptor, for a process that shares it; -1 when there is none."""
        return -1 if self._socket is None else self._socket.fileno()

    @property
    def counters(self) -> Counters:
        """Figures for the metrics."""
        service = self._service
        return Counters(len(service.connections), service.accepted, service.requests, service.refused)

    async def start(self, sock: socket.socket | None = None) -> None:
        """Listen on ``sock``, which is listening already, or on the configured address.

        Raises OSError when the address or a TLS file cannot be used, ValueError for a bad setting.
        """
        if self._config.tls_cert_file:
            self._context = server_context(self._config)
        self._owns_path = self._config.unix and sock is None
        self._socket = sock or listening_socket(self._config)
        self._socket.setblocking(False)
        self.address = _printed(self._socket)
        self._accept_again()
        self._tick()

    def reload(self) -> None:
        """Read the TLS files again, for new connections. On failure raises and keeps what was."""
        if self._config.tls_cert_file:
            self._context = server_context(self._config, self._authorities)
            self._reloads += 1
            logger.info("TLS files of listener %s reloaded", self.address)

    def set_response_headers(self, headers: Mapping[str, Mapping[str, str]]) -> None:
        """Send these headers by status from now on, as ``custom_response_headers``."""
        self._service.replies = ReplyWriter(headers)

    def set_client_authorities(self, authorities: list[str]) -> None:
        """Trust these CA certificates (PEM) for client certificates, in place of those set before."""
        if self._config.tls_cert_file:
            self._context = server_context(self._config, authorities)
        self._authorities = authorities

    async def _current_context(self) -> ssl.SSLContext | None:
        """How TLS is spoken with the next client; None without TLS."""
        if self._context is not None and self.trust is not None:
            authorities = await self.trust()
            if authorities is not self._offered:
                async with self._trusting:
                    while authorities is not self._offered:
                        await self._offer(authorities)
        return self._context

    async def _offer(self, authorities: list[str]) -> None:
        """Have the context trust these; thousands of them take a second, so beside the loop."""
        reloads = self._reloads
        try:
            context = await asyncio.to_thread(server_context, self._config, authorities)
        except (OSError, ValueError) as error:
            logger.error("listener %s trusts the clients it did before: %s", self.address, error)
        else:
            if reloads != self._reloads:
                return  # it may have been made of files that are no longer there
            self._context, self._authorities = context, authorities
        self._offered = authorities

    async def stop(self, grace: float) -> None:
        """Accept no more, let requests in hand finish within ``grace`` seconds, end the rest."""
        self._service.draining = True
        self._close_socket()
        for task in list(self._admissions):
            task.cancel()
        for connection in list(self._service.connections):
            connection.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._service.finished()
        for connection in list(self._service.connections):
            connection.abort()
        for operation in self._service.tasks:
            operation.cancel()
        await asyncio.gather(*self._service.tasks, *self._admissions, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def _close_socket(self) -> None:
        if self._socket is None:
            return
        asyncio.get_running_loop().remove_reader(self._socket)
        if self._owns_path:
            with contextlib.suppress(FileNotFoundError):
                Path(self._config.address).unlink()
        self._socket.close()
        self._socket = None

    def _tick(self) -> None:
        self._service.tick()
        self._timer = asyncio.get_running_loop().call_later(self._service.interval, self._tick)

    def _accept_again(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        for taken in range(_SHARED_AT_ONCE if self.shared else _ACCEPTS_AT_ONCE):
            if self._socket is None:
                return
            try:
                sock, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                if not taken:
                    return
                break
            except OSError as error:  # out of file descriptors or memory: let connections end first
                logger.error("listener %s cannot accept: %s", self.address, error)
                self._pause(_RETRY)
                return
            self._take(sock, address)
        if self.shared:
            self._pause(_AFTER_YOU)

    def _take(self, sock: socket.socket, address: tuple[str, int] | str) -> None:
        sock.setblocking(False)
        self._service.accepted += 1
        task = asyncio.get_running_loop().create_task(self._admit(sock, address))
        self._admissions.add(task)
        task.add_done_callback(self._admissions.discard)

    def _pause(self, seconds: float) -> None:
        """Accept nothing for a while."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)  # type: ignore[arg-type]  # only called while there is one
        loop.call_later(seconds, self._accept_again)

    async def _admit(self, sock: socket.socket, address: tuple[str, int] | str) -> None:
        """Bring a new socket to where HTTP begins. What fails on the way concerns the client only."""
        # On a socket for both families IPv4 clients come in IPv6 clothes; no CIDR rule is written for those.
        peer = (address[0].removeprefix("::ffff:"), address[1]) if isinstance(address, tuple) else ("", 0)
        try:
            await self._connect(sock, peer)
        except (OSError, ValueError, EOFError) as error:
            logger.debug("connection from %s refused: %s", peer[0], error)
            sock.close()
        except asyncio.CancelledError:
            sock.close()
            raise

    async def _connect(self, sock: socket.socket, peer: tuple[str, int]) -> None:
        context = await self._current_context()
        client = peer
        if context is not None or self._proxies.enabled:
            async with asyncio.timeout(self._patience):
                client = await admit(sock, peer, self._proxies, tls=context is not None)
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Connection(self._service, client, peer[0]),
            sock,
            ssl=context,
            ssl_handshake_timeout=self._patience if context else None,
        )


def listening_socket(config: ListenerConfig) -> socket.socket:
    """Bind and listen as ``config`` says. Raises OSError, ValueError."""
    if config.unix:
        return _unix_socket(config)
    host, port = config.host_and_port()
    infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # An address without a host means all of them: an IPv6 socket takes IPv4 too.
    family, kind, protocol, _, address = next(
        (one for one in infos if not host and one[0] == socket.AF_INET6), infos[0]
    )
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        if config.reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host not in ("", "::")))
        sock.bind(address)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _unix_socket(config: ListenerConfig) -> socket.socket:
    path = Path(config.address)
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            path.unlink()  # left behind by a server that was killed
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        if config.socket_mode is not None:
            path.chmod(config.socket_mode)
        user, group = _user_id(config.socket_user), _group_id(config.socket_group)
        if (user, group) != (-1, -1):
            os.chown(path, user, group)
        sock.listen(_BACKLOG)
    except BaseException:
        sock.close()
        raise
    return sock


def _user_id(user: str | int | None) -> int:
    if user is None or user == "":
        return -1
    if isinstance(user, int) or user.isdigit():
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError as error:
        raise ValueError("unknown socket_user") from error


def _group_id(group: str | int | None) -> int:
    if group is None or group == "":
        return -1
    if isinstance(group, int) or group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise ValueError("unknown socket_group") from error


def _printed(sock: socket.socket) -> str:
    name = sock.getsockname()
    if isinstance(name, str):
        return name
    host, port = name[0], name[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
