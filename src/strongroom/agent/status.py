"""The agent's state for people: a socket that tells it to whoever may open it, and who asks there.

The socket stands at ``status_socket``, or beside the ``pid_file``; only the agent's user may open it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from pathlib import Path
from typing import Any

import msgspec

from strongroom.agent.config import AgentConfig
from strongroom.agent.state import State
from strongroom.agent.upstream import Unreachable, Upstream
from strongroom.errors import StrongroomError

PATIENCE = 5.0


def place(config: AgentConfig) -> str:
    """Where the socket of an agent with that configuration is; nothing when it has none."""
    return config.status_socket or (f"{config.pid_file}.status" if config.pid_file else "")


async def serve(path: str, state: State, upstream: Upstream) -> None:
    """Tell the state to everybody who connects, until cancelled. Raises StrongroomError.

    The server is asked how it is when somebody wants to know, and not between.
    """

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(Unreachable):
            ways = {"standbyok": "true", "perfstandbyok": "true"}
            await upstream.request("GET", "sys/health", query=ways, timeout=PATIENCE / 2)
        with contextlib.suppress(OSError):
            writer.write(msgspec.json.encode(state.document()))
            await writer.drain()
        writer.close()

    _remove(path)
    before = os.umask(0o177)
    try:
        server = await asyncio.start_unix_server(tell, path)
    except OSError as error:
        raise StrongroomError(f"{path} cannot be listened on: {error.strerror}") from None
    finally:
        os.umask(before)
    try:
        async with server:
            await asyncio.get_running_loop().create_future()
    finally:
        _remove(path)


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        Path(path).unlink()


def ask(path: str) -> dict[str, Any]:
    """The state of the agent that listens at ``path``. Raises StrongroomError when none does."""
    pieces = []
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(PATIENCE)
            link.connect(path)
            while piece := link.recv(65_536):
                pieces.append(piece)
        found: dict[str, Any] = msgspec.json.decode(b"".join(pieces))
    except (OSError, msgspec.DecodeError) as error:
        reason = getattr(error, "strerror", None) or "no answer"
        raise StrongroomError(f"no agent answers at {path}: {reason}") from None
    return found


def is_well(document: dict[str, Any]) -> bool:
    """Whether the agent has a token, reaches an open server, and has rendered everything."""
    server = document["server"]
    return (
        document["auth"]["authenticated"]
        and server["reachable"] is not False
        and not server["sealed"]
        and not any(each["last_error"] or each["missing"] for each in document["templates"])
    )


def described(document: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and values for a table."""
    auth, server, process = document["auth"], document["server"], document["process"]
    rows = [
        ("Running Since", _moment(document["started"])),
        ("Authenticated", str(auth["authenticated"]).lower()),
        ("Token Ends", _moment(auth["expires"]) if auth["expires"] else "never"),
        ("Logins", f"{auth['logins']} ({auth['renewals']} renewals, {auth['failures']} failures)"),
        ("Server", _server(server)),
        ("Leases", f"{document['leases']} ({document['lease_renewals']} renewals)"),
    ]
    for name, error in (
        ("Last Login Error", auth["last_error"]),
        ("Last Server Error", server["last_error"]),
    ):
        if error:
            rows.append((name, error))
    rows += [(f"Template {each['destination']}", _template(each)) for each in document["templates"]]
    if process["starts"]:
        rows.append(("Process", f"pid {process['pid']}, {process['restarts']} restarts"))
    cycles = document["cycles"]
    return rows + [(f"Cycle {each['group']}", f"{each['phase']}, {each['turns']} turns") for each in cycles]


def _server(server: dict[str, Any]) -> str:
    if server["reachable"] is None:
        return "not spoken to yet"
    word = "unreachable" if not server["reachable"] else "sealed" if server["sealed"] else "reachable"
    return f"{word} since {_moment(server['since'])}"


def _template(each: dict[str, Any]) -> str:
    if each["last_error"]:
        return f"failed: {each['last_error']}"
    if each["missing"]:
        return f"waits for {each['missing']} secrets"
    when = f" at {_moment(each['last_rendered'])}" if each["last_rendered"] else ""
    return f"rendered {each['rendered']} times{when}"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
