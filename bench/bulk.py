"""``python -m bench.bulk CONFIG KEY COUNT``: put live tokens into a stopped server's storage.

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


async def fill(config_path: str, key: str, count: int) -> None:
    """Unseal the storage of a configuration with ``key`` and issue ``count`` tokens."""
    config = load([config_path], os.environ)
    config.audits = ()
    core = Core(config, physical_of(config.storage))
    await core.start()
    await core.lifecycle.submit(decode_key(key))
    for start in range(0, count, CHUNK):
        request = core.internal_request()
        for number in range(start, min(start + CHUNK, count)):
            core.tokens.issue(request, _entry(request.now + number, request.now))
        await core.store.commit(request.tx)
    await core.stop()


def _entry(created: int, now: int) -> TokenEntry:
    return TokenEntry(
        key="",
        accessor="",
        policies=["bench", "default"],
        path="auth/token/create",
        display_name="token",
        creation_time=now,
        ttl=TTL,
        expire_time=created + TTL * SECOND,
    )


def main(arguments: list[str]) -> None:
    config_path, key, count = arguments
    run(fill(config_path, key, int(count)))


if __name__ == "__main__":
    main(sys.argv[1:])
