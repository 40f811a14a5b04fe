"""The log of an agent: to standard error, to a file that is put aside in time, and to syslog."""

from __future__ import annotations

import logging
from pathlib import Path

from strongroom.agent.config import AgentConfig
from strongroom.agent.config.stanza import Syslog
from strongroom.errors import BadRequest
from strongroom.log import Logs, Rotation

_LEVELS = {"notice": "info", "warning": "warn", "err": "error", "": "info"}
DEVICES = ("/dev/log", "/var/run/syslog", "/var/run/log")


def logs_of(config: AgentConfig, name: str = "agent") -> Logs:
    """The log that a configuration asks for; ``name`` is that of its file in a folder.

    Raises BadRequest, OSError.
    """
    logs = Logs(level_of(config), "json" if config.log_format == "json" else "standard")
    logs.to_stream()
    stanza = config.log_file
    if stanza.path:
        path = Path(stanza.path) / f"{name}.log" if stanza.path.endswith("/") else Path(stanza.path)
        rotation = Rotation.configured(
            stanza.log_rotate_bytes, stanza.log_rotate_duration, stanza.log_rotate_max_files
        )
        logs.to_file(path, rotation)
    if config.syslog is not None and config.syslog.wanted:
        logs.to(syslog(config.syslog))
    return logs


def level_of(config: AgentConfig) -> str:
    """The configured level in the words of the log."""
    word = config.log_level.lower()
    return _LEVELS.get(word, word)


def syslog(stanza: Syslog, devices: tuple[str, ...] = DEVICES) -> logging.Handler:
    """An outlet to the machine's syslog daemon. Raises BadRequest, OSError."""
    import logging.handlers  # noqa: PLC0415  few agents need it

    facilities = logging.handlers.SysLogHandler.facility_names
    facility = facilities.get(stanza.facility.lower())
    if facility is None:
        raise BadRequest(f"syslog has no facility {stanza.facility}")
    device = next((each for each in devices if Path(each).is_socket()), "")
    if not device:
        raise BadRequest("syslog: there is no daemon on this machine")
    outlet = logging.handlers.SysLogHandler(device, facility)
    outlet.ident = f"{stanza.name}: "
    return outlet
