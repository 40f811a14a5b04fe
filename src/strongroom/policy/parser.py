"""Policy text into rules. Sentences are those that clients know; the position goes beside them."""

from __future__ import annotations

from collections.abc import Iterable

from strongroom import hcl
from strongroom.errors import BadRequest, multierror
from strongroom.policy import controlgroup, filterpath, template
from strongroom.policy.rule import CAPABILITIES, LEGACY, Policy, Rule
from strongroom.policy.stanza import PolicyError, Stanza

_TOP_KEYS = frozenset({"name", "path"})
_PATH_KEYS = frozenset(
    {
        "comment",
        "policy",
        "capabilities",
        "allowed_parameters",
        "denied_parameters",
        "required_parameters",
        "min_wrapping_ttl",
        "max_wrapping_ttl",
        "mfa_methods",
        "control_group",
        "pagination_limit",
        "expiration",
        filterpath.NAME,
    }
)


def parse_policy(
    name: str, text: str, *, allow_wildcards: bool = False, allow_slashes: bool = False
) -> Policy:
    """The policy a text means. Names are lower-cased, as they are wherever they are compared.

    Raises PolicyError (a BadRequest that begins with ``failed to parse policy:``) naming the
    stanza, with line and column beside the sentence.
    """
    try:
        tree = hcl.parse(text)
    except hcl.ParseError as error:
        raise PolicyError(error.public, error.line, error.column) from None
    _check_keys(tree.items, _TOP_KEYS, "")
    rules = tuple(_rule(block) for block in tree.blocks("path", labels=1))
    return Policy(name.strip().lower(), rules, allow_wildcards, allow_slashes)


def _check_keys(items: Iterable[hcl.Item], known: frozenset[str], prefix: str) -> None:
    unknown = [item for item in items if item.name not in known]
    if unknown:
        sentences = (f'invalid key "{item.name}" on line {item.line}' for item in unknown)
        raise PolicyError(prefix + multierror(*sentences), unknown[0].line, unknown[0].column)


def _rule(block: hcl.Block) -> Rule:
    if len(block.labels) != 1:
        raise PolicyError("path needs one pattern", block.item.line, block.item.column)
    written = block.labels[0].name
    if not isinstance(block.body, hcl.Object):
        place = block.body
        raise PolicyError(f'path "{written}": must be an object', place.line, place.column)
    _check_keys(block.body.items, _PATH_KEYS, f'path "{written}": ')
    stanza = Stanza(written, block.body)
    _check_path(stanza, block)
    capabilities = _capabilities(stanza)
    rule = Rule(
        path=written.removeprefix("/"),
        capabilities=capabilities,
        allowed_parameters=stanza.parameters("allowed_parameters"),
        denied_parameters=stanza.parameters("denied_parameters"),
        required_parameters=stanza.strings("required_parameters"),
        min_wrapping_ttl=stanza.seconds("min_wrapping_ttl"),
        max_wrapping_ttl=stanza.seconds("max_wrapping_ttl"),
        mfa_methods=stanza.strings("mfa_methods"),
        control_group=controlgroup.read(stanza),
        pagination_limit=stanza.integer("pagination_limit"),
        expiration=stanza.time("expiration"),
        filter_path=stanza.text(filterpath.NAME),
        comment=stanza.text("comment"),
        line=block.labels[0].line,
    )
    _check_rule(stanza, rule, block)
    return rule


def _check_path(stanza: Stanza, block: hcl.Block) -> None:
    if "+*" in stanza.path:
        stanza.fail("invalid use of wildcards ('+*' is forbidden)", block.item)
    try:
        template.validate(stanza.path)
    except BadRequest as error:
        stanza.fail(error.public, block.item, inner=False)


def _capabilities(stanza: Stanza) -> int:
    mask = 0
    if legacy := stanza.scalar("policy"):
        if legacy.value not in LEGACY:
            stanza.fail(f'invalid policy "{legacy.value}"', legacy)
        mask = LEGACY[str(legacy.value)]
    for capability in stanza.strings("capabilities"):
        if capability not in CAPABILITIES:
            place = stanza.item("capabilities")
            stanza.fail(f'invalid capability "{capability}"', place or hcl.Object())
        mask |= CAPABILITIES[capability]
    return mask


def _check_rule(stanza: Stanza, rule: Rule, block: hcl.Block) -> None:
    if 0 < rule.max_wrapping_ttl < rule.min_wrapping_ttl:
        stanza.fail("max_wrapping_ttl cannot be less than min_wrapping_ttl", block.item, inner=False)
    if rule.filter_path and not rule.capabilities & CAPABILITIES["list"]:
        sentence = f"{filterpath.NAME} needs to be used on a path with the list capability"
        stanza.fail(sentence, block.item, inner=False)
    if rule.filter_path:
        try:
            filterpath.compile_filter(rule.filter_path)
        except BadRequest as error:
            stanza.fail(error.public, block.item, inner=False)
