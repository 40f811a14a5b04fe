"""Intents: what is about to be done on an outside system, stored before it is done.

An operation that makes a database user or a cloud key cannot simply run again, and cannot share a
transaction with the system it acts on. So it announces the act in a transaction of its own, acts,
and commits its result together with the end of the announcement. Whatever happens in between, the
announcement is left, and the engine settles it: undoes what was done, or finishes it.

Rows, below ``sys/expire/``: ``undo/<id>`` the intent, and an entry of the expiry index (kind ``u``) that
has the reaper settle what is left behind; ``acting/<mount>/<what>`` the intent of whoever acts on something
that one at a time may act on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from strongroom.crypto.entropy import uuid4_str
from strongroom.errors import Conflict, UpstreamFailed, Waited
from strongroom.logical import SECOND, Request
from strongroom.storage.transaction import Savepoint, Transaction

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core

PATIENCE = 3600
"""Seconds after which the reaper settles an intent whose request has not ended: longer than any takes."""

_PREFIX = "sys/expire/"
_BACKOFF = (5, 30, 120, 600)
_RACES = 8
_LOOK = 0.02
_LOOKS = 1500
"""Seconds between two looks at who acts, and how many there are."""
_log = logging.getLogger("expiration")


@dataclass(slots=True)
class Intent:
    """The row of an intent. ``due`` is when the reaper takes it up, in nanoseconds since the epoch."""

    id: str
    mount: str
    kind: str
    data: dict[str, Any] = field(default_factory=dict)
    due: int = 0
    attempts: int = 0
    namespace: str = "root"
    on: str = ""


class Intents:
    """Stores intents, and has them settled."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._decoder = msgspec.json.Decoder(Intent)

    def _view(self, tx: Transaction) -> View:
        return self._core.view(tx, _PREFIX)

    def _put(self, view: View, intent: Intent) -> None:
        view.put("undo/" + intent.id, msgspec.json.encode(intent))
        view.mark(_entry(intent))
        if intent.on:
            view.put(_acting(intent), intent.id.encode())

    def _drop(self, view: View, intent: Intent) -> None:
        view.delete("undo/" + intent.id)
        view.delete(_entry(intent))
        if intent.on:
            view.delete(_acting(intent))

    @asynccontextmanager
    async def announce(
        self, request: Request, kind: str, data: dict[str, Any], on: str
    ) -> AsyncIterator[None]:
        """Store the intent, run the block, and end the intent with the request's commit."""
        due = request.now + PATIENCE * SECOND
        mount = request.mount
        intent = Intent(uuid4_str(), mount.entry.uuid, kind, data, due, namespace=mount.namespace.id, on=on)
        await self._store(intent)
        if on:
            await self._require_fresh(request, intent)
        request.intents.append(intent)
        yield
        self._drop(self._view(request.tx), intent)

    async def _store(self, intent: Intent) -> None:
        """Store an intent. Raises Waited when somebody else acted on the same, and has ended now."""
        request = self._core.internal_request()
        try:
            other = await self._other(request.tx, intent)
            if other is None:
                self._put(self._view(request.tx), intent)
                await self._core.store.commit(request.tx)
                return
        finally:
            request.tx.close()
        await self._wait(intent)
        raise Waited(cause="somebody else acted on the same")

    async def _other(self, tx: Transaction, intent: Intent) -> Intent | None:
        """The intent of whoever acts on the same now."""
        view = self._view(tx)
        name = await view.get(_acting(intent)) if intent.on else None
        blob = None if name is None else await view.get("undo/" + name.decode())
        return None if blob is None else self._decoder.decode(blob)

    async def _wait(self, intent: Intent) -> None:
        """Wait until nobody acts on the same. Raises UpstreamFailed for what cannot be settled now."""
        for _ in range(_LOOKS):
            other = await self._acts(intent)
            if other is None:
                return
            if other.attempts:
                await self._attempt(other.id)
                if await self._acts(intent) is None:
                    return
                break
            await asyncio.sleep(_LOOK)
        raise UpstreamFailed("what was begun there before is not settled yet; try again later")

    async def _acts(self, intent: Intent) -> Intent | None:
        tx = self._core.store.begin(write=False)
        try:
            return await self._other(tx, intent)
        finally:
            tx.close()

    async def _require_fresh(self, request: Request, intent: Intent) -> None:
        """As nobody else acts now, what the request has read stays as it is, or has changed already."""
        try:
            await request.tx.require_fresh()
        except Conflict:
            ended = self._core.internal_request()
            try:
                self._drop(self._view(ended.tx), intent)
                await self._core.store.commit(ended.tx)
            finally:
                ended.tx.close()
            raise Waited(cause="somebody else had acted on the same") from None

    async def settle(self, request: Request) -> None:
        """Settle what a request announced that has not committed, newest first.

        What cannot be settled now is left to the reaper. A request that is cancelled leaves all of it.
        """
        intents, request.intents = request.intents, []
        for intent in reversed(intents):
            await self._attempt(intent.id)

    async def due(self, core_request: Request, when: int, reference: str) -> None:
        """The reaper's step: settle one intent that is left behind."""
        view = self._view(core_request.tx)
        blob = await view.get("undo/" + reference)
        if blob is None:
            view.delete(f"at/{when:016x}/u/{reference}")
            return
        intent = self._decoder.decode(blob)
        try:
            await self._run(core_request, intent)
        except Conflict:
            raise
        except Exception as error:  # noqa: BLE001  an engine may fail in any way
            _log.warning("an unfinished operation cannot be settled yet: %s", type(error).__name__)
            core_request.tx.rollback(Savepoint({}, [], set()))
            self._postpone(view, intent, core_request.now)

    async def recover(self, tx: Transaction, now: int) -> None:
        """At unseal: whatever stands here was left by a process that died; all of it is due."""
        view = self._view(tx)
        for name in await view.scan("undo/"):
            blob = await view.get("undo/" + name)
            if blob is None:
                continue
            intent = self._decoder.decode(blob)
            view.delete(_entry(intent))
            intent.due = now
            self._put(view, intent)

    async def any_in(self, tx: Transaction, namespace_id: str) -> bool:
        """Whether anything is left to settle in a namespace."""
        view = self._view(tx)
        for name in await view.scan("undo/"):
            blob = await view.get("undo/" + name)
            if blob is not None and self._decoder.decode(blob).namespace == namespace_id:
                return True
        return False

    async def unsettled(self, request: Request, kind: str) -> int:
        """How many acts of a kind, of a request's mount, wait to be settled or are under way."""
        view, wanted = self._view(request.tx), (request.mount.entry.uuid, kind)
        blobs = [await view.get("undo/" + name) for name in await view.scan("undo/")]
        intents = (self._decoder.decode(blob) for blob in blobs if blob is not None)
        return sum((intent.mount, intent.kind) == wanted for intent in intents)

    async def _attempt(self, name: str) -> None:
        """Settle one intent in a transaction of its own; a failure leaves it to the reaper."""
        for _ in range(_RACES):
            request = self._core.internal_request()
            try:
                blob = await self._view(request.tx).get("undo/" + name)
                if blob is None:
                    return
                await self.due(request, self._decoder.decode(blob).due, name)
                await self._core.store.commit(request.tx)
            except Conflict:
                await asyncio.sleep(0)
            else:
                return
            finally:
                request.tx.close()

    async def _run(self, request: Request, intent: Intent) -> None:
        core = self._core
        namespace = await core.namespaces.whatever_is_left_of(request.tx, intent.namespace)
        mount = None if namespace is None else (await core.mounts.ready(namespace)).by_uuid(intent.mount)
        if mount is not None:
            inner = core.inner_request(request, mount, mount.prefix)
            await mount.backend.settle(inner, intent.kind, intent.data)
        self._drop(self._view(request.tx), intent)

    def _postpone(self, view: View, intent: Intent, now: int) -> None:
        view.delete(_entry(intent))
        intent.due = now + _BACKOFF[min(intent.attempts, len(_BACKOFF) - 1)] * SECOND
        intent.attempts += 1
        self._put(view, intent)


def _entry(intent: Intent) -> str:
    return f"at/{intent.due:016x}/u/{intent.id}"


def _acting(intent: Intent) -> str:
    return f"acting/{intent.mount}/{quote(intent.on, safe='')}"
