"""Wakes: an engine that has something to do at a certain time asks to be called then.

What is asked for is a row of the expiry index (kind ``w``, see :mod:`strongroom.lease`), written in the
transaction of whoever asks. So it survives crashes, costs nothing while it waits, and happens on the
process that writes. The row goes in the transaction in which the engine acts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.logical import Namespace
    from strongroom.storage.transaction import Transaction

_PREFIX = "sys/expire/"


class Wakes:
    """Stores who wants to be called, and calls."""

    def __init__(self, core: Core) -> None:
        self._core = core

    def _view(self, tx: Transaction) -> View:
        return self._core.view(tx, _PREFIX)

    def set(self, request: Request, when: int, reference: str) -> None:
        """Note that the engine of the request's mount wants to be called."""
        mount = request.mount
        self._view(request.tx).mark(_row(mount.namespace, when, f"{mount.entry.uuid}/{reference}"))

    def drop(self, request: Request, when: int, reference: str) -> None:
        """Forget it again."""
        mount = request.mount
        self._view(request.tx).delete(_row(mount.namespace, when, f"{mount.entry.uuid}/{reference}"))

    async def due(self, namespace: Namespace, when: int, reference: str) -> None:
        """Call the engine, in a transaction of its own: what it began outside is settled if that fails.

        In a namespace that is deleted nothing is done any more.
        """
        uuid, _, name = reference.partition("/")
        request = self._core.internal_request()
        inner = None
        try:
            view = self._view(request.tx)
            row = _row(namespace, when, reference)
            if await view.get(row) is None:
                return  # taken back, or done already
            view.delete(row)
            mount = (await self._core.mounts.ready(namespace)).by_uuid(uuid)
            if mount is not None and await self._core.namespaces.by_id(request.tx, namespace.id):
                inner = self._core.inner_request(request, mount, mount.prefix)
                await mount.backend.wake(inner, name)
            await self._core.store.commit(request.tx)
        except BaseException as failure:
            await self._failed(inner, failure)
            raise
        finally:
            request.tx.close()
        if inner is not None:
            for take_over in inner.on_commit:
                take_over()

    async def _failed(self, inner: Request | None, failure: BaseException) -> None:
        if inner is None or not inner.intents:
            return
        if isinstance(failure, Exception):
            await self._core.intents.settle(inner)
        else:  # cancelled: the server is being sealed, and what was begun is settled at the next unseal
            inner.intents = []


def _row(namespace: Namespace, when: int, reference: str) -> str:
    return f"at/{when:016x}/w{namespace.ending}/{reference}"
