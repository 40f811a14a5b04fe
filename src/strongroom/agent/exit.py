"""How the process ends."""

from __future__ import annotations

from strongroom.errors import StrongroomError


class Exit(StrongroomError):
    """Ends the process with a code; the sentence, if any, is told first."""

    def __init__(self, code: int, sentence: str = "") -> None:
        super().__init__(sentence)
        self.code = code
