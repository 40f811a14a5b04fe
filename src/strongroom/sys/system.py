"""The system's own paths: everything below ``sys/``.

Each module of this package declares the paths of one noun; here they become one engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from strongroom.framework.backend import Backend
from strongroom.sys import (
    apilock,
    audit,
    capabilities,
    ceremonies,
    config,
    introspect,
    lease_report,
    leases,
    locked_users,
    loggers,
    metrics,
    mfa,
    mounts,
    namespaces,
    plugins,
    policies,
    quotas,
    raw,
    seal,
    specs,
    tools,
    wrapping,
)

if TYPE_CHECKING:
    from strongroom.core import Core


class System(Backend):
    """Control, policy and diagnosis of the server itself."""

    type: ClassVar[str] = "system"
    kind: ClassVar[str] = "system"
    paths = (
        *seal.PATHS,
        *ceremonies.PATHS,
        *mounts.PATHS,
        *policies.PATHS,
        *audit.PATHS,
        *capabilities.PATHS,
        *leases.PATHS,
        *locked_users.PATHS,
        *lease_report.PATHS,
        *wrapping.PATHS,
        *mfa.PATHS,
        *tools.PATHS,
        *config.PATHS,
        *loggers.PATHS,
        *metrics.PATHS,
        *quotas.PATHS,
        *introspect.PATHS,
        *apilock.PATHS,
        *namespaces.PATHS,
        *plugins.PATHS,
        *raw.PATHS,
        *specs.PATHS,
    )
    core: Core
