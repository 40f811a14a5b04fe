from __future__ import annotations

from pathlib import Path

from strongroom import host

CPUINFO = """\
processor	: 0
vendor_id	: GenuineIntel
cpu family	: 6
model		: 85
model name	: Some Processor
stepping	: 7
cpu MHz		: 2500.5
cache size	: 36608 KB
core id		: 0
physical id	: 0
flags		: fpu aes

processor	: 1
model name	: Some Processor
"""
MEMINFO = """\
MemTotal:       1000 kB
MemFree:         300 kB
Buffers:         100 kB
Cached:          200 kB
SReclaimable:     50 kB
HugePages_Total:   0
"""


def test_processors() -> None:
    first, second = host.processors(CPUINFO)
    assert (first["vendorId"], first["mhz"], first["cacheSize"], first["flags"]) == (
        "GenuineIntel",
        2500.5,
        36608,
        ["fpu", "aes"],
    )
    assert (second["cpu"], second["stepping"]) == (1, 0)


def test_memory_is_in_bytes() -> None:
    memory = host.memory(MEMINFO)
    assert memory["total"] == 1_024_000
    assert memory["cached"] == 250 * 1024
    assert memory["used"] == 350 * 1024
    assert memory["usedPercent"] == 35.0


def test_processor_times_are_seconds_of_each() -> None:
    (only,) = host.processor_times("cpu  9 9 9 9\ncpu0 100 200 300 400 0 0 0 0 0 0\nintr 1\n")
    assert only["cpu"] == "cpu0"
    assert only["nice"] == 2 * only["user"]


def test_a_machine_without_proc_has_no_figures(tmp_path: Path) -> None:
    found = host.describe(0, tmp_path / "none")
    assert found["cpu"] == []
    assert found["memory"]["usedPercent"] == 0.0
    assert found["host"]["hostname"]
