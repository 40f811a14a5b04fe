"""The devices that are enabled: rows of those made by API, stanzas of those in the configuration."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from strongroom.audit.device import Device, DeviceConfig, open_device
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.errors import BadRequest

if TYPE_CHECKING:
    from strongroom.config.stanza import AuditStanza
    from strongroom.core import Core
    from strongroom.logical import Request
    from strongroom.storage.transaction import Transaction

DOMAIN = "audit"
_ROWS = "core/audit/"


@dataclass(slots=True)
class AuditRow:
    """The row of a device. ``declared`` ones follow the configuration and not the API."""

    path: str
    type: str
    uuid: str
    description: str = ""
    options: dict[str, str] = field(default_factory=dict)
    local: bool = False
    declared: bool = False


class AuditTable:
    """Keeps the broker's devices in step with rows and configuration."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._decoder = msgspec.json.Decoder(AuditRow)
        self._followed: dict[str, Device] = {}

    async def unsealed(self, tx: Transaction, stanzas: tuple[AuditStanza, ...]) -> None:
        """Open what the rows and the configuration name. Raises BadRequest when one cannot be."""
        rows = await self._rows(tx)
        declared = {stanza.path: stanza for stanza in stanzas}
        for row in rows.values():
            if row.declared and row.path not in declared:
                self._core.view(tx, _ROWS).delete(row.uuid)
            elif not row.declared:
                await self._open(tx, row)
        for path, stanza in declared.items():
            row = AuditRow(
                path, stanza.type, uuid4_str(), stanza.description, stanza.options or {}, stanza.local
            )
            row.declared = True
            known = rows.get(path)
            if known is not None:
                row.uuid = known.uuid
            self._put(tx, row)
            await self._open(tx, row)

    async def follow(self, tx: Transaction) -> None:
        """Use the devices that another process keeps; those that did not change stay open."""
        rows = (await self._rows(tx)).values()
        self._followed = {
            row.uuid: self._followed.get(row.uuid) or self._device(row, await self._salt(tx, row))
            for row in rows
        }
        await self._core.audit.replace(tuple(self._followed.values()))

    async def sealed(self) -> None:
        """Close all devices: their salts are behind the barrier."""
        self._followed = {}
        await self._core.audit.close()

    async def enable(
        self,
        request: Request,
        path: str,
        type_: str,
        options: dict[str, str],
        description: str,
        *,
        local: bool,
    ) -> None:
        """Make a device by API, once it took a test line; it works from the commit on. Raises BadRequest."""
        row = AuditRow(path.strip("/") + "/", type_, uuid4_str(), description, options, local)
        audit = self._core.audit
        audit.check_path(row.path, await self._rows(request.tx))
        self._put(request.tx, row)
        device = self._device(row, await self._salt(request.tx, row))
        await audit.prove(device, request)
        request.on_commit.append(lambda: audit.add(device))

    async def disable(self, request: Request, path: str) -> None:
        """Take a device out of service with the commit; one that is not there is fine."""
        row = (await self._rows(request.tx)).get(path.strip("/") + "/")
        if row is None:
            return
        if row.declared:
            raise BadRequest("cannot disable an audit device that the configuration declares")
        self._core.view(request.tx, _ROWS).delete(row.uuid)
        self._core.view(request.tx, f"audit/{row.uuid}/").delete("salt")
        request.tx.touch(DOMAIN)
        request.on_commit.append(lambda: self._detach(row.path))

    def _detach(self, path: str) -> None:
        device = self._core.audit.detach(path)
        if device is not None:
            self._core.after_reply(lambda: asyncio.to_thread(device.sink.close))

    async def _rows(self, tx: Transaction) -> dict[str, AuditRow]:
        view = self._core.view(tx, _ROWS)
        blobs = [await view.get(name) for name in await view.list()]
        rows = [self._decoder.decode(blob) for blob in blobs if blob is not None]
        return {row.path: row for row in rows}

    def _put(self, tx: Transaction, row: AuditRow) -> None:
        self._core.view(tx, _ROWS).put(row.uuid, msgspec.json.encode(row))
        tx.touch(DOMAIN)

    async def _salt(self, tx: Transaction, row: AuditRow) -> bytes:
        view = self._core.view(tx, f"audit/{row.uuid}/")
        salt = await view.get("salt")
        if salt is None:
            salt = random_bytes(32)
            view.put("salt", salt)
        return salt

    async def _open(self, tx: Transaction, row: AuditRow) -> None:
        self._core.audit.add(self._device(row, await self._salt(tx, row)))

    def _device(self, row: AuditRow, salt: bytes) -> Device:
        config = DeviceConfig(row.path, row.type, row.options, row.description, row.local)
        allowed = self._core.config.allow_audit_log_prefixing
        return open_device(config, salt, self._core.audit.headers, allow_prefix=allowed)
