"""``status``, ``version``, ``version-history``: what this is, and what the server is."""

from __future__ import annotations

from strongroom.cli.command import Commands, doing
from strongroom.cli.options import FIELDED, FORMATTED
from strongroom.cli.output import print_data, print_member
from strongroom.cli.table import pairs, table
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

DEFAULTS = {"recovery_seal": False, "build_date": ""}  # what older servers leave out


@commands.add("status", flags=FIELDED)
def status(session: Session) -> int:
    """Show whether the server is initialised and unsealed, and who leads.

    The exit code tells scripts: 0 unsealed, 2 sealed or not initialised, 1 no answer.

        $ {name} status -format=json
    """
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    with doing("Error checking seal status", 1):
        state = session.client.send(Request("GET", "sys/seal-status")).json()
    state = {**DEFAULTS, **state, **_leadership(session, state)}
    if session.field:
        return print_member(session, state)
    if session.format == "table":
        session.print(pairs(status_rows(state)))
    else:
        print_data(session, state)
    return 0 if state.get("initialized") and not state.get("sealed") else 2


def _leadership(session: Session, state: dict[str, Any]) -> dict[str, Any]:
    """Who leads, from a server that can tell: a sealed one says nothing useful."""
    from strongroom.client.request import Request  # noqa: PLC0415 (as above)

    with doing("Error checking leader status", 1):
        response = session.client.attempt(Request("GET", "sys/leader"))
    leader = (response.json() or {}) if response.status < 400 else {}
    known: dict[str, Any] = {"ha_enabled": bool(leader.get("ha_enabled"))}
    if known["ha_enabled"] and not state.get("sealed"):
        for key in ("is_self", "active_time", "leader_address", "leader_cluster_address"):
            if leader.get(key) or key == "is_self":
                known[key] = leader.get(key)
        for key in ("raft_committed_index", "raft_applied_index"):
            if leader.get(key):
                known[key] = leader[key]
    return known


def status_rows(state: dict[str, Any]) -> list[tuple[str, str]]:
    """The rows of the table, in the order people look for them."""
    rows = [
        ("Seal Type", state.get("type", "")),
        *([("Recovery Seal Type", state["recovery_seal_type"])] if state.get("recovery_seal_type") else []),
        ("Initialized", plain(state.get("initialized", False))),
        ("Sealed", plain(state.get("sealed", True))),
    ]
    shares = "Total Recovery Shares" if state.get("recovery_seal") else "Total Shares"
    rows += [(shares, plain(state.get("n", 0))), ("Threshold", plain(state.get("t", 0)))]
    if state.get("sealed"):
        rows.append(("Unseal Progress", f"{state.get('progress', 0)}/{state.get('t', 0)}"))
        rows.append(("Unseal Nonce", state.get("nonce", "")))
    if state.get("migration"):
        rows.append(("Seal Migration in Progress", "true"))
    rows.append(("Version", state.get("version", "")))
    rows.append(("Commit Date" if "commit_date" in state else "Build Date", _built(state)))
    rows.append(("Storage Type", state.get("storage_type", "")))
    if state.get("cluster_name"):
        rows += [("Cluster Name", state["cluster_name"]), ("Cluster ID", state.get("cluster_id", ""))]
    return rows + _leader_rows(state)


def _built(state: dict[str, Any]) -> str:
    built: str = state.get("commit_date") or state.get("build_date") or ""
    return built


def _leader_rows(state: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("HA Enabled", plain(state.get("ha_enabled", False)))] if "ha_enabled" in state else []
    if not state.get("ha_enabled") or state.get("sealed"):
        return rows
    active = bool(state.get("is_self"))
    rows.append(("HA Cluster", state.get("leader_cluster_address") or "n/a"))
    rows.append(("HA Mode", "active" if active else "standby"))
    if active:
        rows.append(("Active Since", state.get("active_time", "")))
    else:
        rows.append(("Active Node Address", state.get("leader_address") or "<none>"))
    for name, key in (
        ("Raft Committed Index", "raft_committed_index"),
        ("Raft Applied Index", "raft_applied_index"),
    ):
        if state.get(key):
            rows.append((name, plain(state[key])))
    return rows


@commands.add("version", count=(0, None))
def version(session: Session) -> int:
    """Show the version of this command, not the server's (see status).

    Arguments are ignored.
    """
    from strongroom import __version__  # noqa: PLC0415 (main answers before this is reached)

    session.print(f"Strongroom v{__version__}")
    return 0


@commands.add("version-history", flags=FORMATTED)
def version_history(session: Session) -> int:
    """Show which versions the server has run, and since when.

    {name} version-history -format=json gives the same to scripts.
    """
    with doing("Error reading version history"):
        answer = session.client.list("sys/version-history") or {}
    details = (answer.get("data") or {}).get("key_info") or {}
    if session.format != "table":
        return print_data(session, answer.get("data"))
    rows = [
        (key, str(entry.get("timestamp_installed", "")), str(entry.get("build_date", "")))
        for key, entry in sorted(
            details.items(), key=lambda item: str(item[1].get("timestamp_installed", ""))
        )
    ]
    session.print(table(("Version", "Installation Time", "Build Date"), rows))
    return 0
