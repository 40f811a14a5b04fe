"""Settings that operators change at run time and every request may need: small rows, read at unseal.

CORS, custom response headers for the UI, the request headers that the audit log shows. They follow
the storage index like every other cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import codec

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Request
    from strongroom.storage.transaction import Transaction

DOMAIN = "settings"
NAMES = ("cors", "ui-headers", "audit-headers", "quota-config", "keyring-config", "well-known")


class Settings:
    """Named JSON objects below ``core/config/``."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._generation = -1
        self._values: dict[str, dict[str, Any]] = {}

    @property
    def stale(self) -> bool:
        """Whether the rows have moved on since they were read."""
        return self._generation != self._core.store.generation(DOMAIN)

    async def unsealed(self, tx: Transaction) -> None:
        """Read all of them."""
        self._generation = self._core.store.generation(DOMAIN)
        view = self._core.view(tx, "core/config/")
        for name in NAMES:
            blob = await view.get(name)
            self._values[name] = {} if blob is None else codec.decode(blob)
        self._core.settings_changed()

    def sealed(self) -> None:
        """Forget them."""
        self._values = {}
        self._generation = -1

    def get(self, name: str) -> dict[str, Any]:
        """The object of that name; empty when never set."""
        return self._values.get(name, {})

    def put(self, request: Request, name: str, value: dict[str, Any]) -> None:
        """Store an object; every process sees it before the request is answered."""
        self._core.view(request.tx, "core/config/").put(name, codec.encode(value))
        request.tx.touch(DOMAIN)

    async def refresh(self) -> None:
        """Read them again if they have moved on."""
        if self.stale:
            tx = self._core.store.begin(write=False)
            try:
                await self.unsealed(tx)
            finally:
                tx.close()
