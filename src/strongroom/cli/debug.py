"""``debug``: what a support case needs, collected over some minutes into one archive."""

from __future__ import annotations

import io
import json
import tarfile
import time
from datetime import UTC, datetime

from strongroom.cli.command import Commands, Failure
from strongroom.cli.flag import Flag
from strongroom.cli.options import HTTP

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

TARGETS = {
    "config": "sys/config/state/sanitized",
    "host": "sys/host-info",
    "metrics": "sys/metrics",
    "replication-status": "sys/replication/status",
    "requests": "sys/in-flight-req",
    "server-status": "sys/health",
}
ONCE = frozenset({"config"})
SHORTEST = 5.0  # seconds between two looks
FLAGS = (
    Flag("compress", "bool", "Write an archive; =false leaves a folder.", default=True),
    Flag("duration", "duration", "How long to collect.", default=120.0, shown="2m"),
    Flag("interval", "duration", "How often to look.", default=30.0, shown="30s"),
    Flag("metrics-interval", "duration", "How often to look at the metrics.", default=10.0, shown="10s"),
    Flag("output", "string", "Where to write. Default: a name with the time, here."),
    Flag("target", "list", f"What to collect: {', '.join(TARGETS)}. May be repeated. Default: all."),
    Flag("log-format", "string", "Accepted for old scripts.", hidden=True),
)


@commands.add("debug", flags=(*HTTP, *FLAGS))
def debug(session: Session) -> int:
    """Collect what a support case needs: settings, state and metrics, over some minutes.

    The archive holds no secrets the API would not show to this token; look through it
    before you pass it on all the same.

        $ {name} debug -duration=1m -interval=10s
    """
    chosen = _chosen(session)
    started = datetime.now(UTC)
    output = session.flags["output"] or f"strongroom-debug-{started:%Y-%m-%dT%H-%M-%SZ}"
    folder = output.removesuffix(".tar.gz")
    duration = max(session.flags["duration"], SHORTEST)
    session.print(f"Collecting {', '.join(chosen)} for {duration:g} seconds.")
    captures, errors = _collect(session, chosen, duration)
    files: dict[str, Any] = {f"{name}.json": found for name, found in captures.items()}
    files["index.json"] = {
        "version": 1,
        "address": session.client.settings.address,
        "timestamp": started.isoformat(),
        "duration_seconds": duration,
        "targets": chosen,
        "errors": errors,
    }
    where = _write(folder, files, compress=session.flags["compress"])
    return session.succeed(f"Bundle written to: {where}")


def _chosen(session: Session) -> list[str]:
    named = [part for entry in session.flags["target"] for part in entry.split(",")]
    unknown = [name for name in named if name not in TARGETS]
    if unknown:
        session.warn(f"Ignoring invalid targets: {', '.join(unknown)}")
    chosen = [name for name in named if name in TARGETS] if named else list(TARGETS)
    if not chosen:
        raise Failure(f"There is nothing to collect. Targets are {', '.join(TARGETS)}.", 1)
    return chosen


def _collect(
    session: Session, chosen: list[str], duration: float
) -> tuple[dict[str, list[Any]], list[dict[str, str]]]:
    """What each look found, by target, and the looks that failed."""
    captures: dict[str, list[Any]] = {name: [] for name in chosen}
    errors: list[dict[str, str]] = []
    now = time.monotonic()
    end = now + duration
    due = dict.fromkeys(chosen, now)
    while due:
        name = min(due, key=lambda target: due[target])
        if due[name] > end:
            break
        time.sleep(max(0.0, due[name] - time.monotonic()))
        _look(session, name, captures[name], errors)
        flag = "metrics-interval" if name == "metrics" else "interval"
        due[name] += max(min(session.flags[flag], duration), SHORTEST)
        if name in ONCE:
            del due[name]
    return captures, errors


def _look(session: Session, name: str, found: list[Any], errors: list[dict[str, str]]) -> None:
    from strongroom.client.error import ClientError  # noqa: PLC0415 (loaded with the client)

    stamp = datetime.now(UTC).isoformat()
    try:
        answer = session.client.read(TARGETS[name])
    except (ClientError, ValueError) as error:
        errors.append({"timestamp": stamp, "target": name, "error": str(error)})
        return
    found.append({"timestamp": stamp, "answer": answer})


def _write(folder: str, files: dict[str, Any], *, compress: bool) -> str:
    import os  # noqa: PLC0415 (already loaded; kept beside its use)

    encoded = {name: json.dumps(content, indent=2).encode() + b"\n" for name, content in files.items()}
    path = f"{folder}.tar.gz" if compress else folder
    try:
        if not compress:
            os.makedirs(folder, mode=0o700)  # noqa: PTH103 (pathlib is slow to import)
            for name, content in encoded.items():
                with open(f"{folder}/{name}", "xb") as file:  # noqa: PTH123 (as above)
                    file.write(content)
            return path
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as archive:
            for name, content in encoded.items():
                member = tarfile.TarInfo(f"{folder.rpartition('/')[2]}/{name}")
                member.size, member.mtime, member.mode = len(content), int(time.time()), 0o600
                archive.addfile(member, io.BytesIO(content))
    except OSError as error:
        raise Failure(f"Error writing {path}: {error.strerror}", 1) from error
    return path
