"""``explain``: why a request would be allowed or denied."""

from __future__ import annotations

from strongroom.cli.command import Commands, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import FIELDED
from strongroom.cli.output import print_secret, secret_rows
from strongroom.cli.table import pairs

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from typing import Any

    from strongroom.cli.session import Session

commands = Commands()

ACCESSOR = Flag("accessor", "string", "Ask for the token of this accessor instead.")
TOKEN = Flag("token", "string", "Ask for this token instead of one's own; - reads it from standard input.")


@commands.add("explain", "PATH OPERATION", flags=(*FIELDED, TOKEN, ACCESSOR), count=(2, 2))
def explain(session: Session) -> int:
    """Say why OPERATION on PATH would be allowed or denied: which policy, which rule.

    OPERATION is one of create, read, update, patch, delete, list, scan. Needs a server that
    can tell (Strongroom), and for other tokens than one's own the right to look them up.

        $ {name} explain secret/data/app read
    """
    path, operation = session.arguments
    body = {"path": path, "operation": operation}
    token = session.flags["token"]
    if token:
        body["token"] = session.terminal.read_all().strip() if token == "-" else token
    if session.flags["accessor"]:
        body["accessor"] = session.flags["accessor"]
    with doing(f"Error explaining {path}"):
        answer = session.client.write("sys/internal/explain", body, "POST") or {}
    if session.format == "table" and not session.field:
        return _print_decision(session, answer)
    return print_secret(session, answer)


def _print_decision(session: Session, answer: dict[str, Any]) -> int:
    """The answer in a sentence, then what it rests on; what does not apply is left out."""
    facts = {name: value for name, value in answer["data"].items() if value not in (None, "", [])}
    verdict = "Allowed" if facts.pop("allowed") else "Denied"
    session.print(f"{verdict}: {facts.pop('sentence', facts['reason'])}\n")
    session.print(pairs(secret_rows({"data": facts})))
    return 0
