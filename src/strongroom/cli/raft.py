"""``operator raft``: the nodes of a raft cluster and snapshots of its data."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data, print_secret
from strongroom.cli.table import table
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

API = "sys/storage/raft"
CHUNK = 1 << 20  # bytes
FORCE = Flag("force", "bool", "Even from a cluster with other keys.")


@commands.add("operator raft list-peers", flags=FORMATTED)
def list_peers(session: Session) -> int:
    """List the nodes of the raft cluster."""
    with doing("Error reading the raft cluster configuration"):
        answer = session.client.read(f"{API}/configuration")
    if answer is None:
        raise Failure("No raft cluster configuration found")
    if session.format != "table":
        return print_data(session, answer.get("data"))
    servers = ((answer.get("data") or {}).get("config") or {}).get("servers") or []
    rows = [
        [
            str(server.get("node_id", "")),
            str(server.get("address", "")),
            "leader" if server.get("leader") else "follower",
            plain(server.get("voter", False)),
        ]
        for server in servers
    ]
    session.print(table(("Node", "Address", "State", "Voter"), rows))
    return 0


@commands.add("operator raft remove-peer", "NODE_ID", flags=FORMATTED, count=(1, 1))
def remove_peer(session: Session) -> int:
    """Take a node out of the raft cluster."""
    with doing("Error removing the peer from raft cluster"):
        session.client.write(f"{API}/remove-peer", {"server_id": session.arguments[0].strip()})
    return session.succeed("Peer removed successfully!")


@commands.add("operator raft snapshot save", "FILE", flags=FORMATTED, count=(1, 1))
def save(session: Session) -> int:
    """Save a snapshot of everything stored, still encrypted, to FILE."""
    import os  # noqa: PLC0415 (already loaded; kept beside its use)

    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    path = session.arguments[0].strip()
    with doing("Error taking the snapshot"):
        answer = session.client.stream(Request("GET", f"{API}/snapshot"))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
    except OSError as error:
        raise Failure(f"Error taking the snapshot: {error}") from error
    return 0


@commands.add("operator raft snapshot restore", "FILE", flags=(*FORMATTED, FORCE), count=(1, 1))
def restore(session: Session) -> int:
    """Put everything stored back to what it was in the snapshot in FILE."""
    path = session.arguments[0].strip()
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (pathlib is slow to import)
            content = file.read()
    except OSError as error:
        raise Failure(f"Error opening the snapshot file: {error}", 1) from error
    where = f"{API}/snapshot-force" if session.flags["force"] else f"{API}/snapshot"
    with doing("Error installing the snapshot"):
        session.client.write(where, content, "POST")
    return 0


@commands.add("operator raft autopilot state", flags=FORMATTED)
def autopilot_state(session: Session) -> int:
    """Show the health of the nodes, as the autopilot sees it."""
    with doing("Error checking autopilot state"):
        answer = session.client.read(f"{API}/autopilot/state")
    if answer is None:
        return 0
    return print_secret(session, answer)
