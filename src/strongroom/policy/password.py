"""Password policies: how long, from which characters, and passwords drawn from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from strongroom import hcl
from strongroom.errors import BadRequest, Internal, multierror

MIN_LENGTH = 4
MAX_LENGTH = 100
_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class CharsetRule:
    """At least ``min_chars`` characters come from ``charset``."""

    charset: str
    min_chars: int = 0


@dataclass(frozen=True)
class PasswordPolicy:
    """A length in characters and the rules that every password keeps."""

    length: int
    rules: tuple[CharsetRule, ...]

    @cached_property
    def charset(self) -> str:
        """All characters that may occur, each once."""
        return "".join(sorted({char for rule in self.rules for char in rule.charset}))


def parse(text: str) -> PasswordPolicy:
    """The policy of a text: ``length = 20`` and ``rule "charset" { charset = "..." min-chars = 1 }``.

    Raises BadRequest with all that is wrong.
    """
    try:
        tree = hcl.parse(text)
    except hcl.ParseError as error:
        _fail(f"unable to decode: {error.public}")
    length = _integer(tree, "length")
    policy = PasswordPolicy(length, tuple(_rule(block) for block in tree.blocks("rule", labels=1)))
    faults = _faults(policy)
    if faults:
        _fail(multierror(*faults))
    if not MIN_LENGTH <= length <= MAX_LENGTH:
        raise BadRequest(multierror(f"passwords must be between {MIN_LENGTH} and {MAX_LENGTH} characters"))
    return policy


def generate(policy: PasswordPolicy, rng: Callable[[int], bytes]) -> str:
    """A password, each of those that keep the rules as likely as any other.

    ``rng`` answers n uniformly random bytes. Candidates that break a rule are thrown away; a policy
    whose rules chance does not meet in a thousand candidates raises Internal.
    """
    charset = policy.charset
    minima = [(frozenset(rule.charset), rule.min_chars) for rule in policy.rules if rule.min_chars > 0]
    for _ in range(_ATTEMPTS):
        password = "".join(charset[index] for index in _draw(len(charset), policy.length, rng))
        if all(sum(char in wanted for char in password) >= least for wanted, least in minima):
            return password
    raise Internal("unable to generate a password that meets the policy")


def _draw(size: int, count: int, rng: Callable[[int], bytes]) -> Sequence[int]:
    """Uniform numbers below ``size``: what lies above its greatest multiple is drawn again."""
    width = 1 if size <= 1 << 8 else 3
    limit = (1 << 8 * width) // size * size
    drawn: list[int] = []
    while len(drawn) < count:
        block = rng(width * (count - len(drawn)))
        numbers = (int.from_bytes(block[at : at + width], "big") for at in range(0, len(block), width))
        drawn += [number % size for number in numbers if number < limit]
    return drawn


def _faults(policy: PasswordPolicy) -> list[str]:
    faults = []
    if policy.length <= 0:
        faults.append("length must be > 0")
    needed = sum(max(rule.min_chars, 0) for rule in policy.rules)
    if 0 < policy.length < needed:
        faults.append(
            f"specified rules require at least {needed} characters but {policy.length} is specified"
        )
    if not policy.charset:
        faults.append("no charset specified")
    if not policy.charset.isprintable():
        faults.append("non-printable character in charset")
    return faults


def _rule(block: hcl.Block) -> CharsetRule:
    if len(block.labels) != 1:
        _fail('unable to parse rules: rule needs one type, as in rule "charset"')
    kind = block.labels[0].name
    if kind != "charset":
        _fail(f"unable to parse rules: unable to parse rule {kind}: unrecognized rule type {kind}")
    if not isinstance(block.body, hcl.Object):
        _fail(f"unable to parse rules: unable to parse rule {kind}: an object is expected")
    item = block.body.get("charset")
    charset = "" if item is None else item.value.plain()
    if not isinstance(charset, str):
        _fail(f"unable to parse rules: unable to parse rule {kind}: 'charset' expected type 'string'")
    return CharsetRule(charset, _integer(block.body, "min-chars"))


def _integer(body: hcl.Object, key: str) -> int:
    item = body.get(key)
    value = 0 if item is None else item.value.plain()
    if isinstance(value, bool) or not isinstance(value, int | float):
        _fail(
            "failed to decode configuration: decoding failed due to the following error(s):\n\n"
            f"'{key}' expected type 'int', got unconvertible type '{_type(value)}'"
        )
    return int(value)


def _type(value: object) -> str:
    names = {str: "string", bool: "bool", list: "[]interface {}"}
    return names.get(type(value), "map[string]interface {}")


def _fail(sentence: str) -> NoReturn:
    raise BadRequest(multierror(f"invalid password policy: {sentence}"))
