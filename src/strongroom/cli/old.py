"""Command words of Vault before 0.9.2, which scripts still use, as today's words."""

from __future__ import annotations

RENAMED = {
    "audit-disable": ["audit", "disable"],
    "audit-enable": ["audit", "enable"],
    "audit-list": ["audit", "list"],
    "auth-disable": ["auth", "disable"],
    "auth-enable": ["auth", "enable"],
    "capabilities": ["token", "capabilities"],
    "generate-root": ["operator", "generate-root"],
    "init": ["operator", "init"],
    "key-status": ["operator", "key-status"],
    "mount": ["secrets", "enable"],
    "mount-tune": ["secrets", "tune"],
    "mounts": ["secrets", "list"],
    "policies": ["policy", "list"],
    "policy-delete": ["policy", "delete"],
    "policy-list": ["policy", "list"],
    "policy-read": ["policy", "read"],
    "policy-write": ["policy", "write"],
    "rekey": ["operator", "rekey"],
    "remount": ["secrets", "move"],
    "renew": ["lease", "renew"],
    "revoke": ["lease", "revoke"],
    "rotate": ["operator", "rotate"],
    "seal": ["operator", "seal"],
    "step-down": ["operator", "step-down"],
    "token-create": ["token", "create"],
    "token-lookup": ["token", "lookup"],
    "token-renew": ["token", "renew"],
    "token-revoke": ["token", "revoke"],
    "tune": ["secrets", "tune"],
    "unmount": ["secrets", "disable"],
    "unseal": ["operator", "unseal"],
}


def translate(argv: list[str]) -> list[str]:
    """``argv`` in today's words; empty when the first word never was a command."""
    first, *rest = argv
    if first == "auth":
        return _auth(rest)
    if first == "policies" and rest:
        return ["policy", "read", *rest]
    if first not in RENAMED:
        return []
    return [*RENAMED[first], *_arguments(first, rest)]


def _arguments(first: str, rest: list[str]) -> list[str]:
    """What changed besides the words: renew took the increment as its last argument."""
    if first == "renew" and len(rest) > 1 and not rest[-1].startswith("-") and not rest[-2].startswith("-"):
        return [*rest[:-2], f"-increment={rest[-1]}", rest[-2]]
    return rest


def _auth(rest: list[str]) -> list[str]:
    """``vault auth TOKEN`` and ``vault auth -method=x`` logged in before auth was a group."""
    if not rest or rest[0] in {"-h", "-help", "--help"}:
        return []
    if rest[0] in {"-methods", "--methods"}:
        return ["auth", "list"]
    return ["login", *rest]
