"""A clock for leases: Unix time as it was when the process began, and since then what has really passed.

The machine's time may be set while the agent runs, back by hours too. A lease does not get longer by that.
"""

from __future__ import annotations

import time
from collections.abc import Callable


def steady_clock() -> Callable[[], float]:
    """Seconds since the epoch that never jump; a machine's sleep counts."""
    offset = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return lambda: offset + time.clock_gettime(time.CLOCK_BOOTTIME)
