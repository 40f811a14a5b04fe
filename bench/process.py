"""What the kernel knows of a server process: its CPU time, its memory, its core."""

from __future__ import annotations

import os
import time
from pathlib import Path


def cpu_seconds(pid: int) -> float:
    """CPU time of all threads, also ended ones, to the nanosecond (the process's own CPU clock)."""
    return time.clock_gettime((~pid << 3) | 2)


def family_cpu_seconds(pid: int) -> float:
    """CPU time of a process and of the processes it has started and that still run."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum(cpu_seconds(one) for one in (pid, *map(int, started)))


def memory(pid: int, kind: str) -> float:
    """A line of /proc/PID/status (``VmRSS``, ``RssAnon``), in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) / 1000
    raise LookupError(kind)


def pin(pid: int, core: int) -> None:
    """Keep every thread of a process, and those it will start, on one core."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


def file_system(path: Path) -> str:
    """Type of the file system a path lies on; durable writes cost what it makes them cost."""
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, point, kind, *_ = line.split()
        if str(path).startswith(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1]
