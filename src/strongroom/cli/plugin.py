"""``plugin``: the catalog of plugins."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED, FORMATTED, HTTP
from strongroom.cli.output import print_data, print_member
from strongroom.cli.table import pairs, table
from strongroom.cli.value import field_text

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

CATALOG = "sys/plugins/catalog"
TYPES = ("auth", "database", "secret")
VERSION = Flag("version", "string", "Version of the plugin.")
REGISTER = (
    Flag("args", "list", "Argument the plugin is started with. May be repeated."),
    Flag("command", "string", "Program to start. Default: the plugin's name."),
    Flag("oci", "bool", "The plugin is an OCI image."),
    Flag("sha256", "string", "SHA-256 of the program."),
    VERSION,
)
RELOAD = (
    Flag("mounts", "list", "Mount to reload. May be repeated."),
    Flag("plugin", "string", "Plugin whose mounts to reload."),
    Flag("scope", "string", "global: on every node."),
)


@commands.add(
    "plugin list", "[TYPE]", flags=(*FORMATTED, Flag("detailed", "bool", "Show more.")), count=(0, 1)
)
def list_plugins(session: Session) -> int:
    """List the plugins the server knows; TYPE is auth, database or secret."""
    kind = session.arguments[0].strip() if session.arguments else ""
    if kind and kind not in TYPES:
        raise Failure(f'Error parsing type: "{kind}" is not a supported plugin type')
    with doing("Error listing available plugins"):
        answer = session.client.read(CATALOG)
    data = (answer or {}).get("data")
    if not data:
        raise Failure("Error listing available plugins: data from server response is empty")
    found = [entry for entry in data.get("detailed") or [] if kind in {"", entry.get("type")}]
    found.sort(key=lambda entry: (entry.get("type", ""), entry.get("name", ""), entry.get("version", "")))
    if session.format != "table":
        return print_data(session, {"detailed": found} if session.flags["detailed"] else _names(found))
    session.terminal.page(_plugin_table(found, kind, detailed=session.flags["detailed"]))
    return 0


def _names(found: list[dict[str, Any]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for entry in found:
        names.setdefault(entry["type"], []).append(entry["name"])
    return names


def _plugin_table(found: list[dict[str, Any]], kind: str, *, detailed: bool) -> str:
    header = ["Name", "Type", "Version"] if detailed or not kind else ["Name", "Version"]
    if detailed:
        header.append("Deprecation Status")
    keys = [name.lower().replace(" ", "_") for name in header]
    return table(header, [[str(entry.get(key) or "") for key in keys] for entry in found])


@commands.add("plugin info", "TYPE NAME", flags=(*FIELDED, VERSION), count=(1, 2))
def info(session: Session) -> int:
    """Show what is known about a plugin.

    $ {name} plugin info secret pki
    """
    name = session.arguments[-1].strip()
    path = "/".join([CATALOG, *(word.strip() for word in session.arguments)])
    query = {"version": session.flags["version"]} if session.flags["version"] else {}
    with doing(f"Error reading plugin named {name}"):
        answer = session.client.read(path, query)
    data = (answer or {}).get("data")
    if not data or "name" not in data:
        raise Failure(f'No value found for plugin "{name}"')
    if session.field:
        return print_member(session, data)
    if session.format != "table":
        return print_data(session, data)
    shown = {**data, "args": data.get("args") or []}
    session.print(pairs([(name, field_text(name, shown[name])) for name in sorted(shown)]))
    return 0


@commands.add("plugin register", "TYPE NAME", flags=(*HTTP, *REGISTER), count=(1, 2))
def register(session: Session) -> int:
    """Add a plugin to the catalog.

    $ {name} plugin register -sha256=d3f0a8b auth people
    """
    flags = session.flags
    if not flags["sha256"]:
        raise Failure("SHA256 is required for all plugins, please provide -sha256", 1)
    *kinds, name = (word.strip() for word in session.arguments)
    body = {
        "args": [part for entry in flags["args"] for part in entry.split(",")],
        "command": flags["command"] or name,
        "sha256": flags["sha256"],
        "version": flags["version"] or "",
        "oci": flags["oci"],
    }
    with doing(f"Error registering plugin {name}"):
        session.client.write("/".join([CATALOG, *kinds, name]), body)
    return session.succeed(f"Registered plugin: {name}")


@commands.add("plugin deregister", "TYPE NAME", flags=(*HTTP, VERSION), count=(1, 2))
def deregister(session: Session) -> int:
    """Take a plugin out of the catalog."""
    words = [word.strip() for word in session.arguments]
    query = {"version": session.flags["version"] or ""}
    with doing(f"Error deregistering plugin named {words[-1]}"):
        session.client.delete("/".join([CATALOG, *words]), query)
    return session.succeed(f"Deregistered plugin (if it was registered): {words[-1]}")


@commands.add("plugin reload", flags=(*HTTP, *RELOAD))
def reload(session: Session) -> int:
    """Start a plugin anew, wherever it is mounted or at the mounts named."""
    flags = session.flags
    mounts = [part for entry in flags["mounts"] for part in entry.split(",")]
    if not flags["plugin"] and not mounts:
        raise Failure("Not enough arguments (expected 1, got 0)", 1)
    if flags["plugin"] and mounts:
        raise Failure("Cannot specify both -plugin and -mounts", 1)
    body = {"plugin": flags["plugin"] or "", "mounts": mounts, "scope": flags["scope"] or ""}
    with doing("Error reloading plugin/mounts"):
        answer = session.client.write("sys/plugins/reload/backend", body)
    identifier = ((answer or {}).get("data") or {}).get("reload_id")
    if flags["scope"] and identifier:
        return session.succeed(f"Reloading plugin: {flags['plugin'] or mounts}, reload_id: {identifier}")
    return session.succeed(
        f"Reloaded plugin: {flags['plugin']}" if flags["plugin"] else f"Reloaded mounts: {mounts}"
    )


@commands.add("plugin reload-status", "RELOAD_ID", flags=HTTP, count=(1, 1))
def reload_status(session: Session) -> int:
    """Show how far a reload on every node has come."""
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    query = {"reload_id": session.arguments[0].strip()}
    with doing("Error retrieving plugin reload status"):
        answer = session.client.send(
            Request("GET", "sys/plugins/reload/backend/status", query=query)
        ).secret()
    results = ((answer or {}).get("data") or {}).get("results") or {}
    rows = [
        [node[:8], str(result.get("timestamp", "")), str(result.get("error") or "")]
        for node, result in results.items()
    ]
    session.print(table(("Participant", "Timestamp", "Message"), rows))
    return 0
