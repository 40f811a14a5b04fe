"""CRLs: made when they are asked for and no longer fresh, so that nothing has to run for them.

What is revoked stands in an index of its own for each group of issuers with one name and key. A second
index holds what the complete CRL does not have yet: that is what the delta CRL lists, and by that a CRL
that has to be made anew is known. Making one goes through the index in portions, so that other requests
are served meanwhile; when something is revoked while it is made, it is stored all the same, and what it
does not have stays in the second index.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from strongroom.crypto import pem, revocation_list
from strongroom.errors import BadRequest, Conflict, NotFound
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki import stored
from strongroom.secrets.pki.crl_config import CrlConfig
from strongroom.secrets.pki.issuer import Issuer, addressed
from strongroom.secrets.pki.modified import Conditional, unless_known

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_NO_CRL = "unable to find CRL for issuer: {}"
_NOTHING = 204
DER_TYPE, PEM_TYPE = "application/pkix-crl", "application/x-pem-file"
_PORTION = 400
_RESERVE = 10
"""A CRL that has less than this part of its time left is made anew."""


@dataclass(slots=True)
class Published:
    """What a CRL that is stored says of itself. Times are seconds since the epoch."""

    number: int = 0
    this_update: int = 0
    next_update: int = 0
    base: int = 0
    made_for: str = ""


@dataclass(slots=True)
class State:
    """The CRLs of a group of issuers. ``last`` is the highest number that was given."""

    last: int = 0
    complete: Published | None = None
    delta: Published | None = None


@dataclass(slots=True)
class _Built:
    """A CRL that was made, and the rows of what it has that is not in the complete one before."""

    published: Published
    der: bytes
    news: list[str]
    after: int


def settings_of(config: CrlConfig, issuer: Issuer) -> str:
    """What a CRL depends on besides what is revoked, as a text to compare."""
    return f"{config.expiry}/{config.disable}/{issuer.revocation_signature_algorithm}"


def complete_is_fresh(state: State, config: CrlConfig, issuer: Issuer, now: int, *, news: bool) -> bool:
    """Whether the complete CRL is good to be served. ``news``: it lacks something that is revoked."""
    last = state.complete
    if last is None or last.made_for != settings_of(config, issuer):
        return False
    if config.auto_rebuild:
        return now < last.next_update - config.grace
    if news and not config.disable:
        return False
    return now < last.next_update - (last.next_update - last.this_update) // _RESERVE


def delta_is_fresh(state: State, config: CrlConfig, now: int) -> bool:
    """Whether the delta CRL is good to be served."""
    last, complete = state.delta, state.complete
    if last is None or complete is None or last.base != complete.number:
        return False
    return now < last.this_update + config.delta_interval and now < last.next_update


# -- making ----------------------------------------------------------------------------------------


async def complete(pki: Pki, request: Request, issuer: Issuer, *, anew: bool = False) -> bytes | None:
    """The complete CRL of an issuer, made anew if need be; None where none may be signed."""
    signer = await _signer(pki, request, issuer)
    if signer is None:
        return None
    group, now = issuer.group, request.now // SECOND
    state = await _state(pki, request, group)
    config = await pki.crl_config(request)
    news = not config.auto_rebuild and await _has_news(request, state, group)
    if not anew and complete_is_fresh(state, config, signer, now, news=news):
        return await request.view.get(_file(group, "complete"))
    built = await _once(pki, request, signer, state, config, delta=False)
    state.last, state.complete, state.delta = built.published.number, built.published, None
    request.view.put(_file(group, "complete"), built.der)
    for position, row in enumerate(built.news):
        request.view.delete(f"unpublished/{group}/{row}")
        if position % _PORTION == _PORTION - 1:
            await asyncio.sleep(0)
    pki.crl_states(request).put(group, state)
    return built.der


async def delta(pki: Pki, request: Request, issuer: Issuer, *, anew: bool = False) -> bytes | None:
    """The delta CRL of an issuer, made anew if need be; None where none may be signed."""
    if await complete(pki, request, issuer) is None:
        return None
    signer = await _signer(pki, request, issuer)
    group, now = issuer.group, request.now // SECOND
    state = await _state(pki, request, group)
    config = await pki.crl_config(request)
    if signer is None or (not anew and delta_is_fresh(state, config, now)):
        return await request.view.get(_file(group, "delta"))
    built = await _once(pki, request, signer, state, config, delta=True)
    state.last, state.delta = built.published.number, built.published
    request.view.put(_file(group, "delta"), built.der)
    pki.crl_states(request).put(group, state)
    return built.der


async def _state(pki: Pki, request: Request, group: str) -> State:
    return await pki.crl_states(request).get(group) or State()


def _file(group: str, which: str) -> str:
    return f"crl-files/{group}/{which}"


async def _signer(pki: Pki, request: Request, issuer: Issuer) -> Issuer | None:
    """The issuer that signs for the group: itself, or another with its name and key that may."""
    for one in (issuer, *await pki.all_issuers(request)):
        if one.group == issuer.group and "crl-signing" in one.usage and one.key_id:
            return one
    return None


async def _has_news(request: Request, state: State, group: str) -> bool:
    built = request.once.get(("built", group, False))
    if built is not None and built.after == state.last:
        return True  # what was made before the race was lost is stored without looking again
    return bool(await request.view.scan(f"unpublished/{group}/", "", 1))


async def _once(
    pki: Pki, request: Request, signer: Issuer, state: State, config: CrlConfig, *, delta: bool
) -> _Built:
    """Make a CRL, or take the one that was made before this request lost a race.

    Such a one is stored without reading the index again: what was revoked since is still to be published.
    """
    kept = request.once.get(("built", signer.group, delta))
    if kept is not None and kept.after == state.last:
        was_built: _Built = kept
        return was_built
    lock = pki.making.setdefault(signer.group, asyncio.Lock())
    if lock.locked() and not request.once.get("waited"):
        request.once["waited"] = True
        async with lock:
            pass
        raise Conflict("another request has made the CRL meanwhile")  # begins again, with what that stored
    async with lock:
        built = await _build(pki, request, signer, state, config, delta=delta)
    request.once["built", signer.group, delta] = built
    return built


async def _build(
    pki: Pki, request: Request, signer: Issuer, state: State, config: CrlConfig, *, delta: bool
) -> _Built:
    group, now = signer.group, request.now // SECOND
    authority = await pki.authority(request, signer)
    news: list[str] = []
    parts: list[bytes] = []
    if not config.disable:
        async for page in _pages(request, f"unpublished/{group}/"):
            news += page
        if delta:
            parts = [revocation_list.entries(map(_entry, news))]
        else:
            async for page in _pages(request, f"listed/{group}/"):
                parts.append(revocation_list.entries(map(_entry, page)))
    base = state.complete.number if delta and state.complete is not None else 0
    published = Published(state.last + 1, now, now + config.lifetime, base, settings_of(config, signer))
    der = await asyncio.to_thread(
        revocation_list.sign,
        b"".join(parts),
        authority.key,
        authority.certificate,
        number=published.number,
        this_update=now,
        next_update=published.next_update,
        base=base if delta else None,
        algorithm=signer.revocation_signature_algorithm,
    )
    return _Built(published, der, news, state.last)


async def _pages(request: Request, prefix: str) -> AsyncIterator[list[str]]:
    """The rows of an index in portions, between which others have their turn."""
    after = ""
    while True:
        page = await request.view.scan(prefix, after, _PORTION)
        yield page
        if len(page) < _PORTION:
            return
        after = page[-1]
        await asyncio.sleep(0)


def _entry(row: str) -> tuple[str, int]:
    serial, _, when = row.partition("/")
    return serial, int(when, 16)


# -- paths -----------------------------------------------------------------------------------------


class _File(Conditional):
    """A CRL as a file, for everyone."""

    unauthenticated = True
    reads_write = True


async def _served(pki: Pki, request: Request, issuer: Issuer, *, is_delta: bool) -> tuple[bytes | None, int]:
    """The CRL of an issuer, and since when it is there."""
    der = await (delta if is_delta else complete)(pki, request, issuer)
    state = await _state(pki, request, issuer.group)
    published = state.delta if is_delta else state.complete
    return der, published.this_update + 1 if published is not None else 0


async def _file_of(
    pki: Pki, request: Request, issuer: Issuer | None, *, is_delta: bool, as_pem: bool, end: str = ""
) -> Response:
    kind = PEM_TYPE if as_pem else DER_TYPE
    if issuer is None:
        return stored.as_file(None, kind)
    der, changed = await _served(pki, request, issuer, is_delta=is_delta)
    if as_pem and der is not None:
        der = (pem.encode("X509 CRL", der) + end).encode()
    return unless_known(request, changed, stored.as_file(der, kind))


async def _default(pki: Pki, request: Request, *, is_delta: bool, as_pem: bool) -> Response:
    issuer = await pki.issuer_or_none(request, "default")
    return await _file_of(pki, request, issuer, is_delta=is_delta, as_pem=as_pem)


class Crl(_File):
    """The CRL of the default issuer as a DER file."""

    pattern = "crl"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The CRL."""
        return await _default(pki, request, is_delta=False, as_pem=False)


