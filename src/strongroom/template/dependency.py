"""What a template asks of the world: named, so that a runner can fetch it, watch it and render again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dependency:
    """Something outside. Equal ones are fetched once, whichever template asks."""


@dataclass(frozen=True)
class SecretRead(Dependency):
    """``secret "path"``: answered with a ``Secret``, or None where there is none."""

    path: str


@dataclass(frozen=True)
class SecretWrite(Dependency):
    """``secret "path" "key=value"``: a write whose answer is the secret."""

    path: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class SecretList(Dependency):
    """``secrets "path"``: answered with the names under it."""

    path: str


@dataclass(frozen=True)
class CertificateIssue(Dependency):
    """``pkiCert "path" "key=value"``: answered with a ``Certificate``; asked anew only near its end."""

    path: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class FileContent(Dependency):
    """``file "path"``: answered with its text."""

    path: str
