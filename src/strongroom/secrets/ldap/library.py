"""Libraries: sets of accounts that are lent, one borrower at a time, with a fresh password for each."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as item
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.errors import BadRequest, PermissionDenied
from strongroom.framework import outliving
from strongroom.framework.field import CommaList, Duration, field
from strongroom.framework.lease import Leased, Terms, issued
from strongroom.framework.path import Path
from strongroom.framework.rotation import changed, finished
from strongroom.logical import Request, Response
from strongroom.secrets.ldap import rotation

if TYPE_CHECKING:
    from strongroom.secrets.ldap.config import Config
    from strongroom.secrets.ldap.engine import Ldap

_DAY = 86_400
_NONE_LEFT = "No service accounts available for check-out."


@dataclass(slots=True)
class Library:
    """A set as it is stored. Durations are seconds."""

    service_account_names: list[str] = item(default_factory=list)
    ttl: int = _DAY
    max_ttl: int = _DAY
    disable_check_in_enforcement: bool = False


@dataclass(slots=True)
class Shelf:
    """An account of a set: who has it, and its password as it was set last."""

    set_name: str
    password: str = item(default="", repr=False)
    lent: bool = False
    borrower_entity: str = ""
    borrower_token: str = ""
    lease_id: str = ""


@dataclass(slots=True)
class Loan(Leased):
    """An account that is lent."""

    kind: ClassVar[str] = "library"
    set_name: str
    account: str
    loan: str

    @property
    def target(self) -> str:
        """The directory."""
        return "directory"

    async def renew(self, engine: Ldap, request: Request, terms: Terms) -> None:
        """The borrower keeps it, by the terms of its set."""
        library = await engine.libraries(request).get(self.set_name)
        if library is None:
            raise BadRequest("the set is no longer there")
        terms.ttl, terms.max_ttl = min(terms.ttl or library.ttl, library.ttl), library.max_ttl

    async def revoke(self, engine: Ldap, request: Request) -> None:
        """Take it back: nobody knows its password then. One that was given back already is fine."""
        shelf = await engine.shelves(request).get(self.account)
        if shelf is not None and shelf.lent and shelf.lease_id == self.loan:
            await give_back(engine, request, self.account, shelf)
        await outliving.let_go(request, engine.configs(request), "create")


async def give_back(ldap: Ldap, request: Request, account: str, shelf: Shelf) -> None:
    """Change the password of an account that was lent, and make it available."""
    await _renew_password(ldap, request, await ldap.last_config(request), account, shelf)
    shelf.lent, shelf.borrower_entity, shelf.borrower_token, shelf.lease_id = False, "", "", ""
    ldap.shelves(request).put(account, shelf)


async def _renew_password(ldap: Ldap, request: Request, config: Config, account: str, shelf: Shelf) -> None:
    dn = await config.dn_of(account)
    fresh = await ldap.password(request, config)
    announced = {"account": account, "dn": dn, "fresh": fresh, "before": shelf.password}
    async with request.undo(rotation.ACCOUNT, announced, on=account.lower()):
        await changed(rotation.Change(config, dn, fresh, shelf.password))
    shelf.password = fresh


async def settle_account(ldap: Ldap, request: Request, data: dict[str, Any]) -> None:
    """Find out which password of an account holds, and keep that."""
    shelf = await ldap.shelves(request).get(data["account"])
    if shelf is None:
        return
    config = await ldap.config(request)
    if await finished(rotation.Change(config, data["dn"], data["fresh"], data["before"])):
        shelf.password = data["fresh"]
        ldap.shelves(request).put(data["account"], shelf)


# -- paths -------------------------------------------------------------------------------------------


class LibraryPath(Path):
    """A set of accounts to lend. Its name may have slashes."""

    pattern = "library/{name*}"
    reader_safe = True
    name: str = field("Name of the set; a listing takes a folder.")
    service_account_names: CommaList = field("The accounts of the set, by name.")
    ttl: Duration = field("How long an account is lent at first.", default=_DAY)
    max_ttl: Duration = field("How long it is lent at most.", default=_DAY)
    disable_check_in_enforcement: bool = field("Anybody who may use check-in may give back what others have.")
    after: str = field("List names that come after this one.", query=True)
    limit: int = field("List at most this many names.", query=True)

    async def exists(self, ldap: Ldap, request: Request) -> bool:
        """Whether there is a set of that name."""
        return await ldap.libraries(request).get(self.name) is not None

    async def list(self, ldap: Ldap, request: Request) -> list[str]:
        """Names of the sets below a folder."""
        return await ldap.libraries(request).list(self.name, self.after, self.limit)

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any] | None:
        """The set."""
        library = await ldap.libraries(request).get(self.name)
        if library is None:
            return None
        return {
            "service_account_names": library.service_account_names,
            "ttl": library.ttl,
            "max_ttl": library.max_ttl,
            "disable_check_in_enforcement": library.disable_check_in_enforcement,
        }

    async def write(self, ldap: Ldap, request: Request) -> None:
        """Create a set, or change what is given of it. An account belongs to one set only."""
        library = await ldap.libraries(request).get(self.name) or Library()
        before = set(library.service_account_names)
        for name in Library.__dataclass_fields__:
            if name in self.given:
                setattr(library, name, getattr(self, name))
        library.service_account_names = list(dict.fromkeys(library.service_account_names))
        self._check(library)
        config = await ldap.config(request)
        await self._leave(ldap, request, before - set(library.service_account_names))
        for account in library.service_account_names:
            if account not in before:
                await ldap.claim(request, account.lower(), f"library/{self.name}")
                await config.dn_of(account)
                ldap.shelves(request).put(account, Shelf(self.name))
        ldap.libraries(request).put(self.name, library)

    async def delete(self, ldap: Ldap, request: Request) -> None:
        """Remove the set. Raises BadRequest while an account of it is lent."""
        library = await ldap.libraries(request).get(self.name)
        if library is not None:
            await self._leave(ldap, request, set(library.service_account_names))
            ldap.libraries(request).delete(self.name)

    async def _leave(self, ldap: Ldap, request: Request, accounts: set[str]) -> None:
        for account in sorted(accounts):
            shelf = await ldap.shelves(request).get(account)
            if shelf is not None and shelf.lent:
                raise BadRequest("an account of the set is checked out; it has to be checked in first")
            ldap.shelves(request).delete(account)
            ldap.unclaim(request, account.lower())

    def _check(self, library: Library) -> None:
        if not library.service_account_names:
            raise BadRequest('"service_account_names" must be provided')
        if library.max_ttl and library.ttl > library.max_ttl:
            raise BadRequest("ttl must not be greater than max_ttl")


class Status(Path):
    """Which accounts of a set are available."""

    pattern = "library/{name*}/status"
    reader_safe = True
    name: str = field("Name of the set.")

    async def read(self, ldap: Ldap, request: Request) -> dict[str, Any] | None:
        """For each account whether it is available, else who has it."""
        library = await ldap.libraries(request).get(self.name)
        if library is None:
            return None
        found: dict[str, Any] = {}
        for account in library.service_account_names:
            shelf = await ldap.shelves(request).get(account) or Shelf(self.name)
            found[account] = {"available": not shelf.lent}
            if shelf.borrower_entity:
                found[account]["borrower_entity_id"] = shelf.borrower_entity
            if shelf.borrower_token:
                found[account]["borrower_client_token"] = shelf.borrower_token
        return found


class CheckOut(Path):
    """An account of a set for whoever asks first."""

    pattern = "library/{name*}/check-out"
    name: str = field("Name of the set.")
    ttl: Duration = field("How long it is wanted, at most as long as the set says.")

    async def write(self, ldap: Ldap, request: Request) -> Response:
        """Borrow an account, with a password that nobody else knows, until the lease ends."""
        library = await ldap.libraries(request).get(self.name)
        if library is None:
            raise BadRequest("the set does not exist")
        for account in library.service_account_names:
            shelf = await ldap.shelves(request).get(account) or Shelf(self.name)
            if not shelf.lent:
                return await self._lend(ldap, request, library, account, shelf)
        raise BadRequest(_NONE_LEFT)

    async def _lend(
        self, ldap: Ldap, request: Request, library: Library, account: str, shelf: Shelf
    ) -> Response:
        await _renew_password(ldap, request, await ldap.config(request), account, shelf)
        entry = request.entry
        shelf.lent, shelf.lease_id = True, request.id
        shelf.borrower_entity = "" if entry is None else entry.entity_id
        shelf.borrower_token = "" if entry is None else entry.key or entry.parent
        ldap.shelves(request).put(account, shelf)
        ttl = min(self.ttl or library.ttl, library.ttl)
        data = {"service_account_name": account, "password": shelf.password}
        return issued(data, Loan(self.name, account, request.id), ttl=ttl, max_ttl=library.max_ttl)


class CheckIn(Path):
    """An account given back by whoever has it."""

    pattern = "library/{name*}/check-in"
    name: str = field("Name of the set.")
    service_account_names: CommaList = field("Which accounts; the one that the caller has without.")
    forced: ClassVar[bool] = False

    async def write(self, ldap: Ldap, request: Request) -> dict[str, Any]:
        """Give accounts back; their passwords change. Raises PermissionDenied for what others have."""
        library = await ldap.libraries(request).get(self.name)
        if library is None:
            raise BadRequest("the set does not exist")
        free = self.forced or library.disable_check_in_enforcement
        done = []
        for account in sorted(await self._wanted(ldap, request, library, free=free)):  # as all others do
            shelf = await ldap.shelves(request).get(account)
            if shelf is None or account not in library.service_account_names:
                raise BadRequest("the account is not in the set")
            if not shelf.lent:
                done.append(account)
                continue
            if not free and not _has(request, shelf):
                raise PermissionDenied("the account is checked out by somebody else")
            await give_back(ldap, request, account, shelf)
            done.append(account)
        return {"check_ins": done}

    async def _wanted(self, ldap: Ldap, request: Request, library: Library, *, free: bool) -> list[str]:
        """The accounts meant: those named, else the only one that the caller could mean."""
        if self.service_account_names:
            return self.service_account_names
        mine = []
        for account in library.service_account_names:
            shelf = await ldap.shelves(request).get(account)
            if shelf is not None and shelf.lent and (free or _has(request, shelf)):
                mine.append(account)
        if len(mine) > 1:
            raise BadRequest(
                'when multiple service accounts are checked out, "service_account_names" is needed'
            )
        return mine


class ManageCheckIn(CheckIn):
    """Accounts given back in the place of whoever has them. For operators."""

    pattern = "library/manage/{name*}/check-in"
    forced = True


def _has(request: Request, shelf: Shelf) -> bool:
    entry = request.entry
    if entry is None:
        return False
    if shelf.borrower_entity:
        return bool(shelf.borrower_entity == entry.entity_id)
    return bool(shelf.borrower_token == (entry.key or entry.parent))
