"""The paths of orders: made, finalized with a request for a certificate, and the certificate fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.clock import parse_rfc3339, rfc3339
from strongroom.crypto import base64url
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.framework.field import field
from strongroom.logical import SECOND, Request, Response
from strongroom.secrets.pki.acme import identifier, issuing, records
from strongroom.secrets.pki.acme.endpoint import Caller, Signed, everywhere
from strongroom.secrets.pki.acme.identifier import Identifier
from strongroom.secrets.pki.acme.problem import Problem, malformed
from strongroom.secrets.pki.acme.records import Authorization, Challenge, Issued, Order

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

LIFE = 24 * 3600
"""Seconds in which an order has to be finalized."""
KEPT = 24 * 3600
"""Seconds that an order which came to nothing stays to be looked at."""
EARLIER = 3600
"""Seconds that a certificate may begin before it is ordered."""
WAKE = "acme-order/"
"""What a wake for the end of an order begins with."""
CHAIN = "application/pem-certificate-chain"
_TOKEN = 24


async def _load(caller: Caller, name: str) -> tuple[Order, str]:
    """An order of the account that asks, and what state it is in. Raises Problem."""
    order = await records.orders(caller.request).get(f"{caller.known.id}/{name}")
    if order is None:
        raise malformed("order does not exist")
    return order, await _standing(caller.request, order)


async def _standing(request: Request, order: Order) -> str:
    found = []
    if not order.status:
        for name in order.authorizations:
            authorization = await records.authorizations(request).get(f"{order.account}/{name}")
            found.append(authorization.status(request.now) if authorization else records.INVALID)
    return order.standing(found, request.now)


def _document(caller: Caller, order: Order, status: str) -> dict[str, Any]:
    place = caller.directory.url(f"order/{order.id}")
    document: dict[str, Any] = {
        "status": status,
        "expires": rfc3339(order.expires // SECOND * SECOND),
        "identifiers": [{"type": one.type, "value": one.value} for one in order.identifiers],
        "authorizations": [caller.directory.url(f"authorization/{name}") for name in order.authorizations],
        "finalize": f"{place}/finalize",
    }
    for name, when in (("notBefore", order.not_before), ("notAfter", order.not_after)):
        if when:
            document[name] = rfc3339(when)
    if order.error:
        document["error"] = order.error
    if status == records.VALID:
        document["certificate"] = f"{place}/cert"
    return document


def _answer(caller: Caller, order: Order, status: str, code: int = 200) -> Response:
    headers = [("Location", caller.directory.url(f"order/{order.id}"))]
    return caller.answer(_document(caller, order, status), *headers, status=code)


def _moment(content: dict[str, Any], name: str) -> int:
    """A time that the client wishes; 0 where it has no wish. Raises Problem."""
    value = content.get(name)
    if value is None or value == "":
        return 0
    try:
        return parse_rfc3339(value)
    except (ValueError, AttributeError, TypeError):
        raise malformed(f"invalid field '{name}': a time of RFC 3339 in UTC is needed") from None


class NewOrder(Signed):
    """New orders."""

    pattern = "acme/new-order"
    statuses = (("write", 201, "The order is there."), *Signed.statuses)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Order a certificate for names and addresses, each of which is to be shown to be held."""
        return await self.serve(pki, request, _new_order)


async def _new_order(caller: Caller) -> Response:
    request, content = caller.request, caller.message.content()
    identifiers = identifier.parse_all(content.get("identifiers"))
    await issuing.refuse_identifiers(caller, identifiers)
    order = Order(
        id=uuid4_str(),
        account=caller.known.id,
        identifiers=identifiers,
        authorizations=[],
        expires=request.now + LIFE * SECOND,
        created=request.now,
        not_before=_moment(content, "notBefore"),
        not_after=_moment(content, "notAfter"),
    )
    if order.not_after and order.not_after <= max(order.not_before, request.now):
        raise malformed("the certificate would end before it begins")
    if order.not_before and order.not_before < request.now - EARLIER * SECOND:
        raise malformed("the certificate would begin in the past")
    for one in identifiers:
        authorization = _authorization(order, one)
        order.authorizations.append(authorization.id)
        records.authorizations(request).put(f"{order.account}/{authorization.id}", authorization)
    records.orders(request).put(f"{order.account}/{order.id}", order)
    request.view.mark(records.ending(order))
    request.wake_at(order.expires + KEPT * SECOND, f"{WAKE}{order.account}/{order.id}")
    return _answer(caller, order, records.PENDING, 201)


