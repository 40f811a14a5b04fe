"""The HTTP/1.1 listener: sockets, TLS and limits; bytes in, messages out."""

from __future__ import annotations

from strongroom.listener.config import ListenerConfig
from strongroom.listener.listener import Counters, Listener, listening_socket

__all__ = ["Counters", "Listener", "ListenerConfig", "listening_socket"]
