"""The stored policies of a namespace, and the ACL that a set of them makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec

from strongroom.errors import BadRequest, NotFound, PermissionDenied, multierror
from strongroom.logical import ROOT, Operation, Request, prefix_of
from strongroom.policy import builtin, template
from strongroom.policy.acl import ACL
from strongroom.policy.parser import parse_policy
from strongroom.policy.rule import Policy
from strongroom.policy.stanza import parse_time

if TYPE_CHECKING:
    from strongroom.barrier.view import View
    from strongroom.core import Core
    from strongroom.identity.standing import Standing
    from strongroom.storage.transaction import Transaction
    from strongroom.token import TokenEntry

_WRAPPING_TEXT = """\
path "cubbyhole/response" {
  capabilities = ["create", "read"]
}

path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}
"""
BUILTIN = {"default": builtin.DEFAULT_TEXT, "root": ""}
"""The policies that are there from the start, and how they begin."""

UNCHANGEABLE = frozenset({"root", "response-wrapping"})
"""Policies whose text is the server's own."""

DOMAIN = "policy"
"""The cache domain that every change of a policy touches."""

_CACHE_SIZE = 4_096
_ACLS_OF_ONE = 16
"""For how many sets of policies the tokens of one entity have their ACLs kept."""

_NOBODY: dict[str, Any] = {}
"""The identity of a token that belongs to no entity."""


@dataclass(slots=True)
class PolicyRow:
    """A policy as stored. ``modified`` is RFC 3339; ``expiration`` too, or empty."""

    name: str
    policy: str
    version: int = 1
    modified: str = ""
    cas_required: bool = False
    expiration: str = ""
    allow_wildcards_in_identity_templates: bool = False
    allow_slashes_in_identity_templates: bool = False


class Policies:
    """Reads and writes policies; keeps parsed ones and ACLs as long as no policy changes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._generation = -1
        self._parsed: dict[tuple[str, str], Policy | None] = {}
        self._acls: dict[tuple[str, ...], ACL] = {}  # of tokens without an entity
        self._plain: dict[tuple[str, ...], ACL] = {}  # the same for everybody
        self._decoder = msgspec.json.Decoder(PolicyRow)

    def forget(self) -> None:
        """Drop all that is cached."""
        self._parsed.clear()
        self._acls.clear()
        self._plain.clear()
        self._generation = -1

    def view(self, tx: Transaction, namespace_id: str) -> View:
        """Where the ACL policies of a namespace stand."""
        return self._core.view(tx, f"{prefix_of(namespace_id)}sys/policy/")

    # -- rows --------------------------------------------------------------------------------

    async def get(self, request: Request, name: str, namespace_id: str = "") -> PolicyRow | None:
        """The stored policy unless its time is over; names are the same in any case.

        It is that of the request's namespace unless another one is named.
        """
        name = name.lower()
        with self._core.measures.policy_reads.taken():
            blob = await self.view(request.tx, namespace_id or request.namespace.id).get(name)
        if blob is not None:
            row = self._decoder.decode(blob)
            return None if row.expiration and parse_time(row.expiration) <= request.now else row
        if name == "response-wrapping":
            return PolicyRow(name, _WRAPPING_TEXT)
        if name in BUILTIN:
            return PolicyRow(name, BUILTIN[name], version=0 if name == "root" else 1)
        return None

    async def exists(self, request: Request, name: str) -> bool:
        """Whether there is such a policy; what is cached and still holds is not read again."""
        if name == "root" or (self._current() and self._parsed.get((request.namespace.id, name)) is not None):
            return True
        return await self.get(request, name) is not None

    def _current(self) -> bool:
        """Whether the cache holds; drops it where it does not."""
        generation = self._core.store.generation(DOMAIN)
        if generation != self._generation:
            self.forget()
            self._generation = generation
            return False
        return True

    async def names(self, request: Request, after: str = "", limit: int = -1) -> list[str]:
        """Names of all policies, the built-in ones among them, in order."""
        with self._core.measures.policy_listings.taken():
            stored = await self.view(request.tx, request.namespace.id).scan()
        live = {name for name in stored if await self.get(request, name) is not None}
        builtin_names = BUILTIN if request.namespace is ROOT else {"default"}
        names = [name for name in sorted({*live, *builtin_names}) if name > after]
        return names[:limit] if limit > 0 else names

    def put(self, request: Request, row: PolicyRow) -> None:
        """Store a policy that has been parsed before."""
        with self._core.measures.policy_writes.taken():
            self.view(request.tx, request.namespace.id).put(row.name, msgspec.json.encode(row))
        request.tx.touch(DOMAIN)

    def delete(self, request: Request, name: str) -> None:
        """Remove a policy. Raises BadRequest for the built-in ones."""
        if name == "default":
            raise BadRequest("cannot delete default policy")
        if name in UNCHANGEABLE:
            raise BadRequest(f'cannot delete "{name}" policy')
        with self._core.measures.policy_deletions.taken():
            self.view(request.tx, request.namespace.id).delete(name)
        request.tx.touch(DOMAIN)

    # -- ACLs --------------------------------------------------------------------------------

    def acl(self, entry: TokenEntry, standing: Standing | None) -> ACL | None:
        """The ACL of a token, if it is at hand and still holds; ``standing`` is what its entity gives."""
        if not self._current():
            return None
        key = (entry.namespace_id, *entry.policies, *entry.identity_policies)
        return self._acls.get(key) if standing is None else self._rendered(standing).get(key)

    def _rendered(self, standing: Standing) -> dict[tuple[str, ...], ACL]:
        """The ACLs that were made with an entity's standing. They go when a policy changes, or it does."""
        if standing.acls_of != self._generation or len(standing.acls) >= _ACLS_OF_ONE:
            standing.acls.clear()
            standing.acls_of = self._generation
        return standing.acls

    async def load_acl(self, request: Request, entry: TokenEntry) -> ACL:
        """Read and compile what a token's policies and those of its entity allow, and keep it.

        Nothing, where its entity is disabled or gone.
        """
        standing = await request.core.identity.stand(request, entry)
        if standing is not None and standing.refused:
            return ACL([], now=request.now)
        self._current()
        names = [*entry.policies, *entry.identity_policies]
        policies = [await self._policy(request, entry.namespace_id, name) for name in names]
        found = [policy for policy in policies if policy is not None]
        if entry.inline_policy:
            found.append(parse_policy("inline", entry.inline_policy))
            return ACL(_render(found, standing), now=request.now)
        key = (entry.namespace_id, *names)
        templated = standing is not None and any(policy.templated for policy in found)
        acl = self._plain.get(key) or ACL(_render(found, standing), now=request.now)
        if self._durable(request.tx):
            self._keep(key, acl, standing, templated=templated)
        return acl

    def _keep(self, key: tuple[str, ...], acl: ACL, standing: Standing | None, *, templated: bool) -> None:
        """Remember an ACL: for one entity, for nobody, or for all where no policy asks who it is."""
        if standing is not None:
            self._rendered(standing)[key] = acl
        else:
            _bound(self._acls)[key] = acl
        if standing is not None and not templated:
            _bound(self._plain)[key] = acl

    async def _policy(self, request: Request, namespace_id: str, name: str) -> Policy | None:
        """A policy as it is written: what depends on an identity is not rendered yet.

        The policy root is that of the root namespace only; elsewhere the name grants nothing.
        """
        if name == "root":
            return builtin.ROOT if namespace_id == ROOT.id else None
        key = namespace_id, name
        if key in self._parsed:
            return self._parsed[key]
        row = await self.get(request, name, namespace_id)
        policy = None if row is None else parse(row)
        if self._durable(request.tx):
            self._parsed[key] = policy
        return policy

    def _durable(self, tx: Transaction) -> bool:
        """Whether what a transaction reads of policies is what every later request will read."""
        return tx.clean and tx.index >= self._core.store.generation(DOMAIN) == self._generation


