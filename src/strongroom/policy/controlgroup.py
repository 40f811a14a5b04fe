"""The ``control_group`` key of a path stanza."""

from __future__ import annotations

from strongroom import hcl
from strongroom.errors import multierror
from strongroom.policy.rule import CAPABILITIES, ControlGroup, Factor
from strongroom.policy.stanza import Stanza

_HEAD = "error handling control_group: "


def read(stanza: Stanza) -> ControlGroup | None:
    """The approvals a stanza asks for, None when it has no such key. Raises PolicyError."""
    item = stanza.item("control_group")
    if item is None:
        return None
    bodies = tuple(stanza.objects("control_group"))
    factors = tuple(
        _factor(stanza, index, block)
        for index, block in enumerate(block for body in bodies for block in body.blocks("factor", labels=1))
    )
    if not factors:
        stanza.fail(_HEAD + multierror("requires at least one factor but had none"), item, inner=False)
    group = Stanza(stanza.path, bodies[-1])
    return ControlGroup(group.seconds("ttl"), group.text("self_auth_allowed") == "True", factors)


def _factor(stanza: Stanza, index: int, block: hcl.Block) -> Factor:
    def fail(sentence: str) -> None:
        stanza.fail(_HEAD + multierror(sentence), block.item, inner=False)

    if not isinstance(block.body, hcl.Object) or len(block.labels) != 1:
        stanza.fail(
            _HEAD + multierror(f"factor {index}: must be an object with a name"), block.item, inner=False
        )
    factor = Stanza(stanza.path, block.body)
    capabilities = factor.strings("controlled_capabilities")
    if not capabilities:
        fail(f"factor {index}: missing controlled capabilities")
    for capability in capabilities:
        if capability not in CAPABILITIES:
            fail(f"path control_group Operation(s) not valid: {capability}")
    identity = Stanza(stanza.path, next(factor.objects("identity"), hcl.Object()))
    group_names, group_ids = identity.strings("group_names"), identity.strings("group_ids")
    if not group_names and not group_ids:
        fail(f"factor {index}: must provide at least one identity group")
    approvals = identity.integer("approvals")
    if approvals < 1:
        fail(f"factor {index}: must require at least one approval")
    return Factor(block.labels[0].name, capabilities, group_names, group_ids, approvals)
