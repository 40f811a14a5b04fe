"""``lease``: look up, renew and revoke leases."""

from __future__ import annotations

from collections import Counter

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_secret
from strongroom.cli.table import table
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

REPORT = (
    Flag("by", "string", "Count by mount, role or entity.", default="mount"),
    Flag("top", "int", "Show only so many of the largest; 0 for all.", default=20),
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


@commands.add("lease report", "[PREFIX]", flags=(*FORMATTED, *REPORT), count=(0, 1))
def report(session: Session) -> int:
    """Show who makes the leases there are, the largest first.

    The server counts for a second at a time, so that it goes on serving; this adds up. PREFIX has only
    leases counted whose IDs begin so. Needs a server that can tell (Strongroom), and sudo.

        $ {name} lease report -by=role database/
    """
    query = {"by": session.flags["by"], "top": "0", "after": ""}
    query["prefix"] = session.arguments[0] if session.arguments else ""
    counts: Counter[str] = Counter()
    complete = False
    while not complete:
        with doing("Error counting leases"):
            answer = session.client.read("sys/internal/leases/report", query) or {}
        data = answer["data"]
        counts.update({one["name"]: one["leases"] for one in data["counts"]})
        complete, query["after"] = data["complete"], data["after"]
    largest = counts.most_common(session.flags["top"] or None)
    if session.format != "table":
        found = [{"name": name, "leases": count} for name, count in largest]
        return print_secret(session, {"data": {"counts": found, "lease_count": counts.total()}})
    rows = [(str(count), name or "none") for name, count in largest]
    session.print(table(("Leases", session.flags["by"].capitalize()), rows))
    session.print(f"\n{counts.total()} in all")
    return 0
