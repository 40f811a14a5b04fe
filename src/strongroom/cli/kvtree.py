"""``kv tree``, ``kv search`` and ``kv diff``: to find one's way among many secrets."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.kv import MOUNT
from strongroom.cli.kvpath import locate
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import print_data, print_keys
from strongroom.cli.value import plain

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from strongroom.cli.kvpath import Location
    from strongroom.cli.session import Session

commands = Commands()

DEEPEST = 64  # levels; a listing that goes deeper goes in circles


@commands.add("kv tree", "PATH", flags=(*FORMATTED, MOUNT), count=(1, 1))
def tree(session: Session) -> int:
    """Show the names at all levels below PATH as a tree.

    Branches the token may not list are marked, and not gone into.

        $ {name} kv tree -mount=secret app/
    """
    place = locate(session)
    grown = grow(session, place.api("metadata"), DEEPEST)
    if session.format != "table":
        return print_data(session, grown)
    session.terminal.page("\n".join([f"{place.mount}{place.key}".rstrip("/") + "/", *drawn(grown)]))
    return 0


def grow(session: Session, path: str, depth: int) -> dict[str, Any]:
    """What lies below ``path``: leaves are None, branches not to be listed False."""
    with doing(f"Error listing {path}"):
        answer = session.client.list(path)
    if answer is None:
        raise Failure(f"No value found at {path}")
    return _grown(session, path, (answer.get("data") or {}).get("keys") or [], depth)


def _grown(session: Session, path: str, keys: list[str], depth: int) -> dict[str, Any]:
    from strongroom.client.error import ApiError  # noqa: PLC0415 (loaded with the client)

    below: dict[str, Any] = {}
    for key in keys:
        below[key] = None
        if not key.endswith("/") or depth == 0:
            continue
        inner = f"{path}/{key.rstrip('/')}"
        try:
            answer = session.client.list(inner) or {}
        except ApiError as error:
            if error.status != 403:
                raise Failure(f"Error listing {inner}: {error}") from error
            below[key] = False
        else:
            below[key] = _grown(session, inner, (answer.get("data") or {}).get("keys") or [], depth - 1)
    return below


def drawn(below: dict[str, Any], indent: str = "") -> Iterator[str]:
    """The lines of a tree."""
    for position, (name, inner) in enumerate(below.items()):
        last = position == len(below) - 1
        yield f"{indent}{'└── ' if last else '├── '}{name}{' (not allowed)' if inner is False else ''}"
        if inner:
            yield from drawn(inner, indent + ("    " if last else "│   "))


@commands.add("kv search", "PATH TEXT", flags=(*FORMATTED, MOUNT), count=(2, 2))
def search(session: Session) -> int:
    """List the names below PATH that contain TEXT. Only names are looked at, never values.

    Exit code 2 when there is none.

        $ {name} kv search -mount=secret app/ database
    """
    place = locate(session)
    wanted = session.arguments[1].lower()
    found = [
        f"{_shown(place)}{name}"
        for name in leaves(grow(session, place.api("metadata"), DEEPEST))
        if wanted in name.lower()
    ]
    if not found:
        raise Failure(f'No name below {place.mount}{place.key} contains "{session.arguments[1]}"')
    return print_keys(session, found)


def _shown(place: Location) -> str:
    return f"{place.mount}{place.key}/" if place.key else place.mount


def leaves(below: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The full names in a tree, branches left out."""
    for name, inner in below.items():
        if inner:
            yield from leaves(inner, prefix + name)
        elif inner is None and not name.endswith("/"):
            yield prefix + name


VALUES = Flag("show-values", "bool", "Show the values too, not only which fields differ.")
FROM = Flag("from", "int", "The older version. Default: the one before the newer.")
TO = Flag("to", "int", "The newer version. Default: the current one.")


@commands.add("kv diff", "PATH", flags=(*FORMATTED, MOUNT, FROM, TO, VALUES), count=(1, 1))
def diff(session: Session) -> int:
    """Show which fields two versions of a secret differ in: + added, - removed, ~ changed.

    $ {name} kv diff -mount=secret -from=2 -to=5 app/database
    """
    place = locate(session)
    if not place.versioned:
        raise Failure("K/V engine mount must be version 2 to have versions", 1)
    path = place.api("data")
    newer = _held(session, path, session.flags["to"] or 0)
    after = newer["metadata"]["version"]
    before = after - 1 if session.flags["from"] is None else session.flags["from"]
    older = _held(session, path, before) if before > 0 else {"data": {}}
    changes = compare(older.get("data") or {}, newer.get("data") or {})
    if not session.flags["show-values"]:
        changes = {kind: dict.fromkeys(fields) for kind, fields in changes.items()}
    if session.format != "table":
        listed = {k: v if session.flags["show-values"] else list(v) for k, v in changes.items()}
        return print_data(session, {"from": before, "to": after, **listed})
    session.print(f"{path}, version {before} to {after}")
    for line in _lines(changes):
        session.print(line)
    return 0


def _held(session: Session, path: str, version: int) -> dict[str, Any]:
    with doing(f"Error reading {path}"):
        answer = session.client.read(path, {"version": str(version)} if version else {})
    if not answer or not answer.get("data"):
        raise Failure(f"No value found at {path}" + (f", version {version}" if version else ""))
    held: dict[str, Any] = answer["data"]
    return held


def compare(older: dict[str, Any], newer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The fields that were added, removed and changed; changed ones as [before, after]."""
    return {
        "added": {name: newer[name] for name in sorted(newer.keys() - older.keys())},
        "removed": {name: older[name] for name in sorted(older.keys() - newer.keys())},
        "changed": {
            name: [older[name], newer[name]]
            for name in sorted(older.keys() & newer.keys())
            if older[name] != newer[name]
        },
    }


def _lines(changes: dict[str, dict[str, Any]]) -> Iterator[str]:
    for kind, sign in (("added", "+"), ("removed", "-"), ("changed", "~")):
        for name, value in changes[kind].items():
            shown = "" if value is None else f": {plain(value)}"
            if kind == "changed" and value is not None:
                shown = f": {plain(value[0])} -> {plain(value[1])}"
            yield f"  {sign} {name}{shown}"
    if not any(changes.values()):
        yield "  no difference"
