"""How a server goes from uninitialised to sealed to unsealed, and back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom import __version__, codec, reaper, versions
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.crypto.jwt import SigningKey
from strongroom.errors import BadRequest, Uninitialized
from strongroom.logical import Request
from strongroom.mount import AUTH, SECRET, new_entry
from strongroom.seal import seal
from strongroom.seal.ceremony import RekeyCeremony, RootGenerationCeremony
from strongroom.seal.config import SealConfig
from strongroom.seal.migration import migrate
from strongroom.seal.seal import InitRequest, InitResult, WrongKey
from strongroom.seal.static import StaticSeal
from strongroom.seal.unseal import UnsealProgress
from strongroom.seal.wraps import Sealer
from strongroom.token import TokenEntry
from strongroom.upstream import http

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

_DEFAULT_MOUNTS: tuple[tuple[str, str, str, str], ...] = (
    (SECRET, "cubbyhole/", "cubbyhole", "per-token private secret storage"),
    (SECRET, "identity/", "identity", "identity store"),
    (SECRET, "sys/", "system", "system endpoints used for control, policy and debugging"),
    (AUTH, "token/", "token", "token based credentials"),
)

_LEAVE = 5.0
"""Seconds that requests under way have to notice that the server is being sealed."""


@dataclass(frozen=True, slots=True)
class Migration:
    """From which seal to which; None is Shamir."""

    old: Sealer | None
    new: Sealer | None


class Lifecycle:
    """Initialises, unseals and seals; one change at a time."""

    def __init__(self, core: Core, sealer: Sealer | None) -> None:
        self._core = core
        self._lock = asyncio.Lock()
        self._reaper: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._log = logging.getLogger("core")
        self.sealer = sealer
        disabled = [stanza for stanza in core.config.seals if stanza.disabled and stanza.type == "static"]
        self._retiring = StaticSeal.from_options(disabled[0].options()) if disabled else None
        self.sealers = {sealer.type: sealer} if sealer is not None else {}
        self.progress = UnsealProgress()
        self.rekeys = {
            target: RekeyCeremony(target, core.barrier, self.sealers) for target in ("root", "recovery")
        }
        self.root_generation = RootGenerationCeremony(self.sealers)
        self.cluster_name = ""
        self.cluster_id = ""
        self.active_since = 0

    async def config(self) -> SealConfig | None:
        """The stored seal configuration, readable while sealed; None before initialisation."""
        tx = self._core.store.begin(write=False)
        try:
            return await seal.config(tx)
        finally:
            tx.close()

    async def keepers(self) -> SealConfig | None:
        """Whose shares unseal, or authorise ceremonies under an auto-unseal seal; None before init."""
        tx = self._core.store.begin(write=False)
        try:
            return None if await seal.config(tx) is None else await seal.keepers(tx)
        finally:
            tx.close()

    async def migration(self) -> Migration | None:
        """The move to another seal that the configuration asks for and that is not made yet."""
        stored = await self.config()
        if stored is None:
            return None
        if stored.type == seal.SHAMIR_WRAP:
            return None if self.sealer is None else Migration(None, self.sealer)
        if self.sealer is None and self._retiring is not None and self._retiring.type == stored.type:
            return Migration(self._retiring, None)
        return None

    # -- init ------------------------------------------------------------------------------

    async def initialize(self, asked: InitRequest) -> tuple[InitResult, str]:
        """Make the keys, the default mounts and the root token. Raises BadRequest."""
        await self._closed()
        async with self._lock:
            if await self.config() is not None:
                raise BadRequest("Vault is already initialized")
            request = self._core.internal_request()
            try:
                result = await seal.initialize(
                    request.tx, self._core.barrier, asked, request.now, self.sealer
                )
                self._mount_defaults(request.tx)
                await self._read_state(request.tx)
                token = self.root_token(request)
                await self._core.store.commit(request.tx)
            finally:
                request.tx.close()
                await self._forget()
            self._log.info("initialised")
        if self.sealer is not None:
            await self.unseal(self.sealer)
        return result, token

    def _mount_defaults(self, tx: Transaction) -> None:
        for table, path, type_, description in _DEFAULT_MOUNTS:
            entry = new_entry(table, path, type_, description=description)
            entry.seal_wrap, entry.local = type_ == "system", type_ == "cubbyhole"
            self._core.mounts.put(tx, entry)

    def root_token(self, request: Request, token: str = "", *, path: str = "auth/token/root") -> str:
        """Issue a token with the root policy that never ends, in a request's transaction."""
        entry = TokenEntry(
            key="",
            accessor="",
            policies=["root"],
            path=path,
            display_name="root" if path == "auth/token/root" else "token",
            creation_time=request.now,
            renewable=False,
        )
        return self._core.tokens.issue(request, entry, token)

    async def prepare_dev(self, made: str, wanted: str, *, kv_version: str) -> str:
        """Mount kv at ``secret/`` and give the root token the ID that was wanted."""
        core = self._core
        request = core.internal_request()
        try:
            await core.mounts.load()
            entry = new_entry(
                SECRET,
                "secret/",
                "kv",
                description="key/value secret storage",
                options={"version": kv_version},
            )
            core.mounts.put(request.tx, entry)
            if wanted:
                await core.tokens.revoke_tree(request, core.tokens.key(made))
                made = self.root_token(request, wanted, path="auth/token/create")
            await core.store.commit(request.tx)
        finally:
            request.tx.close()
        return made

    # -- unseal ----------------------------------------------------------------------------

    async def submit(self, share: bytes, *, migrate: bool = False) -> None:
        """Take a keeper's share; the last one wanted unseals, or moves to another seal.

        Raises Uninitialized, and BadRequest for shares that do not make the key, or when
        ``migrate`` does not fit what the configuration asks for.
        """
        await self._closed()
        keepers = await self.keepers()
        if keepers is None:
            raise Uninitialized("Vault is not initialized")
        move = await self.migration()
        if migrate and move is None:
            raise BadRequest("can't perform a seal migration, no migration seal found")
        if not self._core.barrier.sealed:
            return
        if move is not None and not migrate:
            raise BadRequest("migrate option not passed, but seal migration is pending")
        key = self.progress.submit(share, keepers.threshold)
        if key is None:
            return
        try:
            await self._serve(lambda tx: self._open_with(tx, key, move))
        except WrongKey as error:
            raise WrongKey(f"unable to retrieve stored keys: {error.public}", cause=error.cause) from None

    async def _open_with(self, tx: Transaction, key: bytes, move: Migration | None) -> None:
        """Open the barrier by the key that the shares combined to."""
        barrier = self._core.barrier
        if move is not None:
            await migrate(tx, barrier, key, move.old, move.new)
            return
        sealer = await seal.main_sealer(tx, self.sealers)
        await seal.authorise(tx, key, sealer)
        await seal.unseal(tx, barrier, sealer or seal.shamir_sealer(key))

    async def unseal(self, sealer: Sealer) -> None:
        """Open the barrier with a sealer and start serving; not while a move to another seal is due."""
        if await self.migration() is not None:
            self._log.warning("another seal is configured: unseal with the keepers' shares and migrate")
            return
        await self._serve(lambda tx: seal.unseal(tx, self._core.barrier, sealer))

    async def _serve(self, open_barrier: Callable[[Transaction], Awaitable[None]]) -> None:
        await self._closed()
        async with self._lock:
            core = self._core
            if not core.barrier.sealed:
                return
            request = core.internal_request()
            try:
                await open_barrier(request.tx)
                if self.sealer is not None:
                    await seal.refresh_wraps(request.tx, core.barrier, self.sealer.type, self.sealer)
                await self._read_state(request.tx)
                await core.store.commit(request.tx)
            except BaseException:
                await self._forget()
                raise
            finally:
                request.tx.close()
            self.active_since = request.now
            self._reaper = asyncio.create_task(reaper.run(core))
            await core.followers.unsealed()
            self._log.info("unsealed")

    async def _read_state(self, tx: Transaction) -> None:
        core = self._core
        await self.read_state(tx)
        await core.intents.recover(tx, core.clock())
        await core.audit_table.unsealed(tx, core.config.audits)
        await versions.record(core, tx, __version__, core.clock())

    async def read_state(self, tx: Transaction) -> None:
        """Everything that is small and needed by every request; nothing that grows with use.

        What is not there yet is made; a follower finds it made.
        """
        core = self._core
        await core.tokens.unsealed(tx)
        await core.settings.unsealed(tx)
        core.wrapping_key = await self._wrapping_key(tx)
        await self._cluster(tx)
        core.mounts.forget()
        core.namespaces.forget()
        core.policies.forget()
        core.identity.forget()
        core.quotas.forget()

    async def _wrapping_key(self, tx: Transaction) -> SigningKey:
        view = self._core.view(tx, "core/wrapping/")
        blob = await view.get("jwtkey")
        if blob is not None:
            return SigningKey.load(blob)
        key = SigningKey.generate()
        view.put("jwtkey", key.dump())
        return key

    async def _cluster(self, tx: Transaction) -> None:
        view = self._core.view(tx, "core/cluster/local/")
        blob = await view.get("info")
        if blob is None:
            name = self._core.config.cluster_name or f"strongroom-cluster-{random_bytes(4).hex()}"
            blob = codec.encode({"name": name, "id": uuid4_str()})
            view.put("info", blob)
        info = codec.decode(blob)
        self.cluster_name, self.cluster_id = info["name"], info["id"]

    # -- seal ------------------------------------------------------------------------------

    def close(self) -> None:
        """Shut the barrier at once; what else sealing means is done when requests under way have ended.

        They are told that the server is sealed, but for those whose commit had begun: these are
        answered. An unseal waits for all that.
        """
        if not self._core.barrier.sealed:
            self._core.barrier.lock()
            self._closing = asyncio.create_task(self._close())

    async def seal(self) -> None:
        """Forget every key and all that was read with them; see :meth:`close`."""
        self.close()
        await self._closed()

    async def _closed(self) -> None:
        if self._closing is not None:
            await asyncio.wait([self._closing])

    async def _close(self) -> None:
        async with self._lock:
            try:
                await self._core.followers.sealed()
                await self._rest()
            finally:
                await self._forget()
            self._log.info("sealed")

    async def _rest(self) -> None:
        """End the reaper, and wait for requests under way."""
        if self._reaper is not None:
            self._reaper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reaper
            self._reaper = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LEAVE):
                while self._core.in_flight:  # noqa: ASYNC110 - requests pay nothing for being waited for
                    await asyncio.sleep(0.005)

    async def _forget(self) -> None:
        try:
            await self._core.mounts.rest()
            await http.close()
            await self._core.audit_table.sealed()
        finally:
            self._lock_barrier()

    def _lock_barrier(self) -> None:
        core = self._core
        core.barrier.lock()
        core.tokens.sealed()
        core.settings.sealed()
        core.mounts.forget()
        core.namespaces.forget()
        core.policies.forget()
        core.identity.forget()
        core.quotas.forget()
        self.progress.reset()
        self.root_generation.drop()
        for rekey in self.rekeys.values():
            rekey.drop()
