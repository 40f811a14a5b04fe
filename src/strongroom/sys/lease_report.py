"""Who makes leases: the question behind every server that is drowning in them."""

from __future__ import annotations

import asyncio
from collections import Counter
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from strongroom.sys.system import System

SECONDS = 1.0
"""How long one answer counts, at most."""

_PAGE = 1_000


class Report(Path):
    """Who makes the leases there are, those of tokens included. Needs sudo.

    They are counted from their rows, page by page, for a second at most while others are served. An
    answer that is not ``complete`` gives in ``after`` where to go on; then its counts are those of this
    part, all of them, for the caller to add up. ``strongroom lease report`` does so.
    """

    pattern = "internal/leases/report"
    root_protected = True
    reader_safe = True
    by: Literal["mount", "role", "entity"] = field(
        "What to count by: mount, role (the path that issues them) or entity (who asked for them; slower).",
        default="mount",
        query=True,
    )
    prefix: str = field("Count only leases whose IDs begin so.", query=True)
    top: int = field("In a complete answer, only so many of the largest; 0 for all.", default=20, query=True)
    after: str = field("Where the answer before came to.", query=True)
    limit: int = field("Count at most so many for this answer; 0: as many as time allows.", query=True)

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Numbers of leases, the largest first."""
        name = {"mount": _mount, "role": _role, "entity": _entity}[self.by](system, request)
        counts: Counter[str] = Counter()
        after, complete, ends = self.after, False, perf_counter() + SECONDS
        view = system.core.leases.view(request.tx, request.namespace.id)
        while not complete and perf_counter() < ends and not 0 < self.limit <= counts.total():
            wanted = min(_PAGE, self.limit - counts.total()) if self.limit > 0 else _PAGE
            page = await view.scan("id/" + self.prefix, after, wanted)
            for rest in page:
                counts[await name(self.prefix + rest)] += 1
            complete = len(page) < wanted
            after = page[-1] if page else after
            await asyncio.sleep(0)
        largest = counts.most_common(self.top if complete and not self.after and self.top > 0 else None)
        return {
            "by": self.by,
            "counts": [{"name": one, "leases": count} for one, count in largest],
            "lease_count": counts.total(),
            "complete": complete,
            "after": "" if complete else after,
        }


def _mount(system: System, request: Request) -> Callable[[str], Awaitable[str]]:
    """By the mount whose prefix a lease ID begins with."""
    known: dict[str, str] = {}

    async def name(lease_id: str) -> str:
        path = lease_id.rpartition("/")[0]
        if path not in known:
            mount = system.core.mounts.of(request.namespace).find(lease_id)
            known[path] = mount.prefix if mount else "deleted"
        return known[path]

    return name


def _role(system: System, request: Request) -> Callable[[str], Awaitable[str]]:
    """By the path that issues: a lease ID without its random end."""

    async def name(lease_id: str) -> str:
        return lease_id.rpartition("/")[0]

    return name


def _entity(system: System, request: Request) -> Callable[[str], Awaitable[str]]:
    """By the entity of the token that made a lease; of a token's own lease, of that token."""
    core, known = system.core, {"": ""}

    async def name(lease_id: str) -> str:
        lease = await core.leases.get(request.tx, request.namespace, lease_id)
        if lease is None:
            return ""
        if lease.token_key not in known:
            entry = await core.tokens.row(request.tx, lease.token_key)
            entity = "" if entry is None else entry.entity_id
            if lease.is_token:
                return entity
            if len(known) > _PAGE:
                known.clear()
            known[lease.token_key] = entity
        return known[lease.token_key]

    return name


PATHS: tuple[type[Path], ...] = (Report,)
