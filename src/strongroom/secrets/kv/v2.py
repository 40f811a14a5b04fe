"""KV version 2: every write makes a version; old ones can be read, deleted, undeleted, destroyed.

Rows of a mount: ``metadata/<path>`` the history, ``versions/<path>/<number>`` one version's data,
``config`` the mount's settings. Source of the behaviour: the KV version 2 part of Vault's HTTP API,
checked against the peer.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from strongroom import codec
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.backend import Backend
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request
from strongroom.secrets.kv.data import Data, Subkeys
from strongroom.secrets.kv.elsewhere import Elsewhere
from strongroom.secrets.kv.history import Config, History, Version, describe
from strongroom.secrets.kv.metadata import ConfigPath, DetailedMetadata, MetadataPath
from strongroom.secrets.kv.v1 import KV, ROWS
from strongroom.secrets.kv.versions import Delete, Destroy, Undelete

if TYPE_CHECKING:
    from strongroom.barrier.view import View


_HISTORY = "kv/history"


class KV2(KV):
    """A store for secrets of any shape, by path, that keeps versions."""

    paths: ClassVar[tuple[builtins.type[Path], ...]] = (
        Data,
        Subkeys,
        Delete,
        Undelete,
        Destroy,
        MetadataPath,
        DetailedMetadata,
        ConfigPath,
        Elsewhere,
    )
    histories = stored(History, under="metadata/")
    configs = stored(Config, under="")

    @classmethod
    def variant(cls, options: dict[str, str]) -> builtins.type[Backend]:
        """Decided by version 1's class."""
        return KV.variant(options)

    @staticmethod
    def row(path: str, number: int) -> str:
        """Where the data of a version stands."""
        return f"versions/{path}/{number}"

    async def config(self, request: Request) -> Config:
        """The mount's settings."""
        return await self.configs(request).get("config") or Config()

    async def history(self, request: Request, path: str) -> History | None:
        """The history of a secret, read once a request: the ACL asks first whether there is one."""
        memo = request.scratch
        if _HISTORY not in memo:
            memo[_HISTORY] = await self.histories(request).get(path)
        history: History | None = memo[_HISTORY]
        return history

    async def version(self, request: Request, path: str, number: int) -> tuple[History, int, Version]:
        """A version of a secret by number, or the latest. Raises NotFound."""
        history = await self.histories(request).get(path)
        if history is None:
            raise NotFound
        number = number if number > 0 else history.current
        version = history.versions.get(number)
        if version is None:
            raise NotFound
        return history, number, version

    async def data(self, request: Request, path: str, number: int) -> dict[str, Any] | None:
        """The data of a version, or None."""
        blob = await request.view.get(self.row(path, number))
        data: dict[str, Any] | None = None if blob is None else codec.decode(blob)
        return data

    def add(
        self, request: Request, path: str, history: History | None, config: Config, data: Any
    ) -> dict[str, Any]:
        """Store a new version, and drop those that fall out of the history."""
        history = history or History(created=request.now, updated=request.now)
        version, dropped = history.add(config, request.now)
        for number in dropped:
            request.view.delete(self.row(path, number))
        request.view.put(self.row(path, history.current), codec.encode(data))
        self.histories(request).put(path, history)
        return describe(history, history.current, version)

    async def retuned(self, request: Request, before: dict[str, str], after: dict[str, str]) -> None:
        """A mount that keeps versions cannot forget how."""
        if after.get("version") != "2":
            raise BadRequest("cannot downgrade mount from version 2")


async def upgrade(view: View, now: int) -> None:
    """Turn version 1 rows into first versions, within one transaction."""
    encode = msgspec.json.encode
    for path in await view.scan(ROWS):
        blob = await view.get(ROWS + path)
        if blob is None:
            continue
        history = History(created=now, updated=now, current=1, versions={1: Version(created=now)})
        view.put("metadata/" + path, encode(history))
        view.put(KV2.row(path, 1), blob)
    view.delete_prefix(ROWS)
