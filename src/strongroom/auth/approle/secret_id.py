"""Secret IDs as rows: found by keyed hash, by accessor, and by when they end.

Of a secret ID there are, below the mount, ``secret/<role>/<hash>`` with all that is known of it,
``accessor/<role>/<hash of the accessor>``, which leads there, and, when it ends, the empty row
``due/<end>/<role>/<hash of the accessor>/<hash>``; ``<end>`` is hexadecimal nanoseconds, so that it sorts.
"""

from __future__ import annotations

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


@dataclass(slots=True)
class Accessor:
    """What leads from an accessor to its secret ID, and says until when there is one."""

    accessor: str
    digest: str
    expires: int


_decode = msgspec.json.Decoder(SecretId).decode
_decode_accessor = msgspec.json.Decoder(Accessor).decode


def hashed(role: Role, text: str) -> str:
    """The name under which a role's secret ID or accessor stands; white space around it does not count."""
    return HmacSha256(role.salt).hexdigest(text.strip().encode())


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
        blob = await self._view.get(f"accessor/{self._role.key}/{hashed(self._role, accessor)}")
        if blob is None:
            return None
        digest = _decode_accessor(blob).digest
        found = await self.get(digest)
        return None if found is None else (digest, found)

    async def accessors(self, after: str, limit: int) -> list[str]:
        """Accessors of those whose time is not over, in an order of their own."""
        folder = f"accessor/{self._role.key}/"
        found: list[str] = []
        last = hashed(self._role, after) if after else ""
        while names := await self._view.list(folder, last, _PAGE):
            for name in names:
                blob = await self._view.get(folder + name)
                row = None if blob is None else _decode_accessor(blob)
                if row is not None and not 0 < row.expires <= self._now:
                    found.append(row.accessor)
                    if len(found) == limit:
                        return found
            last = names[-1]
        return found

    async def add(self, digest: str, secret_id: SecretId) -> bool:
        """Store a new one; False when the role has it already. One whose time is over makes way."""
        before = await self._row(digest)
        if before is not None:
            if not before.ended(self._now):
                return False
            self.remove(digest, before)
        self.store(digest, secret_id)
        name = hashed(self._role, secret_id.accessor)
        row = Accessor(secret_id.accessor, digest, secret_id.expires)
        self._view.put(f"accessor/{self._role.key}/{name}", _encode(row))
        if secret_id.expires:
            self._view.mark(_due(secret_id.expires, self._role.key, name, digest))
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
        name = hashed(self._role, secret_id.accessor)
        _remove(self._view, self._role.key, name, digest)
        if secret_id.expires:
            self._view.delete(_due(secret_id.expires, self._role.key, name, digest))

    def remove_all(self) -> None:
        """Remove those of the role; what says when they end goes when that time has come."""
        self._view.delete_prefix(f"secret/{self._role.key}/")
        self._view.delete_prefix(f"accessor/{self._role.key}/")


def _due(expires: int, key: str, accessor: str, digest: str) -> str:
    return f"due/{expires:016x}/{key}/{accessor}/{digest}"


def _remove(view: View, key: str, accessor: str, digest: str) -> None:
    view.delete(f"secret/{key}/{digest}")
    view.delete(f"accessor/{key}/{accessor}")


async def remove_ended(view: View, now: int, limit: int) -> int:
    """Remove the secret IDs of any role whose time is over, ``limit`` at most; gives how many went."""
    removed = 0
    for row in await view.scan("due/", "", limit):
        end, key, accessor, digest = row.split("/")
        if int(end, 16) > now:
            break
        _remove(view, key, accessor, digest)
        view.delete(f"due/{row}")
        removed += 1
    return removed
