"""Admission: quotas are asked before anything is done for a request, and before it gets a lease.

The rules are rows; what they have counted lives in this process's memory.
"""

from __future__ import annotations

from collections.abc import Awaitable
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom import codec
from strongroom.errors import BadRequest, RateLimited
from strongroom.logical import Request
from strongroom.quota import EXEMPT_PATHS, LeaseCountRule, LeaseCounts, RateLimits, Rule, Rules, refusal

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.mount import Mount
    from strongroom.storage.transaction import Transaction
    from strongroom.tally import Place

DOMAIN = "quotas"
"""The cache domain that every change of a quota touches."""

RATE_LIMIT, LEASE_COUNT = "rate-limit", "lease-count"
_CONFIG = "config"
_RATE_ROW = msgspec.json.Decoder(Rule)
_LEASE_ROW = msgspec.json.Decoder(LeaseCountRule)


class Quotas:
    """The rules, read again when one has changed.

    ``limits`` says whether any request is counted at all, ``bounds`` whether any lease is.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.generation = -1
        self.limits = self.bounds = False
        self.rates = RateLimits()
        self._rules: dict[str, Rule] = {}
        self.leases = LeaseCounts()
        self._settings: dict[str, Any] = {}

    # -- rows --------------------------------------------------------------------------------------

    def _view(self, tx: Transaction) -> View:
        return self._core.view(tx, "core/quotas/")

    async def names(self, request: Request, kind: str) -> list[str]:
        """Names of the rules of a kind, sorted."""
        return await self._view(request.tx).list(kind + "/")

    async def rate_limit(self, request: Request, name: str) -> Rule | None:
        """The rate limit of that name."""
        blob = await self._view(request.tx).get(f"{RATE_LIMIT}/{name}")
        return None if blob is None else _RATE_ROW.decode(blob)

    async def lease_count(self, request: Request, name: str) -> LeaseCountRule | None:
        """The bound on leases of that name."""
        blob = await self._view(request.tx).get(f"{LEASE_COUNT}/{name}")
        return None if blob is None else _LEASE_ROW.decode(blob)

    def put(self, request: Request, kind: str, name: str, rule: Rule | LeaseCountRule) -> None:
        """Store a rule."""
        self._view(request.tx).put(f"{kind}/{name}", msgspec.json.encode(rule))
        request.tx.touch(DOMAIN)

    def delete(self, request: Request, kind: str, name: str) -> None:
        """Remove a rule, if there is one of that name."""
        self._view(request.tx).delete(f"{kind}/{name}")
        request.tx.touch(DOMAIN)

    async def drop_namespace(self, request: Request, path: str) -> None:
        """Remove the rules for a namespace that is deleted."""
        view = self._view(request.tx)
        for kind, known in ((RATE_LIMIT, await _rate_limits(view)), (LEASE_COUNT, await _lease_counts(view))):
            for rule in known:
                if rule.namespace == path:
                    self.delete(request, kind, rule.name)

    def settings(self) -> dict[str, Any]:
        """What holds for all rate limits."""
        return {
            "enable_rate_limit_audit_logging": False,
            "enable_rate_limit_response_headers": False,
            "rate_limit_exempt_paths": list(EXEMPT_PATHS),
            **self._settings,
        }

    def configure(self, request: Request, settings: dict[str, Any]) -> None:
        """Store what holds for all rate limits."""
        self._view(request.tx).put(_CONFIG, codec.encode(settings))
        request.tx.touch(DOMAIN)

    async def check_unique(self, request: Request, rule: Rule | LeaseCountRule) -> None:
        """Raise BadRequest when a rule of the same kind is for the same requests."""
        view = self._view(request.tx)
        known = await (_rate_limits(view) if isinstance(rule, Rule) else _lease_counts(view))
        for other in known:
            if other.name != rule.name and _target(other) == _target(rule):
                raise BadRequest(f'quota rule with similar properties exists under the name "{other.name}"')

    # -- the cache ---------------------------------------------------------------------------------

    def forget(self) -> None:
        """Drop what is cached; the next request reads the rows again."""
        self.generation = -1
        self._core.tallies.forget()

    async def load(self) -> None:
        """Read all rules; a rate limit that did not change goes on counting."""
        generation = self._core.store.generation(DOMAIN)
        tx = self._core.store.begin(write=False)
        try:
            view = self._view(tx)
            rules = {rule.name: rule for rule in await _rate_limits(view)}
            counts = await _lease_counts(view)
            config = await view.get(_CONFIG)
        finally:
            tx.close()
        for name, rule in self._rules.items():
            if rules.get(name) != rule:
                self.rates.forget(name)
        self._settings = {} if config is None else codec.decode(config)
        self._rules = rules
        self.rates.rules = Rules(rules.values())
        self.rates.exempt(self.settings()["rate_limit_exempt_paths"])
        self.leases = LeaseCounts(counts)
        self._core.tallies.keep(_below(rule.path) for rule in counts)
        self.limits, self.bounds = bool(rules), bool(counts)
        self.generation = generation

    @property
    def audits(self) -> bool:
        """Whether refused requests are logged."""
        return bool(self._settings.get("enable_rate_limit_audit_logging"))

    # -- decisions ---------------------------------------------------------------------------------

    async def admit_login(self, request: Request) -> None:
        """Count a request under the role that it is a login for. Raises RateLimited."""
        mount = request.mount
        tx = self._core.store.begin(write=False)
        request.view = self._core.view(tx, mount.storage_prefix)
        try:
            role = await self._role(request)
        finally:
            tx.close()
        self.admit(request, role)

    def admit(self, request: Request, role: str = "") -> None:
        """Count a request. Raises RateLimited."""
        mount = request.mount
        prefix = mount.prefix if mount is not None else ""
        verdict = self.rates.check(
            request.path,
            prefix,
            role,
            request.remote_address,
            request.now,
            namespace=request.namespace.path,
        )
        if verdict is None:
            return
        headers = bool(self._settings.get("enable_rate_limit_response_headers"))
        if not verdict.allowed:
            self._core.measures.violated("rate_limit", verdict.rule.name)
            raise refusal(request.path, verdict, headers=headers)
        if headers:
            request.reply_headers = [*(request.reply_headers or ()), *verdict.headers()]

    def asks_role(self, request: Request) -> bool:
        """Whether a rate limit is about roles of the request's mount, so that the method has to be asked."""
        mount = request.mount
        return (
            mount is not None
            and self.rates.rules.about_roles(request.namespace.path + mount.prefix)
            and _knows_roles(mount)
        )

    async def _role(self, request: Request) -> str:
        """The role that a login is for, where the auth method knows roles; it may have to look it up."""
        if request.mount is None or not _knows_roles(request.mount):
            return ""
        role = request.mount.backend.role_of(request)
        return str(await role if isawaitable(role) else role)

    async def count(self, request: Request, rule: LeaseCountRule) -> int:
        """How many leases a rule is about."""
        return await self._core.tallies.count(await self._places(request, rule))

    async def _places(self, request: Request, rule: LeaseCountRule) -> list[Place]:
        """Where the leases of a rule stand: in its namespace, and below it where the rule holds there too."""
        namespaces, tx, beginning = self._core.namespaces, request.tx, _below(rule.path)
        namespace = await namespaces.by_path(tx, rule.namespace)
        if namespace is None:
            return []
        if not rule.spreads:
            return [(namespace.prefix, beginning)]
        return [(each.prefix, beginning) async for each in namespaces.from_here(tx, namespace)]

    async def bound(self, request: Request) -> None:
        """Raise RateLimited when a rule forbids the lease that a request is about to get."""
        role = await self._role(request)
        rule = self.leases.find(request.path, role, namespace=request.namespace.path)
        if rule is None:
            return
        places = await self._places(request, rule)
        if await self._core.tallies.count(places) < rule.max_leases:
            self._core.tallies.bound(request.tx, places, rule.max_leases)
            return
        self._core.measures.violated("lease_count", rule.name)
        response = request.response
        if response is not None and response.secret is not None and request.mount is not None:
            await request.mount.backend.revoke(request, response.secret)
        raise RateLimited(
            f'request path "{request.path}": lease count quota exceeded', cause=f"quota {rule.name}"
        )


