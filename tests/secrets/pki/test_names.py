"""The rules for names: globs against regular expressions, domains against a slow obvious model."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.crypto.alternative_names import AlternativeNames
from strongroom.errors import BadRequest
from strongroom.secrets.pki import names
from strongroom.secrets.pki.role import Role


@settings(max_examples=100, deadline=None)
@given(st.text("ab*", max_size=8), st.text("ab*", max_size=8))
def test_globs(pattern: str, text: str) -> None:
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
    assert names.glob_matches(pattern, text) is expected


def test_globs_of_many_stars_take_no_time() -> None:
    assert not names.glob_matches("*a" * 200 + "b", "a" * 20_000)


_LABELS = st.sampled_from(("a", "b", "org", "*", "a*", "localhost", "localdomain", "a_b", "-a", "x--y", ""))
_NAMES = st.builds(
    lambda user, labels: (f"{user}@" if user else "") + ".".join(labels),
    st.sampled_from(("", "", "me", "a@b")),
    st.lists(_LABELS, min_size=1, max_size=4),
)
_DOMAINS = st.lists(st.sampled_from(("org", "a.org", "b", "*.org", "a*", "")), max_size=3)
_FLAGS = (
    "allow_any_name",
    "allow_bare_domains",
    "allow_glob_domains",
    "allow_localhost",
    "allow_subdomains",
    "allow_wildcard_certificates",
    "enforce_hostnames",
)


def _is_label(text: str) -> bool:
    inside = all(char.isalnum() or char == "-" for char in text)
    return bool(text) and inside and text[0] != "-" and text[-1] != "-"


def _is_first(text: str) -> bool:
    """A first label of a name with a wildcard: a star, with a label before it, after it, or both."""
    before, star, after = text.partition("*")
    return bool(star) and all(not part or _is_label(part) for part in (before, after))


def _model(role: Role, domains: list[str], name: str) -> bool:
    """The documented rules, one after the other."""
    user, at, host = name.rpartition("@")
    if at and ("@" in user or not user or not host):
        return False
    labels = host.split(".")
    wild = "*" in host
    if wild:
        one_star_first = labels[0].count("*") == 1 and not any("*" in label for label in labels[1:])
        more = len(labels) > 1 and ".".join(labels[1:]) != ""
        if at or not role.allow_wildcard_certificates or not one_star_first or not more:
            return False
    if role.enforce_hostnames:
        rest = labels[1:] if wild else labels
        if not all(map(_is_label, rest)) or (wild and not _is_first(labels[0])):
            return False
    if role.allow_any_name:
        return True
    base = ".".join(labels[1:]) if wild else host
    ways = []
    if role.allow_localhost:
        for local in ("localhost", "localdomain"):
            ways.append(base == local and not wild)
            ways.append(role.allow_subdomains and (base.endswith("." + local) or base == local))
    for domain in filter(None, domains):
        ways.append(role.allow_bare_domains and (name == domain or (bool(at) and host == domain)))
        ways.append(role.allow_subdomains and (base.endswith("." + domain) or (wild and base == domain)))
        glob = ".*".join(map(re.escape, domain.split("*")))
        ways.append(role.allow_glob_domains and "*" in domain and re.fullmatch(glob, name) is not None)
    return any(ways)


@settings(max_examples=250, deadline=None)
@given(_NAMES, _DOMAINS, st.lists(st.booleans(), min_size=len(_FLAGS), max_size=len(_FLAGS)))
def test_domains_follow_the_documented_rules(name: str, domains: list[str], flags: list[bool]) -> None:
    role = Role(**dict(zip(_FLAGS, flags, strict=True)))  # type: ignore[arg-type]
    ready = names.Allowed.of(role, [(domain, True) for domain in domains])
    allowed = names.refused(role, ready, [name]) == ""
    if not name:
        return  # nothing asks for the empty name
    assert allowed is _model(role, domains, name)


@pytest.mark.parametrize("text", ("x", "1.2;x", "1.2;int:5"))
def test_other_names_have_a_form(text: str) -> None:
    with pytest.raises(BadRequest):
        names.other_name(text)


def test_what_an_identity_says_is_no_glob() -> None:
    role = Role(allow_glob_domains=True)
    assert names.refused(role, names.Allowed.of(role, [("a*", True)]), ["ab"]) == ""
    assert names.refused(role, names.Allowed.of(role, [("a*", False)]), ["ab"]) == "ab"


def test_many_names_by_many_domains_take_no_time() -> None:
    role = Role(allow_subdomains=True, allow_glob_domains=True)
    ready = names.Allowed.of(role, [(f"d{number}.example.com", True) for number in range(20_000)])
    assert names.refused(role, ready, [f"h{number}.d19999.example.com" for number in range(2_000)]) == ""
    globs = names.Allowed.of(role, [(f"*.d{number}.example.com", True) for number in range(1_000)])
    few, many = (AlternativeNames(dns=["a"] * number) for number in (200, 201))
    names.check_effort(role, globs, few, [])
    with pytest.raises(BadRequest):
        names.check_effort(role, globs, many, [])
