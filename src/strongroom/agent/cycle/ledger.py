"""The slots of a group where they are kept: a path of a KV version 2 mount, written with check-and-set."""

from __future__ import annotations

from strongroom.agent.cycle.slots import Slots, parsed
from strongroom.agent.envelope import envelope
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Refused, Upstream
from strongroom.errors import StrongroomError


class Ledger:
    """Reads and writes one group's document. Raises Refused, Unreachable."""

    def __init__(self, path: str, group: str, upstream: Upstream, holder: TokenHolder) -> None:
        self._path = f"{path.strip('/')}/{group}"
        self._upstream = upstream
        self._holder = holder
        self._at = ""

    async def read(self) -> tuple[Slots, int]:
        """The slots and the version to write against."""
        at = await self._data_path()
        answer = await self._upstream.request("GET", at, token=await self._holder.get())
        if answer.status not in {200, 404}:
            raise Refused("reading the turns", answer)
        found = envelope(answer.body)
        version = found.part("metadata").get("version")
        return parsed(found.part("data")), version if isinstance(version, int) else 0

    async def write(self, slots: Slots, version: int) -> bool:
        """Store the slots if nobody else did since ``version``; whether that was so."""
        at = await self._data_path()
        body = {"data": slots.document(), "options": {"cas": version}}
        answer = await self._upstream.request("PUT", at, token=await self._holder.get(), body=body)
        if answer.status == 400 and any("check-and-set" in each for each in answer.errors):
            return False
        if answer.status >= 400:
            raise Refused("writing the turns", answer)
        return True

    async def _data_path(self) -> str:
        if not self._at:
            token = await self._holder.get()
            answer = await self._upstream.call(
                "GET",
                f"sys/internal/ui/mounts/{self._path}",
                token=token,
                doing=f"finding the mount of {self._path}",
            )
            mount = answer.text("path")
            if str(answer.part("options").get("version", "")) != "2":
                raise StrongroomError(f"cycle.path {self._path} must lead to a KV version 2 mount")
            self._at = f"{mount}data/{self._path.removeprefix(mount).removeprefix('data/')}"
        return self._at
