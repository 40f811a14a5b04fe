"""The paths of accounts: made, changed, given another key, and closed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from strongroom.crypto import jwk
from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.jwk import Jwk
from strongroom.framework.field import field
from strongroom.logical import Request, Response
from strongroom.secrets.pki.acme import config as configs
from strongroom.secrets.pki.acme import eab, message, records
from strongroom.secrets.pki.acme.directory import Directory
from strongroom.secrets.pki.acme.endpoint import Caller, Signed, everywhere
from strongroom.secrets.pki.acme.problem import Problem, malformed
from strongroom.secrets.pki.acme.records import Account

if TYPE_CHECKING:
    from strongroom.secrets.pki.engine import Pki

_CONTACTS = 10
_LONGEST = 320
_MAIL = re.compile(r"mailto:[^\s,?@]+@[^\s,?@]+", re.ASCII)
ORDERS_PAGE = 500
"""Orders of an account that are listed at once."""


def _document(directory: Directory, account: Account) -> dict[str, Any]:
    document: dict[str, Any] = {
        "status": account.status,
        "orders": directory.account_url(account.id) + "/orders",
    }
    if account.contact:
        document["contact"] = account.contact
    if account.agreed:
        document["termsOfServiceAgreed"] = True
    if account.bound:
        document["externalAccountBinding"] = account.bound
    return document


def _answer(caller: Caller, account: Account, status: int = 200) -> Response:
    place = ("Location", caller.directory.account_url(account.id))
    return caller.answer(_document(caller.directory, account), place, status=status)


def _row(directory: Directory, key: Jwk) -> str:
    """Where the account of a key stands: each directory has accounts of its own."""
    return f"{directory.key}/{key.thumbprint}"


def contacts(value: Any) -> list[str]:
    """Where somebody wants to be reached. Raises Problem."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise malformed("invalid field 'contact': a list of addresses is needed")
    if len(value) > _CONTACTS or any(len(one) > _LONGEST for one in value):
        raise Problem("invalidContact", f"there may be {_CONTACTS} contacts of {_LONGEST} characters")
    if not all(one.startswith("mailto:") for one in value):
        raise Problem("unsupportedContact", "contacts are addresses of mail, as in mailto:me@example.com")
    if not all(_MAIL.fullmatch(one) for one in value):
        raise Problem("invalidContact", "a contact is one address of mail without header fields")
    return list(value)


class NewAccount(Signed):
    """New accounts, and the account of a key."""

    pattern = "acme/new-account"
    signer = "key"
    statuses = (("write", 201, "The account is new."), *Signed.statuses)

    async def write(self, pki: Pki, request: Request) -> Response:
        """Make an account for the key that signs; one that has an account is answered with it."""
        return await self.serve(pki, request, _new_account)


async def _new_account(caller: Caller) -> Response:
    request, directory = caller.request, caller.directory
    content = caller.message.content()
    known = await records.keys(request).get(_row(directory, caller.key))
    account = await records.accounts(request).get(known) if known else None
    if account is not None:
        if account.status != records.VALID:
            raise Problem("unauthorized", f"the account of this key is {account.status}")
        return _answer(caller, account)
    if content.get("onlyReturnExisting") is True:
        raise Problem("accountDoesNotExist", "this directory has no account of this key")
    account = Account(
        id=uuid4_str(),
        directory=directory.path,
        key=caller.key.members,
        created=request.now,
        contact=contacts(content.get("contact") or []),
        agreed=content.get("termsOfServiceAgreed") is True,
    )
    bound = content.get("externalAccountBinding")
    if bound is not None:
        account.binding, account.bound = await eab.take(request, directory, caller.key, bound)
    elif directory.config.eab_policy != configs.NOT_REQUIRED:
        raise Problem("externalAccountRequired", "a new account needs an external account binding")
    records.accounts(request).put(account.id, account)
    records.keys(request).put(_row(directory, caller.key), account.id)
    return _answer(caller, account, status=201)


