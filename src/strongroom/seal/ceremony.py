"""Ceremonies: what takes several keepers, each with a request of their own.

A ceremony holds the state between the requests, in memory, and does the last step's writes in that
request's transaction. A share that does not complete the quorum counts at once. The step that
does returns a :class:`Step`; call its ``done`` after the commit, so that a request that loses a race
and runs again, or fails to commit, leaves the ceremony where it was.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from strongroom.barrier.barrier import Barrier
from strongroom.barrier.keyring import Keyring
from strongroom.barrier.view import Transaction
from strongroom.crypto.aead import new_key
from strongroom.errors import BadRequest, StrongroomError
from strongroom.seal import generate_root, pgp, rekey, seal
from strongroom.seal.config import SealConfig
from strongroom.seal.generate_root import RootGeneration
from strongroom.seal.quorum import Quorum
from strongroom.seal.rekey import Rekey
from strongroom.seal.shares import Shares, check, issue
from strongroom.seal.wraps import Sealer

BACKUP_PATHS = {"root": "core/unseal-keys-backup", "recovery": "core/recovery-keys-backup"}


@dataclass(frozen=True, slots=True)
class Step:
    """An answer, and what to do once the transaction is durable."""

    answer: dict[str, Any]
    done: Callable[[], None] = lambda: None


def _same_nonce(given: str, nonce: str) -> bool:
    return hmac.compare_digest(given.encode(), nonce.encode())


class RekeyCeremony:
    """New shares: of the unseal key (``target`` root), or of the recovery key.

    ``sealers`` are the configured auto-unseal seals by the name of their wrap; empty under Shamir
    alone. Under an auto-unseal seal, target root gives the root key a successor and no shares.
    """

    def __init__(self, target: str, barrier: Barrier, sealers: Mapping[str, Sealer]) -> None:
        self._target = target
        self._barrier = barrier
        self._sealers = sealers
        self._state: Rekey | None = None

    async def status(self, tx: Transaction, *, legacy: bool = False) -> dict[str, Any]:
        """What GET init answers; ``legacy`` in the form of the old paths."""
        if self._state is not None:
            return self._state.status(legacy=legacy)
        return rekey.idle((await self._keepers(tx)).threshold, legacy=legacy)

    async def start(
        self, tx: Transaction, config: SealConfig, *, verify: bool = False, legacy: bool = False
    ) -> dict[str, Any]:
        """Begin; raises BadRequest when one is under way or ``config`` makes no sense."""
        keepers = await self._keepers(tx)
        if self._target == "root" and await seal.main_sealer(tx, self._sealers) is not None:
            config, verify = SealConfig((await seal.require_config(tx)).type), False
        check(config, "rotation seal configuration")
        if config.backup and not config.pgp_keys:
            raise BadRequest(
                "cannot request a backup of the new keys without providing PGP keys for encryption"
            )
        if self._state is not None:
            raise BadRequest("rotation already in progress")
        fingerprints = tuple(pgp.fingerprint(key) for key in config.pgp_keys)
        self._state = Rekey(config, Quorum(keepers.threshold), verify, fingerprints)
        return self._state.status(legacy=legacy)

    def cancel(self, nonce: str = "", *, privileged: bool = False) -> None:
        """Forget the ceremony. Who is not ``privileged`` must name it (CVE-2026-5807)."""
        if self._state is None or privileged or _same_nonce(nonce, self._state.quorum.nonce):
            self._state = None
        else:
            raise BadRequest("incorrect nonce supplied for this rotation")

    def drop(self) -> None:
        """Forget everything: the barrier was sealed."""
        self._state = None

    async def update(self, tx: Transaction, share: bytes, nonce: str, *, legacy: bool = False) -> Step:
        """Take a share of the current key. The last one authorises: new shares are issued.

        Raises BadRequest; after shares that do not make the key the same attempt starts over.
        """
        state = self._current().submit(share, nonce)
        if not state.quorum.complete:
            self._state = state
            return Step(state.status(legacy=legacy))
        sealer = await seal.main_sealer(tx, self._sealers)
        try:
            await seal.authorise(tx, state.quorum.combined(), sealer)
        except StrongroomError:
            self._state = state.restarted()
            raise
        return await self._issue(tx, state, sealer)

    async def _issue(self, tx: Transaction, state: Rekey, sealer: Sealer | None) -> Step:
        if self._target == "root" and sealer is not None:
            ring = await seal.rotate_root_key(tx, self._barrier, self._sealers)
            return Step(state.result(Shares()), lambda: self._finish(ring))
        key = bytes(new_key())
        shares = issue(key, state.config)
        if state.config.backup:
            self._keep_backup(tx, shares, state.quorum.nonce)
        if state.verify:
            waiting = state.issued(key)
            return Step(waiting.result(shares), lambda: self._advance(waiting))
        return Step(state.result(shares), await self._install(tx, state, key))

    async def _install(self, tx: Transaction, state: Rekey, key: bytes) -> Callable[[], None]:
        """Write what makes the new key the key; gives what to do after the commit."""
        if self._target == "root":
            ring = await seal.replace_shamir_key(tx, self._barrier, key, state.config, self._sealers)
            return lambda: self._finish(ring)
        sealer = await seal.main_sealer(tx, self._sealers)
        if sealer is None:
            raise BadRequest("recovery keys not supported")
        await seal.set_recovery_key(tx, sealer, key, state.config)
        return self.drop

    def verification_status(self) -> dict[str, Any]:
        """What GET verify answers; raises BadRequest when no verification is awaited."""
        return self._configured().verification_status()

    def restart_verification(self, nonce: str = "", *, privileged: bool = False) -> dict[str, Any]:
        """What DELETE verify does: from the start, under a new nonce."""
        state = self._configured()
        current = str(state.verification_status()["nonce"])
        if not privileged and not _same_nonce(nonce, current):
            raise BadRequest("incorrect nonce supplied for this verification")
        self._state = state.verification_restarted()
        return self._state.verification_status()

    async def verify(self, tx: Transaction, share: bytes, nonce: str) -> Step:
        """Take a share of the new key; the last one makes it the key.

        Raises BadRequest; after wrong shares verification starts over, and the old key stays valid.
        """
        state = self._current().submit_verification(share, nonce)
        verification = state.verification
        if verification is None or not verification.complete:
            self._state = state
            return Step(state.verification_status())
        try:
            verified = state.verified()
        except BadRequest:
            self._state = state.verification_restarted()
            raise
        if not verified:
            self._state = state.verification_restarted()
            raise BadRequest("rotation verification failed; incorrect key shares supplied")
        answer = {"complete": True, "nonce": verification.nonce}
        return Step(answer, await self._install(tx, state, state.key))

    async def backup(self, tx: Transaction) -> dict[str, Any]:
        """The PGP-encrypted shares of the last rekey that asked for a backup; raises BadRequest."""
        path = BACKUP_PATHS[self._target]
        row = await tx.get(path)
        if row is None:
            raise BadRequest("no backed-up keys found")
        kept: dict[str, Any] = orjson.loads(self._barrier.decrypt(path, row))
        return kept

    def delete_backup(self, tx: Transaction) -> None:
        """Remove the backup, if there is one."""
        tx.delete(BACKUP_PATHS[self._target])

    def _keep_backup(self, tx: Transaction, shares: Shares, nonce: str) -> None:
        path = BACKUP_PATHS[self._target]
        tx.put(path, self._barrier.encrypt(path, orjson.dumps(shares.backup(nonce))))

    async def _keepers(self, tx: Transaction) -> SealConfig:
        keepers = await seal.keepers(tx)
        if self._target == "recovery" and await seal.main_sealer(tx, self._sealers) is None:
            raise BadRequest("recovery keys not supported")
        return keepers

    def _current(self) -> Rekey:
        if self._state is None:
            raise BadRequest("no rotation in progress")
        return self._state

    def _configured(self) -> Rekey:
        if self._state is None:
            raise BadRequest("no rotation configuration found")
        return self._state

    def _advance(self, state: Rekey) -> None:
        self._state = state

    def _finish(self, ring: Keyring) -> None:
        self._barrier.succeed(ring)
        self._state = None


class RootGenerationCeremony:
    """A root token for who starts the ceremony, authorised by the keepers."""

    def __init__(self, sealers: Mapping[str, Sealer]) -> None:
        self._sealers = sealers
        self._state: RootGeneration | None = None

    async def status(self, tx: Transaction, *, legacy: bool = False) -> dict[str, Any]:
        """What GET attempt answers."""
        if self._state is not None:
            return self._state.status(legacy=legacy)
        return generate_root.idle((await seal.keepers(tx)).threshold, legacy=legacy)

    async def start(
        self, tx: Transaction, otp: str = "", pgp_key: str = "", *, legacy: bool = False
    ) -> dict[str, Any]:
        """Begin; the answer shows a generated one-time password, this once. Raises BadRequest."""
        state = RootGeneration.start((await seal.keepers(tx)).threshold, otp, pgp_key)
        if self._state is not None:
            raise BadRequest("root generation already in progress")
        self._state = state
        return state.status(show_otp=not otp, legacy=legacy)

    def cancel(self, nonce: str = "", *, privileged: bool = False) -> None:
        """Forget the ceremony. Who is not ``privileged`` must name it (CVE-2026-5807)."""
        if self._state is None or privileged or _same_nonce(nonce, self._state.quorum.nonce):
            self._state = None
        else:
            raise BadRequest("incorrect nonce supplied for this root generation operation")

    def drop(self) -> None:
        """Forget everything: the barrier was sealed."""
        self._state = None

    async def update(
        self,
        tx: Transaction,
        share: bytes,
        nonce: str,
        create_token: Callable[[], Awaitable[str]],
        *,
        legacy: bool = False,
    ) -> Step:
        """Take a share; with the last one ``create_token`` makes the token, in the same transaction.

        Raises BadRequest; after shares that do not make the key the same attempt starts over.
        """
        if self._state is None:
            raise BadRequest("no root generation in progress")
        state = self._state.submit(share, nonce)
        if not state.quorum.complete:
            self._state = state
            return Step(state.progress(legacy=legacy))
        try:
            sealer = await seal.main_sealer(tx, self._sealers)
            await seal.authorise(tx, state.quorum.combined(), sealer)
        except StrongroomError:
            self._state = state.restarted()
            raise
        encoded = state.encode(await create_token())
        return Step(state.progress(encoded, legacy=legacy), self.drop)
