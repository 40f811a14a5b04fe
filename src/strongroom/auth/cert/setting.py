"""What holds for the whole method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.auth.cert.cert import Cert

OCSP_CACHE, ROLE_CACHE = 100, 200
_CACHES = (2, 100_000)


@dataclass(slots=True)
class Settings:
    """The method's own parameters."""

    disable_binding: bool = False
    enable_identity_alias_metadata: bool = False
    enable_metadata_on_failures: bool = False
    ocsp_cache_size: int = OCSP_CACHE
    role_cache_size: int = ROLE_CACHE


class SettingsPath(Path):
    """Parameters of the method."""

    pattern = "config"
    reader_safe = True
    disable_binding: bool = field("Let tokens be renewed without the certificate of their login.")
    enable_identity_alias_metadata: bool = field("Store what is told of a certificate with its alias.")
    enable_metadata_on_failures: bool = field(
        "Tell who is refused what was read from the certificate, in the member data of the answer."
    )
    ocsp_cache_size: int = field(
        "How many answers of OCSP responders are remembered for as long as they hold, 2 to 100000.",
        default=OCSP_CACHE,
    )
    role_cache_size: int = field(
        "Accepted for compatibility, -1 or more: no role is kept in memory.",
        default=ROLE_CACHE,
    )

    async def read(self, cert: Cert, request: Request) -> dict[str, Any]:
        """The parameters."""
        return asdict(await cert.settings(request))

    async def write(self, cert: Cert, request: Request) -> None:
        """Change the parameters that are given."""
        settings = await cert.settings(request)
        for name in Settings.__dataclass_fields__:
            if name in self.given:
                setattr(settings, name, getattr(self, name))
        if not _CACHES[0] <= settings.ocsp_cache_size <= _CACHES[1]:
            raise BadRequest(f"invalid cache size, must be >= {_CACHES[0]} and <= {_CACHES[1]}")
        if settings.role_cache_size < -1:
            raise BadRequest("invalid role cache size, must be >= -1")
        cert.stored_settings(request).put("settings", settings)
