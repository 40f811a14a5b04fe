"""Quotas: how many requests a client may make in an interval, and how many leases may live.

Pure: decisions take the time, and the rules come from the caller, which stores them. A rate
limit counts per rule and client address in windows that begin with the client's first request,
as Vault's servers do.

The most specific rule decides, alone: role before path before mount before namespace before
global. Rules are found by walking the segments of the request's path, so the cost of a check
depends on the depth of the path and not on the number of rules.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from strongroom.errors import BadRequest, RateLimited

EXEMPT_PATHS = (
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
)
"""What no rate limit counts, unless the operator says otherwise; ``*`` at the end is a prefix."""

MAX_CLIENTS = 65_536
"""Clients remembered over all rules; the longest silent are forgotten first."""

_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """One quota as its operator wrote it. ``interval`` and ``block_interval`` are seconds.

    ``namespace`` ends in a slash or is empty for root. ``mount`` is the mount's path within it,
    empty for the whole namespace. ``path`` is the rest below the mount; with a ``*`` at its end
    it is a prefix. ``inheritable`` lets a rule of a namespace hold in the namespaces below.
    """

    name: str
    rate: float
    interval: int = 1
    block_interval: int = 0
    namespace: str = ""
    mount: str = ""
    path: str = ""
    role: str = ""
    inheritable: bool = False
    type: str = "rate-limit"

    def __post_init__(self) -> None:
        if not self.rate > 0 or math.isinf(self.rate):
            raise BadRequest("'rate' is invalid")
        if self.interval < 1 or self.block_interval < 0:
            raise BadRequest("'interval' is invalid")
        if self.role and (self.path or not self.mount):
            raise BadRequest("a quota for a role needs the path of the role's mount")

    @property
    def limit(self) -> int:
        """Whole requests in an interval."""
        return math.ceil(self.rate)

    @property
    def target(self) -> str:
        """The path as it is written and read: namespace, mount and path together."""
        return self.namespace + self.mount + self.path

    def data(self) -> dict[str, Any]:
        """What reading the quota answers."""
        return {
            "name": self.name,
            "type": self.type,
            "path": self.target,
            "role": self.role,
            "rate": int(self.rate) if self.rate == int(self.rate) else self.rate,
            "interval": self.interval,
            "block_interval": self.block_interval,
            "inheritable": self.inheritable,
        }


@dataclass(slots=True)
class Verdict:
    """What a rate limit says of a request; ``reset`` and ``retry_after`` are whole seconds."""

    allowed: bool
    rule: Rule
    remaining: int = 0
    reset: int = 0
    retry_after: int = 0
    blocked: bool = False

    def headers(self) -> list[tuple[str, str]]:
        """The X-Ratelimit headers, and Retry-After for a refusal; a blocked client learns only that."""
        found = [] if self.allowed else [("Retry-After", str(self.retry_after))]
        if not self.blocked:
            found += [
                ("X-Ratelimit-Limit", str(self.rule.limit)),
                ("X-Ratelimit-Remaining", str(self.remaining)),
                ("X-Ratelimit-Reset", str(self.reset)),
            ]
        return found


def refusal(path: str, verdict: Verdict, *, headers: bool) -> RateLimited:
    """The error for a request that a rate limit refused."""
    return RateLimited(
        f'request path "{path}": rate limit quota exceeded',
        headers=dict(verdict.headers()) if headers else {},
        cause=f"quota {verdict.rule.name}",
    )


@dataclass(slots=True)
class _Segment:
    """A node of the index: the rules that end here and the segments that go on."""

    exact: dict[str, Rule] = field(default_factory=dict)
    prefix: dict[str, Rule] = field(default_factory=dict)
    below: dict[str, _Segment] = field(default_factory=dict)


class Rules:
    """Rules by name, and indexed by the segments of their target."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._by_name: dict[str, Rule] = {}
        self._targets: dict[tuple[str, str], str] = {}
        self._namespaces: dict[str, Rule] = {}
        self._mounts: dict[str, Rule] = {}
        self._roles: dict[tuple[str, str], Rule] = {}
        self._with_roles: frozenset[str] = frozenset()
        self._paths: dict[str, _Segment] = {}
        for rule in rules:
            self.put(rule)

    def __iter__(self) -> Iterator[Rule]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Rule | None:
        """The rule of that name."""
        return self._by_name.get(name)

    def put(self, rule: Rule) -> None:
        """Add or replace a rule. Raises BadRequest when another name holds the same target."""
        holder = self._targets.get((rule.target, rule.role), rule.name)
        if holder != rule.name:
            raise BadRequest(f'quota rule with similar properties exists under the name "{holder}"')
        self.delete(rule.name)
        self._by_name[rule.name] = rule
        self._targets[rule.target, rule.role] = rule.name
        if rule.path:
            self._put_path(rule)
        elif rule.role:
            self._roles[rule.namespace + rule.mount, rule.role] = rule
            self._with_roles |= {rule.namespace + rule.mount}
        elif rule.mount:
            self._mounts[rule.namespace + rule.mount] = rule
        else:
            self._namespaces[rule.namespace] = rule

    def delete(self, name: str) -> None:
        """Remove the rule of that name, if there is one."""
        rule = self._by_name.pop(name, None)
        if rule is None:
            return
        del self._targets[rule.target, rule.role]
        if rule.path:
            self._paths.clear()  # built anew, which leaves no empty branches
            for each in self:
                if each.path:
                    self._put_path(each)
        elif rule.role:
            del self._roles[rule.namespace + rule.mount, rule.role]
            self._with_roles = frozenset(place for place, _ in self._roles)
        elif rule.mount:
            del self._mounts[rule.namespace + rule.mount]
        else:
            del self._namespaces[rule.namespace]

    def about_roles(self, place: str) -> bool:
        """Whether any rule is about a role of the mount there (namespace and mount together)."""
        return place in self._with_roles

    def find(self, namespace: str, mount: str, path: str, role: str = "") -> Rule | None:
        """The one rule that decides about a request; ``path`` is relative to the namespace."""
        if not self._by_name:
            return None
        place = namespace + mount
        if role and (found := self._roles.get((place, role))):
            return found
        if (index := self._paths.get(place)) and (found := _find_path(index, path[len(mount) :])):
            return found
        if found := self._mounts.get(place):
            return found
        return self._find_namespace(namespace) if self._namespaces else None

    def _put_path(self, rule: Rule) -> None:
        node, last, glob = self._locate(rule)
        (node.prefix if glob else node.exact)[last] = rule

    def _locate(self, rule: Rule) -> tuple[_Segment, str, bool]:
        glob = rule.path.endswith("*")
        *segments, last = rule.path.removesuffix("*").split("/")
        node = self._paths.setdefault(rule.namespace + rule.mount, _Segment())
        for segment in segments:
            node = node.below.setdefault(segment, _Segment())
        return node, last, glob

    def _find_namespace(self, namespace: str) -> Rule | None:
        found = self._namespaces.get(namespace)
        while found is None and namespace:
            parent, slash, _ = namespace[:-1].rpartition("/")
            namespace = parent + slash
            above = self._namespaces.get(namespace)
            found = above if above is not None and (above.inheritable or not namespace) else None
        return found