def _render(policies: list[Policy], standing: Standing | None) -> list[Policy]:
    """Policies ready to be judged by: what depends on an identity grants nothing without one."""
    identity = _NOBODY if standing is None else standing.identity
    return [template.render(policy, identity) for policy in policies]


def _bound(acls: dict[tuple[str, ...], ACL]) -> dict[tuple[str, ...], ACL]:
    """A cache with room for one more."""
    if len(acls) >= _CACHE_SIZE:
        acls.clear()
    return acls


def parse(row: PolicyRow) -> Policy:
    """The policy of a row; where the policy ends by itself, each of its rules does."""
    policy = parse_policy(
        row.name,
        row.policy,
        allow_wildcards=row.allow_wildcards_in_identity_templates,
        allow_slashes=row.allow_slashes_in_identity_templates,
    )
    if not row.expiration:
        return policy
    end = parse_time(row.expiration)
    rules = (replace(rule, expiration=min(rule.expiration or end, end)) for rule in policy.rules)
    return replace(policy, rules=tuple(rules))


# -- the stage -------------------------------------------------------------------------------


async def authorize(core: Core, request: Request) -> None:
    """Stage: whether the token's policies allow this; the decision stays with the request."""
    if request.operation is Operation.UPDATE and request.path_class is not None:
        await _settle_create(request)
    if request.unauthenticated:
        return
    decision = request.acl.decide(
        request.operation,
        request.outer + request.path if request.outer else request.path,
        request.data,
        wrap_ttl=request.wrap_ttl,
        root_protected=request.path_class is not None and request.path_class.root_protected,
        now=request.now,
    )
    request.decision = decision
    if not decision.allowed:
        raise PermissionDenied(multierror("permission denied"), decision=decision)
    if decision.pagination_limit:
        _bound_page(request, decision.pagination_limit)


async def _settle_create(request: Request) -> None:
    """A write where the engine says that nothing is there yet is a create."""
    path = request.bound_path
    if path is not None and path.checks_existence:
        there: Any = await path.exists(request.mount.backend, request)
        if not there:
            request.operation = Operation.CREATE


def _bound_page(request: Request, most: int) -> None:
    """Give a listing that names no page size the one its policy sets."""
    if not int(request.data.get("limit") or 0):
        request.data = {**request.data, "limit": most}
        if hasattr(request.bound_path, "limit"):
            request.bound_path.limit = most


def conceal(core: Core, request: Request) -> None:
    """Stage: take out of a listing what the policy's filter does not let show.

    Raises NotFound when nothing is left, as if there were nothing.
    """
    decision, response = request.decision, request.response
    if decision is None or not decision.filter_path or response is None or not response.data:
        return
    data = response.data
    if not isinstance(data.get("keys"), list):
        return
    keys = request.acl.visible(decision, request.judged, data["keys"])
    if not keys:
        raise NotFound
    response.data = {**data, "keys": keys}
    if isinstance(data.get("key_info"), dict):
        response.data["key_info"] = {key: data["key_info"][key] for key in keys if key in data["key_info"]}
