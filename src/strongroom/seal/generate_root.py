"""Root token generation as a value: keepers authorise, the token leaves encrypted for one person."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass, field, replace
from typing import Any

from strongroom.crypto.entropy import base62
from strongroom.errors import BadRequest
from strongroom.seal import pgp
from strongroom.seal.quorum import Quorum

TOKEN_LENGTH = 28
"""Characters of a root token, and so of the one-time pad that hides it."""


@dataclass(frozen=True, slots=True)
class RootGeneration:
    """One generation under way: either a one-time password or a PGP key hides the token."""

    quorum: Quorum
    otp: str = field(default="", repr=False)
    pgp_key: str = ""
    fingerprint: str = ""

    @classmethod
    def start(cls, required: int, otp: str = "", pgp_key: str = "") -> RootGeneration:
        """Begin; without ``otp`` and ``pgp_key`` a one-time password is made. Raises BadRequest."""
        if otp:
            if len(otp.encode()) != TOKEN_LENGTH:
                raise BadRequest("OTP string has incorrect length")
            return cls(Quorum(required), otp)
        if not pgp_key:
            return cls(Quorum(required), base62(TOKEN_LENGTH))
        try:
            pgp.encrypt(pgp_key, b"")
            return cls(Quorum(required), pgp_key=pgp_key, fingerprint=pgp.fingerprint(pgp_key))
        except pgp.BadPGPKey as error:
            raise BadRequest(f"error parsing PGP key: {error.public}", cause=error.cause) from None

    def submit(self, share: bytes, nonce: str) -> RootGeneration:
        """With one more share; raises BadRequest."""
        if not hmac.compare_digest(nonce.encode(), self.quorum.nonce.encode()):
            raise BadRequest("incorrect nonce supplied for this root generation operation")
        if self.quorum.has(share):
            raise BadRequest("given key has already been provided during this generation operation")
        return replace(self, quorum=self.quorum.add(share))

    def restarted(self) -> RootGeneration:
        """The same attempt after shares that did not make the key."""
        return replace(self, quorum=self.quorum.emptied())

    def encode(self, token: str) -> str:
        """``token``, hidden. Raises ValueError when it does not fit the one-time password."""
        if self.pgp_key:
            return base64.b64encode(pgp.encrypt(self.pgp_key, token.encode())).decode("ascii")
        return encode_token(token, self.otp)

    def status(self, *, show_otp: bool = False, legacy: bool = False) -> dict[str, Any]:
        """What the attempt path answers; a generated password is shown once, to who started."""
        return self._answer(legacy=legacy) | {
            "otp": self.otp if show_otp else "",
            "otp_length": TOKEN_LENGTH,
        }

    def progress(self, encoded_token: str = "", *, legacy: bool = False) -> dict[str, Any]:
        """What the update path answers; complete with the encoded token."""
        answer = self._answer(legacy=legacy) | {
            "complete": bool(encoded_token),
            "encoded_token": encoded_token,
        }
        if legacy:
            answer |= {"encoded_root_token": encoded_token, "otp": "", "otp_length": 0}
        return answer

    def _answer(self, *, legacy: bool) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "nonce": self.quorum.nonce,
            "started": True,
            "progress": self.quorum.progress,
            "required": self.quorum.required,
            "complete": False,
            "pgp_fingerprint": self.fingerprint,
        }
        if legacy:
            answer |= {"encoded_token": "", "encoded_root_token": ""}
        return answer


def idle(required: int, *, legacy: bool = False) -> dict[str, Any]:
    """The status when no generation is under way."""
    answer: dict[str, Any] = {
        "complete": False,
        "otp": "",
        "otp_length": TOKEN_LENGTH,
        "progress": 0,
        "required": required,
        "started": False,
    }
    if legacy:
        answer |= {"nonce": "", "encoded_token": "", "encoded_root_token": "", "pgp_fingerprint": ""}
    return answer


def encode_token(token: str, otp: str) -> str:
    """Unpadded base64 of ``token`` XOR ``otp``; raises ValueError when their lengths differ."""
    hidden = bytes(a ^ b for a, b in zip(token.encode(), otp.encode(), strict=True))
    return base64.b64encode(hidden).rstrip(b"=").decode("ascii")


def decode_token(encoded: str, otp: str) -> str:
    """The token that :func:`encode_token` hid; raises BadRequest."""
    if not encoded or not otp:
        raise BadRequest("provided 'encoded_token' or 'otp' is empty")
    try:
        hidden = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest("error decoding base64'd token: illegal base64 data") from None
    pad = otp.encode()
    if len(hidden) != len(pad):
        raise BadRequest(
            f"error xoring token: length of byte slices is not equivalent: {len(hidden)} != {len(pad)}"
        )
    token = bytes(a ^ b for a, b in zip(hidden, pad, strict=True))
    try:
        return token.decode("ascii")
    except UnicodeDecodeError:
        raise BadRequest("the OTP does not belong to this token") from None
