"""``namespace``: create, look up, change, lock, seal and delete namespaces."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.data import show_listing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED, FORMATTED, HTTP
from strongroom.cli.output import print_data, print_secret
from strongroom.cli.table import pairs

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

API = "sys/namespaces"
DETAILED = Flag("detailed", "bool", "Show what is known about each, in columns.")
METADATA = Flag("custom-metadata", "map", "Metadata of your own, key=value. May be repeated.")
SEAL = (
    Flag("key-shares", "int", "Seal it by itself: how many shares its key has."),
    Flag("key-threshold", "int", "How many of the shares open it."),
    Flag("pgp-keys", "list", "Files with the public keys to encrypt the shares to."),
    Flag("seal", "string", "File with the seal's configuration."),
)


def _path(session: Session) -> str:
    return session.arguments[0].strip().strip("/")


@commands.add("namespace create", "PATH", flags=(*FIELDED, METADATA, *SEAL), count=(1, 1))
def create(session: Session) -> int:
    """Create a namespace.

    $ {name} namespace create -custom-metadata=team=web web
    """
    body: dict[str, Any] = {"custom_metadata": session.flags["custom-metadata"]}
    if seal := _seal(session):
        body["seal"] = seal
    with doing("Error creating namespace"):
        secret = session.client.write(f"{API}/{_path(session)}", body, "POST")
    return print_secret(session, secret or {})


def _seal(session: Session) -> Any:
    flags = session.flags
    if flags["seal"]:
        from strongroom.cli.assignment import read_file  # noqa: PLC0415 (rare)

        return read_file(flags["seal"])
    if flags["key-shares"] is None and flags["key-threshold"] is None:
        return None
    from strongroom.cli.pgp import public_keys  # noqa: PLC0415 (rare)

    return {
        "secret_shares": flags["key-shares"] or 5,
        "secret_threshold": flags["key-threshold"] or 3,
        **({"pgp_keys": public_keys(flags["pgp-keys"])} if flags["pgp-keys"] else {}),
    }


@commands.add("namespace list", flags=(*FORMATTED, DETAILED))
def list_namespaces(session: Session) -> int:
    """List the namespaces directly below this one."""
    with doing("Error listing namespaces"):
        secret = session.client.list(API)
    return show_listing(session, secret, API, "No namespaces found")


@commands.add("namespace scan", flags=(*FORMATTED, DETAILED))
def scan(session: Session) -> int:
    """List the namespaces at all levels below this one."""
    with doing("Error scanning namespaces"):
        secret = session.client.scan(API)
    return show_listing(session, secret, API, "No namespaces found")


@commands.add("namespace lookup", "PATH", flags=FORMATTED, count=(1, 1))
def lookup(session: Session) -> int:
    """Show what is known about a namespace."""
    with doing("Error looking up namespace"):
        secret = session.client.read(f"{API}/{_path(session)}")
    if secret is None:
        raise Failure("Namespace not found")
    return print_secret(session, secret)


@commands.add(
    "namespace patch",
    "PATH",
    flags=(
        *FIELDED,
        METADATA,
        Flag("remove-custom-metadata", "list", "Custom metadata to remove. May be repeated."),
    ),
    count=(1, 1),
)
def patch(session: Session) -> int:
    """Change the metadata of a namespace and keep the rest.

    $ {name} namespace patch -custom-metadata=team=shop web
    """
    removed = dict.fromkeys(session.flags["remove-custom-metadata"])
    body = {"custom_metadata": {**session.flags["custom-metadata"], **removed}}
    with doing("Error patching namespace"):
        secret = session.client.patch(f"{API}/{_path(session)}", body)
    return print_secret(session, secret or {})


@commands.add("namespace delete", "PATH", flags=HTTP, count=(1, 1))
def delete(session: Session) -> int:
    """Delete a namespace with everything in it. For good."""
    path = _path(session)
    with doing("Error deleting namespace"):
        secret = session.client.delete(f"{API}/{path}")
    if secret and secret.get("warnings"):
        session.print("Requested namespace does not exist")
        return 0
    if secret and (secret.get("data") or {}).get("status"):
        return session.succeed(f"Namespace deletion scheduled: {path}/")
    return session.succeed(f"Namespace deleted (if it existed): {path}/")


@commands.add(
    "namespace delete-sealed", "PATH", flags=(*HTTP, Flag("force", "bool", "Really do it.")), count=(1, 1)
)
def delete_sealed(session: Session) -> int:
    """Delete a sealed namespace without opening it: what it leased cannot be revoked."""
    if not session.flags["force"]:
        raise Failure(
            "Leases in a sealed namespace cannot be revoked any more. Say -force to delete it anyway.", 1
        )
    path = _path(session)
    with doing("Error deleting sealed namespace"):
        session.client.delete(f"{API}/{path}/delete-sealed")
    return session.succeed(f"Namespace deletion scheduled: {path}/")


@commands.add("namespace lock", "[PATH]", flags=FORMATTED, count=(0, 1))
def lock(session: Session) -> int:
    """Close the API of a namespace, of this one without PATH, until it is unlocked."""
    with doing("Error locking namespace"):
        secret = session.client.write(f"{API}/api-lock/lock{_below(session)}")
    if session.format != "table":
        return print_secret(session, secret or {})
    key = ((secret or {}).get("data") or {}).get("unlock_key", "")
    session.print(
        f"Unlock Key: {key}\n\nThe namespace is locked. Keep the unlock key: without it, only a token with\n"
        "sudo can unlock the namespace."
    )
    return 0


@commands.add("namespace unlock", "[PATH]", flags=FORMATTED, count=(0, 1))
def unlock(session: Session) -> int:
    """Open the API of a locked namespace, with -unlock-key or a token that has sudo."""
    key = session.flags["unlock-key"]
    with doing("Error unlocking namespace"):
        session.client.write(f"{API}/api-lock/unlock{_below(session)}", {"unlock_key": key} if key else None)
    session.warn("Namespace unlocked" if key else "Namespace unlocked using sudo capabilities")
    return 0


def _below(session: Session) -> str:
    return f"/{_path(session)}" if session.arguments else ""


@commands.add("namespace seal", "PATH", flags=HTTP, count=(1, 1))
def seal(session: Session) -> int:
    """Seal a namespace that has a seal of its own."""
    path = _path(session)
    with doing("Error sealing"):
        session.client.write(f"{API}/{path}/seal")
    return session.succeed(f'Namespace "{path}" is sealed.')


@commands.add("namespace seal-status", "PATH", flags=FIELDED, count=(1, 1))
def seal_status(session: Session) -> int:
    """Show whether a namespace is sealed. The exit code is 2 when it is."""
    with doing("Error reading seal status"):
        secret = session.client.read(f"{API}/{_path(session)}/seal-status") or {}
    state = secret.get("data") or secret
    return _show_state(session, state)


def _show_state(session: Session, state: dict[str, Any]) -> int:
    from strongroom.cli.status import status_rows  # noqa: PLC0415 (rare)

    if session.flags.get("field"):
        from strongroom.cli.output import print_member  # noqa: PLC0415 (rare)

        return print_member(session, state)
    if session.format == "table":
        session.print(pairs(status_rows(state)))
    else:
        print_data(session, state)
    return 2 if state.get("sealed") else 0


@commands.add(
    "namespace unseal",
    "PATH [KEY]",
    flags=(*FORMATTED, Flag("reset", "bool", "Forget the shares given so far.")),
    count=(1, 2),
)
def unseal(session: Session) -> int:
    """Give one share of a namespace's key; asked for without echo unless given."""
    if session.flags["reset"]:
        body: dict[str, Any] = {"reset": True}
    elif len(session.arguments) > 1:
        body = {"key": session.arguments[1].strip()}
    else:
        refusal = "Refusing to read from stdin with -non-interactive specified; give the key as an argument"
        body = {"key": session.ask_hidden("Unseal Key (will be hidden): ", refusal)}
    with doing("Error unsealing"):
        secret = session.client.write(f"{API}/{_path(session)}/unseal", body) or {}
    _show_state(session, secret.get("data") or secret)
    return 0
