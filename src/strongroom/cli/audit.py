"""``audit``: enable, list and disable audit devices."""

from __future__ import annotations

from strongroom.cli.assignment import parse_data
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.mount import entries, mount_path
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_data
from strongroom.cli.table import table

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

ENABLE = (
    Flag("description", "string", "What it is for, in your words."),
    Flag("local", "bool", "Keep it on this cluster."),
    Flag("path", "string", "Name of the device. Default: its type."),
)


@commands.add("audit enable", "TYPE [CONFIG K=V...]", flags=(*HTTP, *ENABLE), count=(0, None))
def enable(session: Session) -> int:
    """Enable an audit device: file, syslog, socket or http.

    $ {name} audit enable file file_path=/var/log/strongroom/audit.log
    """
    if not session.arguments:
        raise Failure(
            "Error enabling audit device: audit type missing. Types are file, syslog, socket, http.", 1
        )
    kind, *words = session.arguments
    flags = session.flags
    path = mount_path(flags["path"] or kind)
    body = {
        "type": kind.strip(),
        "description": flags["description"] or "",
        "options": parse_data(words, session.terminal),
        "local": flags["local"],
    }
    with doing("Error enabling audit device"):
        session.client.write(f"sys/audit/{path.rstrip('/')}", body)
    return session.succeed(f"Enabled the {kind} audit device at: {path}")


@commands.add("audit disable", "PATH", flags=HTTP, count=(1, 1))
def disable(session: Session) -> int:
    """Disable an audit device. What it hashed can no longer be compared.

    $ {name} audit disable file
    """
    path = mount_path(session.arguments[0])
    with doing("Error disabling audit device"):
        session.client.delete(f"sys/audit/{path.rstrip('/')}")
    return session.succeed(f"Disabled audit device (if it was enabled) at: {path}")


@commands.add("audit list", flags=(*FORMATTED, Flag("detailed", "bool", "Show settings too.")))
def list_devices(session: Session) -> int:
    """List the audit devices."""
    with doing("Error listing audits"):
        devices = entries(session.client.read("sys/audit"))
    if session.format != "table":
        return print_data(session, devices)
    if not devices:
        session.print("No audit devices are enabled.")
        return 2
    rows = [
        [path, entry.get("type", ""), entry.get("description", "")] for path, entry in sorted(devices.items())
    ]
    header = ["Path", "Type", "Description"]
    if session.flags["detailed"]:
        header += ["Replication", "Options"]
        for row in rows:
            entry = devices[row[0]]
            shown = " ".join(f"{key}={value}" for key, value in sorted((entry.get("options") or {}).items()))
            row += ["local" if entry.get("local") else "replicated", shown]
    session.print(table(header, rows))
    return 0
