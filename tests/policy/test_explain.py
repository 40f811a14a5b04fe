from __future__ import annotations

import pytest

from strongroom.logical import Operation
from strongroom.policy import ACL, Decision, Policy, Reason, parse_policy
from strongroom.policy.explain import explain, sentence


def test_every_reason_has_a_sentence() -> None:
    sentences = {sentence(Decision(reason is Reason.ALLOWED, reason, rule="t/*")) for reason in Reason}
    assert len(sentences) == len(Reason)
    assert not any("{" in text for text in sentences)


def test_an_explanation_of_a_refusal() -> None:
    text = 'path "t/*" { capabilities = ["list"] }\npath "t/other" { capabilities = ["read"] }'
    acl = ACL([parse_policy("team", text)], now=0)
    assert explain(acl.decide(Operation.READ, "t/x", {}, now=1)) == {
        "allowed": False,
        "reason": "capability missing",
        "sentence": 'rule "t/*" governs this path and does not grant read',
        "policies": ["team"],
        "rule": "t/*",
        "wanted": "read",
        "held": ["list"],
        "parameter": None,
        "nearest": "t/other",
    }


@pytest.mark.parametrize(
    ("acl", "operation", "expected"),
    (
        (ACL([Policy("root")], now=0), Operation.READ, "the root policy grants everything"),
        (ACL([], now=0), Operation.HELP, "help is open to everyone"),
        (ACL([], now=0), Operation.READ, "no rule of the token's policies covers this path"),
    ),
)
def test_sentences_without_a_rule(acl: ACL, operation: Operation, expected: str) -> None:
    assert sentence(acl.decide(operation, "x", {}, now=0)) == expected
