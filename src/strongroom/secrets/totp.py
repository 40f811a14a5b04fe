"""TOTP: codes by time (RFC 6238), made here for others, or checked here for one's own devices.

A key that was generated here makes this server a provider: a device is given the key by a barcode, and
the codes it shows are checked by ``code``. A key from elsewhere, given as text or as the address behind a
barcode, makes it a generator: it shows the codes that the other side asks for, so that a second factor can
be shared without its secret.

A code counts once. Which were used stands in the row of the key, so that of two checks at the same time
one is refused.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from dataclasses import field as item
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from strongroom.crypto import totp
from strongroom.crypto.entropy import random_bytes
from strongroom.errors import BadRequest
from strongroom.framework import barcode
from strongroom.framework.backend import Backend
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.hcl.duration import format_go
from strongroom.logical import SECOND, Request

LONGEST_KEY, LARGEST_PICTURE = 1024, 2000
"""Bytes of a key that is generated, and pixels of a side of its barcode."""

_USED = "code already used; wait until the next time period"


@dataclass(slots=True)
class Key:
    """A key and how its codes are made.

    ``period`` is seconds; ``used`` holds the steps whose codes were used.
    """

    secret: bytes = item(repr=False)
    issuer: str = ""
    account_name: str = ""
    algorithm: str = "SHA1"
    digits: int = 6
    period: int = 30
    skew: int = 1
    used: list[int] = item(default_factory=list)

    def step(self, now: int) -> int:
        """The step of the time that ``now`` (nanoseconds) is in."""
        return now // (self.period * SECOND)

    def use(self, code: str, now: int) -> bool:
        """Whether the code is right, which uses it up. Raises BadRequest for one that was used.

        Codes of neighbouring steps may happen to be the same; using one uses the other.
        """
        step = self.step(now)
        steps = range(max(step - self.skew, 0), step + self.skew + 1)
        found = totp.steps_of(self.secret, code, steps, self.digits, self.algorithm)
        self.used = [one for one in self.used if one in steps]
        if not set(found).isdisjoint(self.used):
            raise BadRequest(_USED)
        self.used += found
        return bool(found)

    def address(self) -> str:
        """What a device reads from the barcode."""
        return totp.address(
            self.secret, self.issuer, self.account_name,
            algorithm=self.algorithm, digits=self.digits, period=self.period,
        )  # fmt: skip


class Keys(Path):
    """The keys there are."""

    pattern = "keys/?"
    reader_safe = True
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def list(self, engine: Totp, request: Request) -> list[str]:
        """Names of the keys."""
        return await engine.keys(request).list("", self.after, self.limit)


class KeyPath(Path):
    """A key: generated here, or taken from elsewhere as text or as the address of a barcode."""

    pattern = "keys/{name@}"
    reader_safe = True
    statuses = (("write", 200, "The barcode and the address of a key that was generated."),)
    name: str = field("Name of the key.")
    generate: bool = field("Make a new key here, for a device that will show its codes.")
    exported: bool = field("Answer the barcode and the address of a generated key, this once.", default=True)
    key_size: int = field(f"Bytes of a generated key, at most {LONGEST_KEY}.", default=20)
    key: str = field("A key from elsewhere, in base32.", sensitive=True)
    url: str = field(
        "A key from elsewhere, as otpauth://totp/...; `key` beside it is ignored.", sensitive=True
    )
    issuer: str = field("Who asks for the codes; needed for a generated key.")
    account_name: str = field("Whose codes they are; needed for a generated key.")
    period: Duration = field("Seconds one code stays valid.", default=30)
    algorithm: str = field(f"Digest of the codes: {', '.join(totp.ALGORITHMS)}.", default="SHA1")
    digits: int = field("Digits of a code, 6 or 8.", default=6)
    skew: int = field("How many periods before and after the present one count too, 0 or 1.", default=1)
    qr_size: int = field(
        f"Pixels of a side of the barcode, at most {LARGEST_PICTURE}; 0 for none.", default=200
    )

    async def read(self, engine: Totp, request: Request) -> dict[str, Any] | None:
        """How the codes are made, never the key."""
        key = await engine.keys(request).get(self.name)
        if key is None:
            return None
        shown = ("account_name", "algorithm", "digits", "issuer", "period")
        return {name: getattr(key, name) for name in shown}

    async def write(self, engine: Totp, request: Request) -> dict[str, Any] | None:
        """Create or replace the key.

        Answers ``url`` and ``barcode``, a PNG in base64, for a key that was generated and is exported.
        """
        if self.generate and self.key:
            raise BadRequest("a key should not be passed if generate is true")
        if self.generate and self.url:
            raise BadRequest("a url should not be passed if generate is true")
        text = self._read_url() if self.url else self.key
        _demand(self._demands())
        key = Key(
            random_bytes(self.key_size) if self.generate else _decoded(text),
            self.issuer, self.account_name, self.algorithm, self.digits, self.period, self.skew,
        )  # fmt: skip
        before = await engine.keys(request).get(self.name)
        if before is not None and (before.secret, before.period) == (key.secret, key.period):
            key.used = before.used  # written again, the key is no other: its codes stay used
        engine.keys(request).put(self.name, key)
        return await self._shown(key) if self.generate and self.exported else None

    async def delete(self, engine: Totp, request: Request) -> None:
        """Forget the key."""
        engine.keys(request).delete(self.name)

    def _read_url(self) -> str:
        """Take over what the address says; gives its key. Raises BadRequest."""
        try:
            parts = urlsplit(self.url)
            found = {name: values[0] for name, values in parse_qs(parts.query, max_num_fields=64).items()}
        except ValueError:
            raise BadRequest("an error occurred while parsing url string") from None
        label = unquote(parts.path.removeprefix("/"))
        issuer, colon, account = label.partition(":")
        if colon:
            self.issuer, self.account_name = issuer, account
        else:
            self.account_name = label
        self.issuer = found.get("issuer", self.issuer)
        self.algorithm = found.get("algorithm", self.algorithm)
        for name in ("period", "digits"):
            if name in found:
                setattr(self, name, _number(name, found[name]))
        return found.get("secret", "")

    def _demands(self) -> tuple[tuple[bool, str], ...]:
        """What must hold, and what is told where it does not."""
        new = self.generate
        return (
            (self.digits in (6, 8), "the digits value can only be 6 or 8"),
            (self.algorithm in totp.ALGORITHMS, "the algorithm value is not valid"),
            (self.period > 0, "the period value must be greater than zero"),
            (self.skew in (0, 1), "the skew value must be 0 or 1"),
            (self.qr_size >= 0, "the qr_size value must be greater than or equal to zero"),
            (self.qr_size <= LARGEST_PICTURE, f"the qr_size value must be at most {LARGEST_PICTURE}"),
            (self.key_size > 0, "the key_size value must be greater than zero"),
            (self.key_size <= LONGEST_KEY or not new, f"the key_size value must be at most {LONGEST_KEY}"),
            (bool(self.account_name) or not new, "the account_name value is required for generated keys"),
            (bool(self.issuer) or not new, "the issuer value is required for generated keys"),
        )

    async def _shown(self, key: Key) -> dict[str, Any]:
        """The address of a key, and its barcode where one is wanted."""
        address = key.address()
        if not self.qr_size:
            return {"url": address}
        try:
            picture = await asyncio.to_thread(barcode.png, address, self.qr_size)
        except barcode.TooLong:
            raise BadRequest("no barcode can hold all of this; set qr_size to 0 for none") from None
        return {"barcode": base64.b64encode(picture).decode(), "url": address}


def _demand(demands: tuple[tuple[bool, str], ...]) -> None:
    sentence = next((told for holds, told in demands if not holds), "")
    if sentence:
        raise BadRequest(sentence)


def _number(name: str, text: str) -> int:
    """A number from an address, in ASCII digits."""
    digits = text.removeprefix("-").removeprefix("+")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
        raise BadRequest(f"an error occurred while parsing {name} value in url")
    return int(text)


def _decoded(text: str) -> bytes:
    """A key as people write it: base32 in either case, with or without padding. Raises BadRequest."""
    if not text:
        raise BadRequest("the key value is required")
    padded = text + "=" * (-len(text) % 8)
    try:
        return base64.b32decode(padded, casefold=True)
    except (binascii.Error, ValueError):
        raise BadRequest("invalid key value: it is not base32") from None


class Code(Path):
    """The code of a key at this time."""

    pattern = "code/{name@}"
    reader_safe = True
    name: str = field("Name of the key.")
    code: str = field("A code to check.", sensitive=True)

    async def read(self, engine: Totp, request: Request) -> dict[str, Any]:
        """The present code, when it was made and when it ends: seconds since 1970."""
        key = await engine.key(request, self.name)
        step = key.step(request.now)
        return {
            "code": totp.code(key.secret, step, key.digits, key.algorithm),
            "generated": request.now // SECOND,
            "expire_time": (step + 1) * key.period,
            "period": format_go(key.period * SECOND),
        }

    async def write(self, engine: Totp, request: Request) -> dict[str, bool]:
        """Check a code: ``valid`` says whether it is right. A code is accepted once."""
        key = await engine.key(request, self.name)
        if not self.code:
            raise BadRequest("the code value is required")
        if len(self.code) != key.digits or not self.code.isascii():
            raise BadRequest("invalid number of digits for the code")
        valid = key.use(self.code, request.now)
        if valid:
            engine.keys(request).put(self.name, key)
        return {"valid": valid}


class Totp(Backend):
    """Codes by time: made for others, checked for one's own devices."""

    type: ClassVar[str] = "totp"
    paths = (Keys, KeyPath, Code)
    keys = stored(Key, under="key/")

    async def key(self, request: Request, name: str) -> Key:
        """The key of that name. Raises BadRequest."""
        key = await self.keys(request).get(name)
        if key is None:
            raise BadRequest(f"unknown key: {name}")
        return key
