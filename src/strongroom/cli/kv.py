"""``kv``: secrets by name, whichever version the mount has."""

from __future__ import annotations

from strongroom.cli.assignment import parse_data
from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.data import deleted, show_listing
from strongroom.cli.flag import Flag
from strongroom.cli.kvpath import locate
from strongroom.cli.options import FIELDED, FORMATTED
from strongroom.cli.output import (
    print_bare,
    print_member,
    print_secret,
    warn,
)
from strongroom.cli.table import title, titled
from strongroom.cli.value import field_text

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

MOUNT = Flag("mount", "string", "Where the engine is mounted; PATH is then relative to it.")
CAS = Flag("cas", "int", "Write only if this is the current version; 0: only if there is none.", default=-1)
VERSION = Flag("version", "int", "The version to read or bring back.")
VERSIONS = Flag("versions", "list", "Versions to act on, separated by commas. May be repeated.")


@commands.add("kv get", "PATH", flags=(*FIELDED, MOUNT, VERSION), count=(1, 1))
def get(session: Session) -> int:
    """Read a secret, the newest version unless told otherwise.

    $ {name} kv get -mount=secret app/database
    $ {name} kv get -mount=secret -field=password -version=2 app/database
    """
    place = locate(session)
    version = session.flags["version"]
    query = {"version": str(version)} if place.versioned and version else {}
    path = place.api("data")
    with doing(f"Error reading {path}"):
        secret = session.client.read(path, query)
    if secret is None:
        raise Failure(f"No value found at {path}")
    if not place.versioned:
        return _show_unversioned(session, secret)
    if session.field:
        return _show_field(session, secret, path)
    if session.format != "table" or secret.get("wrap_info"):
        return print_secret(session, secret)
    return _show_versioned(session, secret, path)


def _show_unversioned(session: Session, secret: dict[str, Any]) -> int:
    if session.field:
        data = secret.get("data") or {}
        return print_bare(session, data) if session.field == "data" else print_member(session, data)
    if session.format != "table" or secret.get("wrap_info"):
        return print_secret(session, secret)
    warn(session, secret)
    session.print(titled("Data", rows_of(secret.get("data") or {})))
    return 0


def _show_field(session: Session, secret: dict[str, Any], path: str) -> int:
    if secret.get("wrap_info"):
        return print_secret(session, secret)
    data = (secret.get("data") or {}).get("data")
    if data is None:
        raise Failure(f"No data found at {path}")
    return (
        print_bare(session, data)
        if session.field == "data" and "data" not in data
        else print_member(session, data)
    )


def _show_versioned(session: Session, secret: dict[str, Any], path: str) -> int:
    warn(session, secret)
    held = secret.get("data") or {}
    session.print(f"{title('Secret Path', len(path))}\n{path}\n")
    if held.get("metadata"):
        session.print(titled("Metadata", rows_of(held["metadata"])) + "\n")
    if held.get("data"):
        session.print(titled("Data", rows_of(held["data"])))
    return 0


def rows_of(data: dict[str, Any]) -> list[tuple[str, str]]:
    """The rows of a table of ``data``."""
    return [(name, field_text(name, data[name])) for name in sorted(data)]


@commands.add("kv put", "PATH [DATA K=V...]", flags=(*FIELDED, MOUNT, CAS), count=(1, None))
def put(session: Session) -> int:
    """Store a secret; on a versioned mount as a new version that replaces the last whole.

    DATA is given as for write: K=V, K=@file, K=- and @file.json.

        $ {name} kv put -mount=secret app/database username=app password=@password.txt
        $ {name} kv put -mount=secret -cas=3 app/database @app.json
    """
    data = _given_data(session)
    place = locate(session)
    body: dict[str, Any] = data
    if place.versioned:
        cas = session.flags["cas"]
        body = {"data": data, "options": {"cas": cas} if cas > -1 else {}}
    path = place.api("data")
    with doing(f"Error writing data to {path}"):
        secret = session.client.write(path, body)
    return _written(session, secret, path)


