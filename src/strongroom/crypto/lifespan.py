"""From when to when a certificate holds."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True, slots=True)
class Lifespan:
    """Unix seconds."""

    begins: float
    ends: float


def lifespan(pem: str) -> Lifespan | None:
    """That of the first certificate in a PEM text; None where there is none."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None
    return Lifespan(found.not_valid_before_utc.timestamp(), found.not_valid_after_utc.timestamp())
