"""What is kept, and the ways to find it: by request, lease, token, accessor, path. Nothing here waits."""

from __future__ import annotations

from collections.abc import Iterator

from strongroom.agent.cache.ending import Ending
from strongroom.agent.cache.entry import Entry, Kind
from strongroom.agent.cache.identity import fingerprint


class Entries:
    """The entries by identity, with indexes. What ends with a token hangs from it, over generations."""

    def __init__(self) -> None:
        self._by_id: dict[str, Entry] = {}
        self._owned: dict[str, set[str]] = {}
        self._made: dict[str, str] = {}
        self._accessors: dict[str, str] = {}
        self._leases: dict[str, set[str]] = {}
        self._roots: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._by_id.values()))

    def get(self, id_: str) -> Entry | None:
        """The entry of that identity."""
        return self._by_id.get(id_)

    def adopt(self, token: str, accessor: str = "") -> None:
        """Count a token not asked for here (the agent's own) among those that leases are kept for."""
        self._roots[fingerprint(token)] = accessor

    def manages(self, owner: str) -> bool:
        """Whether the token that ``owner`` stands for is one that leases are kept for."""
        return owner in self._made or owner in self._roots

    def put(self, entry: Entry) -> None:
        """Keep an entry, in place of one of the same identity."""
        if entry.id in self._by_id:
            self.remove(entry)
        self._by_id[entry.id] = entry
        if entry.owner:
            self._owned.setdefault(entry.owner, set()).add(entry.id)
        if entry.kind is Kind.TOKEN:
            self._made[entry.made] = entry.id
            self._accessors[entry.accessor] = entry.id
        else:
            self._leases.setdefault(entry.lease_id, set()).add(entry.id)

    def remove(self, entry: Entry) -> bool:
        """Forget one entry, and nothing that hangs from it; gives whether it was there."""
        kept = self._by_id.pop(entry.id, None)
        if kept is None:
            return False
        if kept.owner:
            _discard(self._owned, kept.owner, kept.id)
        if kept.kind is Kind.TOKEN:
            if self._made.get(kept.made) == kept.id:
                del self._made[kept.made]
            if self._accessors.get(kept.accessor) == kept.id:
                del self._accessors[kept.accessor]
        else:
            _discard(self._leases, kept.lease_id, kept.id)
        return True

    def below(self, token: str, *, children: bool = True) -> list[Entry]:
        """The entry of a token and all that end with it; without ``children`` tokens it made stay."""
        found: dict[str, Entry] = {}
        waiting = [token]
        while waiting:
            at = waiting.pop()
            if (made := self._by_id.get(self._made.get(at, ""))) is not None:
                found[made.id] = made
            for id_ in self._owned.get(at, ()):
                entry = self._by_id[id_]
                if entry.id in found or (entry.kind is Kind.TOKEN and not children):
                    continue
                found[entry.id] = entry
                if entry.kind is Kind.TOKEN:
                    waiting.append(entry.made)
        return list(found.values())

    def with_what_hangs(self, entry: Entry) -> list[Entry]:
        """An entry, and what ends when it does."""
        return self.below(entry.made) if entry.kind is Kind.TOKEN else [entry]

    def of_lease(self, lease_id: str) -> list[Entry]:
        """The entries of a lease; no two namespaces have the same."""
        return [self._by_id[id_] for id_ in self._leases.get(lease_id, ())]

    def of_accessor(self, accessor: str) -> list[Entry]:
        """What ends with the token of an accessor."""
        made = self._by_id.get(self._accessors.get(accessor, ""))
        if made is not None:
            return self.below(made.made)
        return [entry for root, own in self._roots.items() if own == accessor for entry in self.below(root)]

    def of_prefix(self, prefix: str, namespace: str) -> list[Entry]:
        """What was issued below a path, relative to its namespace, with what hangs from it."""
        if not prefix:
            return []
        start = _joined(namespace, prefix)
        found = [
            entry
            for entry in self
            if _joined(entry.namespace, entry.path.removeprefix("/v1/")).startswith(start)
            or (entry.lease_id and _joined(entry.namespace, entry.lease_id).startswith(start))
        ]
        return list({each.id: each for entry in found for each in self.with_what_hangs(entry)}.values())

    def ended(self, what: Ending) -> list[Entry]:
        """What a revocation has ended."""
        if what.token:
            return self.below(what.token, children=what.children)
        if what.accessor:
            return self.of_accessor(what.accessor)
        if what.lease_id:
            return self.of_lease(what.lease_id)
        return self.of_prefix(what.prefix, what.namespace)

    def orphan(self, token: str) -> None:
        """The tokens that a revoked one made live on without a parent."""
        for id_ in list(self._owned.get(token, ())):
            entry = self._by_id[id_]
            if entry.kind is Kind.TOKEN:
                _discard(self._owned, token, id_)
                entry.owner = ""

    def disown(self, token: str) -> None:
        """Keep no more leases for a token that was adopted."""
        self._roots.pop(token, None)


def _joined(namespace: str, path: str) -> str:
    """A path from the root namespace on: it may be named in the path or in a header."""
    return f"{namespace}/{path}" if namespace else path


def _discard(index: dict[str, set[str]], key: str, id_: str) -> None:
    among = index.get(key)
    if among is not None:
        among.discard(id_)
        if not among:
            del index[key]
