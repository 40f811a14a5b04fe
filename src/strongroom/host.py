"""The machine the server runs on, as Linux tells it below ``/proc``. Elsewhere parts are missing."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from strongroom.clock import rfc3339

_TICKS = os.sysconf("SC_CLK_TCK")
_KB = 1024
_CPU_TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestNice")
_MEMORY = {
    "total": "MemTotal",
    "available": "MemAvailable",
    "free": "MemFree",
    "active": "Active",
    "inactive": "Inactive",
    "buffers": "Buffers",
    "writeback": "Writeback",
    "dirty": "Dirty",
    "writebacktmp": "WritebackTmp",
    "shared": "Shmem",
    "slab": "Slab",
    "sreclaimable": "SReclaimable",
    "sunreclaim": "SUnreclaim",
    "pagetables": "PageTables",
    "swapcached": "SwapCached",
    "commitlimit": "CommitLimit",
    "committedas": "Committed_AS",
    "swaptotal": "SwapTotal",
    "swapfree": "SwapFree",
    "mapped": "Mapped",
    "vmalloctotal": "VmallocTotal",
    "vmallocused": "VmallocUsed",
    "vmallocchunk": "VmallocChunk",
}


def describe(now: int, proc: Path = Path("/proc")) -> dict[str, Any]:
    """What sys/host-info answers; ``now`` in nanoseconds. Reads files: call it in a thread."""
    return {
        "timestamp": rfc3339(now),
        "cpu": processors(_text(proc / "cpuinfo")),
        "cpu_times": processor_times(_text(proc / "stat")),
        "disk": disks(_text(proc / "mounts")),
        "host": _host(proc),
        "memory": memory(_text(proc / "meminfo")),
    }


def _text(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError:
        return ""


def processors(text: str) -> list[dict[str, Any]]:
    """Each processor of ``/proc/cpuinfo``."""
    found = []
    for block in text.split("\n\n"):
        lines = (line.partition(":") for line in block.splitlines())
        values = {name.strip(): value.strip() for name, _, value in lines}
        if "processor" not in values:
            continue
        found.append(
            {
                "cpu": int(values["processor"]),
                "vendorId": values.get("vendor_id", ""),
                "family": values.get("cpu family", ""),
                "model": values.get("model", ""),
                "stepping": _whole(values.get("stepping", "")),
                "physicalId": values.get("physical id", ""),
                "coreId": values.get("core id", ""),
                "cores": 1,
                "modelName": values.get("model name", ""),
                "mhz": float(values.get("cpu MHz", "0")),
                "cacheSize": _whole(values.get("cache size", "").removesuffix(" KB")),
                "flags": values.get("flags", values.get("Features", "")).split(),
                "microcode": values.get("microcode", ""),
            }
        )
    return found


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def processor_times(text: str) -> list[dict[str, Any]]:
    """Seconds that each processor of ``/proc/stat`` has spent on what."""
    found = []
    for line in text.splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            seconds = [int(each) / _TICKS for each in ticks]
            found.append({"cpu": name, **dict(zip(_CPU_TIMES, seconds, strict=False))})
    return found


def disks(mounts: str) -> list[dict[str, Any]]:
    """The file systems on devices; ``mounts`` is the text of ``/proc/mounts``."""
    found: dict[str, dict[str, Any]] = {}
    for line in mounts.splitlines():
        device, path, kind, *_ = [*line.split(), "", "", ""]
        if not device.startswith("/dev/") or device in found:
            continue
        try:
            room = os.statvfs(path)
        except OSError:
            continue
        found[device] = {"path": path, "fstype": kind} | _room(room)
    return list(found.values())


def _room(room: os.statvfs_result) -> dict[str, Any]:
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    used, inodes = (room.f_blocks - room.f_bfree) * room.f_frsize, room.f_files
    return {
        "total": total,
        "free": free,
        "used": used,
        "usedPercent": _percent(used, used + free),
        "inodesTotal": inodes,
        "inodesUsed": inodes - room.f_ffree,
        "inodesFree": room.f_ffree,
        "inodesUsedPercent": _percent(inodes - room.f_ffree, inodes),
    }


def _percent(part: float, whole: float) -> float:
    return 100 * part / whole if whole else 0.0


def memory(text: str) -> dict[str, Any]:
    """``/proc/meminfo`` in bytes."""
    lines = (line.partition(":") for line in text.splitlines())
    values = {name: _whole(rest.split()[0]) * _KB for name, _, rest in lines if rest.split()}
    found: dict[str, Any] = {name: values.get(key, 0) for name, key in _MEMORY.items()}
    found["cached"] = values.get("Cached", 0) + found["sreclaimable"]
    found["used"] = max(found["total"] - found["free"] - found["buffers"] - found["cached"], 0)
    found["usedPercent"] = _percent(found["used"], found["total"])
    return found


def _host(proc: Path) -> dict[str, Any]:
    release = _release(_text(Path("/etc/os-release")))
    uptime = _text(proc / "uptime").split()
    boot = [line.split()[1] for line in _text(proc / "stat").splitlines() if line.startswith("btime ")]
    processes = sum(1 for each in proc.iterdir() if each.name.isdecimal()) if proc.exists() else 0
    return {
        "hostname": platform.node(),
        "uptime": int(float(uptime[0])) if uptime else 0,
        "bootTime": int(boot[0]) if boot else 0,
        "procs": processes,
        "os": platform.system().lower(),
        "platform": release.get("ID", ""),
        "platformFamily": release.get("ID_LIKE", release.get("ID", "")),
        "platformVersion": release.get("VERSION_ID", ""),
        "kernelVersion": platform.release(),
        "kernelArch": platform.machine(),
        "virtualizationSystem": "",
        "virtualizationRole": "",
        "hostid": _text(proc / "sys/kernel/random/boot_id").strip(),
    }


def _release(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value.strip('"') for name, _, value in lines if value}
