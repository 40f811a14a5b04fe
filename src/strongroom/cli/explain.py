"""``explain``: why a request would be allowed or denied."""

from __future__ import annotations

from strongroom.cli.command import Commands, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED
from strongroom.cli.output import print_secret

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

TOKEN = Flag("token", "string", "Ask for this token instead of one's own; - reads it from standard input.")


@commands.add("explain", "PATH OPERATION", flags=(*FIELDED, TOKEN), count=(2, 2))
def explain(session: Session) -> int:
    """Say why OPERATION on PATH would be allowed or denied: which policy, which rule.

    OPERATION is one of create, read, update, patch, delete, list, scan, sudo. Needs a
    server that can tell (Strongroom), and the right to ask for other tokens.

        $ {name} explain secret/data/app read
    """
    path, operation = session.arguments
    body = {"path": path, "operation": operation}
    token = session.flags["token"]
    if token:
        body["token"] = session.terminal.read_all().strip() if token == "-" else token  # noqa: S105 (not a password)
    with doing(f"Error explaining {path}"):
        answer = session.client.write("sys/internal/explain", body, "POST") or {}
    return print_secret(session, answer)
