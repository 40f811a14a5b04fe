"""Unsealing by hand: shares come in, one request each, until they make the key."""

from __future__ import annotations

from strongroom.seal.quorum import Quorum


class UnsealProgress:
    """The attempt under way, if any. Lives in memory only, as the shares it holds must."""

    def __init__(self) -> None:
        self._quorum: Quorum | None = None

    @property
    def progress(self) -> int:
        """How many shares are in."""
        return self._quorum.progress if self._quorum else 0

    @property
    def nonce(self) -> str:
        """Names the attempt; empty when there is none."""
        return self._quorum.nonce if self._quorum else ""

    def reset(self) -> None:
        """Forget the attempt."""
        self._quorum = None

    def submit(self, share: bytes, threshold: int) -> bytes | None:
        """Take a share; the combined key once ``threshold`` are in, else None.

        A share that is in already changes nothing. Reaching the threshold ends the attempt, whether
        the key proves right or not. Raises BadRequest for a share of impossible length (the attempt
        goes on) or shares that do not belong together (the attempt ends).
        """
        quorum = self._quorum or Quorum(threshold)
        if quorum.has(share):
            return None
        quorum = quorum.add(share)
        if not quorum.complete:
            self._quorum = quorum
            return None
        self._quorum = None
        return quorum.combined()
