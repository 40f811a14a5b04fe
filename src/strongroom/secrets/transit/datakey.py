"""Keys for those who encrypt by themselves, made here and encrypted by a key that stays here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.transit import wire
from strongroom.secrets.transit.code import context_of
from strongroom.secrets.transit.encryption import NO_KEY, Worker

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_BITS = (128, 256, 512)


class DataKey(Path):
    """A fresh key."""

    pattern = "datakey/{plaintext}/{name}"
    looks_up = True
    name: str = field("Name of the key that encrypts the fresh one.")
    plaintext: str = field("plaintext, to get the fresh key in clear besides; or wrapped.")
    bits: int = field("Length of the fresh key: 128, 256 or 512.", default=256)
    context: str = field("Base64 of the context; required where the key is derived.", sensitive=True)
    associated_data: str = field("Base64 of what is authenticated with the fresh key.")
    key_version: int = field("Version of the key that encrypts; 0 is the latest.")

    async def write(self, transit: Transit, request: Request) -> dict[str, Any]:
        """The fresh key, encrypted, and in clear if that is wanted."""
        if self.plaintext not in ("plaintext", "wrapped"):
            raise BadRequest("Invalid path, must be 'plaintext' or 'wrapped'")
        context_of(self.context)
        key = await transit.rings.find(request, self.name)
        if key is None:
            raise BadRequest(NO_KEY)
        if self.bits not in _BITS:
            raise BadRequest("invalid bit length")
        fresh = random_bytes(self.bits // 8)
        entry = {
            "context": self.context,
            "associated_data": self.associated_data,
            "key_version": self.key_version,
        }
        made = await Worker(transit, request, self.name, key).encrypt(entry, fresh)
        return made | {"plaintext": wire.encode(fresh)} if self.plaintext == "plaintext" else made


PATHS: tuple[type[Path], ...] = (DataKey,)