def _find_path(node: _Segment, path: str) -> Rule | None:
    """Exact before prefix, longer prefix before shorter."""
    found: Rule | None = None
    *segments, last = path.split("/")
    for segment in segments:
        found = _longest(node.prefix, segment) or found
        following = node.below.get(segment)
        if following is None:
            return found
        node = following
    return node.exact.get(last) or _longest(node.prefix, last) or found


def _longest(prefixes: dict[str, Rule], segment: str) -> Rule | None:
    """The rule with the longest prefix of a segment; costs the segment's length."""
    if not prefixes:
        return None
    for end in range(min(len(segment), 256), -1, -1):
        if rule := prefixes.get(segment[:end]):
            return rule
    return None


@dataclass(slots=True)
class _Window:
    """One client's count under one rule; times are nanoseconds."""

    ends: int
    used: int = 0
    blocked_until: int = 0


class RateLimits:
    """Decides about requests, and remembers who made how many."""

    def __init__(
        self,
        rules: Rules | None = None,
        *,
        exempt: Iterable[str] = EXEMPT_PATHS,
        max_clients: int = MAX_CLIENTS,
    ) -> None:
        self.rules = rules if rules is not None else Rules()
        self.violations = 0
        self._max_clients = max_clients
        self._windows: OrderedDict[tuple[str, str], _Window] = OrderedDict()
        self.exempt(exempt)

    def exempt(self, paths: Iterable[str]) -> None:
        """Set the paths that no limit counts; ``*`` at the end makes a prefix."""
        paths = tuple(paths)
        self._exempt = frozenset(path for path in paths if not path.endswith("*"))
        self._exempt_prefixes = tuple(path[:-1] for path in paths if path.endswith("*"))

    def forget(self, name: str) -> None:
        """Drop all counts of a rule that was changed or deleted; costs a pass over the clients."""
        for key in [key for key in self._windows if key[0] == name]:
            del self._windows[key]

    def check(
        self, path: str, mount: str, role: str, address: str, now: int, *, namespace: str = ""
    ) -> Verdict | None:
        """Count a request, at ``now`` in nanoseconds. None means that no rule is about it.

        ``path`` is relative to the namespace and begins with ``mount``.
        """
        rule = self.rules.find(namespace, mount, path, role)
        if rule is None or path in self._exempt:
            return None
        if self._exempt_prefixes and path.startswith(self._exempt_prefixes):
            return None
        return self._count(rule, address, now)

    def _count(self, rule: Rule, address: str, now: int) -> Verdict:
        window = self._window(rule, address, now)
        if window.blocked_until > now:
            self.violations += 1
            return Verdict(False, rule, retry_after=(window.blocked_until - now) // _SECOND, blocked=True)
        if window.blocked_until or window.ends <= now:
            window.ends, window.used, window.blocked_until = now + rule.interval * _SECOND, 0, 0
        # A window just begun has not lost a nanosecond yet; the peer's answer is rounded down.
        reset = max(window.ends - now - 1, 0) // _SECOND
        if window.used < rule.limit:
            window.used += 1
            return Verdict(True, rule, rule.limit - window.used, reset)
        self.violations += 1
        wait = reset
        if rule.block_interval:
            window.blocked_until = now + rule.block_interval * _SECOND
            wait = rule.block_interval - 1
        return Verdict(False, rule, 0, reset, wait)

    def _window(self, rule: Rule, address: str, now: int) -> _Window:
        key = (rule.name, address)
        window = self._windows.get(key)
        if window is not None:
            self._windows.move_to_end(key)
            return window
        if len(self._windows) >= self._max_clients:
            self._windows.popitem(last=False)
        window = self._windows[key] = _Window(now + rule.interval * _SECOND)
        return window

    def __len__(self) -> int:
        return len(self._windows)


@dataclass(frozen=True, slots=True)
class LeaseCountRule:
    """At most ``max_leases`` living leases below a namespace, mount or path (empty is everywhere).

    ``namespace`` ends in a slash or is empty for root; ``path`` is relative to it. A rule for a whole
    namespace holds in those below it when it is ``inheritable``; the one for root always does.
    """

    name: str
    max_leases: int
    path: str = ""
    role: str = ""
    namespace: str = ""
    inheritable: bool = False

    def __post_init__(self) -> None:
        if self.max_leases < 1:
            raise BadRequest("'max_leases' must be greater than 0")

    @property
    def target(self) -> str:
        """The path as it is written and read: namespace and path together."""
        return self.namespace + self.path

    @property
    def spreads(self) -> bool:
        """Whether it holds in the namespaces below too."""
        return not self.path and (self.inheritable or not self.namespace)


class LeaseCounts:
    """Lease-count rules by path and role."""

    def __init__(self, rules: Iterable[LeaseCountRule] = ()) -> None:
        self._rules = {(rule.target, rule.role): rule for rule in rules}

    def exceeded(self, path: str, role: str, count: Callable[[str], int]) -> LeaseCountRule | None:
        """The most specific rule if it forbids one lease more at ``path``, else None.

        ``count`` tells how many leases live below a path; it is asked once at most.
        """
        rule = self.find(path, role)
        return rule if rule is not None and count(rule.path) >= rule.max_leases else None

    def find(self, path: str, role: str = "", *, namespace: str = "") -> LeaseCountRule | None:
        """The most specific rule for a lease at ``path`` in a namespace."""
        if not self._rules:
            return None
        path = namespace + path
        ends = [end + 1 for end, char in enumerate(path) if char == "/"]
        places = [path, *(path[:end] for end in reversed(ends)), ""]
        for wanted in (role, "") if role else ("",):
            for place in places:
                rule = self._rules.get((place, wanted))
                if rule is not None and (rule.namespace == namespace or rule.spreads):
                    return rule
        return None
