"""Where tokens go: files, plain, wrapped, or encrypted for the holder of a key."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from strongroom.agent import files
from strongroom.agent.config import Sink as Stanza
from strongroom.agent.envelope import WrapInfo
from strongroom.agent.exit import Exit
from strongroom.agent.state import State
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Upstream, backoff
from strongroom.errors import StrongroomError
from strongroom.secret import Secret

_log = logging.getLogger("agent.sink.file")
DEFAULT_MODE = 0o640
_KEYS = frozenset({"path", "mode", "uid", "gid", "content"})


class Sink:
    """One file sink. The file is written whole or not at all, and never for others to read in between."""

    def __init__(self, stanza: Stanza, upstream: Upstream) -> None:
        self._stanza = stanza
        self._upstream = upstream
        self.path = Path(str(stanza.config.get("path", "")))
        self._shape = _shape(stanza.config)
        if unknown := sorted(set(stanza.config) - _KEYS):
            _log.warning(f"{stanza.place}: keys without effect in the config of a sink: {', '.join(unknown)}")

    async def write(self, holder: TokenHolder) -> None:
        """Write the holder's token. Raises StrongroomError."""
        token = holder.token
        if token is None:
            return
        text = token.reveal()
        if self._stanza.config.get("content") == "accessor":
            text = holder.accessor
        elif holder.wrapped is not None:
            text = _wrap_text(holder.wrapped)
        elif self._stanza.wrap_ttl:
            text = await self._wrapped(token)
        if self._stanza.dh_type:
            text = await asyncio.to_thread(self._encrypted, text)
        await asyncio.to_thread(files.write, self.path, text.encode(), self._shape, default_mode=DEFAULT_MODE)

    async def _wrapped(self, token: Secret[str]) -> str:
        answer = await self._upstream.call(
            "PUT",
            "sys/wrapping/wrap",
            token=token,
            body={"token": token.reveal()},
            wrap_ttl=f"{self._stanza.wrap_ttl:g}s",
            doing="wrapping the token",
        )
        return _wrap_text(answer.wrap_info or WrapInfo())

    def _encrypted(self, text: str) -> str:
        from strongroom.crypto.exchange import UnusableKey, seal_for  # noqa: PLC0415  few sinks need it

        stanza = self._stanza
        aad = os.environ.get(stanza.aad_env_var, "") if stanza.aad_env_var else stanza.aad
        try:
            found = msgspec.json.decode(Path(stanza.dh_path).read_bytes())
            theirs = base64.b64decode(found["curve25519_public_key"], validate=True)
            sealed = seal_for(theirs, text.encode(), aad.encode(), derive=stanza.derive_key)
        except OSError as error:
            raise StrongroomError(f"{stanza.dh_path} cannot be read: {error.strerror}") from None
        except (msgspec.DecodeError, KeyError, TypeError, ValueError, UnusableKey):
            raise StrongroomError(f"{stanza.dh_path} holds no curve25519_public_key") from None
        return _json(
            {
                "curve25519_public_key": _base64(sealed.public_key),
                "nonce": _base64(sealed.nonce),
                "encrypted_payload": _base64(sealed.payload),
            }
        )


class Sinks:
    """Writes every new token to every sink; ``done`` is set once all have had one.

    Raises Exit where a sink can never be written: that is a mistake in the configuration.
    """

    def __init__(
        self, stanzas: tuple[Stanza, ...], upstream: Upstream, holder: TokenHolder, state: State
    ) -> None:
        self._sinks = [Sink(stanza, upstream) for stanza in stanzas]
        for sink in self._sinks:
            try:
                files.check_place(sink.path)
            except StrongroomError as error:
                raise Exit(1, error.public) from None
        self._holder = holder
        self._state = state
        self.done = asyncio.Event()
        if not self._sinks:
            self.done.set()

    async def run(self) -> None:
        """For ever."""
        seen = 0
        while True:
            seen = await self._holder.changed(seen)
            async with asyncio.TaskGroup() as group:
                for sink in self._sinks:
                    group.create_task(self._written(sink, seen))
            self.done.set()

    async def _written(self, sink: Sink, generation: int) -> None:
        """Try until it is written, or there is a newer token."""
        failures = 0
        while self._holder.generation == generation:
            try:
                await sink.write(self._holder)
            except StrongroomError as error:
                self._state.sink_failures += 1
                wait = backoff(failures, 1.0, 60.0)
                failures += 1
                _log.error(
                    "error writing to sink",
                    extra={"fields": {"error": error.public, "backoff": f"{wait:.1f}s"}},
                )
                await asyncio.sleep(wait)
                continue
            self._state.sinks += 1
            _log.info("token written", extra={"fields": {"path": str(sink.path)}})
            return


def _shape(config: Mapping[str, Any]) -> files.Shape:
    mode = config.get("mode", DEFAULT_MODE)
    if isinstance(mode, str):
        mode = int(mode, 8)
    owner = {name: int(config[name]) for name in ("uid", "gid") if config.get(name) not in {None, ""}}
    return files.Shape(mode, **owner)


def _wrap_text(info: WrapInfo) -> str:
    """A wrapping answer in the form that readers of sinks know."""
    if not info.token:
        raise StrongroomError("wrapping the token: the server answered without a wrapping token")
    return msgspec.json.encode(info).decode()


def _json(document: Mapping[str, str | int]) -> str:
    return msgspec.json.encode(document).decode()


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
