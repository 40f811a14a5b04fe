"""Quotas: rules that bound how many requests clients may make and how many leases may live.

Source: the ``sys/quotas`` part of Vault's HTTP API, checked against the peer; lease counts, which
the peer does not have, by Vault's documentation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.admission import LEASE_COUNT, RATE_LIMIT
from strongroom.errors import BadRequest
from strongroom.framework.field import Anything, Duration, StringList, Unconvertible, field
from strongroom.framework.path import ROOT_ONLY, Path
from strongroom.logical import ROOT, Namespace, Request
from strongroom.quota import LeaseCountRule, Rule

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.mount import Mount
    from strongroom.sys.system import System


class Config(Path):
    """How rate limits behave."""

    pattern = "quotas/config"
    root_namespace_only = ROOT_ONLY
    rate_limit_exempt_paths: StringList = field("Paths that no limit counts; * at the end makes a prefix.")
    enable_rate_limit_audit_logging: bool = field("Log refused requests to the audit devices.")
    enable_rate_limit_response_headers: bool = field("Tell clients their limit in X-Ratelimit headers.")
    absolute_rate_limit_exempt_paths: StringList = field("Paths exempt in every namespace.")

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The settings."""
        return system.core.quotas.settings()

    async def write(self, system: System, request: Request) -> None:
        """Replace the settings; what is not given is off, and no path exempt."""
        settings = {
            "enable_rate_limit_audit_logging": self.enable_rate_limit_audit_logging,
            "enable_rate_limit_response_headers": self.enable_rate_limit_response_headers,
            "rate_limit_exempt_paths": self.rate_limit_exempt_paths,
        }
        system.core.quotas.configure(request, settings)


# -- where a rule holds ----------------------------------------------------------------------------


async def place(core: Core, request: Request, text: str) -> tuple[Namespace, str, str]:
    """Namespace and mount that a rule's path names, and the rest below. Raises BadRequest without."""
    path = text.strip("/")
    namespace, rest = await core.namespaces.locate(request.tx, ROOT, path + "/" if path else "")
    if not rest:
        return namespace, "", ""
    mount = (await core.mounts.ready(namespace)).find(rest)
    if mount is None:
        raise BadRequest(f'invalid mount path "{rest}"')
    return namespace, mount.prefix, rest[len(mount.prefix) : -1]


def check_role(core: Core, namespace: Namespace, mount: str, path: str) -> None:
    """Raise BadRequest unless logins at a mount have roles."""
    found: Mount | None = core.mounts.of(namespace).by_prefix.get(mount)
    if path or found is None or found.backend.kind != "auth":
        raise BadRequest(
            f'Mount path "{mount}{path}" is not a valid auth method and therefore '
            "unsuitable for use with role-based quotas"
        )
    if not hasattr(found.backend, "role_of"):
        raise BadRequest(f'Mount path "{mount}" does not support use with role-based quotas')


# -- rate limits -----------------------------------------------------------------------------------


class RateLimits(Path):
    """The rate limits there are."""

    pattern = "quotas/rate-limit/?"
    root_namespace_only = ROOT_ONLY

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the rules."""
        return await system.core.quotas.names(request, RATE_LIMIT)


class RateLimitPath(Path):
    """One rate limit."""

    pattern = "quotas/rate-limit/{name}"
    root_namespace_only = ROOT_ONLY
    name: str = field("Name of the rule.")
    rate: Anything = field("Requests that each client may make in an interval; more than 0.")
    interval: Duration = field("Length of the interval; by default a second.", default=1)
    block_interval: Duration = field("How long a client that went too far is refused everything.")
    path: str = field("Namespace, mount or path that the rule is for; empty for everything.")
    role: str = field("Only logins for this role of an auth method.")
    inheritable: bool = field("Hold in the namespaces below too.")
    type: str = field("rate-limit.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The rule."""
        rule = await system.core.quotas.rate_limit(request, self.name)
        return None if rule is None else rule.data()

    async def write(self, system: System, request: Request) -> None:
        """Create or replace the rule; it counts from nothing."""
        core = system.core
        rate = number("rate", self.rate)
        namespace, mount, path = await place(core, request, self.path)
        if self.role:
            check_role(core, namespace, mount, path)
        rule = Rule(
            self.name,
            rate,
            self.interval or 1,
            self.block_interval,
            namespace=namespace.path,
            mount=mount,
            path=path,
            role=self.role,
            inheritable=self.inheritable or not (mount or namespace.path),
        )
        await core.quotas.check_unique(request, rule)
        core.quotas.put(request, RATE_LIMIT, self.name, rule)

    async def delete(self, system: System, request: Request) -> None:
        """Remove the rule."""
        system.core.quotas.delete(request, RATE_LIMIT, self.name)


def number(name: str, value: Any) -> float:
    """A number, also as text; 0 for none. Raises Unconvertible."""
    try:
        return float(bytes(value) if isinstance(value, msgspec.Raw) else value or 0)
    except (TypeError, ValueError):
        raise Unconvertible(f'error converting input for field "{name}": expected a number') from None


# -- lease counts ----------------------------------------------------------------------------------


class LeaseCounts(Path):
    """The bounds on numbers of leases there are."""

    pattern = "quotas/lease-count/?"
    root_namespace_only = ROOT_ONLY

    async def list(self, system: System, request: Request) -> list[str]:
        """Names of the rules."""
        return await system.core.quotas.names(request, LEASE_COUNT)


class LeaseCountPath(Path):
    """One bound on the number of leases."""

    pattern = "quotas/lease-count/{name}"
    root_namespace_only = ROOT_ONLY
    name: str = field("Name of the rule.")
    max_leases: int = field("How many leases may live at once; more than 0.")
    path: str = field("Namespace, mount or path that the rule is for; empty for everything.")
    role: str = field("Only logins for this role of an auth method.")
    inheritable: bool = field("Hold in the namespaces below too.")
    type: str = field("lease-count.")

    async def read(self, system: System, request: Request) -> dict[str, Any] | None:
        """The rule, and how many leases it counts now."""
        quotas = system.core.quotas
        rule = await quotas.lease_count(request, self.name)
        if rule is None:
            return None
        return {
            "name": rule.name,
            "type": LEASE_COUNT,
            "path": rule.target,
            "role": rule.role,
            "max_leases": rule.max_leases,
            "counter": await quotas.count(request, rule),
            "inheritable": rule.spreads,
        }

    async def write(self, system: System, request: Request) -> None:
        """Create or replace the rule; leases that live already stay."""
        core = system.core
        namespace, mount, path = await place(core, request, self.path)
        if self.role:
            check_role(core, namespace, mount, path)
        rule = LeaseCountRule(
            self.name,
            self.max_leases,
            mount + path,
            self.role,
            namespace=namespace.path,
            inheritable=self.inheritable,
        )
        await core.quotas.check_unique(request, rule)
        core.quotas.put(request, LEASE_COUNT, self.name, rule)

    async def delete(self, system: System, request: Request) -> None:
        """Remove the rule."""
        system.core.quotas.delete(request, LEASE_COUNT, self.name)


PATHS: tuple[type[Path], ...] = (Config, RateLimits, RateLimitPath, LeaseCounts, LeaseCountPath)
