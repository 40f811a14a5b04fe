"""The three families of environment variables: ours win, then OpenBao's, then Vault's."""

from __future__ import annotations

TYPE_CHECKING = False  # the typing module is slow to import, and the CLI counts milliseconds
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIXES = ("STRONGROOM_", "BAO_", "VAULT_")


def variable(environ: Mapping[str, str], name: str) -> str:
    """The value of ``STRONGROOM_name``, ``BAO_name`` or ``VAULT_name``; empty when none is set."""
    for prefix in PREFIXES:
        if value := environ.get(prefix + name):
            return value
    return ""


def set_as(environ: Mapping[str, str], name: str) -> str:
    """The full name under which ``name`` is set, for messages; empty when it is not."""
    return next((prefix + name for prefix in PREFIXES if environ.get(prefix + name)), "")
