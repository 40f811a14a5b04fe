"""Files in memory, for libraries that take certificates and keys by path only."""

from __future__ import annotations

import os
import weakref


class MemoryFile:
    """A text that this process can open at ``path``, and that is on no disk; gone with the object.

    It may be read by its owner alone, as libraries want it of private keys. Linux only.
    """

    def __init__(self, text: str) -> None:
        descriptor = os.memfd_create("strongroom", os.MFD_CLOEXEC)
        self._end = weakref.finalize(self, os.close, descriptor)
        os.fchmod(descriptor, 0o600)
        os.write(descriptor, text.encode())
        self.path = f"/proc/self/fd/{descriptor}"

    def close(self) -> None:
        """Let go of the text now."""
        self._end()
