from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strongroom.framework.backend import Backend
from strongroom.framework.record import stored
from tests.inprocess import InProcess, inprocess


@dataclass
class Box:
    size: int = 1
    tags: list[str] = field(default_factory=list)
    note: str = ""


class Store(Backend):
    """Boxes."""

    boxes = stored(Box, under="box/")


def test_records_are_rows_under_their_prefix() -> None:
    async def scenario(api: InProcess) -> None:
        tx = api.core.store.begin(write=True)
        view = api.core.view(tx, "logical/x/")
        boxes = Store.boxes.within(view)
        assert await boxes.get("a") is None
        boxes.put("a", Box(3, ["x"]))
        boxes.put("b/c", Box())
        assert await boxes.get("a") == Box(3, ["x"])
        assert await boxes.list() == ["a", "b/"]
        assert await boxes.list(limit=1) == ["a"]
        assert await boxes.list(after="a") == ["b/"]
        assert await boxes.list("b/") == ["c"]
        assert await boxes.scan() == ["a", "b/c"]
        assert await view.scan() == ["box/a", "box/b/c"]
        boxes.delete("a")
        boxes.delete("never")
        assert await boxes.get("a") is None
        tx.close()

    inprocess(scenario)


def test_a_row_of_an_older_form_still_reads() -> None:
    async def scenario(api: InProcess) -> None:
        tx = api.core.store.begin(write=True)
        view = api.core.view(tx, "logical/x/")
        view.put("box/old", b'{"size": 4, "gone": true}')
        found: Any = await Store.boxes.within(view).get("old")
        assert found == Box(4)
        tx.close()

    inprocess(scenario)
