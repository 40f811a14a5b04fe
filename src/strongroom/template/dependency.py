"""What a template asks of the world: named, so that a runner can fetch it, watch it and render again."""

from __future__ import annotations

from msgspec import Struct


class Dependency(Struct, frozen=True):
    """Something outside. Equal ones are fetched once, whichever template asks."""


class SecretRead(Dependency, frozen=True):
    """``secret "path"``: answered with a ``Secret``, or None where there is none."""

    path: str


class SecretWrite(Dependency, frozen=True):
    """``secret "path" "key=value"``: a write whose answer is the secret."""

    path: str
    data: tuple[tuple[str, str], ...]


class SecretList(Dependency, frozen=True):
    """``secrets "path"``: answered with the names under it."""

    path: str


class CertificateIssue(Dependency, frozen=True):
    """``pkiCert "path" "key=value"``: answered with a ``Certificate``; asked anew only near its end."""

    path: str
    data: tuple[tuple[str, str], ...]


class FileContent(Dependency, frozen=True):
    """``file "path"``: answered with its text."""

    path: str
