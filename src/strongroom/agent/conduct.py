"""How templates are run: the agent's way, which goes on, or consul-template's, which ends at failures."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field


class Conduct(Struct, frozen=True):
    """What differs between the two. The defaults are the agent's."""

    failed: int = 1
    """The exit code of a failure."""
    alone: bool = False
    """Consul-template's way: what cannot be read, rendered, written or run ends the process."""
    once: bool = False
    """Everything is rendered once, without waiting for quiet."""
    dry: bool = False
    """What would be written is printed instead."""
    passed_on: Mapping[str, str] = field(default_factory=dict)
    """Variables that commands find besides those of this process."""
