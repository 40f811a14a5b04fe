"""The history of a secret: what KV version 2 knows of its versions. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

DEFAULT_MAX_VERSIONS = 10


@dataclass(slots=True)
class Version:
    """One version; times are nanoseconds since the epoch, 0 for never."""

    created: int
    deletion: int = 0
    destroyed: bool = False

    def deleted(self, now: int) -> bool:
        """Whether its deletion time has come."""
        return 0 < self.deletion <= now


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
        version = Version(created=now)
        after = shortest(config.delete_version_after, self.delete_version_after)
        if after > 0:
            version.deletion = now + after
        self.versions[self.current] = version
        return version, self._trim(config)

    def _trim(self, config: Config) -> list[int]:
        keep = self.max_versions or config.max_versions or DEFAULT_MAX_VERSIONS
        gone = [number for number in self.versions if number <= self.current - keep]
        for number in gone:
            del self.versions[number]
        if gone:
            self.oldest = min(self.versions)
        return sorted(gone)


def shortest(mount: int, own: int) -> int:
    """The shorter of two spans where both are set; the mount's switched off hides its own."""
    spans = [span for span in (mount, own) if span > 0]
    return min(spans) if spans else 0
