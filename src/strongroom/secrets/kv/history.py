"""The history of a secret: what KV version 2 knows of its versions. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from strongroom.clock import rfc3339
from strongroom.hcl import duration

DEFAULT_MAX_VERSIONS = 10


@dataclass(slots=True)
class Version:
    """One version; times are nanoseconds since the epoch, 0 for never."""

    created: int
    deletion: int = 0
    destroyed: bool = False

    def gone(self, now: int) -> bool:
        """Whether it cannot be read any more: destroyed, or its deletion time has come."""
        return self.destroyed or 0 < self.deletion <= now

    def delete(self, now: int) -> None:
        """Mark as deleted; what is gone already keeps the time at which it went."""
        if not self.gone(now):
            self.deletion = now


@dataclass(slots=True)
class Config:
    """The mount's settings. ``delete_version_after`` in nanoseconds; below 0 it is switched off."""

    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: int = 0
    metadata_cas_required: bool = False


@dataclass(slots=True)
class History:
    """The row of a secret's metadata."""

    created: int
    updated: int
    current: int = 0
    oldest: int = 0
    versions: dict[int, Version] = field(default_factory=dict)
    max_versions: int = 0
    cas_required: bool = False
    delete_version_after: int = 0
    custom_metadata: dict[str, str] | None = None
    metadata_cas_required: bool = False
    metadata_version: int = 0

    def add(self, config: Config, now: int) -> tuple[Version, list[int]]:
        """Add a version; gives it and the numbers of those that fall out of the history."""
        self.current += 1
        self.updated = now
        version = Version(created=now, deletion=self.expiry(config, now))
        self.versions[self.current] = version
        return version, self._trim(config)

    def undelete(self, version: Version, config: Config, now: int) -> None:
        """Bring a version back, for as long as a new one would stay. Destroyed ones stay so."""
        if not version.destroyed:
            version.deletion = self.expiry(config, now)

    def expiry(self, config: Config, now: int) -> int:
        """When a version written ``now`` deletes itself; 0 for never.

        The shorter of the mount's and the secret's span counts; the mount's below 0 switches both off.
        """
        if config.delete_version_after < 0:
            return 0
        spans = [span for span in (config.delete_version_after, self.delete_version_after) if span > 0]
        return now + min(spans) if spans else 0

    def _trim(self, config: Config) -> list[int]:
        keep = self.max_versions or config.max_versions or DEFAULT_MAX_VERSIONS
        gone = [number for number in self.versions if number <= self.current - keep]
        for number in gone:
            del self.versions[number]
        if gone:
            self.oldest = min(self.versions)
        return sorted(gone)


def describe(history: History, number: int, version: Version) -> dict[str, Any]:
    """A version as it stands beside its data."""
    return {
        "created_time": rfc3339(version.created),
        "custom_metadata": history.custom_metadata,
        "deletion_time": _time(version.deletion),
        "destroyed": version.destroyed,
        "version": number,
    }


def describe_history(history: History) -> dict[str, Any]:
    """The answer for a secret's metadata."""
    return {
        "cas_required": history.cas_required,
        "created_time": rfc3339(history.created),
        "current_metadata_version": history.metadata_version,
        "current_version": history.current,
        "custom_metadata": history.custom_metadata,
        "delete_version_after": duration.format_go(history.delete_version_after),
        "max_versions": history.max_versions,
        "metadata_cas_required": history.metadata_cas_required,
        "oldest_version": history.oldest,
        "updated_time": rfc3339(history.updated),
        "versions": {
            str(number): {
                "created_time": rfc3339(version.created),
                "deletion_time": _time(version.deletion),
                "destroyed": version.destroyed,
            }
            for number, version in history.versions.items()
        },
    }


def _time(nanoseconds: int) -> str:
    return rfc3339(nanoseconds) if nanoseconds else ""
