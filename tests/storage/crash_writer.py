"""A process that writes until it is killed, and the check of what it leaves behind.

Run as ``python -m tests.storage.crash_writer KIND PATH``. Batch number n sets every row ``k/*`` to n,
replaces the folder ``r/`` by the one row ``r/n``, and adds rows that make the files grow. When the
commit has returned, and not before, n is written to standard output.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from strongroom.storage.registry import open_storage
from strongroom.storage.store import Store

KEYS = [f"k/{number:02}" for number in range(20)] + ["k/" + "long" * 200]


async def last_batch(kind: str, path: Path) -> int:
    """The number of the newest batch found; asserts that it is there whole, and alone."""
    physical = open_storage(kind, {"path": str(path)})
    store = Store(physical)
    await store.open()
    with closing(physical.snapshot()) as snapshot:
        numbers = {await snapshot.get(key) for key in KEYS}
        assert len(numbers) == 1, "a batch is there in part"
        number = int(numbers.pop() or b"0")
        assert await snapshot.list("r/") == ([str(number)] if number else [])
        assert await snapshot.scan("g/") == [f"{batch:09}" for batch in range(1, number + 1)]
    assert store.index == number
    await store.close()
    return number


async def write_for_ever(kind: str, path: Path) -> None:
    store = Store(open_storage(kind, {"path": str(path)}))
    await store.open()
    number = store.index
    while True:
        number += 1
        tx = store.begin(write=True)
        tx.delete_prefix("r/")
        tx.put(f"r/{number}", b"")
        tx.put(f"g/{number:09}", os.urandom(3_000))
        for key in KEYS:
            tx.put(key, str(number).encode())
        await store.commit(tx)
        os.write(1, f"{number}\n".encode())


def start(kind: str, path: Path) -> subprocess.Popen[bytes]:
    """The writing process; its standard output acknowledges batches."""
    command = [sys.executable, "-m", "tests.storage.crash_writer", kind, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])


if __name__ == "__main__":
    asyncio.run(write_for_ever(sys.argv[1], Path(sys.argv[2])))
