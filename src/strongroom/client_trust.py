"""Whom TLS trusts for client certificates: what the roles of all methods that know them name, together.

The standard library's TLS takes no certificate that it has not verified. So each listener's context trusts
the union of what roles trust, and which role a certificate fits is found out by the login. Rows say what
each role trusts; a listener asks before each handshake whether they have moved, in any process, so that
what was answered holds for the next connection. While sealed it stays as it was.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.logical import Request
    from strongroom.mount import Mount
    from strongroom.storage.transaction import Transaction

DOMAIN = "client-trust"
_PREFIX = "core/client-trust/"
_log = logging.getLogger("core")


class ClientTrust:
    """The certificates (PEM) that clients' certificates are verified with."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._generation = 0
        self._turn = asyncio.Lock()
        self._pem: list[str] = []
        self._judged: dict[str, bool] = {}

    def _view(self, tx: Transaction) -> View:
        return self._core.view(tx, _PREFIX)

    def put(self, request: Request, name: str, pem: str) -> None:
        """Note what one role of the request's mount trusts; nothing for an empty ``pem``."""
        view, row = self._view(request.tx), _of(request.mount) + name
        if pem:
            view.put(row, pem.encode())
        else:
            view.delete(row)
        request.tx.touch(DOMAIN)

    def forget_mount(self, request: Request, mount: Mount) -> None:
        """Trust nothing any more that the roles of a mount named."""
        self._forget(request, _of(mount))

    def forget_namespace(self, request: Request, namespace_id: str) -> None:
        """Trust nothing any more that roles in a namespace named."""
        self._forget(request, f"{namespace_id}/")

    def _forget(self, request: Request, prefix: str) -> None:
        if self._core.store.generation(DOMAIN) or self._core.store.pending(DOMAIN):
            self._view(request.tx).delete_prefix(prefix)
            request.tx.touch(DOMAIN)

    async def authorities(self) -> list[str]:
        """What is trusted now: the same list as before unless it has changed."""
        tx = self._core.store.begin(write=False)
        try:
            generation = self._core.store.generation(DOMAIN)
            if generation == self._generation or self._core.barrier.sealed:
                return self._pem
            async with self._turn:
                if generation != self._generation:
                    await self._core.follow(tx)
                    self._pem, self._generation = await self._read(tx), generation
        except Exception:  # noqa: BLE001  a connection is not refused for it, and the next one asks again
            _log.exception("the authorities of client certificates cannot be read")
        finally:
            tx.close()
        return self._pem

    async def _read(self, tx: Transaction) -> list[str]:
        view = self._view(tx)
        rows = [await view.get(name) for name in await view.scan()]
        pem = sorted({row.decode() for row in rows if row})
        # A certificate takes a third of a millisecond: only what is new is tried, and beside the loop.
        judged = await asyncio.to_thread(self._judge, pem)
        self._judged = judged
        return [one for one in pem if judged[one]]

    def _judge(self, pem: list[str]) -> dict[str, bool]:
        known = self._judged
        return {one: known[one] if one in known else _usable(one) for one in pem}


def _usable(pem: str) -> bool:
    """Whether the TLS library takes it: one certificate that it does not take must not spoil the others."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError):
        _log.warning("a certificate that a role trusts is of no use to TLS")
        return False
    return True


def _of(mount: Mount) -> str:
    return f"{mount.namespace.id}/{mount.entry.uuid}/"
