"""``monitor``: the server's log, as it is written."""

from __future__ import annotations

from strongroom.cli.command import Commands, Failure, doing
from strongroom.cli.flag import Flag
from strongroom.cli.options import HTTP

TYPE_CHECKING = False  # see flag.py
if TYPE_CHECKING:
    from strongroom.cli.session import Session

commands = Commands()

LEVELS = ("trace", "debug", "info", "warn", "error")
FLAGS = (
    Flag("log-level", "string", "trace, debug, info, warn or error.", default="info"),
    Flag("log-format", "string", "standard or json.", default="standard"),
)


@commands.add("monitor", flags=(*HTTP, *FLAGS))
def monitor(session: Session) -> int:
    """Follow the server's log until interrupted, at a level of one's own.

    $ {name} monitor -log-level=debug
    """
    from strongroom.client.request import Request  # noqa: PLC0415 (loaded with the client)

    level, form = session.flags["log-level"].lower(), session.flags["log-format"].lower()
    if level not in LEVELS:
        raise Failure(f"{level} is an unknown log level. Valid log levels are: [{' '.join(LEVELS)}]", 1)
    if form not in {"standard", "json"}:
        raise Failure(f"{form} is an unknown log format. Valid log formats are: [standard json]", 1)
    query = {"log_level": level, "log_format": form}
    with doing("Error starting monitor"):
        # Nothing may be logged for a long while, and that is no failure.
        session.client.settings.timeout = 3600.0
        answer = session.client.stream(Request("GET", "sys/monitor", query=query))
    try:
        while line := answer.readline():
            session.print(line.decode(errors="replace").rstrip("\n"))
            session.terminal.stdout.flush()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        raise Failure(f"Error reading the log: {error}") from error
    return 0