class CrlPem(_File):
    """The CRL of the default issuer as a PEM file."""

    pattern = "crl/pem"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The CRL."""
        return await _default(pki, request, is_delta=False, as_pem=True)


class DeltaCrl(_File):
    """The delta CRL of the default issuer as a DER file."""

    pattern = "crl/delta"

    async def read(self, pki: Pki, request: Request) -> Response:
        """What is revoked since the complete CRL was made."""
        return await _default(pki, request, is_delta=True, as_pem=False)


class DeltaCrlPem(_File):
    """The delta CRL of the default issuer as a PEM file."""

    pattern = "crl/delta/pem"

    async def read(self, pki: Pki, request: Request) -> Response:
        """What is revoked since the complete CRL was made."""
        return await _default(pki, request, is_delta=True, as_pem=True)


class CertCrl(_File):
    """The CRL of the default issuer, within an answer as JSON."""

    pattern = "cert/crl"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The CRL as PEM."""
        return await _as_certificate(pki, request, is_delta=False)


class CertDeltaCrl(_File):
    """The delta CRL of the default issuer, within an answer as JSON."""

    pattern = "cert/delta-crl"

    async def read(self, pki: Pki, request: Request) -> Response:
        """The delta CRL as PEM."""
        return await _as_certificate(pki, request, is_delta=True)


