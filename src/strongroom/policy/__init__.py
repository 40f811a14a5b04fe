"""Policies: their text, their rules, and the decision whether a request passes."""

from __future__ import annotations

from strongroom.policy.acl import ACL
from strongroom.policy.decision import Decision, Reason
from strongroom.policy.parser import parse_policy
from strongroom.policy.rule import Capability, Policy, Rule
from strongroom.policy.stanza import PolicyError

__all__ = ["ACL", "Capability", "Decision", "Policy", "PolicyError", "Reason", "Rule", "parse_policy"]
