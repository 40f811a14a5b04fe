"""An engine: its paths compiled into a table, and the way a request reaches one of them."""

from __future__ import annotations

import builtins
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.errors import Internal, NotFound, UnsupportedOperation
from strongroom.framework.lease import Leased, Terms
from strongroom.framework.path import METHODS, Path
from strongroom.logical import Auth, Operation, Request, Response, SecretLease

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.mount import Mount
    from strongroom.token import TokenEntry

_LISTINGS = frozenset({Operation.LIST, Operation.SCAN})
_WRITES = frozenset({Operation.CREATE, Operation.UPDATE})
_REPLACED = (
    "Endpoint replaced the value of these parameters with the values captured from the endpoint's path"
)


class Table:
    """The paths of an engine, found by the literal they begin with, then by pattern."""

    def __init__(self, paths: tuple[type[Path], ...]) -> None:
        self.paths = paths
        self._by_literal: dict[str, list[type[Path]]] = {}
        self._open: list[type[Path]] = []
        for path in paths:
            literal = _first_literal(path.pattern)
            if literal is None:
                self._open.append(path)
            else:
                self._by_literal.setdefault(literal, []).append(path)

    def match(self, relative: str) -> tuple[type[Path], dict[str, str | None]] | None:
        """The path class for a path inside the mount, and what its holes hold."""
        for candidates in (self._by_literal.get(relative.partition("/")[0], ()), self._open):
            for path in candidates:
                found = path.regex.fullmatch(relative)
                if found is not None:
                    return path, found.groupdict()
        return None


def _first_literal(pattern: str) -> str | None:
    """The first segment of a pattern when it holds no hole; None when anything may begin."""
    if "{" not in pattern:
        return pattern.removesuffix("/?").partition("/")[0]
    before = pattern.partition("{")[0]
    segment, slash, _ = before.partition("/")
    return segment if slash else None


class Backend:
    """Base of secrets engines, auth methods and the system's own paths.

    ``kind`` is ``secret``, ``auth`` or ``system``. A subclass lists its ``paths`` and, in ``leases``,
    what it issues; what it keeps in memory are caches only: the authoritative state is in storage.
    """

    type: ClassVar[str] = ""
    kind: ClassVar[str] = "secret"
    help: ClassVar[str] = ""
    paths: ClassVar[tuple[builtins.type[Path], ...]] = ()
    leases: ClassVar[tuple[builtins.type[Leased], ...]] = ()
    table: ClassVar[Table]
    default_options: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.help = cls.help or (cls.__doc__ or "").strip()
        cls.table = Table(cls.paths)

    def __init__(self, mount: Mount) -> None:
        self.mount = mount
        self.core: Any = None

    @classmethod
    def variant(cls, options: dict[str, str]) -> builtins.type[Backend]:
        """The class that serves a mount with these options; most engines have but one."""
        return cls

    async def enabled(self, request: Request, view: View) -> None:
        """Called in the transaction that creates the mount; raising refuses it."""

    async def retuned(self, request: Request, before: dict[str, str], after: dict[str, str]) -> None:
        """Called in the transaction that changes the mount's options; raising refuses it."""

    def leased(self, lease: SecretLease) -> Leased:
        """What a lease of this engine stands for. Raises Internal for a kind it never issued."""
        if not self.leases:
            raise UnsupportedOperation
        for kind in self.leases:
            if kind.kind == lease.kind:
                return kind.of(lease)
        raise Internal(cause=f"{self.type} issues no leases of kind {lease.kind!r}")

    def target(self, lease: SecretLease) -> str:
        """The outside system that takes part when a lease is taken back; empty when there is none.

        What has none is taken back many at a time, in one transaction; what has one is taken back on its
        own, with a deadline, and may be tried again after it succeeded: gone already is fine.
        """
        return self.leased(lease).target if self.leases else ""

    async def renew(self, request: Request, lease: SecretLease, terms: Terms) -> SecretLease:
        """Extend what a lease stands for; gives the lease with its new terms."""
        leased = self.leased(lease)
        await leased.renew(self, request, terms)
        return SecretLease(lease.kind, terms.ttl, terms.max_ttl, True, asdict(leased), lease.lease_id)

    async def revoke(self, request: Request, lease: SecretLease) -> None:
        """Take back what a lease stands for."""
        await self.leased(lease).revoke(self, request)

    async def renew_login(self, request: Request, entry: TokenEntry) -> Auth | None:
        """What holds now for a token that a login here made, before it is renewed.

        Of the answer ``ttl``, ``max_ttl`` and ``period`` count; None leaves them as they were. Raises
        what stands against a renewal: the role is gone, its policies have changed.
        """
        return None

    async def settle(self, request: Request, kind: str, data: dict[str, Any]) -> None:
        """Undo, or finish, what was begun outside and whose result was not stored.

        Called for what :meth:`Request.undo` announced: at once when the request failed, at the next
        unseal when the server died. Raising has it called again later.
        """
        raise Internal(cause=f"{self.type} announces nothing of kind {kind!r}")

    async def wake(self, request: Request, reference: str) -> None:
        """Do what :meth:`Request.wake_at` was asked for.

        Called once, in a transaction that ends the asking; raising has it called again in a while.
        """
        raise Internal(cause=f"{self.type} never asks to be woken")

    async def rest(self) -> None:
        """Let go of what is held open outside: the server seals, or the mount is gone."""

    async def handle(self, path: Path, request: Request) -> Response:
        """Run the operation of ``request`` on a bound path and give its answer a form."""
        operation = request.operation
        if operation not in path.operations:
            raise UnsupportedOperation(bare=path.unauthenticated and self.kind != "system")
        if operation in _WRITES:
            path.require()
        result = await getattr(path, METHODS[operation])(self, request)
        response = _form(operation, result)
        if response.data is not None or response.auth is not None:
            response.warnings += _unheeded(path, request)
        return response


def _unheeded(path: Path, request: Request) -> list[str]:
    """What is told of parameters that had no effect: unknown ones, and those that the path gives."""
    told = []
    if path.unknown and not path.free_form:
        names = " ".join(sorted(path.unknown))
        told.append(f"Endpoint ignored these unrecognized parameters: [{names}]")
    if not request.data.keys().isdisjoint(request.captures):
        given = {name for name in request.captures if request.data.get(name) is not None}
        if given:
            names = " ".join(sorted(given))
            told.append(f"{_REPLACED}: [{names}]")
    return told


def _form(operation: Operation, result: Any) -> Response:
    """A response from what an operation returned: a dict, a record, a list of keys, or nothing."""
    if isinstance(result, Response):
        return result
    if operation in _LISTINGS:
        if not result:
            if operation is Operation.SCAN:  # only LIST is answered by 404, as clients know it
                return Response(data={})
            raise NotFound
        return Response(data=result if isinstance(result, dict) else {"keys": result})
    if result is None:
        if operation is Operation.READ:
            raise NotFound
        return Response()
    if type(result) is not dict and is_dataclass(result) and not isinstance(result, type):
        return Response(data=asdict(result))
    return Response(data=result)
