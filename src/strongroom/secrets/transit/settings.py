"""Settings of a mount: whether encryption makes keys, and how many are kept ready in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.secrets.transit.engine import Transit

_SMALLEST = 10
_ROW = "config"


@dataclass(slots=True, frozen=True)
class KeysSettings:
    """What keys may do without being asked for."""

    disable_upsert: bool = False


@dataclass(slots=True, frozen=True)
class CacheSettings:
    """How many rows are kept ready in memory; 0 is the usual number."""

    size: int = 0


keys_settings = stored(KeysSettings, under="config/keys/")
cache_settings = stored(CacheSettings, under="config/cache/")


async def upsert_disabled(request: Request) -> bool:
    """Whether a key must exist before it encrypts."""
    found = await keys_settings(request).get(_ROW)
    return found is not None and found.disable_upsert


class KeysConfig(Path):
    """Settings that hold for all keys of the mount."""

    pattern = "config/keys"
    reader_safe = True
    disable_upsert: bool = field("Whether encryption by a key that is not there fails, instead of making it.")

    async def read(self, transit: Transit, request: Request) -> KeysSettings:
        """The settings."""
        return await keys_settings(request).get(_ROW) or KeysSettings()

    async def write(self, transit: Transit, request: Request) -> KeysSettings:
        """Change the settings; what is not given goes back to its default."""
        made = KeysSettings(self.disable_upsert)
        keys_settings(request).put(_ROW, made)
        return made


class CacheConfig(Path):
    """How many keys are kept ready in memory. It changes speed, never an answer."""

    pattern = "cache-config"
    size: int = field("How many rows of keys are kept; 0 is the usual number, else 10 at least.")

    async def exists(self, transit: Transit, request: Request) -> bool:
        """There always is a size, so that setting one needs leave to update."""
        return True

    async def read(self, transit: Transit, request: Request) -> CacheSettings:
        """The size."""
        return await cache_settings(request).get(_ROW) or CacheSettings()

    async def write(self, transit: Transit, request: Request) -> CacheSettings:
        """Set the size, from now on; processes that only read keep the usual number."""
        if self.size < 0 or 0 < self.size < _SMALLEST:
            raise BadRequest(f"size must be 0 or a value greater or equal to {_SMALLEST}")
        made = CacheSettings(self.size)
        cache_settings(request).put(_ROW, made)
        request.on_commit.append(lambda: transit.rings.resize(made.size))
        return made


PATHS: tuple[type[Path], ...] = (KeysConfig, CacheConfig)
