"""Shares and tokens encrypted to OpenPGP keys (RFC 9580), so that only their owners ever see them."""

from __future__ import annotations

import base64
from typing import Any

from strongroom.errors import BadRequest, StrongroomError


class PGPUnavailable(StrongroomError):
    """The optional library is not installed."""

    status = 501


class BadPGPKey(BadRequest):
    """What was given is no OpenPGP public key that can encrypt."""


def _sequoia() -> Any:
    try:
        import pysequoia  # noqa: PLC0415 - an extra: the server runs without it
    except ImportError:
        raise PGPUnavailable("PGP keys need the extra 'pgp': pip install strongroom[pgp]") from None
    return pysequoia


def _certificate(key: str) -> Any:
    """A public key in base64 of its binary form, as the API has it, or armored."""
    sequoia = _sequoia()
    try:
        octets = key.encode() if "BEGIN PGP" in key else base64.b64decode("".join(key.split()), validate=True)
    except ValueError:
        raise BadPGPKey("error decoding given PGP key: illegal base64 data") from None
    try:
        return sequoia.Cert.from_bytes(octets)
    except Exception as error:  # noqa: BLE001 - the library raises no class of its own
        raise BadPGPKey("error parsing given PGP key", cause=str(error)) from None


def fingerprint(key: str) -> str:
    """The primary key's fingerprint in lower-case hex; raises :class:`BadPGPKey`."""
    text: str = _certificate(key).fingerprint
    return text.lower()


def encrypt(key: str, plaintext: bytes) -> bytes:
    """A binary OpenPGP message that only the owner of ``key`` opens; raises :class:`BadPGPKey`."""
    certificate = _certificate(key)
    try:
        message: bytes = _sequoia().encrypt(bytes=plaintext, recipients=[certificate], armor=False)
    except Exception as error:  # noqa: BLE001 - the library raises no class of its own
        raise BadPGPKey("error encrypting to given PGP key", cause=str(error)) from None
    return message
