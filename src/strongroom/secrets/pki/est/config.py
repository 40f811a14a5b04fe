"""What EST is allowed to do at a mount, and who vouches for its clients."""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

from strongroom.errors import BadRequest
from strongroom.framework.field import CommaList, KVPairs, Mapped, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import validity

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

SIGN_VERBATIM, ROLE = "sign-verbatim", "role:"
CERT, USERPASS = "cert", "userpass"
_MEMBERS = {CERT: frozenset({"accessor", "cert_role"}), USERPASS: frozenset({"accessor"})}
_LABEL = re.compile(r"[A-Za-z0-9._~-]{1,255}", re.ASCII)
_RESOURCES = frozenset({"cacerts", "simpleenroll", "simplereenroll", "csrattrs", "serverkeygen", "fullcmc"})


@dataclass(slots=True)
class EstConfig:
    """The row. ``authenticators`` are by kind, each with the accessor of an auth mount."""

    enabled: bool = False
    default_mount: bool = False
    default_path_policy: str = ""
    label_to_path_policy: dict[str, str] = item(default_factory=dict)
    authenticators: dict[str, dict[str, str]] = item(default_factory=dict)
    enable_sentinel_parsing: bool = False
    audit_fields: list[str] = item(default_factory=list)
    last_updated: str = ""

    @property
    def policies(self) -> dict[str, str]:
        """What is done for each label, which is empty for requests without one."""
        default = {"": self.default_path_policy} if self.default_mount else {}
        return default | self.label_to_path_policy

    def serves(self, role: str) -> bool:
        """Whether requests are taken for a role, or verbatim where that is empty."""
        wanted = ROLE + role if role else SIGN_VERBATIM
        return self.enabled and wanted in (self.default_path_policy, *self.label_to_path_policy.values())


def role_of(policy: str) -> str:
    """The role of a policy; empty for signing verbatim."""
    return policy.removeprefix(ROLE) if policy.startswith(ROLE) else ""


def path_of(policy: str) -> str:
    """Where requests that a policy is for go, inside the mount."""
    role = role_of(policy)
    return f"roles/{role}/est" if role else "est"


_ROWS = stored(EstConfig, under="est/")
_NAME = "config"


async def read(request: Request) -> EstConfig:
    """What is configured."""
    return await _ROWS(request).get(_NAME) or EstConfig()


async def _check(pki: Pki, request: Request, config: EstConfig) -> None:
    if config.default_mount and not config.default_path_policy:
        raise BadRequest("default_path_policy is needed where default_mount is set")
    for label in config.label_to_path_policy:
        if _LABEL.fullmatch(label) is None or label in _RESOURCES:
            raise BadRequest(f"{label!r} cannot be a label")
    for policy in filter(None, (config.default_path_policy, *config.label_to_path_policy.values())):
        role = role_of(policy)
        if policy != SIGN_VERBATIM and not role:
            raise BadRequest(f"a path policy is {SIGN_VERBATIM} or {ROLE}NAME")
        if role and await pki.roles(request).get(role) is None:
            raise BadRequest(f"a path policy names the role {role}, which does not exist")


def _authenticators(given: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Who vouches for clients, as it is kept. Raises BadRequest."""
    found = {}
    for kind, members in given.items():
        if kind not in _MEMBERS:
            raise BadRequest(f"an authenticator is {CERT} or {USERPASS}")
        texts = isinstance(members, dict) and all(isinstance(text, str) for text in members.values())
        if not texts or not members.get("accessor") or not _MEMBERS[kind].issuperset(members):
            raise BadRequest(f"the authenticator {kind} wants {' and '.join(sorted(_MEMBERS[kind]))}")
        found[kind] = dict(members)
    return found


class ConfigEst(Path):
    """Whether and how certificates are to be had by EST.

    Clients reach a mount at ``/.well-known/est``, or at ``/.well-known/est/LABEL`` for the labels that it
    claims; no two mounts have the same. Enrolling asks for the capability ``update`` at ``est/simpleenroll``
    of the mount, or at ``roles/NAME/est/simpleenroll`` where a role decides. No header of the mount has to be
    tuned.
    """

    pattern = "config/est"
    enabled: bool = field("Whether clients may enroll by EST.")
    default_mount: bool = field("Whether addresses without a label lead here; one mount may have them.")
    default_path_policy: str = field(
        "What is signed at addresses without a label: 'sign-verbatim' signs what is asked for, 'role:NAME' "
        "what the role allows."
    )
    label_to_path_policy: KVPairs = field("The same by label.", default={})
    authenticators: Mapped = field(
        "Who vouches for clients: 'userpass' with the accessor of an auth mount of that type, and 'cert' "
        "with an accessor and, if wished, a cert_role. A password comes first.",
        default={},
    )
    enable_sentinel_parsing: bool = field("Kept for clients; has no effect.")
    audit_fields: CommaList = field("Kept for clients; has no effect.", default=[])

    async def read(self, pki: Pki, request: Request) -> EstConfig:
        """What is configured."""
        return await read(request)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Change what is given, and leave the rest."""
        config = await read(request)
        for name in self.given & set(EstConfig.__dataclass_fields__):
            setattr(config, name, getattr(self, name))
        config.authenticators = _authenticators(config.authenticators)
        await _check(pki, request, config)
        config.last_updated = validity.written(request.now // SECOND)
        claimed = config.policies if config.enabled else {}
        paths = {label: path_of(policy) for label, policy in claimed.items()}
        await pki.core.claim_well_known(request, "est", paths)
        _ROWS(request).put(_NAME, config)
        note = "no authenticator is configured, so nobody can enroll"
        data = {name: getattr(config, name) for name in EstConfig.__dataclass_fields__}
        return Response(data=data, warnings=[note] if config.enabled and not config.authenticators else [])
