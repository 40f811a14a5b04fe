"""What secrets engines and auth methods share: both are mounted, tuned, moved, listed."""

from __future__ import annotations

import time

from strongroom.cli.command import Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.table import table
from strongroom.cli.value import go_duration, plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

TUNED = (
    Flag("allowed-response-headers", "list", "Header an answer of this mount may carry. May be repeated."),
    Flag(
        "audit-non-hmac-request-keys", "list", "Request field that audit logs show in clear. May be repeated."
    ),
    Flag(
        "audit-non-hmac-response-keys",
        "list",
        "Response field that audit logs show in clear. May be repeated.",
    ),
    Flag("default-lease-ttl", "duration", "How long what it gives lives, unless asked for less."),
    Flag("description", "string", "What it is for, in your words."),
    Flag("listing-visibility", "string", "unauth: shown to those not logged in; hidden: not."),
    Flag("max-lease-ttl", "duration", "How long what it gives can live."),
    Flag("options", "map", "Option of the engine, key=value. May be repeated."),
    Flag("passthrough-request-headers", "list", "Request header the engine sees. May be repeated."),
    Flag("plugin-version", "string", "Version of the plugin to run."),
    Flag("version", "int", "Version of the engine, where it has several."),
)
ENABLED = (
    *TUNED,
    Flag("external-entropy-access", "bool", "Let it take randomness from the seal."),
    Flag("local", "bool", "Keep it on this cluster."),
    Flag("path", "string", "Where to mount it. Default: at the name of its type."),
    Flag("plugin-name", "string", "Name of the plugin, for the type plugin."),
    Flag("seal-wrap", "bool", "Encrypt what is critical once more, by the seal."),
)
FORCE_NO_CACHE = Flag("force-no-cache", "bool", "Never answer from a cache.")
TOKEN_TYPE = Flag(
    "token-type", "string", "Type of the tokens it gives: service, batch, default-service, default-batch."
)
LISTS = (
    "allowed-response-headers",
    "audit-non-hmac-request-keys",
    "audit-non-hmac-response-keys",
    "passthrough-request-headers",
)
MIGRATION_POLL = 0.25  # seconds


def mount_path(text: str) -> str:
    """A mount's path as the server spells it: one slash, at the end."""
    return text.strip().strip("/") + "/"


def tuning(session: Session) -> dict[str, Any]:
    """The settings that can also be changed later, as far as they were given."""
    flags = session.flags
    wishes: dict[str, Any] = {}
    for name in ("default-lease-ttl", "max-lease-ttl"):
        if flags[name] is not None:
            wishes[name.replace("-", "_")] = go_duration(flags[name])
    for name in LISTS:
        if flags[name]:
            wishes[name.replace("-", "_")] = [part for entry in flags[name] for part in entry.split(",")]
    for name in ("listing-visibility", "plugin-version", "token-type"):
        if name in flags.given:
            wishes[name.replace("-", "_")] = flags[name]
    return wishes


def options(session: Session) -> dict[str, str]:
    """The engine's options, its version among them."""
    flags = session.flags
    return {
        **flags["options"],
        **({"version": str(flags["version"])} if flags["version"] is not None else {}),
    }


def enabling(session: Session, kind: str) -> dict[str, Any]:
    """The body that enables an engine or method of type ``kind``."""
    flags = session.flags
    config = tuning(session)
    if flags.get("force-no-cache"):
        config["force_no_cache"] = True
    version = config.pop("plugin_version", None)
    wishes = {
        "type": flags["plugin-name"] if kind == "plugin" and flags["plugin-name"] else kind,
        "description": flags["description"] or "",
        "local": flags["local"],
        "seal_wrap": flags["seal-wrap"],
        "external_entropy_access": flags["external-entropy-access"],
        "options": options(session) or None,
        "config": config,
    }
    return {**wishes, **({"plugin_version": version} if version else {})}


def retuning(session: Session) -> dict[str, Any]:
    """The body that tunes a mount: only what was given, so that the rest stays."""
    wishes = tuning(session)
    if "description" in session.flags.given:
        wishes["description"] = session.flags["description"]
    if chosen := options(session):
        wishes["options"] = chosen
    return wishes


def move(session: Session, noun: str, source: str, target: str, prefix: str) -> int:
    """Moves a mount and waits until that is done."""
    with doing(f"Error moving {noun} {source} to {target}"):
        answer = session.client.write("sys/remount", {"from": prefix + source, "to": prefix + target}, "POST")
    migration = ((answer or {}).get("data") or {}).get("migration_id", "")
    what = f"{noun} {source} to {target}, with migration ID {migration}"
    session.print(f"Started moving {what}")
    while True:
        with doing(f"Error checking the migration of {noun} {source}"):
            state = session.client.read(f"sys/remount/status/{migration}") or {}
        status = ((state.get("data") or {}).get("migration_info") or {}).get("status")
        if status == "success":
            return session.succeed(f"Finished moving {what}")
        if status == "failure":
            raise Failure(f"Failure! Error encountered moving {what}")
        session.print(f"Waiting for the end of moving {what}")
        time.sleep(MIGRATION_POLL)


def simple_table(mounts: dict[str, Any], extra: tuple[str, ...] = ()) -> str:
    """The short listing; ``extra`` names a last column of versions."""
    rows = [
        [path, entry.get("type", ""), entry.get("accessor", ""), entry.get("description", "")]
        + [entry.get("plugin_version", "")] * len(extra)
        for path, entry in sorted(mounts.items())
    ]
    return table(("Path", "Type", "Accessor", "Description", *extra), rows)


def detailed_table(mounts: dict[str, Any], *, methods: bool) -> str:
    """The long listing, of auth methods or of secrets engines."""
    own = "Token Type" if methods else "Force No Cache"
    header = (
        "Path", "Plugin", "Accessor", "Default TTL", "Max TTL", own, "Replication", "Seal Wrap",
        "External Entropy Access", "Options", "Description", "UUID", "Version", "Running Version",
        "Running SHA256", "Deprecation Status",
    )  # fmt: skip
    rows = [_details(path, entry, methods=methods) for path, entry in sorted(mounts.items())]
    return table(header, rows)


def _details(path: str, entry: dict[str, Any], *, methods: bool) -> list[str]:
    config = entry.get("config") or {}
    own = config.get("token_type", "") if methods else plain(config.get("force_no_cache", False))
    fixed = entry.get("type") in {"system", "cubbyhole"}
    return [
        path,
        entry.get("type", ""),
        entry.get("accessor", ""),
        "n/a" if fixed else _ttl(config.get("default_lease_ttl")),
        "n/a" if fixed else _ttl(config.get("max_lease_ttl")),
        own,
        "local" if entry.get("local") else "replicated",
        plain(entry.get("seal_wrap", False)),
        plain(entry.get("external_entropy_access", False)),
        plain(entry.get("options") or {}),
        entry.get("description", ""),
        entry.get("uuid", ""),
        entry.get("plugin_version", ""),
        entry.get("running_plugin_version", ""),
        entry.get("running_sha256", ""),
        entry.get("deprecation_status", ""),
    ]


def _ttl(seconds: Any) -> str:
    return str(seconds) if seconds else "system"


def entries(answer: dict[str, Any] | None) -> dict[str, Any]:
    """The mounts in an answer; older servers have them at its top."""
    data = (answer or {}).get("data") or answer or {}
    return {path: entry for path, entry in data.items() if isinstance(entry, dict) and path.endswith("/")}
