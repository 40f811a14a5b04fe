"""The transit engine: its paths, and what it keeps in memory.

Source of the behaviour: the transit part of Vault's HTTP API, checked against the peer. Ciphertexts,
signatures, codes, exports and backups have its forms, so that both sides read what the other wrote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from strongroom.errors import Internal
from strongroom.framework.backend import Backend
from strongroom.logical import Request
from strongroom.secrets.transit import (
    agreement,
    backup,
    certification,
    code,
    creation,
    datakey,
    encryption,
    export,
    importing,
    keys,
    settings,
    signing,
    tools,
)
from strongroom.secrets.transit.key import WAKE
from strongroom.secrets.transit.ready import Rings

if TYPE_CHECKING:
    from strongroom.framework.path import Path
    from strongroom.mount import Mount

_PATHS: tuple[type[Path], ...] = (
    *encryption.PATHS,
    *signing.PATHS,
    *code.PATHS,
    *datakey.PATHS,
    *keys.PATHS,
    *importing.PATHS,
    *export.PATHS,
    *backup.PATHS,
    *certification.PATHS,
    *agreement.PATHS,
    *tools.PATHS,
    *settings.PATHS,
)


class Transit(Backend):
    """Encrypts, signs and authenticates data that is stored elsewhere, by named keys that stay here.

    Use it where applications must not hold keys: they send data and get ciphertexts or signatures, which
    name the version of the key that made them. Keys are rotated without touching what was encrypted before.
    """

    type: ClassVar[str] = "transit"
    paths = _PATHS

    def __init__(self, mount: Mount) -> None:
        super().__init__(mount)
        self.rings = Rings()

    async def upsert_disabled(self, request: Request) -> bool:
        """Whether a key must exist before it encrypts."""
        return await settings.upsert_disabled(request)

    async def wake(self, request: Request, reference: str) -> None:
        """Rotate the key whose time has come."""
        if not reference.startswith(WAKE):
            raise Internal(cause="transit asks for no other wake")
        await creation.woken(request, reference.removeprefix(WAKE))

    async def rest(self) -> None:
        """Forget the keys that are kept ready."""
        self.rings.clear()
