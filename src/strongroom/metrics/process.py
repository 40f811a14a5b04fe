"""The gauges of the process itself; Linux tells most of them in /proc."""

from __future__ import annotations

import gc
import os
import resource
import sys
import threading
import time
from pathlib import Path

from strongroom.metrics.registry import Metrics

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TOP = 1 if sys.platform == "darwin" else 1024
_STATM = Path("/proc/self/statm")
_FILES = Path("/proc/self/fd")


def register(metrics: Metrics) -> None:
    """Add ``runtime.*`` to the metrics."""
    started = time.time()
    metrics.gauge("runtime.alloc_bytes", resident_bytes)
    metrics.gauge("runtime.sys_bytes", virtual_bytes)
    metrics.gauge("runtime.heap_objects", sys.getallocatedblocks)
    metrics.gauge("runtime.num_threads", threading.active_count)
    metrics.gauge("runtime.total_gc_runs", lambda: sum(each["collections"] for each in gc.get_stats()))
    metrics.gauge("runtime.cpu_seconds", time.process_time)
    metrics.gauge("runtime.start_time_seconds", lambda: started)
    metrics.gauge("runtime.open_fds", open_files)


def resident_bytes() -> int:
    """Memory in use now; where the system does not tell, the most there ever was."""
    if _STATM.exists():
        return int(_STATM.read_text().split()[1]) * _PAGE
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _TOP


def virtual_bytes() -> int:
    """Size of the address space, or 0 where the system does not tell."""
    return int(_STATM.read_text().split()[0]) * _PAGE if _STATM.exists() else 0


def open_files() -> int:
    """Open file descriptors, or 0 where the system does not tell."""
    return sum(1 for _ in _FILES.iterdir()) if _FILES.exists() else 0
