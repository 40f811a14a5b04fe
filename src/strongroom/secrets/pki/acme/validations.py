"""Validations under way: challenges that are looked at beside the requests, and what comes of them.

What is to be looked at is stored with the challenge, and so is when it will be taken up again: a server that
dies goes on where it was. What is in memory is only what runs just now.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.crypto import jwk
from strongroom.errors import Conflict, StrongroomError
from strongroom.logical import SECOND, Request
from strongroom.secrets.pki.acme import config as configs
from strongroom.secrets.pki.acme import records
from strongroom.secrets.pki.acme.identifier import Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.records import Authorization, Challenge
from strongroom.secrets.pki.acme.validation import dns01, http01, tls_alpn01
from strongroom.secrets.pki.acme.validation.resolver import Resolver

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

WAKE = "acme-challenge/"
"""What a wake for a challenge begins with."""
AT_ONCE = 16
"""Validations of a mount that run at the same time."""
WAITING = 512
"""Validations of a mount that may run or wait for that; more are taken up later."""
DEADLINE = 20.0
"""Seconds that one look may take in all."""
AGAIN = 30
"""Seconds after which a look is taken up again that was never heard of."""
PAUSES = (2, 5, 10)
"""Seconds between one failed look and the next; after the last of them a challenge is failed."""
_COLLISIONS = 8

_CHECKS: dict[str, Callable[[Identifier, str, str, Resolver], Awaitable[None]]] = {
    records.HTTP_01: http01.check,
    records.DNS_01: dns01.check,
    records.TLS_ALPN_01: tls_alpn01.check,
}
_log = logging.getLogger("acme")


@dataclass(frozen=True, slots=True)
class Look:
    """What is needed for looking whether a challenge is met."""

    kind: str
    identifier: Identifier
    token: str
    thumbprint: str
    resolver: str

    async def take(self) -> None:
        """Raises Problem unless the challenge is met."""
        check = _CHECKS[self.kind]
        try:
            async with asyncio.timeout(DEADLINE):
                await check(
                    self.identifier, self.token, f"{self.token}.{self.thumbprint}", Resolver(self.resolver)
                )
        except TimeoutError:
            raise Problem("connection", "looking at the challenge took too long") from None


class Validations:
    """What runs for one mount."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._room = asyncio.Semaphore(AT_ONCE)
        self._running: dict[str, asyncio.Task[None]] = {}

    def plan(self, request: Request, authorization: Authorization, challenge: Challenge) -> None:
        """Have a challenge looked at once the request has committed; the caller stores it."""
        reference = f"{authorization.account}/{authorization.id}/{challenge.type}"
        _arm(request, challenge, reference, AGAIN)
        request.on_commit.append(lambda: self._start(reference))

    async def wake(self, request: Request, reference: str) -> None:
        """Take up a challenge whose time has come."""
        found = await _find(request, reference)
        if found is None:
            return
        authorization, challenge = found
        account = await records.accounts(request).get(authorization.account)
        if account is None or account.status != records.VALID or request.now >= authorization.expires:
            challenge.step("fail")  # nobody waits for it any more
            challenge.wake = 0
        else:
            self.plan(request, authorization, challenge)
        records.authorizations(request).put(f"{authorization.account}/{authorization.id}", authorization)

    def _start(self, reference: str) -> None:
        if reference in self._running or len(self._running) >= WAITING:
            return  # what is not begun now is when its wake comes
        task = asyncio.get_running_loop().create_task(self._run(reference))
        self._running[reference] = task
        task.add_done_callback(lambda _: self._running.pop(reference, None))

    async def settle(self) -> None:
        """Wait for what runs."""
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def stop(self) -> None:
        """Let go of what runs; it is taken up again after the next unseal."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5)

    async def _run(self, reference: str) -> None:
        try:
            async with self._room:
                looks: list[Look] = []
                await self._apart(lambda request: _prepare(request, reference, looks))
                if looks:
                    failure = await _outcome(looks[-1])
                    await self._apart(lambda request: _conclude(request, reference, failure))
        except StrongroomError as error:
            _log.warning("a validation has to wait: %s", error.cause or error.public)
        except Exception:  # noqa: BLE001  a defect is told, and the challenge is taken up again
            _log.exception("a validation has to wait")

    async def _apart(self, act: Callable[[Request], Awaitable[None]]) -> None:
        """Act in a transaction of its own; one that loses a race begins again."""
        core, mount = self._pki.core, self._pki.mount
        for _ in range(_COLLISIONS):
            table = await core.mounts.ready(mount.namespace)
            mounted = table.by_uuid(mount.entry.uuid)
            if mounted is None:
                return
            outer = core.internal_request(mount.namespace)
            try:
                request = core.inner_request(outer, mounted, mounted.prefix)
                core.mounts.hold(outer.tx, mounted)
                await act(request)
                await core.store.commit(outer.tx)
            except Conflict:
                await core.store.settled()
                continue
            finally:
                outer.tx.close()
            for take_over in request.on_commit:
                take_over()
            return
        raise Conflict("the validation kept colliding with others")


async def _outcome(look: Look) -> dict[str, Any] | None:
    """What is wrong with a challenge; None when it is met."""
    try:
        await look.take()
    except Problem as problem:
        return problem.document
    return None


def _arm(request: Request, challenge: Challenge, reference: str, seconds: int) -> None:
    """Have the challenge taken up again in a while, in place of when it was to be before."""
    _disarm(request, challenge, reference)
    challenge.wake = request.now + seconds * SECOND
    request.wake_at(challenge.wake, WAKE + reference)


def _disarm(request: Request, challenge: Challenge, reference: str) -> None:
    if challenge.wake:
        request.let_sleep(challenge.wake, WAKE + reference)
        challenge.wake = 0


async def _find(request: Request, reference: str) -> tuple[Authorization, Challenge] | None:
    """A challenge that is to be looked at, with its authorization."""
    row, _, kind = reference.rpartition("/")
    authorization = await records.authorizations(request).get(row)
    challenge = authorization.challenge(kind) if authorization else None
    if authorization is None or challenge is None or challenge.status != records.PROCESSING:
        return None
    return authorization, challenge


async def _prepare(request: Request, reference: str, looks: list[Look]) -> None:
    found = await _find(request, reference)
    if found is None:
        return
    authorization, challenge = found
    account = await records.accounts(request).get(authorization.account)
    if account is None or account.status != records.VALID:
        return
    thumbprint = jwk.restored(account.key).thumbprint
    config = await configs.read(request)
    looks.append(
        Look(challenge.type, authorization.identifier, challenge.token, thumbprint, config.dns_resolver)
    )


async def _conclude(request: Request, reference: str, failure: dict[str, Any] | None) -> None:
    """Store what came of a look."""
    found = await _find(request, reference)
    if found is None:
        return
    authorization, challenge = found
    challenge.error = failure
    if failure is None:
        challenge.step("succeed")
        challenge.validated = request.now
        _disarm(request, challenge, reference)
    elif challenge.attempts < len(PAUSES):
        _arm(request, challenge, reference, PAUSES[challenge.attempts])
        challenge.attempts += 1
    else:
        challenge.step("fail")
        _disarm(request, challenge, reference)
    records.authorizations(request).put(f"{authorization.account}/{authorization.id}", authorization)
