"""What a mount is set to: defaults, URLs, its address, CRLs. Small rows, read when needed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from strongroom.crypto.certificate_plan import Urls
from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki.modified import second_of

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki


_SOME_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(slots=True)
class Config:
    """The defaults of the mount, by ID, and the places its certificates point to.

    ``default_changed`` is when the default issuer became another one, in seconds since the epoch.
    """

    default_issuer: str = ""
    default_changed: int = 0
    default_key: str = ""
    default_follows_latest_issuer: bool = False
    urls: Urls = item(default_factory=Urls)
    enable_templating: bool = False
    path: str = ""
    aia_path: str = ""

    def make_default(self, request: Request, issuer_id: str) -> None:
        """Have another issuer be the default one, or none."""
        self.default_issuer, self.default_changed = issuer_id, second_of(request)


def check_urls(urls: list[str], what: str, *, templated: bool = False) -> None:
    """Raise BadRequest naming the first text that is no URL. Templates are looked at when they are used."""
    for url in urls:
        if templated and "{{" in url:
            continue
        try:
            parts = urlsplit(url)
            printed = url.isascii() and url.isprintable() and " " not in url
            plain = printed and bool(parts.scheme) and bool(parts.netloc)
        except ValueError:
            plain = False
        if not plain:
            raise BadRequest(
                f"invalid URL found in Authority Information Access (AIA) parameter {what}: {url}"
            )


def rendered(urls: Urls, config: Config, issuer_id: str) -> Urls:
    """URLs with the issuer and the mount's address put in. Raises BadRequest where the address is not set."""
    values = {
        "{{issuer_id}}": issuer_id,
        "{{cluster_path}}": config.path,
        "{{cluster_aia_path}}": config.aia_path,
    }

    def fill(texts: list[str]) -> list[str]:
        filled = []
        for text in texts:
            for directive, value in values.items():
                if directive in text and not value:
                    raise BadRequest(
                        f"a URL uses {directive}, which config/cluster does not say; set it there first"
                    )
                text = text.replace(directive, value)  # noqa: PLW2901  step by step
            filled.append(text)
        check_urls(filled, "URLs")
        return filled

    return Urls(
        fill(urls.issuing_certificates),
        fill(urls.crl_distribution_points),
        fill(urls.delta_crl_distribution_points),
        fill(urls.ocsp_servers),
    )


def untold(urls: Urls, config: Config) -> list[str]:
    """A warning where URLs cannot be filled in yet, so that nothing can be issued."""
    try:
        rendered(urls, config, _SOME_ID)
    except BadRequest as error:
        return [f"nothing can be issued like this: {error.public}"]
    return []


class ConfigIssuers(Path):
    """Which issuer is meant where requests name none."""

    pattern = "config/issuers"
    default: str = field("Name or ID of the default issuer.")
    default_follows_latest_issuer: bool = field("Make each issuer that is generated or imported the default.")

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The default issuer, by ID."""
        return _issuers(await pki.config(request))

    async def write(self, pki: Pki, request: Request) -> Response:
        """Set the default issuer."""
        return await set_default(
            pki, request, self.default, follows=self.default_follows_latest_issuer, given=self.given
        )


async def set_default(
    pki: Pki, request: Request, wanted: str, *, follows: bool = False, given: frozenset[str] = frozenset()
) -> Response:
    """Make an issuer the default one."""
    if wanted in ("", "default"):
        raise BadRequest("Invalid issuer specification; must be non-empty and can't be 'default'.")
    issuer = await pki.issuer_or_none(request, wanted)
    if issuer is None:
        raise BadRequest(
            f"Error resolving issuer reference: unable to find PKI issuer for reference: {wanted}"
        )
    config = await pki.config(request)
    config.make_default(request, issuer.id)
    if "default_follows_latest_issuer" in given:
        config.default_follows_latest_issuer = follows
    pki.keep_config(request, config)
    warnings = []
    if not issuer.key_id:
        warnings.append("the mount has no key of this issuer: it signs neither certificates nor CRLs")
    return Response(data=_issuers(config), warnings=warnings)


def _issuers(config: Config) -> dict[str, Any]:
    return {
        "default": config.default_issuer,
        "default_follows_latest_issuer": config.default_follows_latest_issuer,
    }


class ReplaceRoot(Path):
    """The default issuer, replaced by the one that a rotation made."""

    pattern = "root/replace"
    default: str = field("Name or ID of the issuer that becomes the default.", default="next")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Set the default issuer."""
        return await set_default(pki, request, self.default)


class ConfigKeys(Path):
    """Which key is meant where requests name none."""

    pattern = "config/keys"
    default: str = field("Name or ID of the default key.")

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The default key, by ID."""
        return {"default": (await pki.config(request)).default_key}

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Set the default key."""
        if self.default in ("", "default"):
            raise BadRequest("Invalid key specification; must be non-empty and can't be 'default'.")
        key = await pki.key_or_none(request, self.default)
        if key is None:
            raise BadRequest(
                f"Error resolving issuer reference: unable to find PKI key for reference: {self.default}"
            )
        config = await pki.config(request)
        config.default_key = key.id
        pki.keep_config(request, config)
        return {"default": key.id}


class ConfigUrls(Path):
    """Where certificates say that their issuer, its CRL and its OCSP responder are found."""

    pattern = "config/urls"
    issuing_certificates: CommaList = field("URLs of the issuer's certificate.", default=[])
    crl_distribution_points: CommaList = field("URLs of the CRL.", default=[])
    delta_crl_distribution_points: CommaList = field("URLs of the delta CRL.", default=[])
    ocsp_servers: CommaList = field("URLs of OCSP responders.", default=[])
    enable_templating: bool = field(
        "Put {{issuer_id}}, {{cluster_path}} and {{cluster_aia_path}} into the URLs."
    )

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The URLs."""
        return _urls(await pki.config(request))

    async def write(self, pki: Pki, request: Request) -> Response:
        """Change the URLs that are given; certificates that were issued stay as they are."""
        config = await pki.config(request)
        if "enable_templating" in self.given:
            config.enable_templating = self.enable_templating
        for name in URL_FIELDS:
            if name in self.given:
                setattr(config.urls, name, getattr(self, name))
            check_urls(getattr(config.urls, name), name, templated=config.enable_templating)
        pki.keep_config(request, config)
        warnings = untold(config.urls, config) if config.enable_templating else []
        return Response(data=_urls(config), warnings=warnings)


URL_FIELDS = (
    "issuing_certificates",
    "crl_distribution_points",
    "delta_crl_distribution_points",
    "ocsp_servers",
)


def _urls(config: Config) -> dict[str, Any]:
    return {**asdict(config.urls), "enable_templating": config.enable_templating}


class ConfigCluster(Path):
    """Under which address clients reach this mount; URL templates and ACME use it."""

    pattern = "config/cluster"
    path: str = field("URL of this mount's API, as https://host:8200/v1/pki.")
    aia_path: str = field("URL at which certificates and CRLs of this mount are served, as plain HTTP.")

    async def read(self, pki: Pki, request: Request) -> dict[str, Any]:
        """The addresses."""
        config = await pki.config(request)
        return {"path": config.path, "aia_path": config.aia_path}

    async def write(self, pki: Pki, request: Request) -> dict[str, Any]:
        """Change the addresses that are given."""
        config = await pki.config(request)
        for name in ("path", "aia_path"):
            if name in self.given:
                text = getattr(self, name)
                check_urls([text] if text else [], name)
                setattr(config, name, text)
        pki.keep_config(request, config)
        return {"path": config.path, "aia_path": config.aia_path}
