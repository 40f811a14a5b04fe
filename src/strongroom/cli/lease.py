"""``lease``: look up, renew and revoke leases."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_secret
from strongroom.cli.value import go_duration

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

INCREMENT = Flag(
    "increment", "duration", "How much longer it should live. The server may give less.", aliases=("i",)
)
REVOCATION = (
    Flag(
        "force",
        "bool",
        "Forget the leases even if the engine cannot undo them. Needs -prefix.",
        aliases=("f",),
    ),
    Flag("prefix", "bool", "ID is the beginning of many leases' IDs."),
    Flag("sync", "bool", "Wait until it is done, and fail if it cannot be."),
)


@commands.add("lease lookup", "ID", flags=FORMATTED, count=(0, 1))
def lookup(session: Session) -> int:
    """Show what is known about a lease.

    $ {name} lease lookup database/creds/readonly/2f6a614c
    """
    if not session.arguments:
        raise Failure("Missing ID!", 1)
    lease = session.arguments[0]
    with doing(f"error looking up lease id {lease}"):
        secret = session.client.write("sys/leases/lookup", {"lease_id": lease})
    return print_secret(session, secret or {})


@commands.add("lease renew", "ID", flags=(*FORMATTED, INCREMENT), count=(1, 1))
def renew(session: Session) -> int:
    """Let what a lease stands for live longer.

    $ {name} lease renew -increment=1h database/creds/readonly/2f6a614c
    """
    lease = session.arguments[0].strip()
    increment = session.flags["increment"]
    body = {"lease_id": lease, **({"increment": go_duration(increment)} if increment else {})}
    with doing(f"Error renewing {lease}"):
        secret = session.client.write("sys/leases/renew", body)
    return print_secret(session, secret or {})


@commands.add("lease revoke", "ID", flags=(*HTTP, *REVOCATION), count=(1, 1))
def revoke(session: Session) -> int:
    """End a lease now, and with it what it stands for.

    The server does it in the background and tries again when it fails, unless -sync.

        $ {name} lease revoke database/creds/readonly/2f6a614c
        $ {name} lease revoke -prefix database/creds/readonly
    """
    lease = session.arguments[0].strip().strip("/")
    prefix, force, sync = (session.flags[name] for name in ("prefix", "force", "sync"))
    if force and not prefix:
        raise Failure("Specifying -force requires also specifying -prefix", 1)
    if force:
        session.warn("Warning! What forced leases stand for may live on where the engine cannot reach it.")
        with doing(f"Error force revoking leases with prefix {lease}"):
            session.client.write(f"sys/leases/revoke-force/{lease}")
        return session.succeed(f"Force revoked any leases with prefix: {lease}")
    return _revoke(session, lease, prefix=prefix, sync=sync)


def _revoke(session: Session, lease: str, *, prefix: bool, sync: bool) -> int:
    where = f"revoke-prefix/{lease}" if prefix else f"revoke/{lease}"
    trouble = f"Error revoking leases with prefix {lease}" if prefix else f"Error revoking lease {lease}"
    with doing(trouble):
        session.client.write(f"sys/leases/{where}", {"sync": sync})
    if not sync:
        session.print("All revocation operations queued successfully!")
        return 0
    return session.succeed(
        f"Revoked any leases with prefix: {lease}" if prefix else f"Revoked lease: {lease}"
    )