def _below(path: str) -> str:
    """The beginning of the leases' IDs that a rule's path is about."""
    return path if not path or path.endswith("/") else path + "/"


def _knows_roles(mount: Mount) -> bool:
    return hasattr(mount.backend, "role_of")


def _target(rule: Rule | LeaseCountRule) -> tuple[str, str]:
    return rule.target, rule.role


async def _rate_limits(view: View) -> list[Rule]:
    return [_RATE_ROW.decode(row) for row in await _rows(view, RATE_LIMIT)]


async def _lease_counts(view: View) -> list[LeaseCountRule]:
    return [_LEASE_ROW.decode(row) for row in await _rows(view, LEASE_COUNT)]


async def _rows(view: View, kind: str) -> list[bytes]:
    blobs = [await view.get(f"{kind}/{name}") for name in await view.list(kind + "/")]
    return [blob for blob in blobs if blob is not None]


# -- the stages ------------------------------------------------------------------------------------


def admit(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: count the request against the rate limit that covers it.

    One that runs again after a lost race was counted when it came.
    """
    quotas = core.quotas
    if quotas.generation != core.store.generation(DOMAIN):
        return _load(quotas, request)
    return _count(quotas, request)


async def _load(quotas: Quotas, request: Request) -> None:
    await quotas.load()
    if (pending := _count(quotas, request)) is not None:
        await pending


def _count(quotas: Quotas, request: Request) -> Awaitable[None] | None:
    if not quotas.limits or request.audited:
        return None
    if quotas.asks_role(request):
        return quotas.admit_login(request)
    quotas.admit(request)
    return None


def bound(core: Core, request: Request) -> Awaitable[None] | None:
    """Stage: whether what was issued may have a lease."""
    response = request.response
    if not core.quotas.bounds or response is None or (response.secret is None and response.auth is None):
        return None
    return core.quotas.bound(request)
