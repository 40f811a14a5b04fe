"""What a role makes of a wish for a certificate. Pure: takes the time, gives the certificate, unsigned."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, cast

from strongroom.crypto.ssh_certificate import MOST_PRINCIPALS, Certificate, Kind
from strongroom.crypto.ssh_key import PublicKey
from strongroom.errors import BadRequest
from strongroom.logical import SECOND
from strongroom.secrets.ssh.role import Role
from strongroom.secrets.ssh.template import Identity, names_entity, render, render_list, split

UNSAFE = (
    "refusing to issue unsafe, globally-valid certificate with no principals specified; "
    "set valid_principals or default_user"
)
SKIPPED = "Extensions that depend on an entity were left out: the token has none."
_DEFAULT_KEY_ID = "vault-{{token_display_name}}-{{public_key_hash}}"
_KEY_ID_PART = re.compile(r"\{\{(token_display_name|role_name|public_key_hash)\}\}")
LARGEST = 65_536
"""Bytes of what a certificate says, at most; SSH gives up on packets that are much larger."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. ``ttl`` None where nothing is said of it.

    No principals at all are those of the role: clients send an empty text where their user said nothing.
    """

    key: PublicKey
    cert_type: str = "user"
    valid_principals: str = ""
    key_id: str = ""
    ttl: int | None = None
    critical_options: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. ``identity`` is the entity with its groups, None for a token that has none."""

    display_name: str = ""
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long certificates of the mount live, in seconds: where nothing is said, and at most."""

    default: int
    longest: int


def rule(
    role: Role, wish: Wish, caller: Caller, bounds: Bounds, *, name: str, now: int, serial: int
) -> tuple[Certificate, list[str]]:
    """The certificate that a role allows, and warnings. ``now`` is nanoseconds. Raises BadRequest."""
    role.accept(wish.key)
    key_id = _key_id(role, name, wish, caller)
    kind = _kind(role, wish)
    principals = _principals(role, kind, wish, caller.identity)
    ttl = _ttl(role, wish, bounds)
    critical = _critical_options(role, wish)
    extensions, warnings = _extensions(role, wish, caller.identity)
    seconds = now // SECOND
    certificate = Certificate(
        key=wish.key,
        kind=kind,
        serial=serial,
        key_id=key_id,
        principals=tuple(principals),
        valid_after=max(seconds - role.not_before_duration, 0),
        valid_before=seconds + ttl,
        critical_options=critical,
        extensions=extensions,
    )
    if _size(certificate) > LARGEST:
        raise BadRequest("the certificate would be larger than SSH takes")
    return certificate, warnings


def _size(certificate: Certificate) -> int:
    """Bytes of all texts in a certificate."""
    options = (*certificate.critical_options.items(), *certificate.extensions.items())
    texts = (certificate.key_id, *certificate.principals, *(text for option in options for text in option))
    return sum(len(text.encode()) + 4 for text in texts)


def _key_id(role: Role, name: str, wish: Wish, caller: Caller) -> str:
    if wish.key_id and not role.allow_user_key_ids:
        raise BadRequest("setting key_id is not allowed by role")
    if wish.key_id:
        return wish.key_id
    values = {
        "token_display_name": caller.display_name,
        "role_name": name,
        "public_key_hash": wish.key.hash,
    }
    form = role.key_id_format or (
        _DEFAULT_KEY_ID if caller.display_name else _DEFAULT_KEY_ID.replace("{{token_display_name}}-", "")
    )
    return _KEY_ID_PART.sub(lambda part: values[part[1]], form)


def _kind(role: Role, wish: Wish) -> Kind:
    allowed = {"user": role.allow_user_certificates, "host": role.allow_host_certificates}
    if wish.cert_type not in allowed:
        raise BadRequest("cert_type must be either 'user' or 'host'")
    if not allowed[wish.cert_type]:
        raise BadRequest(f"cert_type '{wish.cert_type}' is not allowed by role")
    return cast("Literal['user', 'host']", wish.cert_type)


def _principals(role: Role, kind: Kind, wish: Wish, identity: Identity | None) -> list[str]:
    """Whom the certificate stands for: those asked for, or else the default; sorted, each once."""
    principals = sorted(set(split(wish.valid_principals)))
    if not wish.valid_principals and kind == "user":
        principals = sorted(set(_default_users(role, identity)))
    if not principals:
        if role.allow_empty_principals:
            return []
        raise BadRequest(UNSAFE)
    if len(principals) > MOST_PRINCIPALS:
        raise BadRequest(f"a certificate has at most {MOST_PRINCIPALS} principals")
    text = role.allowed_users if kind == "user" else role.allowed_domains
    if not text:
        raise BadRequest("role is not configured to allow any principals")
    if text == "*":
        return principals
    templated = role.allowed_users_template if kind == "user" else role.allowed_domains_template
    allowed = render_list(text, identity, role.forbidden()) if templated else split(text)
    for principal in principals:
        if not (principal in allowed if kind == "user" else _is_host_of(role, principal, allowed)):
            raise BadRequest(f"{principal} is not a valid value for valid_principals")
    return principals


def _default_users(role: Role, identity: Identity | None) -> list[str]:
    if not role.default_user_template:
        return split(role.default_user)
    return split(render(role.default_user, identity, role.forbidden(), strict=True))


def _is_host_of(role: Role, host: str, domains: list[str]) -> bool:
    """Whether a host is one of the domains, or below one, where the role allows that."""
    if role.allow_bare_domains and host in domains:
        return True
    if not role.allow_subdomains:
        return False
    ends = (f".{domain}" for domain in domains)
    return any(host.endswith(end) and all(host.removesuffix(end).split(".")) for end in ends)


def _ttl(role: Role, wish: Wish, bounds: Bounds) -> int:
    longest = role.max_ttl or bounds.longest
    ttl = (role.ttl if wish.ttl is None else wish.ttl) or bounds.default
    if ttl > longest and wish.ttl is not None:
        raise BadRequest(f"ttl is larger than maximum allowed {longest}")
    return min(ttl, longest)


def _critical_options(role: Role, wish: Wish) -> Mapping[str, str]:
    if not wish.critical_options:
        return role.default_critical_options
    if role.allowed_critical_options:
        others = sorted(set(wish.critical_options) - set(split(role.allowed_critical_options)))
        if others:
            raise BadRequest(f"critical options not on allowed list: [{' '.join(others)}]")
    return wish.critical_options


def _extensions(role: Role, wish: Wish, identity: Identity | None) -> tuple[Mapping[str, str], list[str]]:
    if wish.extensions:
        allowed = split(role.allowed_extensions)
        others = sorted(set(wish.extensions) - set(allowed)) if allowed != ["*"] else []
        if others:
            raise BadRequest(f"extensions [{' '.join(others)}] are not on allowed list")
        return wish.extensions, []
    if not role.default_extensions_template:
        return role.default_extensions, []
    known = {
        name: value
        for name, value in role.default_extensions.items()
        if identity is not None or not names_entity(value)
    }
    skipped = [SKIPPED] if len(known) < len(role.default_extensions) else []
    return {name: render(value, identity) for name, value in known.items()}, skipped
