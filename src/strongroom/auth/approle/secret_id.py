"""Secret IDs as rows: found by keyed hash, by accessor, and by when they end.

Of a secret ID there are, below the mount, ``secret/<role>/<hash>`` with all that is known of it,
``accessor/<role>/<accessor>/<end>/<hash>``, and, when it ends, ``due/<end>/<role>/<accessor>/<hash>``; the
last two say all by their key. Times in keys are hexadecimal nanoseconds, so that they sort.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.auth.approle.role import Role
from strongroom.clock import rfc3339
from strongroom.crypto.digest import HmacSha256

if TYPE_CHECKING:
    from strongroom.barrier.view import View

_encode = msgspec.json.Encoder().encode

MAX_LENGTH = 4096
"""Bytes that a secret ID of one's own may have."""

_NEVER = 0
_NO_TIME = "0001-01-01T00:00:00Z"
_PAGE = 256


@dataclass(slots=True)
class SecretId:
    """What is known of a secret ID, which itself is not kept. Times are nanoseconds since the epoch.

    ``num_uses`` is how many logins are left, 0 without limit; ``ttl`` is seconds; ``expires`` 0 is never.
    """

    accessor: str
    created: int
    updated: int
    num_uses: int = 0
    ttl: int = 0
    expires: int = _NEVER
    cidr_list: list[str] = item(default_factory=list)
    token_bound_cidrs: list[str] = item(default_factory=list)
    metadata: dict[str, str] = item(default_factory=dict)

    def ended(self, now: int) -> bool:
        """Whether its time is over."""
        return 0 < self.expires <= now

    def described(self) -> dict[str, Any]:
        """What a lookup answers."""
        return {
            "secret_id_accessor": self.accessor,
            "secret_id_num_uses": self.num_uses,
            "secret_id_ttl": self.ttl,
            "creation_time": rfc3339(self.created),
            "last_updated_time": rfc3339(self.updated),
            "expiration_time": rfc3339(self.expires) if self.expires else _NO_TIME,
            "metadata": self.metadata,
            "cidr_list": self.cidr_list,
            "token_bound_cidrs": self.token_bound_cidrs,
        }


_decode = msgspec.json.Decoder(SecretId).decode


def hashed(role: Role, secret_id: str) -> str:
    """The name under which a role's secret ID stands; white space around it does not count."""
    return HmacSha256(role.salt).hexdigest(secret_id.strip().encode())


class SecretIds:
    """The secret IDs of one role, in one request's transaction."""

    __slots__ = ("_now", "_role", "_view")

    def __init__(self, view: View, role: Role, now: int) -> None:
        self._view, self._role, self._now = view, role, now

    async def get(self, digest: str) -> SecretId | None:
        """The secret ID of that hash, unless its time is over."""
        found = await self._row(digest)
        return None if found is None or found.ended(self._now) else found

    async def _row(self, digest: str) -> SecretId | None:
        blob = await self._view.get(f"secret/{self._role.key}/{digest}")
        return None if blob is None else _decode(blob)

    async def by_accessor(self, accessor: str) -> tuple[str, SecretId] | None:
        """The secret ID of an accessor with its hash, unless its time is over."""
        rows = await self._view.scan(f"accessor/{self._role.key}/{accessor}/", "", 1)
        if not rows:
            return None
        digest = rows[0].rpartition("/")[2]
        found = await self.get(digest)
        return None if found is None else (digest, found)

    async def accessors(self, after: str, limit: int) -> list[str]:
        """Accessors, sorted, of those whose time is not over."""
        found: list[str] = []
        async for accessor, expires in self._ends(f"{after}0" if after else ""):
            if expires == _NEVER or expires > self._now:
                found.append(accessor)
                if len(found) == limit:
                    break
        return found

    async def _ends(self, after: str) -> AsyncIterator[tuple[str, int]]:
        """Accessors and their ends, page by page; ``0`` is the character that follows a slash."""
        while rows := await self._view.scan(f"accessor/{self._role.key}/", after, _PAGE):
            for row in rows:
                accessor, expires, _ = row.split("/")
                yield accessor, int(expires, 16)
            after = rows[-1]

    async def add(self, digest: str, secret_id: SecretId) -> bool:
        """Store a new one; False when the role has it already. One whose time is over makes way."""
        before = await self._row(digest)
        if before is not None:
            if not before.ended(self._now):
                return False
            self.remove(digest, before)
        self.store(digest, secret_id)
        end = f"{secret_id.expires:016x}"
        self._view.mark(f"accessor/{self._role.key}/{secret_id.accessor}/{end}/{digest}")
        if secret_id.expires:
            self._view.mark(f"due/{end}/{self._role.key}/{secret_id.accessor}/{digest}")
        return True

    def store(self, digest: str, secret_id: SecretId) -> None:
        """Store what changed of one that is there."""
        self._view.put(f"secret/{self._role.key}/{digest}", _encode(secret_id))

    def use(self, digest: str, secret_id: SecretId) -> None:
        """Count a login. The last one takes it away."""
        if secret_id.num_uses == 1:
            self.remove(digest, secret_id)
        elif secret_id.num_uses:
            secret_id.num_uses -= 1
            secret_id.updated = self._now
            self.store(digest, secret_id)

    def remove(self, digest: str, secret_id: SecretId) -> None:
        """Remove every row of it."""
        end = f"{secret_id.expires:016x}"
        _remove(self._view, end, self._role.key, secret_id.accessor, digest)

    def remove_all(self) -> None:
        """Remove those of the role; what says when they end goes when that time has come."""
        self._view.delete_prefix(f"secret/{self._role.key}/")
        self._view.delete_prefix(f"accessor/{self._role.key}/")


def _remove(view: View, end: str, key: str, accessor: str, digest: str) -> None:
    view.delete(f"secret/{key}/{digest}")
    view.delete(f"accessor/{key}/{accessor}/{end}/{digest}")
    if int(end, 16):
        view.delete(f"due/{end}/{key}/{accessor}/{digest}")


async def remove_ended(view: View, now: int, limit: int) -> int:
    """Remove the secret IDs of any role whose time is over, ``limit`` at most; gives how many went."""
    removed = 0
    for row in await view.scan("due/", "", limit):
        end, key, accessor, digest = row.split("/")
        if int(end, 16) > now:
            break
        _remove(view, end, key, accessor, digest)
        removed += 1
    return removed
