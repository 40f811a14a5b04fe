"""Well-known addresses: paths below ``/.well-known/`` that clients of a protocol ask for, and whose they are.

A mount that speaks such a protocol claims labels of it: ``/.well-known/est/LABEL/...`` is then its own, by
the path that it names. The path inside the mount is what is routed, judged and audited.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from strongroom import codec
from strongroom.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from strongroom.core import Core
    from strongroom.logical import Request
    from strongroom.mount import Mount

BEGINNING = ".well-known/"
PROTOCOLS = {"est": frozenset({"cacerts", "csrattrs", "simpleenroll", "simplereenroll"})}
"""The protocols, each with its resources that there are."""
_SETTING = "well-known"
_NAMESPACE = "x-vault-namespace"

Claims = dict[str, list[str]]
"""Label to who claims it: the ID of a namespace, the UUID of a mount in it, and the path inside that."""


def arrive(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: put the path of the mount in place of a well-known one."""
    return _arrive(core, request) if request.path.startswith(BEGINNING) else None


async def _arrive(core: Core, request: Request) -> None:
    protocol, _, rest = request.path.removeprefix(BEGINNING).partition("/")
    label, _, resource = rest.rpartition("/")
    claims: Claims = core.settings.get(_SETTING).get(protocol, {})
    claim = claims.get(label) if resource in PROTOCOLS.get(protocol, ()) else None
    mount = None if claim is None else await _mount(core, claim)
    if claim is None or mount is None:
        raise NotFound
    within = request.received.get(_NAMESPACE, "").strip("/")
    if within not in ("", "root") and not mount.namespace.path.startswith(within + "/"):
        raise NotFound
    request.received = {name: value for name, value in request.received.items() if name != _NAMESPACE}
    request.path = f"{mount.namespace.path}{mount.prefix}{claim[2]}/{resource}"
    request.addressed = request.path


async def _mount(core: Core, claim: list[str]) -> Mount | None:
    """The mount that a claim is of; None once it is gone."""
    tx = core.store.begin(write=False)
    try:
        namespace = await core.namespaces.by_id(tx, claim[0])
    finally:
        tx.close()
    return None if namespace is None else (await core.mounts.ready(namespace)).by_uuid(claim[1])


async def claim(core: Core, request: Request, protocol: str, paths: dict[str, str]) -> None:
    """Have the mount of a request own these labels of a protocol and no others.

    ``paths`` are by label, which is empty for addresses without one. Raises BadRequest where another mount
    has a label.
    """
    view = core.view(request.tx, "core/config/")
    blob = await view.get(_SETTING)
    everything: dict[str, Any] = {} if blob is None else codec.decode(blob)
    claims: Claims = everything.get(protocol, {})
    own = request.mount.entry.uuid
    kept = {label: one for label, one in claims.items() if one[1] != own}
    for label in paths:
        if label in kept and await _mount(core, kept[label]) is not None:
            what = f"the label {label}" if label else "the addresses without a label"
            raise BadRequest(f"another mount has {what} already")
    kept |= {label: [request.namespace.id, own, path] for label, path in paths.items()}
    if kept != claims:
        core.settings.put(request, _SETTING, {**everything, protocol: kept})
