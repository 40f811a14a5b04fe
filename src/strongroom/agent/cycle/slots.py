"""The turns of a group as one document: who holds one, and under which fence.

Pure: every function takes a document and gives another. A holder counts ``beat`` up while it lives. No
clock is shared: whoever waits watches the beats, and calls a holder dead whose beat stood still for the
turn's length by the watcher's own clock, over which it could read without a break.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace


class Slot(Struct, frozen=True):
    """A turn that is taken. ``fence`` is higher than that of every turn before it."""

    fence: int
    beat: int
    turn: float
    """Seconds without a beat after which the holder is dead."""


class Slots(Struct, frozen=True):
    """The document. ``fence`` is the highest given out."""

    fence: int = 0
    held: dict[str, Slot] = field(default_factory=dict)

    def taken(self, member: str, most: int, turn: float) -> Slots | None:
        """With a turn for ``member``; None while all are taken. Its old turn, if any, is void."""
        others = {name: slot for name, slot in self.held.items() if name != member}
        if len(others) >= max(most, 1):
            return None
        fence = self.fence + 1
        return Slots(fence, others | {member: Slot(fence, 0, turn)})

    def beaten(self, member: str, fence: int) -> Slots | None:
        """With a sign of life; None when the turn is lost."""
        slot = self.held.get(member)
        if slot is None or slot.fence != fence:
            return None
        return replace(self, held=self.held | {member: replace(slot, beat=slot.beat + 1)})

    def released(self, member: str, fence: int) -> Slots | None:
        """Without that turn; None when it is lost already."""
        slot = self.held.get(member)
        if slot is None or slot.fence != fence:
            return None
        return self.without({member})

    def without(self, dead: set[str]) -> Slots:
        """Without the turns of the dead."""
        return replace(self, held={name: slot for name, slot in self.held.items() if name not in dead})

    def document(self) -> dict[str, Any]:
        """As it is stored."""
        held = {
            name: {"fence": slot.fence, "beat": slot.beat, "turn": slot.turn}
            for name, slot in self.held.items()
        }
        return {"fence": self.fence, "slots": held}


def parsed(document: Any) -> Slots:
    """The slots in a stored document. What makes no sense is nobody's turn."""
    if not isinstance(document, dict):
        return Slots()
    held, slots = {}, document.get("slots")
    for name, slot in slots.items() if isinstance(slots, dict) else ():
        try:
            held[str(name)] = Slot(int(slot["fence"]), int(slot["beat"]), float(slot["turn"]))
        except (KeyError, TypeError, ValueError):
            continue
    fence = document.get("fence")
    highest = max([slot.fence for slot in held.values()], default=0)
    return Slots(max(int(fence) if isinstance(fence, int) else 0, highest), held)


class Watch:
    """What one watcher has seen of the beats, and for how long."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[Slot, float]] = {}

    def dead(self, slots: Slots, now: float) -> set[str]:
        """Holders whose beat has stood still too long. ``now`` is monotonic."""
        self._seen = {
            name: self._seen[name] if name in self._seen and self._seen[name][0] == slot else (slot, now)
            for name, slot in slots.held.items()
        }
        return {name for name, (slot, since) in self._seen.items() if now - since > slot.turn}

    def lost_sight(self) -> None:
        """The document could not be read: nobody can be called dead for what went unseen."""
        self._seen.clear()
