"""Chains, also where authorities sign each other."""

from __future__ import annotations

from strongroom.crypto import certificate_plan, signing_key
from strongroom.crypto.certificate import Certificate
from strongroom.crypto.certificate_plan import Plan
from strongroom.crypto.distinguished_name import Subject
from strongroom.crypto.signing_key import SigningKey
from strongroom.secrets.pki.chain import Link, chains


def _signed(name: str, key: SigningKey, above: tuple[Certificate, SigningKey] | None = None) -> Certificate:
    plan = Plan(key.public_key(), Subject(common_name=name), not_after=4_000_000_000, is_ca=True)
    if above is None:
        return certificate_plan.sign(plan, key)
    return certificate_plan.sign(plan, above[1], above[0])


def test_the_nearest_come_first_and_nobody_twice() -> None:
    a, b, c = (signing_key.generate("ec", 256) for _ in range(3))
    root_a, root_b = _signed("a", a), _signed("b", b)
    a_by_b, b_by_a = _signed("a", a, (root_b, b)), _signed("b", b, (root_a, a))
    inter = _signed("c", c, (root_a, a))
    links = [Link("ra", root_a), Link("rb", root_b), Link("ab", a_by_b), Link("ba", b_by_a), Link("i", inter)]
    found = chains(links)
    assert found["ra"] == ["ra"]
    assert found["i"][:2] == ["i", "ra"]
    assert sorted(found["i"]) == ["ab", "ba", "i", "ra", "rb"]
    assert found["ab"][:2] == ["ab", "rb"]
    assert len(set(found["ab"])) == len(found["ab"])


def test_a_name_alone_makes_no_parent() -> None:
    real, fake, below = (signing_key.generate("ec", 256) for _ in range(3))
    root, impostor = _signed("a", real), _signed("a", fake)
    inter = _signed("c", below, (root, real))
    found = chains([Link("i", inter), Link("f", impostor)])
    assert found["i"] == ["i"]


def test_a_chain_by_hand_beats_what_is_found() -> None:
    key, below = signing_key.generate("ec", 256), signing_key.generate("ec", 256)
    root = _signed("a", key)
    inter = _signed("c", below, (root, key))
    assert chains([Link("r", root), Link("i", inter, ["i"])])["i"] == ["i"]
