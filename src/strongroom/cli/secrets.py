"""``secrets``: enable, tune, move, list and disable secrets engines."""

from __future__ import annotations

from strongroom.cli.command import Commands, doing
from strongroom.cli.flag import Flag
from strongroom.cli.mount import (
    ENABLED,
    FORCE_NO_CACHE,
    TUNED,
    detailed_table,
    enabling,
    entries,
    mount_path,
    move,
    retuning,
    simple_table,
)
from strongroom.cli.options import FORMATTED, HTTP
from strongroom.cli.output import print_data

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()


@commands.add("secrets enable", "TYPE", flags=(*HTTP, *ENABLED, FORCE_NO_CACHE), count=(1, 1))
def enable(session: Session) -> int:
    """Enable a secrets engine.

    It is mounted at the name of its type unless -path says otherwise.

        $ {name} secrets enable -path=team-a -version=2 kv
    """
    kind = session.arguments[0].strip()
    path = mount_path(session.flags["path"] or session.flags["plugin-name"] or kind)
    with doing("Error enabling"):
        session.client.write(f"sys/mounts/{path.rstrip('/')}", enabling(session, kind), "POST")
    return session.succeed(f"Enabled the {kind} secrets engine at: {path}")


@commands.add("secrets disable", "PATH", flags=HTTP, count=(1, 1))
def disable(session: Session) -> int:
    """Disable the secrets engine at PATH: its leases are revoked, its data deleted. For good.

    $ {name} secrets disable team-a
    """
    path = mount_path(session.arguments[0])
    with doing(f"Error disabling secrets engine at {path}"):
        session.client.delete(f"sys/mounts/{path.rstrip('/')}")
    return session.succeed(f"Disabled the secrets engine (if it existed) at: {path}")


@commands.add("secrets list", flags=(*FORMATTED, Flag("detailed", "bool", "Show settings too.")))
def list_engines(session: Session) -> int:
    """List the enabled secrets engines.

    $ {name} secrets list -detailed
    """
    with doing("Error listing secrets engines"):
        mounts = entries(session.client.read("sys/mounts"))
    if session.format != "table":
        return print_data(session, mounts)
    detailed = session.flags["detailed"]
    session.terminal.page(detailed_table(mounts, methods=False) if detailed else simple_table(mounts))
    return 0


@commands.add("secrets move", "SOURCE DESTINATION", flags=HTTP, count=(2, 2))
def move_engine(session: Session) -> int:
    """Move a secrets engine with its data to another path. Its leases are revoked.

    $ {name} secrets move team-a archive/team-a
    """
    source, target = map(mount_path, session.arguments)
    return move(session, "secrets engine", source, target, "")


@commands.add("secrets tune", "PATH", flags=(*HTTP, *TUNED), count=(1, 1))
def tune(session: Session) -> int:
    """Change settings of the secrets engine at PATH.

    $ {name} secrets tune -default-lease-ttl=72h database
    """
    path = mount_path(session.arguments[0])
    with doing(f"Error tuning secrets engine {path}"):
        session.client.write(f"sys/mounts/{path}tune", retuning(session), "POST")
    return session.succeed(f"Tuned the secrets engine at: {path}")
