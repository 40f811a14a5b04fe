"""Metrics pushed to statsd, dogstatsd and statsite: one packet's worth of lines at a time."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from strongroom.metrics.registry import Counter, Labels, Metrics

Protocol = Literal["statsd", "dogstatsd", "statsite"]

MAX_PACKET = 1_400
"""Bytes of one datagram: what passes an Ethernet without fragments."""

_RESERVED = re.compile(r"[:|@#,\s]")
_TIMEOUT = 2.0


def lines(metrics: Metrics, protocol: Protocol, tags: Iterable[str] = ()) -> Iterator[str]:
    """The gauges as they are, and what the last closed interval counted and timed.

    A timing is one line with its mean and the rate that gives the number of values back.
    """
    tags = tuple(tags)
    for point in metrics.points():
        yield _line(protocol, f"{metrics.prefix}.{point.name}", point.labels, f"{point.value:.6g}|g", tags)
    for series in metrics.series():
        window = series.last
        if not window.count:
            continue
        name = f"{metrics.prefix}.{series.name}"
        if isinstance(series, Counter):
            yield _line(protocol, name, series.labels, f"{window.total:.6g}|c", tags)
        else:
            rate = "" if protocol == "statsite" else f"|@{1 / window.count:.6g}"
            yield _line(protocol, name, series.labels, f"{window.mean:.6g}|ms{rate}", tags)


def _line(protocol: Protocol, name: str, labels: Labels, value: str, tags: tuple[str, ...]) -> str:
    if protocol != "dogstatsd":  # no labels there: their values become parts of the name
        return ".".join([_word(name), *(_word(text) for _, text in labels)]) + f":{value}"
    words = [*(_tag(tag) for tag in tags), *(f"{_word(key)}:{_word(text)}" for key, text in labels)]
    return f"{_word(name)}:{value}" + (f"|#{','.join(words)}" if words else "")


def _word(text: str) -> str:
    return _RESERVED.sub("_", text)


def _tag(text: str) -> str:
    key, colon, value = text.partition(":")
    return _word(key) + colon + _word(value)


def packets(text: Iterable[str], size: int = MAX_PACKET) -> Iterator[bytes]:
    """Lines put together, each packet at most ``size`` bytes unless a single line is longer."""
    packet = b""
    for line in text:
        more = line.encode() + b"\n"
        if packet and len(packet) + len(more) > size:
            yield packet
            packet = b""
        packet += more
    if packet:
        yield packet


@dataclass(frozen=True, slots=True)
class Push:
    """One receiver: ``address`` is ``host:port``, ``tags`` are for dogstatsd.

    ``flush`` blocks for at most a few seconds; the server calls it in a thread once per interval.
    """

    protocol: Protocol
    address: str
    tags: tuple[str, ...] = ()

    def flush(self, metrics: Metrics) -> None:
        """Send the last closed interval: statsite over TCP, the others over UDP. Raises OSError."""
        host, _, port = self.address.rpartition(":")
        where = (host.strip("[]") or "127.0.0.1", int(port))
        text = lines(metrics, self.protocol, self.tags)
        if self.protocol == "statsite":
            with socket.create_connection(where, _TIMEOUT) as connection:
                for packet in packets(text):
                    connection.sendall(packet)
            return
        family, kind, number, _, found = socket.getaddrinfo(*where, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, number) as datagrams:
            for packet in packets(text):
                datagrams.sendto(packet, found)
