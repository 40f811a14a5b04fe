"""How a server goes from uninitialised to sealed to unsealed, and back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from strongroom import __version__, codec, reaper, versions
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.crypto.jwt import SigningKey
from strongroom.errors import Uninitialized
from strongroom.logical import Request
from strongroom.mount import AUTH, SECRET, new_entry
from strongroom.seal import seal
from strongroom.seal.ceremony import RekeyCeremony, RootGenerationCeremony
from strongroom.seal.config import SealConfig
from strongroom.seal.seal import InitRequest, InitResult
from strongroom.seal.unseal import UnsealProgress
from strongroom.seal.wraps import Sealer
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.storage.transaction import Transaction

_DEFAULT_MOUNTS: tuple[tuple[str, str, str, str], ...] = (
    (SECRET, "cubbyhole/", "cubbyhole", "per-token private secret storage"),
    (SECRET, "identity/", "identity", "identity store"),
    (SECRET, "sys/", "system", "system endpoints used for control, policy and debugging"),
    (AUTH, "token/", "token", "token based credentials"),
)


class Lifecycle:
    """Initialises, unseals and seals; one change at a time."""

    def __init__(self, core: Core, sealer: Sealer | None) -> None:
        self._core = core
        self._lock = asyncio.Lock()
        self._reaper: asyncio.Task[None] | None = None
        self._log = logging.getLogger("core")
        self.sealer = sealer
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

    # -- init ------------------------------------------------------------------------------

    async def initialize(self, asked: InitRequest) -> tuple[InitResult, str]:
        """Make the keys, the default mounts and the root token. Raises BadRequest."""
        async with self._lock:
            core = self._core
            request = core.internal_request()
            try:
                result = await seal.initialize(
                    request.tx, core.barrier, asked, request.now, self.sealer
                )
                for table, path, type_, description in _DEFAULT_MOUNTS:
                    entry = new_entry(table, path, type_, description=description)
                    entry.seal_wrap, entry.local = type_ == "system", type_ == "cubbyhole"
                    core.mounts.put(request.tx, entry)
                await self._read_state(request.tx)
                token = self.root_token(request)
                await core.store.commit(request.tx)
            except BaseException:
                await core.audit_table.sealed()
                self._lock_barrier()
                raise
            finally:
                request.tx.close()
            await core.audit_table.sealed()
            self._lock_barrier()
            self._log.info("initialised")
        if self.sealer is not None:
            await self.unseal(self.sealer)
        return result, token

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
                SECRET, "secret/", "kv", description="key/value secret storage", options={"version": kv_version}
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

    async def submit(self, share: bytes) -> None:
        """Take an unseal share; unseals when it is the last one wanted."""
        config = await self.config()
        if config is None:
            raise Uninitialized("Vault is not initialized")
        if not self._core.barrier.sealed:
            return
        key = self.progress.submit(share, config.threshold)
        if key is not None:
            await self.unseal(seal.shamir_sealer(key))

    async def unseal(self, sealer: Sealer) -> None:
        """Open the barrier with a sealer and start serving."""
        async with self._lock:
            if not self._core.barrier.sealed:
                return
            core = self._core
            request = core.internal_request()
            try:
                await seal.unseal(request.tx, core.barrier, sealer)
                if self.sealer is not None:
                    await seal.refresh_wraps(request.tx, core.barrier, self.sealer.type, self.sealer)
                await self._read_state(request.tx)
                await core.store.commit(request.tx)
            except BaseException:
                await core.audit_table.sealed()
                self._lock_barrier()
                raise
            finally:
                request.tx.close()
            self.active_since = request.now
            self._reaper = asyncio.create_task(reaper.run(core))
            self._log.info("unsealed")

    async def _read_state(self, tx: Transaction) -> None:
        """Everything that is small and needed by every request; nothing that grows with use."""
        core = self._core
        await core.tokens.unsealed(tx)
        await core.settings.unsealed(tx)
        await core.audit_table.unsealed(tx, core.config.audits)
        core.wrapping_key = await self._wrapping_key(tx)
        await self._cluster(tx)
        await versions.record(core, tx, __version__, core.clock())
        core.mounts.forget()
        core.policies.forget()
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

    async def seal(self) -> None:
        """Forget every key and all that was read with them; requests under way end first."""
        async with self._lock:
            core = self._core
            if core.barrier.sealed:
                return
            if self._reaper is not None:
                self._reaper.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._reaper
                self._reaper = None
            await core.audit_table.sealed()
            self._lock_barrier()
            self._log.info("sealed")

    def _lock_barrier(self) -> None:
        core = self._core
        core.barrier.lock()
        core.tokens.sealed()
        core.settings.sealed()
        core.mounts.forget()
        core.policies.forget()
        self.progress.reset()
        self.root_generation.drop()
        for rekey in self.rekeys.values():
            rekey.drop()

