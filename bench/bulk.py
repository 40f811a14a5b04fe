"""``python -m bench.bulk CONFIG KEY COUNT``: put live tokens, or entities, into a stopped server's storage.

With ``--ends=TIME`` all tokens end in that moment (seconds since the epoch), under a path of their own. With
``--entities=ACCESSOR`` entities are stored instead, each with an alias at that mount. With
``--certificates=UUID:GROUP`` or ``--revoked=UUID:GROUP`` certificates of the PKI mount of that UUID are
stored, as they are issued or as they stand once they are revoked.

The rows are those that the API would leave, made by the same code, thousands in a transaction:
a million requests over HTTP would measure something else, and take its time.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from strongroom.config.load import load
from strongroom.core import Core
from strongroom.identity.entities import new_alias
from strongroom.logical import SECOND, Request
from strongroom.seal.quorum import decode_key
from strongroom.server import physical_of, run
from strongroom.token import TokenEntry

CHUNK = 5_000
TTL = 24 * 3_600

Put = Callable[[Core, Request, int], None]
"""Stores the n-th thing in a request's transaction."""


async def fill(config_path: str, key: str, count: int, put: Put) -> None:
    """Unseal the storage of a configuration with ``key`` and store ``count`` things."""
    config = load([config_path], os.environ)
    config.audits = ()
    core = Core(config, physical_of(config.storage))
    await core.start()
    await core.lifecycle.submit(decode_key(key))
    for start in range(0, count, CHUNK):
        request = core.internal_request()
        for number in range(start, min(start + CHUNK, count)):
            put(core, request, number)
        await core.store.commit(request.tx)
    await core.stop()


def tokens(ends: float) -> Put:
    """Live tokens, which end one after the other a day from now, or all at once."""

    def put(core: Core, request: Request, number: int) -> None:
        expires = int(ends * SECOND) if ends else request.now + number + TTL * SECOND
        path = "bench/login" if ends else "token/create"
        core.tokens.issue(request, _entry(expires, request.now, path))

    return put


def entities(accessor: str) -> Put:
    """Entities with an alias each, as a first login leaves them."""

    def put(core: Core, request: Request, number: int) -> None:
        entity = core.identity.entities.new(request)
        entity.aliases.append(new_alias(request, f"user-{entity.id}-{number}", accessor, entity.id))
        core.identity.entities.put(request, entity)

    return put


def certificates(where: str, *, revoked: bool) -> Put:
    """Certificates as they are issued, or as they stand once they are revoked."""
    uuid, _, group = where.partition(":")
    content = os.urandom(600)

    def put(core: Core, request: Request, number: int) -> None:
        view = core.view(request.tx, f"logical/{uuid}/")
        serial, seconds = os.urandom(20).hex(":"), request.now // SECOND
        ends = seconds + TTL + number
        view.put(f"certs/{serial}", content)
        view.mark(f"expiry/{ends:012x}/{serial}")
        if revoked:
            view.put_json(f"revoked/{serial}", {"time": seconds, "not_after": ends, "group": group})
            view.mark(f"revoked-expiry/{ends:012x}/{serial}")
            view.mark(f"listed/{group}/{serial}/{seconds:x}")

    return put


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
    parser = argparse.ArgumentParser(prog="bench.bulk", description=__doc__)
    parser.add_argument("config")
    parser.add_argument("key")
    parser.add_argument("count", type=int)
    parser.add_argument("--ends", type=float, default=0)
    parser.add_argument("--entities", default="")
    parser.add_argument("--certificates", default="")
    parser.add_argument("--revoked", default="")
    chosen = parser.parse_args(arguments)
    put = entities(chosen.entities) if chosen.entities else tokens(chosen.ends)
    if chosen.certificates or chosen.revoked:
        put = certificates(chosen.certificates or chosen.revoked, revoked=bool(chosen.revoked))
    run(fill(chosen.config, chosen.key, chosen.count, put))


if __name__ == "__main__":
    main(sys.argv[1:])
