"""``kv metadata``: what is kept about a versioned secret besides its values."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.data import deleted
from strongroom.cli.flag import Flag
from strongroom.cli.kv import MOUNT, rows_of
from strongroom.cli.kvpath import Location, locate
from strongroom.cli.options import FORMATTED
from strongroom.cli.output import envelope, print_data, print_secret
from strongroom.cli.table import title, titled

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()


def _metadata_place(session: Session) -> Location:
    place = locate(session)
    if not place.versioned:
        raise Failure("Metadata not supported on KV Version 1", 1)
    return place


@commands.add("kv metadata get", "PATH", flags=(*FORMATTED, MOUNT), count=(1, 1))
def metadata_get(session: Session) -> int:
    """Show what is kept about a secret: settings, metadata, and its versions.

    $ {name} kv metadata get -mount=secret app/database
    """
    path = _metadata_place(session).api("metadata")
    with doing(f"Error reading {path}"):
        secret = session.client.read(path)
    if secret is None:
        raise Failure(f"No value found at {path}")
    if session.format != "table":
        return print_data(session, envelope(secret))
    data = dict(secret.get("data") or {})
    versions = data.pop("versions", None) or {}
    session.print(f"{title('Metadata Path', len(path))}\n{path}\n")
    session.print(titled("Metadata", rows_of(data)))
    for number in sorted(versions, key=int):
        session.print("\n" + titled(f"Version {number}", rows_of(versions[number])))
    return 0


METADATA_FLAGS = (
    Flag("cas-required", "optbool", "Whether every write must name the current version."),
    Flag("custom-metadata", "map", "Metadata of your own, key=value. May be repeated."),
    Flag("delete-version-after", "duration", "Delete a version this long after it was written."),
    Flag("max-versions", "int", "How many versions to keep; 0: as the mount says.", default=-1),
)


@commands.add("kv metadata put", "PATH", flags=(*FORMATTED, MOUNT, *METADATA_FLAGS), count=(1, 1))
def metadata_put(session: Session) -> int:
    """Set what is kept about a secret; custom metadata is replaced whole.

    $ {name} kv metadata put -mount=secret -custom-metadata=owner=web -max-versions=5 app/database
    """
    path = _metadata_place(session).api("metadata")
    with doing(f"Error writing data to {path}"):
        secret = session.client.write(path, _metadata_wishes(session))
    return _metadata_written(session, secret, path)


@commands.add(
    "kv metadata patch",
    "PATH",
    flags=(
        *FORMATTED, MOUNT, *METADATA_FLAGS,
        Flag("remove-custom-metadata", "list", "Custom metadata to remove. May be repeated."),
    ),
    count=(1, 1),
)  # fmt: skip
def metadata_patch(session: Session) -> int:
    """Change parts of what is kept about a secret.

    $ {name} kv metadata patch -mount=secret -remove-custom-metadata=owner app/database
    """
    path = _metadata_place(session).api("metadata")
    body = _metadata_wishes(session)
    if removed := session.flags["remove-custom-metadata"]:
        body["custom_metadata"] = {**body.get("custom_metadata", {}), **dict.fromkeys(removed)}
    with doing(f"Error writing data to {path}"):
        secret = session.client.patch(path, body)
    return _metadata_written(session, secret, path)


def _metadata_written(session: Session, secret: Any, path: str) -> int:
    if secret is None:
        return session.succeed(f"Data written to: {path}") if session.format == "table" else 0
    return print_secret(session, secret)


def _metadata_wishes(session: Session) -> dict[str, Any]:
    from strongroom.cli.value import go_duration  # noqa: PLC0415 (beside its use)

    flags = session.flags
    wishes: dict[str, Any] = {}
    if flags["max-versions"] >= 0:
        wishes["max_versions"] = flags["max-versions"]
    if flags["cas-required"] is not None:
        wishes["cas_required"] = flags["cas-required"]
    if flags["delete-version-after"] is not None and flags["delete-version-after"] >= 0:
        wishes["delete_version_after"] = go_duration(flags["delete-version-after"])
    if flags["custom-metadata"]:
        wishes["custom_metadata"] = flags["custom-metadata"]
    return wishes


@commands.add("kv metadata delete", "PATH", flags=(*FORMATTED, MOUNT), count=(1, 1))
def metadata_delete(session: Session) -> int:
    """Delete a secret with all its versions and everything kept about it. For good.

    $ {name} kv metadata delete -mount=secret app/database
    """
    path = _metadata_place(session).api("metadata")
    with doing(f"Error deleting {path}"):
        secret = session.client.delete(path)
    return deleted(session, path, secret)
