"""KV: secrets of any shape by path; version 1 keeps the last, version 2 keeps versions."""

from strongroom.secrets.kv.v1 import KV

__all__ = ["KV"]
