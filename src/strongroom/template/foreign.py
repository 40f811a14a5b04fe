"""Functions of consul-template that read from other systems, and so cannot be had here."""

from __future__ import annotations

CONSUL = frozenset({
    "byKey", "byMeta", "byPort", "byTag", "caLeaf", "caRoots", "connect", "datacenters", "explode",
    "exportedServices", "importedServices", "key", "keyExists", "keyOrDefault", "ls", "node",
    "nodes", "partitions", "peerings", "safeLs", "safeTree", "service", "services", "tree",
})  # fmt: skip
NOMAD = frozenset({
    "nomadService", "nomadServices", "nomadVar", "nomadVarExists", "nomadVarList", "nomadVarListSafe",
})  # fmt: skip


def unknown(name: str) -> str:
    """Why there is no function of that name, as the rest of a sentence that begins with it."""
    if name in CONSUL:
        return "reads Consul, which is not read here"
    if name in NOMAD:
        return "reads Nomad, which is not read here"
    return "not defined"
