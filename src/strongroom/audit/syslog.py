"""Lines sent to the machine's syslog daemon, framed as RFC 3164 has it."""

from __future__ import annotations

import os
import socket
from errno import EPROTOTYPE
from time import localtime, strftime

from strongroom.audit.socket import Endpoint, SocketSink
from strongroom.errors import BadRequest

DEVICES = ("/dev/log", "/var/run/syslog", "/var/run/log")
_SEVERITY = 6  # informational
FACILITIES = {
    "KERN": 0,
    "USER": 1,
    "MAIL": 2,
    "DAEMON": 3,
    "AUTH": 4,
    "SYSLOG": 5,
    "LPR": 6,
    "NEWS": 7,
    "UUCP": 8,
    "CRON": 9,
    "AUTHPRIV": 10,
    "FTP": 11,
} | {f"LOCAL{number}": 16 + number for number in range(8)}
"""RFC 3164, 4.1.1."""


def syslog_sink(facility: str, tag: str, devices: tuple[str, ...] = DEVICES) -> SocketSink:
    """A sink for the daemon at the first of ``devices``, Unix sockets, that answers.

    Raises BadRequest when there is no such ``facility``.
    """
    if facility.upper() not in FACILITIES:
        raise BadRequest(f"invalid syslog facility: {facility}")
    priority = FACILITIES[facility.upper()] * 8 + _SEVERITY

    def frame(line: bytes) -> bytes:
        header = f"<{priority}>{strftime('%b %e %H:%M:%S', localtime())} {tag}[{os.getpid()}]: "
        return header.encode() + line

    return SocketSink(lambda timeout: _connect(devices, timeout), frame=frame)


def _connect(devices: tuple[str, ...], timeout: float) -> socket.socket:
    failure: OSError = FileNotFoundError("Unix syslog delivery error")
    for device in devices:
        for network in ("unixgram", "unix"):
            try:
                return Endpoint(network, device).connect(timeout)
            except FileNotFoundError:
                break
            except OSError as error:
                failure = error
                if error.errno != EPROTOTYPE:  # the daemon is there, but speaks the other kind
                    break
    raise failure