def _given_data(session: Session) -> dict[str, Any]:
    if len(session.arguments) < 2:
        raise Failure("Must supply data", 1)
    return parse_data(session.arguments[1:], session.terminal)


def _written(session: Session, secret: Any, path: str) -> int:
    if secret is None:
        return session.succeed(f"Data written to: {path}") if session.format == "table" else 0
    if session.field:
        return print_secret(session, secret)
    if session.format != "table" or secret.get("wrap_info"):
        return print_secret(session, secret)
    warn(session, secret)
    session.print(f"{title('Secret Path', len(path))}\n{path}\n")
    session.print(titled("Metadata", rows_of(secret.get("data") or {})))
    return 0


PATCH_FLAGS = (
    Flag("cas", "int", "Write only if this is the current version.", default=0),
    Flag(
        "method",
        "string",
        "patch: merge on the server; rw: read, merge here, write. Default: as the server can.",
    ),
    Flag("remove-data", "list", "Field to remove. May be repeated."),
)


@commands.add("kv patch", "PATH [DATA K=V...]", flags=(*FIELDED, MOUNT, *PATCH_FLAGS), count=(1, None))
def patch(session: Session) -> int:
    """Change fields of a secret and keep the others, as a new version.

    $ {name} kv patch -mount=secret app/database password=-
    $ {name} kv patch -mount=secret -remove-data=hint app/database
    """
    removed = dict.fromkeys(session.flags["remove-data"])
    words = session.arguments[1:]
    if not words and not removed:
        raise Failure("Must supply data", 1)
    data = {**parse_data(words, session.terminal), **removed}
    place = locate(session)
    if not place.versioned:
        raise Failure("K/V engine mount must be version 2 for patch support")
    path = place.api("data")
    return _written(session, _patched(session, path, data), path)


def _patched(session: Session, path: str, data: dict[str, Any]) -> Any:
    from strongroom.client.error import ApiError  # noqa: PLC0415 (loaded with the client)

    method = session.flags["method"] or ""
    if method not in {"", "patch", "rw"}:
        raise Failure(f"Unsupported method provided to -method flag: {method}")
    if method == "rw":
        return _read_then_write(session, path, data)
    cas = session.flags["cas"]
    with doing(f"Error writing data to {path}"):
        try:
            return session.client.patch(path, {"data": data, "options": {"cas": cas} if cas else {}})
        except ApiError as error:
            # A server from before PATCH, or a token without that capability.
            if method == "patch" or error.status not in {403, 405}:
                raise
    return _read_then_write(session, path, data)


def _read_then_write(session: Session, path: str, data: dict[str, Any]) -> Any:
    with doing(f"Error doing pre-read at {path}"):
        current = session.client.read(path)
    held = ((current or {}).get("data") or {}) if current else {}
    if not held.get("data"):
        raise Failure(f"No value found at {path}")
    merged = {**held["data"], **data}
    kept = {name: value for name, value in merged.items() if value is not None}
    cas = session.flags["cas"] or held["metadata"]["version"]
    with doing(f"Error writing data to {path}"):
        return session.client.write(path, {"data": kept, "options": {"cas": cas}})


@commands.add("kv list", "[PATH]", flags=(*FORMATTED, MOUNT), count=(0, 1))
def list_names(session: Session) -> int:
    """List the names below PATH, or with -mount alone all names at the top.

    $ {name} kv list -mount=secret app/
    """
    return _listing(session, "list")


@commands.add("kv scan", "[PATH]", flags=(*FORMATTED, MOUNT), count=(0, 1))
def scan(session: Session) -> int:
    """List the names at all levels below PATH, or with -mount alone all of them.

    $ {name} kv scan -mount=secret app/
    """
    return _listing(session, "scan")


def _listing(session: Session, verb: str) -> int:
    if not session.arguments and not session.flags.get("mount"):
        raise Failure("Not enough arguments (expected 1, got 0)", 1)
    path = locate(session).api("metadata")
    with doing(f"Error {'listing' if verb == 'list' else 'scanning'} {path}"):
        secret = session.client.list(path) if verb == "list" else session.client.scan(path)
    return show_listing(session, secret, path)


