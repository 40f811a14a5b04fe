"""Certificates that were issued: a row each, and an index by their end.

A mount may have millions of them. A row is the certificate itself; everything else is read from it.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.crypto import certificate
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.signing_key import bits_of, kind_of
from strongroom.errors import BadRequest, NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response
from strongroom.secrets.pki import validity
from strongroom.secrets.pki.counts import CERTIFICATES
from strongroom.secrets.pki.modified import Conditional, unless_known

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_MANY, _FEW = 5000, 50
_SERIAL_LIMIT = 3 * 64
_SERIAL = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2})*", re.ASCII)
PEM_FILE = "application/pem-certificate-chain"
DER_FILE = "application/pkix-cert"


@dataclass(slots=True)
class Revoked:
    """That a certificate is revoked. Times are seconds since the epoch; ``issuer`` is an ID, or empty."""

    time: int
    not_after: int
    group: str = ""
    issuer: str = ""
    nanoseconds: int = 0


def keep(pki: Pki, request: Request, one: Certificate) -> None:
    """Store a certificate that is not there yet."""
    pki.counts.changed(request, CERTIFICATES, 1)
    serial = one.serial
    request.view.put(f"certs/{serial}", one.der)
    request.view.mark(f"expiry/{one.not_after:012x}/{serial}")


async def forget(pki: Pki, request: Request, serial: str, not_after: int) -> None:
    """Remove a certificate's row, if it is there, and its place in the index."""
    if await request.view.get(f"certs/{serial}") is not None:
        pki.counts.changed(request, CERTIFICATES, -1)
    request.view.delete(f"certs/{serial}")
    request.view.delete(f"expiry/{not_after:012x}/{serial}")


async def find(request: Request, serial: str) -> Certificate | None:
    """The stored certificate of that serial number."""
    row = await request.view.get(f"certs/{serial}")
    return None if row is None else certificate.load(row)


async def listed(request: Request, prefix: str, after: str, limit: int) -> list[str]:
    """A page of serial numbers, or all of them; others have their turn while there are many."""
    found: list[str] = []
    while limit <= 0 or len(found) < limit:
        wanted = _MANY if limit <= 0 else min(_MANY, limit - len(found))
        page = await request.view.list(prefix, found[-1] if found else after, wanted)
        found += page
        if len(page) < wanted:
            break
        await asyncio.sleep(0)
    return found


def normal_serial(text: str) -> str:
    """A serial number as rows are named. Raises BadRequest for what is none."""
    plain = text.replace("-", ":").lower()
    if len(plain) > _SERIAL_LIMIT or _SERIAL.fullmatch(plain) is None:
        raise BadRequest("invalid serial number: it is hexadecimal, octet by octet, with colons")
    return plain


class Certs(Path):
    """The certificates that were issued and stored."""

    pattern = "certs/?"
    reader_safe = True
    after: str = field("List serial numbers that come after this one.", query=True)
    limit: int = field("List at most this many serial numbers.", query=True)

    async def list(self, pki: Pki, request: Request) -> list[str]:
        """Serial numbers of the certificates."""
        return await listed(request, "certs/", self.after, self.limit)


class DetailedCerts(Path):
    """The certificates that were issued and stored, with what they say."""

    pattern = "certs/detailed/?"
    reader_safe = True
    after: str = field("List serial numbers that come after this one.", query=True)
    limit: int = field("List at most this many serial numbers.", query=True)

    async def list(self, pki: Pki, request: Request) -> dict[str, Any] | None:
        """Serial numbers of the certificates, with subject, issuer, key and validity of each."""
        serials = await listed(request, "certs/", self.after, self.limit)
        info = {}
        for position, serial in enumerate(serials):
            if position % _FEW == _FEW - 1:
                await asyncio.sleep(0)
            found = await find(request, serial)
            if found is not None:
                info[serial] = _detail(found)
        return {"keys": serials, "key_info": info} if serials else None


def _detail(one: Certificate) -> dict[str, Any]:
    return {
        "common_name": one.subject.common_name,
        "dns_names": one.dns_names or None,
        "issuer": one.issuer_text,
        "key_bits": bits_of(one.public_key),
        "key_type": kind_of(one.public_key),
        "not_after": validity.written(one.not_after),
        "not_before": validity.written(one.not_before),
    }


class RevokedCerts(Path):
    """The certificates that are revoked."""

    pattern = "certs/revoked/?"
    reader_safe = True
    after: str = field("List serial numbers that come after this one.", query=True)
    limit: int = field("List at most this many serial numbers.", query=True)

    async def list(self, pki: Pki, request: Request) -> list[str]:
        """Serial numbers of the revoked certificates."""
        return await listed(request, "revoked/", self.after, self.limit)


