"""What ACME is allowed to do at a mount."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING

from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.secrets.pki.acme import nonce
from strongroom.secrets.pki.acme.validation import resolver

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.pki.engine import Pki

ANY = "*"
MAX_TTL = 90 * 24 * 3600
"""Seconds that certificates are valid at most where nothing else is configured."""
SIGN_VERBATIM, FORBID, ROLE = "sign-verbatim", "forbid", "role:"
NOT_REQUIRED, NEW_ACCOUNT_REQUIRED, ALWAYS_REQUIRED = (
    "not-required",
    "new-account-required",
    "always-required",
)
_EAB_POLICIES = (NOT_REQUIRED, NEW_ACCOUNT_REQUIRED, ALWAYS_REQUIRED)


@dataclass(slots=True)
class AcmeConfig:
    """The row: what ACME is allowed to do at the mount."""

    enabled: bool = False
    allowed_issuers: list[str] = item(default_factory=lambda: [ANY])
    allowed_roles: list[str] = item(default_factory=lambda: [ANY])
    allow_role_ext_key_usage: bool = False
    default_directory_policy: str = SIGN_VERBATIM
    dns_resolver: str = ""
    eab_policy: str = NOT_REQUIRED
    max_ttl: int = MAX_TTL

    @property
    def default_role(self) -> str:
        """The role of directories that name none; empty where they take what is asked for."""
        policy = self.default_directory_policy
        return policy.removeprefix(ROLE) if policy.startswith(ROLE) else ""


_ROWS = stored(AcmeConfig, under="acme/")
_NAME = "config"


async def read(request: Request) -> AcmeConfig:
    """What is configured."""
    return await _ROWS(request).get(_NAME) or AcmeConfig()


async def check(pki: Pki, request: Request, config: AcmeConfig) -> None:
    """Raises BadRequest for what cannot be."""
    for field_name, allowed in (
        ("allowed_roles", config.allowed_roles),
        ("allowed_issuers", config.allowed_issuers),
    ):
        if not allowed:
            raise BadRequest(
                f"{field_name} must take a non-zero length value; specify '*' as the value to allow anything "
                "or specify enabled=false to disable ACME entirely"
            )
    await _check_policy(pki, request, config)
    await _check_allowed(pki, request, config)
    if config.eab_policy not in _EAB_POLICIES:
        names = ", ".join(f"'{policy}'" for policy in _EAB_POLICIES)
        raise BadRequest(f"invalid eab policy name provided, valid values are {names}")
    if config.dns_resolver:
        try:
            resolver.parse(config.dns_resolver)
        except ValueError as error:
            raise BadRequest(f"failed to parse DNS resolver address: {error}") from None
    if config.enabled and not (await pki.config(request)).path:
        raise BadRequest("ACME feature requires local cluster 'path' field configuration to be set")


async def _check_policy(pki: Pki, request: Request, config: AcmeConfig) -> None:
    policy, role = config.default_directory_policy, config.default_role
    if policy == ROLE:
        raise BadRequest("invalid default_directory_policy: no role specified by policy role:")
    if not role and policy not in (SIGN_VERBATIM, FORBID):
        raise BadRequest(
            f"invalid default_directory_policy: string {policy} not a valid Default Directory Policy"
        )
    if role and await pki.roles(request).get(role) is None:
        raise BadRequest(
            f"default directory policy role {role} is not a valid ACME role: role does not exist"
        )


async def _check_allowed(pki: Pki, request: Request, config: AcmeConfig) -> None:
    for kind, names in (("role", config.allowed_roles), ("issuer", config.allowed_issuers)):
        if len(names) > 1 and ANY in names:
            raise BadRequest(f"cannot use '*' as {kind} name at index {names.index(ANY)}")
    for name in config.allowed_roles:
        if name != ANY and await pki.roles(request).get(name) is None:
            raise BadRequest(f"allowed_role {name} is not a valid acme role: role does not exist")
    for name in config.allowed_issuers:
        if name != ANY and await pki.issuer_or_none(request, name) is None:
            raise BadRequest(f"failed validating allowed_issuers: unable to find PKI issuer: {name}")


class ConfigAcme(Path):
    """Whether and how certificates are to be had by ACME.

    It is off until it is enabled here, which needs the address of the mount in ``config/cluster``: all
    addresses that clients are told begin with it. No header of the mount has to be tuned.
    """

    pattern = "config/acme"
    reader_safe = True
    enabled: bool = field("Whether clients may order certificates by ACME.", default=False)
    allowed_issuers: CommaList = field(
        "Issuers, by name or ID, whose directories are open; '*' alone for all of them.", default=[ANY]
    )
    allowed_roles: CommaList = field(
        "Roles whose directories are open; '*' alone for all of them. The role of the default directory "
        "is allowed by that.",
        default=[ANY],
    )
    allow_role_ext_key_usage: bool = field(
        "Whether certificates have the extended key usages of their role. Without it they are for TLS "
        "servers alone.",
        default=False,
    )
    default_directory_policy: str = field(
        "What directories that name no role issue: 'sign-verbatim' takes the names of the request as "
        "validated, 'role:NAME' goes by that role, 'forbid' closes these directories.",
        default=SIGN_VERBATIM,
    )
    dns_resolver: str = field(
        "Address and port of the DNS resolver to ask when names are validated, as in '10.0.0.2:53'. Empty: "
        "those of the system.",
        default="",
    )
    eab_policy: str = field(
        "Who needs an external account binding, made at acme/new-eab: nobody ('not-required'), who makes a "
        "new account ('new-account-required'), or every account whenever it was made ('always-required').",
        default=NOT_REQUIRED,
    )

    max_ttl: Duration = field(
        "How long certificates are valid at most; what the role and the mount allow holds as well.",
        default=MAX_TTL,
    )

    async def read(self, pki: Pki, request: Request) -> AcmeConfig:
        """What is configured."""
        return await read(request)

    async def write(self, pki: Pki, request: Request) -> AcmeConfig:
        """Change what is given, and leave the rest. Names that do not exist are refused."""
        config = await read(request)
        for name in self.given & set(AcmeConfig.__dataclass_fields__):
            setattr(config, name, getattr(self, name))
        config.eab_policy = config.eab_policy.lower()
        await check(pki, request, config)
        if config.enabled:
            await nonce.ensure_key(request)
        _ROWS(request).put(_NAME, config)
        return config
