"""``python -m bench.bulk CONFIG KEY COUNT [--ends=TIME]``: put live tokens into a stopped server's storage.

With ``--ends`` all of them end in that moment (seconds since the epoch), under a path of their own.

The rows are those that the API would leave, made by the same code, thousands in a transaction:
a million requests over HTTP would measure something else, and take its time.
"""

from __future__ import annotations

import os
import sys

from strongroom.config.load import load
from strongroom.core import Core
from strongroom.logical import SECOND
from strongroom.seal.quorum import decode_key
from strongroom.server import physical_of, run
from strongroom.token import TokenEntry

CHUNK = 5_000
TTL = 24 * 3_600


async def fill(config_path: str, key: str, count: int, ends: float = 0) -> None:
    """Unseal the storage of a configuration with ``key`` and issue ``count`` tokens."""
    config = load([config_path], os.environ)
    config.audits = ()
    core = Core(config, physical_of(config.storage))
    await core.start()
    await core.lifecycle.submit(decode_key(key))
    for start in range(0, count, CHUNK):
        request = core.internal_request()
        for number in range(start, min(start + CHUNK, count)):
            expires = int(ends * SECOND) if ends else request.now + number + TTL * SECOND
            path = "bench/login" if ends else "token/create"
            core.tokens.issue(request, _entry(expires, request.now, path))
        await core.store.commit(request.tx)
    await core.stop()


def _entry(expires: int, now: int, path: str) -> TokenEntry:
    return TokenEntry(
        key="",
        accessor="",
        policies=["bench", "default"],
        path=f"auth/{path}",
        display_name="token",
        creation_time=now,
        ttl=TTL,
        expire_time=expires,
    )


def main(arguments: list[str]) -> None:
    config_path, key, count, *rest = arguments
    ends = rest[0].removeprefix("--ends=") if rest else "0"
    run(fill(config_path, key, int(count), float(ends)))


if __name__ == "__main__":
    main(sys.argv[1:])