def _authorization(order: Order, one: Identifier) -> Authorization:
    return Authorization(
        id=uuid4_str(),
        account=order.account,
        order=order.id,
        identifier=Identifier(one.type, one.base),
        expires=order.expires,
        wildcard=one.wildcard,
        challenges=[Challenge(kind, base64url.encode(random_bytes(_TOKEN))) for kind in records.kinds(one)],
    )


async def ended(request: Request, reference: str) -> None:
    """Forget an order that came to nothing; one that was answered by a certificate stays."""
    order = await records.orders(request).get(reference)
    if order is not None and not order.serial:
        forget(request, order)


def forget(request: Request, order: Order) -> None:
    """Drop the rows of an order, but for that of the certificate."""
    for name in order.authorizations:
        records.authorizations(request).delete(f"{order.account}/{name}")
    request.view.delete(records.ending(order))
    records.orders(request).delete(f"{order.account}/{order.id}")


class OrderPath(Signed):
    """An order."""

    pattern = "acme/order/{order_id}"
    order_id: str = field("ID of the order.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """The order as it stands. Only the account that made it is told."""
        return await self.serve(pki, request, self._order)

    async def _order(self, caller: Caller) -> Response:
        return _answer(caller, *await _load(caller, self.order_id))


class Finalize(Signed):
    """The end of an order."""

    pattern = "acme/order/{order_id}/finalize"
    order_id: str = field("ID of the order.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """Have the certificate issued, for a request (CSR) that has exactly the names of the order."""
        return await self.serve(pki, request, self._finalize)

    async def _finalize(self, caller: Caller) -> Response:
        request = caller.request
        csr = _csr(caller.message.content())
        order, status = await _load(caller, self.order_id)
        if status != records.READY:
            raise Problem("orderNotReady", f"order is status {status}, needs to be in ready state")
        certificate = await issuing.issue_for(caller, order, csr)
        order.status, order.serial, order.issuer = records.VALID, certificate.serial, certificate.issuer
        request.view.delete(records.ending(order))
        order.certificate_end = certificate.not_after * SECOND
        request.view.mark(records.ending(order))
        records.orders(request).put(f"{order.account}/{order.id}", order)
        records.issued(request).put(order.serial, Issued(order.account, order.id))
        request.let_sleep(order.expires + KEPT * SECOND, f"{WAKE}{order.account}/{order.id}")
        return _answer(caller, order, order.status)


def _csr(content: dict[str, Any]) -> bytes:
    text = content.get("csr")
    if not isinstance(text, str) or not text:
        raise malformed("missing field 'csr'")
    try:
        return base64url.decode(text)
    except ValueError:
        raise malformed("the field 'csr' is not base64url without padding") from None


class CertificatePath(Signed):
    """The certificate of an order."""

    pattern = "acme/order/{order_id}/cert"
    order_id: str = field("ID of the order.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """The certificate and those of its issuers, up to the root, as PEM."""
        return await self.serve(pki, request, self._certificate)

    async def _certificate(self, caller: Caller) -> Response:
        order, status = await _load(caller, self.order_id)
        if status != records.VALID:
            raise Problem("orderNotReady", f"order is status {status}, needs to be in valid state")
        chain = await issuing.chain(caller, order)
        if chain is None:
            raise malformed("the certificate is not kept any more")
        return Response(raw=chain.encode(), content_type=CHAIN)


PATHS = everywhere(NewOrder, OrderPath, Finalize, CertificatePath)
