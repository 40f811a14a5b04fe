"""The ``control_group`` key of a path stanza."""

from __future__ import annotations

from typing import NoReturn

from strongroom import hcl
from strongroom.errors import multierror
from strongroom.hcl import duration
from strongroom.policy.rule import CAPABILITIES, ControlGroup, Factor
from strongroom.policy.stanza import Stanza

_GROUP_KEYS = frozenset({"ttl", "self_auth_allowed", "factor"})
_FACTOR_KEYS = frozenset({"controlled_capabilities", "identity"})
_CONTROLLED = frozenset(CAPABILITIES) - {"deny"}


def read(stanza: Stanza) -> ControlGroup | None:
    """The approvals a stanza asks for, None when it has no such key. Raises PolicyError."""
    item = stanza.item("control_group")
    if item is None:
        return None
    bodies = tuple(stanza.objects("control_group"))
    for body in bodies:
        _check_keys(stanza, body, _GROUP_KEYS, "path control_group")
    factors = tuple(
        _factor(stanza, index, block)
        for index, block in enumerate(block for body in bodies for block in body.blocks("factor", labels=1))
    )
    if not factors:
        _fail(stanza, "requires at least one factor but had none", item)
    group = Stanza(stanza.path, bodies[-1])
    return ControlGroup(_ttl(stanza, group), _flag(group, "self_auth_allowed"), factors)


def _fail(stanza: Stanza, sentence: str, place: hcl.Item | hcl.Node) -> NoReturn:
    stanza.fail("error handling control_group: " + multierror(sentence), place, inner=False)


def _ttl(stanza: Stanza, group: Stanza) -> int:
    literal = group.scalar("ttl")
    if literal is None:
        return 0
    try:
        return duration.parse(literal.value)
    except duration.InvalidDuration as error:
        _fail(stanza, f"path control_group: invalid ttl: {error.public}", literal)


def _flag(group: Stanza, key: str) -> bool:
    literal = group.scalar(key)
    if literal is not None and not isinstance(literal.value, bool):
        _fail(
            group, f"path control_group: At {literal.line}:{literal.column}: {key} must be a boolean", literal
        )
    return literal is not None and bool(literal.value)


def _check_keys(stanza: Stanza, body: hcl.Object, known: frozenset[str], where: str) -> None:
    for item in body.items:
        if item.name not in known:
            _fail(stanza, f'{where}: invalid key "{item.name}" on line {item.line}', item)


def _factor(stanza: Stanza, index: int, block: hcl.Block) -> Factor:
    if not isinstance(block.body, hcl.Object) or len(block.labels) != 1:
        _fail(stanza, "path control_group factor: require name key", block.item)
    _check_keys(stanza, block.body, _FACTOR_KEYS, "path control_group factor")
    factor = Stanza(stanza.path, block.body)
    capabilities = factor.strings("controlled_capabilities")
    if not capabilities:
        _fail(stanza, f"factor {index}: missing controlled capabilities", block.item)
    for capability in capabilities:
        if capability not in _CONTROLLED:
            _fail(stanza, f"path control_group Operation(s) not valid: {capability}", block.item)
    identity = Stanza(stanza.path, next(factor.objects("identity"), hcl.Object()))
    approvals = identity.integer("approvals")
    if approvals < 1:
        _fail(stanza, f"factor {index}: missing required approvals", block.item)
    group_names, group_ids = identity.strings("group_names"), identity.strings("group_ids")
    return Factor(block.labels[0].name, capabilities, group_names, group_ids, approvals)
