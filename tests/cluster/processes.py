"""Which of a server's processes has accepted a connection, as the kernel tells."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.api import Api
from tests.server import Server, wait_until


def readers(server: Server) -> list[int]:
    """The reader processes: children of the server."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def owner(server: Server, api: Api) -> int:
    """The process at the other end of an open connection; 0 while it waits to be accepted."""
    ours = api._connection.sock.getsockname()[1]
    inode = _inode(server.port, ours)
    for pid in [server.process.pid, *readers(server)]:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                if str(descriptor.readlink()) == f"socket:[{inode}]":
                    return pid
            except OSError:
                continue
    return 0


def _inode(local: int, remote: int) -> str:
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if (int(fields[1].split(":")[1], 16), int(fields[2].split(":")[1], 16)) == (local, remote):
            return fields[9]
    return ""


def connections(server: Server, count: int) -> dict[int, Api]:
    """One open connection to each of ``count`` processes, by process; the server's own among them."""
    found: dict[int, Api] = {}
    held: list[Api] = []

    def enough() -> bool:
        api = Api(server.address, server.root_token)
        api.get("sys/health")
        pid = owner(server, api)
        if pid and pid not in found:
            found[pid] = api
        else:
            held.append(api)
        return len(found) >= count

    wait_until(enough, server, seconds=60)
    for api in held:
        api.close()
    return found


def alive(pid: int) -> bool:
    """Whether a process runs (and is no zombie)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