async def _as_certificate(pki: Pki, request: Request, *, is_delta: bool) -> Response:
    issuer = await pki.issuer(request, "default")
    der, changed = await _served(pki, request, issuer, is_delta=is_delta)
    if der is None:
        raise NotFound
    data = {
        "certificate": pem.encode("X509 CRL", der),
        "revocation_time": 0,
        "revocation_time_rfc3339": "",
    }
    return unless_known(request, changed, Response(data=data))


class IssuerCrl(_File):
    """The CRL of an issuer, within an answer as JSON."""

    pattern = "issuer/{issuer_ref}/crl"
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The CRL as PEM."""
        return await _of_issuer(pki, request, self.issuer_ref, is_delta=False)


class IssuerDeltaCrl(_File):
    """The delta CRL of an issuer, within an answer as JSON."""

    pattern = "issuer/{issuer_ref}/crl/delta"
    issuer_ref: str = field("Name or ID of the issuer, or default.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The delta CRL as PEM."""
        return await _of_issuer(pki, request, self.issuer_ref, is_delta=True)


async def _of_issuer(pki: Pki, request: Request, ref: str, *, is_delta: bool) -> Response:
    issuer = await addressed(pki, request, ref)
    der, changed = await _served(pki, request, issuer, is_delta=is_delta)
    if der is None:
        raise NotFound(_NO_CRL.format(ref))
    data = {"crl": pem.encode("X509 CRL", der) + "\n"}
    return unless_known(request, changed, Response(data=data))


class IssuerCrlFile(_File):
    """The CRL of an issuer as a file."""

    pattern = "issuer/{issuer_ref}/crl/{form}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    form: str = field("der or pem.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The CRL."""
        return await _issuer_file(pki, request, self.issuer_ref, self.form, is_delta=False)


class IssuerDeltaCrlFile(_File):
    """The delta CRL of an issuer as a file."""

    pattern = "issuer/{issuer_ref}/crl/delta/{form}"
    issuer_ref: str = field("Name or ID of the issuer, or default.")
    form: str = field("der or pem.")

    async def read(self, pki: Pki, request: Request) -> Response:
        """The delta CRL."""
        return await _issuer_file(pki, request, self.issuer_ref, self.form, is_delta=True)


async def _issuer_file(pki: Pki, request: Request, ref: str, form: str, *, is_delta: bool) -> Response:
    if form not in ("der", "pem"):
        raise NotFound
    issuer = await addressed(pki, request, ref)
    response = await _file_of(pki, request, issuer, is_delta=is_delta, as_pem=form == "pem", end="\n")
    if response.status == _NOTHING:
        raise NotFound(_NO_CRL.format(ref))
    return response


class RotateCrl(Path):
    """Make the complete CRLs of all issuers anew, now."""

    pattern = "crl/rotate"
    reads_write = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """Make them."""
        for issuer in await _one_of_each_group(pki, request):
            await complete(pki, request, issuer, anew=True)
        return Response(data={"success": True})

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make them."""
        return await self.read(pki, request)


class RotateDeltaCrl(Path):
    """Make the delta CRLs of all issuers anew, now."""

    pattern = "crl/rotate-delta"
    reads_write = True

    async def read(self, pki: Pki, request: Request) -> Response:
        """Make them, if delta CRLs are enabled."""
        if not (await pki.crl_config(request)).enable_delta:
            note = "requested rebuild of delta CRL when delta CRL is not enabled; this is a no-op"
            return Response(data={"success": True}, warnings=[note])
        for issuer in await _one_of_each_group(pki, request):
            await delta(pki, request, issuer, anew=True)
        return Response(data={"success": True})

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make them, if delta CRLs are enabled."""
        return await self.read(pki, request)


async def _one_of_each_group(pki: Pki, request: Request) -> list[Issuer]:
    groups: dict[str, Issuer] = {}
    for issuer in await pki.all_issuers(request):
        groups.setdefault(issuer.group, issuer)
    return list(groups.values())


def signing_allowed(issuer: Issuer) -> None:
    """Raise BadRequest where an issuer may not sign CRLs."""
    if "crl-signing" not in issuer.usage:
        raise BadRequest("the issuer may not sign CRLs: its usage does not say so")
