"""How the CRLs and the OCSP answers of a mount are made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.hcl import duration
from strongroom.logical import Request

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


@dataclass(slots=True)
class CrlConfig:
    """Durations are texts, as they were given."""

    allow_expired_cert_revocation: bool = False
    auto_rebuild: bool = False
    auto_rebuild_grace_period: str = "12h"
    delta_rebuild_interval: str = "15m"
    disable: bool = False
    enable_delta: bool = False
    expiry: str = "72h"
    ocsp_disable: bool = False
    ocsp_expiry: str = "12h"

    @property
    def lifetime(self) -> int:
        """Seconds a CRL is valid."""
        return duration.parse(self.expiry)

    @property
    def grace(self) -> int:
        """Seconds before its end that a CRL is made anew, where that happens by itself."""
        return duration.parse(self.auto_rebuild_grace_period)

    @property
    def delta_interval(self) -> int:
        """Seconds after which a delta CRL is made anew."""
        return duration.parse(self.delta_rebuild_interval)


FIELDS = tuple(one.name for one in fields(CrlConfig))
_DURATIONS = ("auto_rebuild_grace_period", "delta_rebuild_interval", "expiry", "ocsp_expiry")


def check(config: CrlConfig) -> None:
    """Raise BadRequest where the settings cannot be, by themselves or together."""
    for name in _DURATIONS:
        try:
            seconds = duration.parse(getattr(config, name))
        except duration.InvalidDuration as error:
            raise BadRequest(f"given {name} could not be decoded: {error.reason}") from None
        if seconds < 0:
            text = duration.format_go(seconds * duration.SECOND)
            raise BadRequest(f"{name} must be greater than or equal to 0 got: {text}")
    if config.lifetime <= 0:
        raise BadRequest("expiry must be greater than 0")
    if config.enable_delta and not config.auto_rebuild:
        raise BadRequest(
            "Delta CRLs cannot be enabled when auto rebuilding is disabled as the complete CRL is always "
            "regenerated!"
        )
    if config.auto_rebuild and config.grace >= config.lifetime:
        raise BadRequest(
            f"CRL auto-rebuilding grace period ({config.auto_rebuild_grace_period}) must be strictly shorter "
            f"than CRL expiry ({config.expiry}) value when auto-rebuilding of CRLs is enabled"
        )
    if config.enable_delta and config.delta_interval >= config.lifetime:
        raise BadRequest(
            f"CRL delta rebuild window ({config.delta_rebuild_interval}) must be strictly shorter than CRL "
            f"expiry ({config.expiry}) value when delta CRLs are enabled"
        )


class ConfigCrl(Path):
    """How the CRLs and the OCSP answers of this mount are made. Durations are as 72h."""

    pattern = "config/crl"
    allow_expired_cert_revocation: bool = field("Revoke certificates that have ended too.")
    auto_rebuild: bool = field(
        "Make CRLs anew before they end, instead of at once when something is revoked."
    )
    auto_rebuild_grace_period: str = field("How long before its end a CRL is made anew.", default="12h")
    delta_rebuild_interval: str = field("How often delta CRLs are made anew.", default="15m")
    disable: bool = field("Serve empty CRLs.")
    enable_delta: bool = field("Make delta CRLs; only with auto_rebuild.")
    expiry: str = field("How long a CRL is valid.", default="72h")
    ocsp_disable: bool = field("Answer no OCSP questions.")
    ocsp_expiry: str = field("How long OCSP answers are valid; 0 leaves their end out.", default="12h")

    async def read(self, pki: Pki, request: Request) -> CrlConfig:
        """The settings."""
        return await pki.crl_config(request)

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Change the settings that are given."""
        config = await pki.crl_config(request)
        for name in FIELDS:
            if name in self.given:
                setattr(config, name, getattr(self, name))
        check(config)
        pki.crl_configs(request).put("crl", config)
        return {name: getattr(config, name) for name in FIELDS}
