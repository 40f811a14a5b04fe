"""Lockout: a name under which logins keep failing is refused for a while, right password or not.

Counts are rows, written in the transaction of the failed login: they are exact however many try at once,
hold in every process and outlive a restart. What is stored is bounded: one row for each name that a method
knows, and a fixed number of rows a mount for all the names that anybody may make up. Both are written
and refused alike, so that neither the answer nor its time tells which names exist.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from strongroom.config.sanitized import lockouts
from strongroom.config.stanza import LOCKOUTS, UserLockoutStanza
from strongroom.crypto.digest import KeyedBlake2b
from strongroom.errors import PermissionDenied
from strongroom.framework.claim import Claim, Claiming
from strongroom.logical import SECOND, Request

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.config.stanza import ServerConfig
    from strongroom.core import Core
    from strongroom.mount import LockoutConfig, Mount
    from strongroom.storage.transaction import Transaction

TYPES = frozenset(LOCKOUTS) - {"all"}
"""The auth methods whose names can be locked."""

_SLOTS = 16_384
"""Rows a mount has for names it does not know; of two that share one the later is remembered."""
_KNOWN, _UNKNOWN = "known/", "unknown/"
_TRIAL = "lockout"
_log = logging.getLogger("auth")


# -- what decides ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """When a name is locked. Times are seconds."""

    threshold: int
    duration: int
    counter_reset: int


@dataclass(frozen=True, slots=True)
class Failures:
    """The failed logins of a name in a row, and when the last was, in nanoseconds."""

    name: str
    count: int
    last: int

    def locked(self, limits: Limits, now: int) -> bool:
        """Whether the name is refused now."""
        return self.count >= limits.threshold and now < self.last + limits.duration * SECOND

    def stale(self, limits: Limits, now: int) -> bool:
        """Whether the last failure was so long ago that counting begins anew."""
        return now >= self.last + limits.counter_reset * SECOND


_DEFAULT = UserLockoutStanza()


def limits_of(config: ServerConfig, type_: str, tuned: LockoutConfig | None) -> Limits | None:
    """The limits at a mount: what it was tuned to, else the stanza of its type, else that for all.

    None where names are not locked.
    """
    if type_ not in TYPES or config.disable_user_lockout:
        return None
    stanza = _stanza(config, type_)
    if stanza.disable_lockout or (tuned is not None and tuned.disable):
        return None
    return Limits(
        (tuned and tuned.threshold) or stanza.lockout_threshold,
        (tuned and tuned.duration) or int(stanza.lockout_duration),
        (tuned and tuned.counter_reset) or int(stanza.lockout_counter_reset),
    )


def _stanza(config: ServerConfig, type_: str) -> UserLockoutStanza:
    """The stanza of a type, or the one for all, or what holds without any."""
    if not config.user_lockouts:
        return _DEFAULT
    by_type = {stanza.type: stanza for stanza in lockouts(config)}
    return by_type.get(type_) or by_type.get("all") or _DEFAULT


# -- rows --------------------------------------------------------------------------------------------


def prefix(mount: Mount) -> str:
    """Where the failures at a mount are kept."""
    return f"{mount.namespace.prefix}core/lockout/{mount.entry.uuid}/"


def _view(core: Core, tx: Transaction, mount: Mount) -> View:
    return core.view(tx, prefix(mount))


def _row(mount: Mount, claim: Claim) -> tuple[str, str]:
    """The key of a name's row, and the name that stands in it; one made up is not stored as it is.

    The digest has the mount's own key, so that nobody can tell which names share a row.
    """
    digest = KeyedBlake2b(mount.entry.uuid.encode(), 16).hexdigest(claim.alias.encode())
    if claim.known:
        return _KNOWN + digest, claim.alias
    return f"{_UNKNOWN}{int(digest[:8], 16) % _SLOTS:04x}", digest


_DECODER = msgspec.json.Decoder(Failures)


async def _failures(view: View, key: str) -> Failures | None:
    blob = await view.get(key)
    return None if blob is None else _DECODER.decode(blob)


# -- the stages --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Trial:
    """A login under way that may be counted."""

    view: View
    key: str
    name: str
    known: bool
    failures: Failures | None
    limits: Limits


def refuse(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: refuse a login under a name that is locked, whatever it brings. Raises PermissionDenied."""
    if not isinstance(request.bound_path, Claiming):
        return None
    mount = request.mount
    limits = limits_of(core.config, mount.type, mount.entry.config.user_lockout_config)
    return None if limits is None else _refuse(core, request, request.bound_path, limits)


async def _refuse(core: Core, request: Request, path: Claiming, limits: Limits) -> None:
    mount = request.mount
    claim = await path.claim(mount.backend, request)
    view = _view(core, request.tx, mount)
    key, name = _row(mount, claim)
    failures = await _failures(view, key)
    if failures is not None and failures.name != name:
        failures = None
    if failures is not None and failures.locked(limits, request.now):
        raise PermissionDenied(cause="the name is locked out")
    request.scratch[_TRIAL] = _Trial(view, key, name, claim.known, failures, limits)


def forgive(core: Core, request: Request) -> None:
    """Stage: a login that succeeded ends the count."""
    trial: _Trial | None = request.scratch.get(_TRIAL)
    if trial is None or trial.failures is None:
        return
    if request.response is not None and request.response.auth is not None:
        trial.view.delete(trial.key)


def count(core: Core, request: Request) -> None:
    """Count a login that proved nothing. Its own writes are undone already; this one stays."""
    trial: _Trial | None = request.scratch.get(_TRIAL)
    if trial is None:
        return
    before = trial.failures
    if before is None or before.stale(trial.limits, request.now):
        before = Failures(trial.name, 0, 0)
    failures = Failures(trial.name, before.count + 1, request.now)
    trial.view.put(trial.key, msgspec.json.encode(failures))
    if trial.known and failures.count >= trial.limits.threshold:
        request.on_commit.append(
            lambda: _log.warning("%s is locked out of %s", trial.name, request.mount_point)
        )


# -- for operators -----------------------------------------------------------------------------------


async def mounts(core: Core, request: Request) -> AsyncIterator[Mount]:
    """The mounts of the request's namespace, and of those below, whose names can be locked."""
    async for namespace in core.namespaces.from_here(request.tx, request.namespace):
        table = await core.mounts.ready(namespace)
        for _, mount in sorted(table.by_prefix.items()):
            if mount.type in TYPES:
                yield mount


async def locked(core: Core, request: Request, mount: Mount) -> list[str]:
    """The names that are locked at a mount now, sorted."""
    limits = limits_of(core.config, mount.type, mount.entry.config.user_lockout_config)
    if limits is None:
        return []
    view = _view(core, request.tx, mount)
    found = [await _failures(view, _KNOWN + key) for key in await view.list(_KNOWN)]
    return sorted(each.name for each in found if each is not None and each.locked(limits, request.now))


def unlock(core: Core, request: Request, mount: Mount, alias: str) -> None:
    """Forget the failures of a name; it may have none."""
    view = _view(core, request.tx, mount)
    for known in (True, False):
        view.delete(_row(mount, Claim(alias, known=known))[0])