class CertPath(Conditional):
    """A certificate by its serial number, for everyone."""

    pattern = "cert/{serial!}"
    unauthenticated = True
    reader_safe = True
    serial: str = field("Serial number, with colons or hyphens; or ca, ca_chain, crl, delta-crl.")

    async def read(self, pki: Pki, request: Request) -> Response | dict[str, Any] | None:
        """The certificate as PEM, and when it was revoked."""
        if self.serial in ("ca", "ca_chain"):
            chain = await _default(pki, request)
            answer = _answer(chain[0].pem)
            if self.serial == "ca_chain":
                answer["certificate"] = answer["ca_chain"] = "\n".join(one.pem for one in chain)
            return unless_known(request, await _changed(pki, request), Response(data=answer))
        found, revoked = await self._found(pki, request)
        if found is None:
            return None
        answer = _answer(found.pem)
        if revoked is not None:
            answer["revocation_time"] = revoked.time
            answer["revocation_time_rfc3339"] = validity.written(revoked.time)
            answer["issuer_id"] = revoked.issuer
        return answer

    async def _found(self, pki: Pki, request: Request) -> tuple[Certificate | None, Revoked | None]:
        serial = _serial_in_path(self.serial)
        return await find(request, serial), await pki.revocations(request).get(serial)


def _serial_in_path(text: str) -> str:
    try:
        return normal_serial(text)
    except BadRequest:
        raise NotFound from None


def _answer(text: str) -> dict[str, Any]:
    return {"certificate": text, "revocation_time": 0, "revocation_time_rfc3339": ""}


async def _chain(pki: Pki, request: Request) -> list[Certificate]:
    """The default issuer's chain, empty where there is none."""
    issuer = await pki.issuer_or_none(request, "default")
    return [] if issuer is None else await pki.chain(request, issuer)


async def _default(pki: Pki, request: Request) -> list[Certificate]:
    """The default issuer's chain. Raises BadRequest where there is none."""
    return await pki.chain(request, await pki.issuer(request, "default"))


async def _changed(pki: Pki, request: Request) -> int:
    """Since when the default issuer is as it is; 0 where nobody noted it."""
    issuer = await pki.issuer_or_none(request, "default")
    times = (await pki.config(request)).default_changed, issuer.changed if issuer is not None else 0
    return max(times) if all(times) else 0


async def _unless_known(pki: Pki, request: Request, response: Response) -> Response:
    return unless_known(request, await _changed(pki, request), response)


class CertRaw(Conditional):
    """A certificate by its serial number as a DER file, for everyone."""

    pattern = "cert/{serial!}/raw"
    unauthenticated = True
    reader_safe = True
    serial: str = field("Serial number, with colons or hyphens; or ca.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        one = await _file(pki, request, self.serial)
        response = as_file(one.der if one is not None else None, DER_FILE)
        return await _unless_known(pki, request, response) if self.serial == "ca" else response


class CertRawPem(Conditional):
    """A certificate by its serial number as a PEM file, for everyone."""

    pattern = "cert/{serial!}/raw/pem"
    unauthenticated = True
    reader_safe = True
    serial: str = field("Serial number, with colons or hyphens; or ca.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        one = await _file(pki, request, self.serial)
        response = as_file(one.pem.encode() if one is not None else None, PEM_FILE)
        return await _unless_known(pki, request, response) if self.serial == "ca" else response


async def _file(pki: Pki, request: Request, serial: str) -> Certificate | None:
    if serial == "ca":
        return next(iter(await _chain(pki, request)), None)
    return await find(request, _serial_in_path(serial))


def as_file(content: bytes | None, kind: str) -> Response:
    """A file, or 204 where there is none."""
    return Response(raw=content or b"", content_type=kind, status=200 if content else 204)


class CaRaw(Conditional):
    """The certificate of the default issuer as a DER file, for everyone."""

    pattern = "ca"
    unauthenticated = True
    reader_safe = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        response = as_file(next((one.der for one in await _chain(pki, request)), None), DER_FILE)
        return await _unless_known(pki, request, response)


class CaPem(Conditional):
    """The certificate of the default issuer as a PEM file, for everyone."""

    pattern = "ca/pem"
    unauthenticated = True
    reader_safe = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificate."""
        response = as_file(next((one.pem.encode() for one in await _chain(pki, request)), None), PEM_FILE)
        return await _unless_known(pki, request, response)


class CaChain(Conditional):
    """The chain of the default issuer as a PEM file, for everyone."""

    pattern = "ca_chain"
    unauthenticated = True
    reader_safe = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """The certificates, the issuer's own first."""
        text = "\n".join(one.pem for one in await _chain(pki, request))
        return await _unless_known(pki, request, as_file(text.encode(), DER_FILE))
