from __future__ import annotations

import random
from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import BadRequest, Internal, multierror
from strongroom.policy.password import CharsetRule, PasswordPolicy, generate, parse

CHARSET = 'rule "charset" { charset="abc" }'
INVALID = "invalid password policy: "
SENTENCES = (
    (f"length=3\n{CHARSET}", multierror("passwords must be between 4 and 100 characters")),
    (f"length=101\n{CHARSET}", multierror("passwords must be between 4 and 100 characters")),
    ("length=20", multierror(INVALID + multierror("no charset specified"))),
    ('length=20 rule "charset" { charset="" }', multierror(INVALID + multierror("no charset specified"))),
    (CHARSET, multierror(INVALID + multierror("length must be > 0"))),
    (f"length=-4\n{CHARSET}", multierror(INVALID + multierror("length must be > 0"))),
    ("", multierror(INVALID + multierror("length must be > 0", "no charset specified"))),
    (
        'length=20\nrule "charset" { charset="abc" min-chars=21 }',
        multierror(
            INVALID + multierror("specified rules require at least 21 characters but 20 is specified")
        ),
    ),
    (
        'length=20\nrule "charset" { charset="a\\nb" }',
        multierror(INVALID + multierror("non-printable character in charset")),
    ),
    (
        'length=20\nrule "bogus" { charset="abc" }',
        multierror(
            INVALID + "unable to parse rules: unable to parse rule bogus: unrecognized rule type bogus"
        ),
    ),
    (
        f'length="20"\n{CHARSET}',
        multierror(
            INVALID + "failed to decode configuration: decoding failed due to the following error(s):\n\n"
            "'length' expected type 'int', got unconvertible type 'string'"
        ),
    ),
)


@pytest.mark.parametrize(("text", "sentence"), SENTENCES)
def test_sentences_that_clients_know(text: str, sentence: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(text)
    assert caught.value.public == sentence


@pytest.mark.parametrize(
    "text",
    (
        "length=",
        "length=[] " + CHARSET,
        "length=true " + CHARSET,
        "length=1e300 " + CHARSET,
        'length=20 rule "charset" { charset=["a"] }',
        'length=20 rule "charset" { charset="a" min-chars="x" }',
        'length=20 rule "charset" "x" { charset="a" }',
        "length=20 rule = 3",
        'length=20 rule { charset="a" }',
        'length=20 rule "Charset" { charset="a" }',
    ),
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        parse(text)


@pytest.mark.parametrize(
    "text",
    (
        'length=20\nrule "charset" { charset="abc" min-chars=1 }',
        '{"length":20,"rule":[{"charset":[{"charset":"abc","min-chars":1}]}]}',
        '{"length":20,"rule":{"charset":{"charset":"cab","min-chars":1}}}',
        'foo=1\nlength=10\nlength=20.5\nrule "charset" { charset="abc" min-chars=1 bar=2 }',
    ),
)
def test_spellings_of_one_policy(text: str) -> None:
    policy = parse(text)
    assert (policy.length, policy.charset, policy.rules[0].min_chars) == (20, "abc", 1)


CHARSETS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=300)


@given(
    st.integers(4, 100),
    st.lists(st.tuples(CHARSETS, st.integers(0, 2)), min_size=1, max_size=2),
    st.randoms(use_true_random=False),
)
def test_every_password_keeps_the_rules(
    length: int, rules: list[tuple[str, int]], source: random.Random
) -> None:
    policy = PasswordPolicy(length, tuple(CharsetRule(charset, least) for charset, least in rules))
    try:
        password = generate(policy, source.randbytes)
    except Internal:
        assert any(least for _, least in rules)
        return
    assert len(password) == length
    assert set(password) <= {char for charset, _ in rules for char in charset}
    for charset, least in rules:
        assert sum(char in charset for char in password) >= least


def test_all_passwords_are_equally_likely() -> None:
    policy = PasswordPolicy(4, (CharsetRule("abb", 1), CharsetRule("c", 2)))
    valid = {"".join(p) for p in product("abc", repeat=4) if p.count("c") >= 2 and len(set(p)) > 1}
    source = random.Random(7)
    rounds = 400 * len(valid)
    found = Counter(generate(policy, source.randbytes) for _ in range(rounds))
    assert set(found) == valid
    chi_square = sum((count - 400) ** 2 / 400 for count in found.values())
    assert chi_square < 60  # 31 degrees of freedom: chance exceeds this once in a thousand


@pytest.mark.parametrize("size", (3, 10, 200, 255, 256, 257))
def test_characters_are_equally_likely(size: int) -> None:
    charset = "".join(chr(0x4E00 + offset) for offset in range(size))
    policy = PasswordPolicy(100, (CharsetRule(charset),))
    source = random.Random(size)
    found = Counter(char for _ in range(size * 4) for char in generate(policy, source.randbytes))
    chi_square = sum((found[char] - 400) ** 2 / 400 for char in charset)
    assert chi_square < size + 5 * (2 * size) ** 0.5


def test_bytes_above_the_greatest_multiple_are_drawn_again() -> None:
    blocks = iter((bytes((255, 255, 0, 1)), bytes((254, 2))))
    assert generate(PasswordPolicy(4, (CharsetRule("abc"),)), lambda _: next(blocks)) == "abcc"


def test_rules_that_chance_never_meets_end_in_an_error() -> None:
    wide = "".join(chr(0x4E00 + offset) for offset in range(1000))
    policy = PasswordPolicy(20, (CharsetRule(wide), CharsetRule("a", 20)))
    with pytest.raises(Internal):
        generate(policy, random.Random(1).randbytes)
