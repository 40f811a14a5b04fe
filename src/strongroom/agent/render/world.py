"""The world as templates see it: this machine, and what the agent holds."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from strongroom.agent.render.supply import Supply
from strongroom.template import UNKNOWN, Dependency, FileContent, FunctionError, Interface, World

_ADDRESS, _NETMASK, _FLAGS = 0x8915, 0x891B, 0x8913  # SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFFLAGS
_WORDS = {0x1: "up", 0x2: "broadcast", 0x8: "loopback", 0x10: "pointtopoint", 0x1000: "multicast"}
PLUGIN_TIMEOUT = 30.0
_LARGEST = 16 << 20


class Machine(World):
    """What a template's functions reach."""

    def __init__(self, supply: Supply) -> None:
        self._supply = supply

    def recall(self, dependency: Dependency) -> Any:
        if isinstance(dependency, FileContent):
            return _content(Path(dependency.path))
        return self._supply.recall(dependency)

    def resolved(self, path: str) -> str:
        try:
            return os.path.realpath(path)  # Path.resolve fails where links go in circles
        except ValueError:
            raise FunctionError("the path is none") from None

    def environment(self) -> Mapping[str, str]:
        return os.environ

    def now(self) -> datetime:
        return datetime.now().astimezone()

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    def interfaces(self) -> Sequence[Interface]:
        return sorted(_interfaces(), key=lambda each: each.name != _default_route())

    def addresses(self, name: str) -> Sequence[str]:
        try:
            found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return ()
        return list(dict.fromkeys(str(each[4][0]) for each in found))

    def plugin(self, name: str, arguments: Sequence[str]) -> str:
        try:
            done = subprocess.run(  # noqa: S603  the template's author names the program
                [name, *arguments],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=PLUGIN_TIMEOUT, check=False,
            )  # fmt: skip
        except OSError as error:
            raise FunctionError(f"plugin {name} cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise FunctionError(f"plugin {name} did not end within {PLUGIN_TIMEOUT:g} seconds") from None
        if done.returncode:
            raise FunctionError(f"plugin {name} ended with code {done.returncode}")
        return done.stdout.decode("utf-8", "surrogateescape")


def _content(path: Path) -> Any:
    """The text of a file; UNKNOWN while it is not there. Raises FunctionError."""
    try:
        if path.stat().st_size > _LARGEST:
            raise FunctionError(f"{path} is larger than {_LARGEST} bytes")
        return path.read_text("utf-8", "surrogateescape")
    except OSError:
        return UNKNOWN
    except ValueError:  # a zero byte
        raise FunctionError("the path is none") from None


def _interfaces() -> list[Interface]:
    """The IPv4 addresses of the interfaces that are there."""
    found = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            try:
                address = socket.inet_ntoa(fcntl.ioctl(probe, _ADDRESS, request)[20:24])
                mask = socket.inet_ntoa(fcntl.ioctl(probe, _NETMASK, request)[20:24])
                bits = struct.unpack("H", fcntl.ioctl(probe, _FLAGS, request)[16:18])[0]
            except OSError:
                continue
            flags = frozenset(word for bit, word in _WORDS.items() if bits & bit)
            found.append(Interface(name, address, IPv4Network(f"0.0.0.0/{mask}").prefixlen, flags))
    return found


def _default_route() -> str:
    try:
        lines = Path("/proc/net/route").read_text("ascii").splitlines()[1:]
    except OSError:
        return ""
    rows = [line.split() for line in lines]
    return next((row[0] for row in rows if len(row) > 1 and row[1] == "00000000"), "")
