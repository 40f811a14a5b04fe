"""Chains: which issuers stand above an issuer, found by their keys and names. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from strongroom.crypto.certificate import Certificate


@dataclass(slots=True)
class Link:
    """An issuer as chains see it; ``manual`` are IDs, its own first, and beats what would be found."""

    id: str
    certificate: Certificate
    manual: list[str] = field(default_factory=list)


def chains(links: Iterable[Link]) -> dict[str, list[str]]:
    """The chain of every issuer, by IDs, its own first, then upwards.

    A cross-signed issuer has several above it: the nearest come first, and no issuer twice. Cycles, which
    cross-signing makes, end where they would begin again.
    """
    known = {link.id: link for link in links}
    by_subject: dict[bytes, list[Link]] = {}
    for link in known.values():
        by_subject.setdefault(link.certificate.subject_der, []).append(link)
    parents = {link.id: _parents(link, by_subject) for link in known.values()}
    return {link.id: _manual(link, known) or _upwards(link.id, parents) for link in known.values()}


def _manual(link: Link, known: Mapping[str, Link]) -> list[str]:
    return [one for one in link.manual if one in known]


def _parents(link: Link, by_subject: Mapping[bytes, list[Link]]) -> list[str]:
    certificate = link.certificate
    if certificate.is_self_signed:
        return []
    candidates = by_subject.get(certificate.issuer_der, [])
    above = [one for one in candidates if one.id != link.id and one.certificate.issued(certificate)]
    above.sort(key=lambda one: (not one.certificate.is_self_signed, -one.certificate.not_after, one.id))
    return [one.id for one in above]


def _upwards(start: str, parents: Mapping[str, list[str]]) -> list[str]:
    """Breadth first, so that the nearest come first."""
    found = dict.fromkeys([start])
    level = [start]
    while level:
        level = [above for one in level for above in parents[one] if above not in found]
        found |= dict.fromkeys(level)
    return list(found)
