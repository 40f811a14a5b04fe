"""Whether the policies of a token let an operation pass, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from strongroom.logical import Operation
from strongroom.policy import filterpath, parameters
from strongroom.policy.decision import Decision, Reason
from strongroom.policy.grant import Grant, merge, resultant
from strongroom.policy.index import Index
from strongroom.policy.pattern import Pattern, compile_pattern
from strongroom.policy.rule import Capability, Policy, Rule, names

ROOT = "root"

_NEVER = 1 << 100
_DENY = int(Capability.DENY)
_SUDO = int(Capability.SUDO)
_WANTED: Mapping[str, tuple[int, bool]] = {
    Operation.READ: (int(Capability.READ), False),
    Operation.LIST: (int(Capability.LIST), True),
    Operation.SCAN: (int(Capability.SCAN), True),
    Operation.CREATE: (int(Capability.CREATE), False),
    Operation.UPDATE: (int(Capability.UPDATE), False),
    Operation.PATCH: (int(Capability.PATCH), False),
    Operation.DELETE: (int(Capability.DELETE), False),
    Operation.RENEW: (int(Capability.UPDATE), False),
    Operation.REVOKE: (int(Capability.UPDATE), False),
    Operation.ROLLBACK: (int(Capability.UPDATE), False),
    Operation.HELP: (0, False),
}
"""The capability an operation needs, and whether it is a listing."""

_WORDS = {bit: names(bit)[0] for bit, _ in _WANTED.values() if bit} | {0: ""}
_WITH_PARAMETERS = frozenset({Operation.READ, Operation.CREATE, Operation.UPDATE, Operation.PATCH})
_ROOT_ANSWERS = {
    operation: Decision(True, Reason.ALLOWED, root=True, policies=(ROOT,), wanted=_WORDS[bit], held=(ROOT,))
    for operation, (bit, _) in _WANTED.items()
}
_HELP_ANSWER = Decision(True, Reason.ALLOWED)


class ACL:
    """The policies of one token, compiled once.

    Templates must have been rendered before: a rule that still holds one grants nothing. Rules
    that expire drop out when ``now`` (nanoseconds since the epoch) reaches their time.
    """

    def __init__(self, policies: Sequence[Policy], *, now: int) -> None:
        self._policies = tuple(policies)
        self.root = any(policy.name.lower() == ROOT for policy in policies)
        self._compile(now)

    def _compile(self, now: int) -> None:
        self._expires = _NEVER
        self._expired: list[Pattern] = []
        sources: dict[str, list[tuple[str, Rule]]] = {}
        for policy in self._policies:
            for rule in policy.rules:
                if rule.templated:
                    continue
                if 0 < rule.expiration <= now:
                    self._expired.append(compile_pattern(rule.path))
                    continue
                if rule.expiration:
                    self._expires = min(self._expires, rule.expiration)
                sources.setdefault(rule.path, []).append((policy.name, rule))
        self._index = Index([merge(compile_pattern(path), rules) for path, rules in sources.items()])

    def decide(
        self,
        operation: Operation,
        path: str,
        data: Mapping[str, Any],
        *,
        wrap_ttl: int = 0,
        root_protected: bool = False,
        now: int,
    ) -> Decision:
        """The decision for one request.

        The caller has settled whether a write is CREATE or UPDATE and whether the path is
        root-protected (needs sudo besides). ``wrap_ttl`` is in seconds, 0 for no wrapping. A
        listing counts as one of ``path/`` however it is spelled. HELP is free for everyone.
        """
        if now >= self._expires:
            self._compile(now)
        if self.root:
            return _ROOT_ANSWERS[operation]
        wanted, listing = _WANTED[operation]
        if listing and path[-1:] != "/":
            path += "/"
        if "." in path and _is_relative(path):
            return Decision(False, Reason.RELATIVE_PATH, wanted=_WORDS[wanted])
        grant = self._index.find(path, listing=listing)
        if grant is None:
            return self._refuse_unruled(path, wanted) if wanted else _HELP_ANSWER
        if grant.mask & wanted and not grant.restricted and (not root_protected or grant.mask & _SUDO):
            return grant.answers.get(operation) or _allow(grant, operation)
        refusal = _refusal(grant, operation, data, wrap_ttl, root_protected=root_protected)
        if refusal is None:
            return grant.answers.get(operation) or _allow(grant, operation)
        return self._refuse(grant, path, wanted, *refusal)

    def capabilities(self, path: str) -> list[str]:
        """Names in alphabetical order, ``["root"]`` or ``["deny"]``, as ``sys/capabilities`` answers."""
        if self.root:
            return [ROOT]
        path = path.removeprefix("/")
        if "." in path and _is_relative(path):
            return ["deny"]
        grant = self._index.find(path, listing=True)
        return list(grant.held) if grant else ["deny"]

    def visible(self, decision: Decision, path: str, keys: Sequence[str]) -> list[str]:
        """Of the keys that a listing of ``path`` found, those that the decision's filter lets show.

        A key stays when the token may read the path its template makes, or list it if that path
        ends in a slash. Without a filter all stay.
        """
        if not decision.filter_path:
            return list(keys)
        parts = filterpath.compile_filter(decision.filter_path)
        base = path if path[-1:] == "/" else path + "/"
        return [key for key in keys if self._shows(filterpath.render(parts, base, key))]

    def _shows(self, path: str) -> bool:
        listing = path[-1:] == "/"
        wanted, _ = _WANTED[Operation.LIST if listing else Operation.READ]
        grant = None if _is_relative(path) else self._index.find(path, listing=listing)
        return grant is not None and bool(grant.mask & wanted)

    def reaches(self, prefix: str) -> bool:
        """Whether anything at or below a mount's path is granted, so that the mount may be shown."""
        if self.root:
            return True
        return any(
            grant.mask and grant.mask != _DENY and grant.pattern.meets(prefix) for grant in self._index.grants
        )

    def resultant(self) -> dict[str, Any]:
        """``exact_paths``, ``glob_paths`` and ``root``, as ``sys/internal/ui/resultant-acl`` answers.

        Patterns with ``+`` have no place in that form.
        """
        if self.root:
            return {"root": True}
        exact = {path: resultant(grant) for path, grant in self._index.exact.items()}
        globs = {prefix: resultant(grant) for prefix, grant in self._index.prefixes.items()}
        return {"exact_paths": exact, "glob_paths": globs, "root": False}

    def _refuse_unruled(self, path: str, wanted: int) -> Decision:
        parts = path.split("/")
        expired = next((pattern for pattern in self._expired if pattern.matches(path, parts)), None)
        nearest = self._nearest(path, None, wanted)
        if expired is not None:
            return Decision(False, Reason.EXPIRED, rule=expired.text, wanted=_WORDS[wanted], nearest=nearest)
        return Decision(False, Reason.NO_RULE, wanted=_WORDS[wanted], nearest=nearest)

    def _refuse(self, grant: Grant, path: str, wanted: int, reason: Reason, parameter: str) -> Decision:
        return Decision(
            False,
            reason,
            rule=grant.pattern.text,
            policies=tuple(dict.fromkeys(name for name, _ in grant.sources)),
            wanted=_WORDS[wanted],
            held=grant.held,
            parameter=parameter,
            nearest=self._nearest(path, grant, wanted),
        )

    def _nearest(self, path: str, governing: Grant | None, wanted: int) -> str | None:
        grant = self._index.nearest(path, wanted, governing)
        return grant.pattern.text if grant else None