@commands.add("kv delete", "PATH", flags=(*FIELDED, MOUNT, VERSIONS), count=(1, 1))
def delete(session: Session) -> int:
    """Delete the newest version of a secret, or those named; they can be undeleted.

    $ {name} kv delete -mount=secret app/database
    $ {name} kv delete -mount=secret -versions=1,2 app/database
    """
    place = locate(session)
    wanted = versions_of(session)
    shown = place.api("data")
    with doing(f"Error deleting {shown}"):
        if place.versioned and wanted:
            secret = session.client.write(place.api("delete"), {"versions": wanted})
        else:
            secret = session.client.delete(shown)
    return deleted(session, shown, secret)


def versions_of(session: Session) -> list[str]:
    """The versions -versions names, as the API takes them."""
    return [part.strip() for entry in session.flags["versions"] for part in entry.split(",") if part.strip()]


@commands.add("kv undelete", "PATH", flags=(*FORMATTED, MOUNT, VERSIONS), count=(1, 1))
def undelete(session: Session) -> int:
    """Bring deleted versions back. Destroyed ones cannot be.

    $ {name} kv undelete -mount=secret -versions=3 app/database
    """
    return _on_versions(session, "undelete")


@commands.add("kv destroy", "PATH", flags=(*FORMATTED, MOUNT, VERSIONS), count=(1, 1))
def destroy(session: Session) -> int:
    """Remove versions for good.

    $ {name} kv destroy -mount=secret -versions=1,2 app/database
    """
    return _on_versions(session, "destroy")


def _on_versions(session: Session, verb: str) -> int:
    wanted = versions_of(session)
    if not wanted:
        raise Failure(f'No versions provided, use the "-versions" flag to specify the version to {verb}.', 1)
    place = locate(session)
    if not place.versioned:
        raise Failure(f"{verb.capitalize()} not supported on KV Version 1", 1)
    path = place.api(verb)
    with doing(f"Error writing data to {path}"):
        secret = session.client.write(path, {"versions": wanted})
    if secret is None:
        return session.succeed(f"Data written to: {path}") if session.format == "table" else 0
    return print_secret(session, secret)


@commands.add("kv rollback", "PATH", flags=(*FORMATTED, MOUNT, VERSION), count=(1, 1))
def rollback(session: Session) -> int:
    """Store an older version again as the newest.

    $ {name} kv rollback -mount=secret -version=2 app/database
    """
    version = session.flags["version"]
    if version is None:
        raise Failure("Version flag must be specified", 1)
    if version <= 0:
        raise Failure(f"Invalid value {version} for the version flag", 1)
    place = locate(session)
    if not place.versioned:
        raise Failure("K/V engine mount must be version 2 for rollback support")
    path = place.api("data")
    current = _version_at(session, path, 0, f"Error doing pre-read at {path}")
    old = _version_at(session, path, version, f"Error reading previous version at {path}")
    if not old.get("data"):
        raise Failure(
            f"Version {version} of {path} has been deleted or destroyed; there is nothing to bring back"
        )
    body = {"data": old["data"], "options": {"cas": current["metadata"]["version"]}}
    with doing(f"Error writing data to {path}"):
        return print_secret(session, session.client.write(path, body) or {})


def _version_at(session: Session, path: str, version: int, trouble: str) -> dict[str, Any]:
    with doing(trouble):
        secret = session.client.read(path, {"version": str(version)} if version else {})
    if not secret or not secret.get("data"):
        raise Failure(f"No value found at {path}")
    held: dict[str, Any] = secret["data"]
    return held


@commands.add("kv enable-versioning", "MOUNT", flags=FORMATTED, count=(1, 1))
def enable_versioning(session: Session) -> int:
    """Turn a mount without versions into one with them.

    $ {name} kv enable-versioning secret
    """
    mount = session.arguments[0].strip("/") + "/"
    with doing(f"Error tuning secrets engine {mount}"):
        session.client.write(f"sys/mounts/{mount}tune", {"options": {"version": "2"}}, "POST")
    return session.succeed(f"Tuned the secrets engine at: {mount}")
