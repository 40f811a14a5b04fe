"""Tidying: orders whose certificates ended long ago are forgotten, and accounts long without any.

A page at a time. Orders are found by an index of their ends; of accounts each is looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from strongroom.crypto import base64url, jwk
from strongroom.logical import SECOND
from strongroom.secrets.pki.acme import order_paths, records
from strongroom.secrets.pki.acme.records import Account

if TYPE_CHECKING:
    from strongroom.logical import Request

ACCOUNTS = "accounts:"
"""What the place begins with at which a run stands among the accounts."""


class Run(Protocol):
    """A run of tidying: where it stands, and what it has done."""

    after: str

    def count(self, what: str, number: int = 1) -> None:
        """Note that so many were dealt with."""


async def page(
    request: Request, run: Run, *, page_size: int, safety_buffer: int, account_safety_buffer: int
) -> bool:
    """Do a page; whether nothing is left to do. Buffers are seconds.

    An order goes when its end, and that of its certificate, lie ``safety_buffer`` back. An account without
    orders is revoked ``account_safety_buffer`` after it was made, and deleted after as long again.
    """
    if not run.after.startswith(ACCOUNTS):
        if await _orders(request, run, safety_buffer, page_size) == page_size:
            return False
        run.after = ACCOUNTS
    return await _accounts(request, run, account_safety_buffer, page_size)


async def _orders(request: Request, run: Run, buffer: int, limit: int) -> int:
    """Forget orders that ended long enough ago; gives how many."""
    latest = request.now // SECOND - buffer
    done = 0
    for row in await request.view.scan(records.ENDS, limit=limit):
        end, _, name = row.partition("/")
        if int(end, 16) >= latest:
            break
        order = await records.orders(request).get(name)
        if order is None:
            request.view.delete(records.ENDS + row)
        else:
            order_paths.forget(request, order)
            if order.serial:
                records.issued(request).delete(order.serial)
            run.count("acme_orders_deleted_count")
        done += 1
    return done


async def _accounts(request: Request, run: Run, buffer: int, limit: int) -> bool:
    """Look at the next accounts; whether they were the last."""
    names = await records.accounts(request).list("", run.after.removeprefix(ACCOUNTS), limit)
    for name in names:
        account = await records.accounts(request).get(name)
        if account is None:
            continue
        run.count("total_acme_account_count")
        if await records.orders(request).list(f"{account.id}/", limit=1):
            if account.idle:
                account.idle = 0
                records.accounts(request).put(account.id, account)
        else:
            _account(request, run, account, buffer)
        run.after = ACCOUNTS + name
    return len(names) < limit


def _account(request: Request, run: Run, account: Account, buffer: int) -> None:
    """An account without orders: revoked at first, deleted later."""
    since = account.idle or account.created
    if since + buffer * SECOND > request.now:
        return
    if account.status == records.VALID:
        account.status, account.idle = records.REVOKED, request.now
        records.accounts(request).put(account.id, account)
        run.count("acme_account_revoked_count")
        return
    thumbprint = jwk.restored(account.key).thumbprint
    records.keys(request).delete(f"{base64url.encode(account.directory.encode())}/{thumbprint}")
    records.accounts(request).delete(account.id)
    run.count("acme_account_deleted_count")