def _refusal(
    grant: Grant, operation: Operation, data: Mapping[str, Any], wrap_ttl: int, *, root_protected: bool
) -> tuple[Reason, str] | None:
    wanted, listing = _WANTED[operation]
    if not wanted:
        return None
    if not grant.mask & wanted:
        return (Reason.DENIED if grant.mask & _DENY else Reason.CAPABILITY_MISSING), ""
    if root_protected and not grant.mask & _SUDO:
        return Reason.SUDO_NEEDED, ""
    rule = grant.rule
    if wrap_ttl < rule.min_wrapping_ttl or (
        rule.max_wrapping_ttl > 0 and not 0 < wrap_ttl <= rule.max_wrapping_ttl
    ):
        return Reason.WRAPPING_TTL, ""
    if operation in _WITH_PARAMETERS:
        return parameters.check(
            rule.required_parameters, rule.allowed_parameters, rule.denied_parameters, data
        )
    if listing and rule.pagination_limit > 0 and not _page_fits(rule.pagination_limit, data):
        return Reason.PAGINATION, "limit"
    return None


def _page_fits(limit: int, data: Mapping[str, Any]) -> bool:
    """Whether a listing stays within the limit; none or 0 is filled in by the caller, below 0 means all."""
    try:
        asked = int(data.get("limit") or 0)
    except (TypeError, ValueError):
        return False
    return 0 <= asked <= limit


def _allow(grant: Grant, operation: Operation) -> Decision:
    """The decision that lets pass; it depends on nothing but the operation, so it is kept."""
    wanted, listing = _WANTED[operation]
    rule = grant.rule
    answer = Decision(
        True,
        Reason.ALLOWED,
        rule=grant.pattern.text,
        policies=grant.policies(wanted),
        wanted=_WORDS[wanted],
        held=grant.held,
        pagination_limit=max(rule.pagination_limit, 0) if listing else 0,
        filter_path=rule.filter_path if listing else "",
        mfa_methods=rule.mfa_methods,
        control_group=rule.control_group,
    )
    grant.answers[operation] = answer
    return answer


def _is_relative(path: str) -> bool:
    return any(part in (".", "..") for part in path.split("/"))