class AccountPath(Signed):
    """An account."""

    pattern = "acme/account/{kid}"
    kid: str = field("ID of the account.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """The account, after its contacts were changed or it was closed for good, if the message says so."""
        return await self.serve(pki, request, self._account)

    async def _account(self, caller: Caller) -> Response:
        account = caller.known
        if account.id != self.kid:
            raise Problem("unauthorized", "an account is shown and changed by itself only", status=403)
        if caller.message.fetches:
            return _answer(caller, account)
        content = caller.message.content()
        if "contact" in content:
            account.contact = contacts(content["contact"] or [])
        if content.get("termsOfServiceAgreed") is True:
            account.agreed = True
        status = content.get("status", records.VALID)
        if status not in (records.VALID, records.DEACTIVATED):
            raise malformed("the status of an account can be set to deactivated only")
        account.status = status
        records.accounts(caller.request).put(account.id, account)
        return _answer(caller, account)


async def _orders_of(caller: Caller) -> Response:
    names = await records.orders(caller.request).list(f"{caller.known.id}/", limit=ORDERS_PAGE)
    return caller.answer({"orders": [caller.directory.url(f"order/{name}") for name in names]})


class AccountOrders(Signed):
    """The orders of an account, by its own address."""

    pattern = "acme/account/{kid}/orders"
    kid: str = field("ID of the account.")

    async def write(self, pki: Pki, request: Request) -> Response:
        """The addresses of the account's orders, the first 500 of them."""
        return await self.serve(pki, request, self._orders)

    async def _orders(self, caller: Caller) -> Response:
        if caller.known.id != self.kid:
            raise Problem("unauthorized", "the orders of an account are shown to itself only", status=403)
        return await _orders_of(caller)


class Orders(Signed):
    """The orders of the account that asks."""

    pattern = "acme/orders"

    async def write(self, pki: Pki, request: Request) -> Response:
        """The addresses of the account's orders, the first 500 of them."""
        return await self.serve(pki, request, _orders_of)


class KeyChange(Signed):
    """Another key for an account."""

    pattern = "acme/key-change"

    async def write(self, pki: Pki, request: Request) -> Response:
        """Have the account go by another key from now on; the message in the message is signed by that."""
        return await self.serve(pki, request, _key_change)


async def _key_change(caller: Caller) -> Response:
    request, directory, account = caller.request, caller.directory, caller.known
    key = _new_key(caller)
    rows = records.keys(request)
    if await rows.get(_row(directory, key)) is not None:
        # The holder of the key is told which account has it, as RFC 8555, section 7.3.5 wants.
        taken = await rows.get(_row(directory, key))
        problem = malformed("there is an account of the new key already")
        problem.status = 409
        problem.headers.append(("Location", directory.account_url(taken or "")))
        raise problem
    rows.delete(_row(directory, caller.key))
    account.key = key.members
    records.accounts(request).put(account.id, account)
    rows.put(_row(directory, key), account.id)
    return _answer(caller, account)


def _new_key(caller: Caller) -> Jwk:
    """The key that an account is to go by, whose holder agrees. Raises Problem."""
    content = caller.message.content()
    parts = [content.get(name) for name in ("protected", "payload", "signature")]
    if set(content) != {"protected", "payload", "signature"} or not all(isinstance(p, str) for p in parts):
        raise malformed("the payload is not a signed message")
    inner = message.parse_inner(*(str(part) for part in parts))
    if inner.key is None:
        raise malformed("the inner message has no jwk")
    inner.check(inner.key)
    if inner.url != caller.message.url:
        raise malformed("the inner message has another url than the outer one")
    wanted = inner.content()
    if wanted.get("account") != caller.directory.account_url(caller.known.id):
        raise malformed("the inner message is about another account")
    try:
        before = jwk.parse(wanted.get("oldKey"))
    except jwk.BadKey:
        raise malformed("the inner message names no old key") from None
    if before.members != caller.known.key:
        raise malformed("the old key is not that of the account")
    return inner.key


PATHS = everywhere(NewAccount, AccountPath, AccountOrders, Orders, KeyChange)
