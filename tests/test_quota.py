from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.errors import BadRequest
from strongroom.quota import (
    LeaseCountRule,
    LeaseCounts,
    RateLimits,
    Rule,
    Rules,
    Verdict,
    refusal,
)

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def limits(*rules: Rule, max_clients: int = 1_000) -> RateLimits:
    return RateLimits(Rules(rules), max_clients=max_clients)


def ask(limits: RateLimits, path: str = "kv1/x", now: int = NOW, address: str = "10.0.0.1") -> Verdict | None:
    return limits.check(path, path.partition("/")[0] + "/", "", address, now)


def test_no_rules_no_verdict() -> None:
    assert ask(limits()) is None


def test_headers_as_the_peer_gives_them() -> None:
    """Measured: rate 1.5 in 10 s lets two pass, and rounds the seconds down."""
    quota = limits(Rule("q", 1.5, 10, mount="kv1/"))
    first, second, third = ask(quota), ask(quota), ask(quota)
    assert first
    assert second
    assert third
    assert first.headers() == [
        ("X-Ratelimit-Limit", "2"),
        ("X-Ratelimit-Remaining", "1"),
        ("X-Ratelimit-Reset", "9"),
    ]
    assert second.remaining == 0
    assert second.allowed
    assert not third.allowed
    assert third.headers() == [
        ("Retry-After", "9"),
        ("X-Ratelimit-Limit", "2"),
        ("X-Ratelimit-Remaining", "0"),
        ("X-Ratelimit-Reset", "9"),
    ]
    error = refusal("kv1/x", third, headers=True)
    assert (error.status, error.public) == (429, 'request path "kv1/x": rate limit quota exceeded')
    assert error.headers["Retry-After"] == "9"
    assert refusal("kv1/x", third, headers=False).headers == {}


def test_a_block_outlasts_the_window() -> None:
    """Measured: the refusal that starts a block shows the window, later ones only Retry-After."""
    quota = limits(Rule("q", 1, 10, block_interval=30, mount="kv1/"))
    ask(quota)
    start = ask(quota)
    assert start
    assert (start.retry_after, start.reset, start.blocked) == (29, 9, False)
    later = ask(quota, now=NOW + 12 * SECOND)
    assert later
    assert later.headers() == [("Retry-After", "18")]
    after = ask(quota, now=NOW + 30 * SECOND)
    assert after
    assert after.allowed
    assert quota.violations == 2


def test_the_window_opens_again() -> None:
    quota = limits(Rule("q", 1, 10, mount="kv1/"))
    allowed = [ask(quota, now=NOW + at * SECOND) for at in (0, 9, 10, 11, 20)]
    assert [verdict.allowed for verdict in allowed if verdict] == [True, False, True, False, True]


def test_clients_do_not_share_a_count() -> None:
    quota = limits(Rule("q", 1, 10, mount="kv1/"))
    verdicts = [ask(quota, address=address) for address in ("a", "b", "a")]
    assert [verdict.allowed for verdict in verdicts if verdict] == [True, True, False]


EVERYTHING = (
    Rule("global", 1, inheritable=True),
    Rule("mount", 1, mount="auth/ar/"),
    Rule("role", 1, mount="auth/ar/", role="r"),
    Rule("kv", 1, mount="kv1/"),
    Rule("kv-all", 1, mount="kv1/", path="*"),
    Rule("exact", 1, mount="kv1/", path="a/b"),
    Rule("prefix", 1, mount="kv1/", path="a/*"),
    Rule("word", 1, mount="kv1/", path="ab*"),
    Rule("ns", 1, namespace="n/", inheritable=True),
    Rule("ns-kv", 1, namespace="n/", mount="kv1/"),
    Rule("closed", 1, namespace="c/"),
)


@pytest.mark.parametrize(
    ("namespace", "mount", "path", "role", "name"),
    (
        ("", "other/", "other/x", "", "global"),
        ("", "auth/ar/", "auth/ar/login", "", "mount"),
        ("", "auth/ar/", "auth/ar/login", "r", "role"),
        ("", "auth/ar/", "auth/ar/login", "s", "mount"),
        ("", "kv1/", "kv1/x", "", "kv-all"),
        ("", "kv1/", "kv1/a/b", "", "exact"),
        ("", "kv1/", "kv1/a/b/c", "", "prefix"),
        ("", "kv1/", "kv1/a/bb", "", "prefix"),
        ("", "kv1/", "kv1/abc", "", "word"),
        ("", "kv1/", "kv1/abc/d/e", "", "word"),
        ("", "kv1/", "kv1/a", "", "kv-all"),
        ("n/", "x/", "x/y", "", "ns"),
        ("n/", "kv1/", "kv1/a/b", "", "ns-kv"),
        ("n/m/", "kv1/", "kv1/a/b", "", "ns"),
        ("c/", "x/", "x/y", "", "closed"),
        ("c/d/", "x/", "x/y", "", "global"),
    ),
)
def test_the_most_specific_rule_decides(namespace: str, mount: str, path: str, role: str, name: str) -> None:
    found = Rules(EVERYTHING).find(namespace, mount, path, role)
    assert found
    assert found.name == name


def test_deleted_rules_are_gone_from_the_index() -> None:
    rules = Rules(EVERYTHING)
    for rule in EVERYTHING:
        rules.delete(rule.name)
    rules.delete("never there")
    assert len(rules) == 0
    rules.put(Rule("again", 1, mount="kv1/", path="a/b"))
    assert rules.find("", "kv1/", "kv1/a/b")
    assert rules.find("", "kv1/", "kv1/a/c") is None


def test_replacing_a_rule_moves_it() -> None:
    rules = Rules([Rule("q", 1, mount="kv1/")])
    rules.put(Rule("q", 2, mount="kv2/"))
    assert rules.find("", "kv1/", "kv1/x") is None
    found = rules.find("", "kv2/", "kv2/x")
    assert found
    assert found.rate == 2


def test_two_names_cannot_hold_one_target() -> None:
    rules = Rules([Rule("bad10", 100, mount="kv1/", path="a/b")])
    with pytest.raises(BadRequest, match='similar properties exists under the name "bad10"'):
        rules.put(Rule("bad11", 200, mount="kv1/", path="a/b"))
    assert rules.get("bad11") is None


@pytest.mark.parametrize("rate", (0.0, -1.0, float("nan"), float("inf")))
def test_a_rate_must_be_positive(rate: float) -> None:
    with pytest.raises(BadRequest, match="'rate' is invalid"):
        Rule("q", rate)


@pytest.mark.parametrize(
    "rule",
    (
        {"interval": 0},
        {"block_interval": -1},
        {"role": "r"},
        {"role": "r", "mount": "a/", "path": "b"},
    ),
)
def test_what_a_rule_cannot_be(rule: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        Rule("q", 1, **rule)  # type: ignore[arg-type]  # the table mixes types


def test_data_is_what_the_peer_reads_back() -> None:
    assert Rule("q1", 1.0, 10, mount="kv1/").data() == {
        "block_interval": 0,
        "inheritable": False,
        "interval": 10,
        "name": "q1",
        "path": "kv1/",
        "rate": 1,
        "role": "",
        "type": "rate-limit",
    }
    assert Rule("q", 0.5).data()["rate"] == 0.5


@pytest.mark.parametrize(
    ("path", "counted"), (("sys/health", False), ("sys/unseal", False), ("sys/seal", True))
)
def test_default_exempt_paths(path: str, counted: bool) -> None:
    assert (ask(limits(Rule("g", 1)), path) is not None) is counted


def test_exempt_paths_are_exact_unless_starred() -> None:
    quota = limits(Rule("g", 1))
    quota.exempt(["kv1/e", "sys/x*"])
    paths = ("kv1/e", "kv1/e/x", "sys/x", "sys/xyz", "sys/health")
    assert [path for path in paths if ask(quota, path)] == ["kv1/e/x", "sys/health"]


def test_memory_is_bounded_and_the_longest_silent_go_first() -> None:
    quota = limits(Rule("g", 1, 100), max_clients=10)
    ask(quota, address="kept")
    for number in range(1000):
        ask(quota, address=str(number))
        again = ask(quota, address="kept")
        assert again
        assert not again.allowed
    assert len(quota) == 10


def test_a_changed_rule_forgets_its_counts() -> None:
    quota = limits(Rule("g", 1, 100))
    ask(quota)
    quota.forget("g")
    again = ask(quota)
    assert again
    assert again.allowed


@given(
    rate=st.integers(1, 5),
    interval=st.integers(1, 5),
    steps=st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=60),
)
def test_never_more_than_the_limit_in_a_window(rate: int, interval: int, steps: list[int]) -> None:
    """Windows are disjoint and at least an interval long: any interval touches two of them at most."""
    quota = limits(Rule("g", rate, interval))
    now, passed = NOW, list[int]()
    for step in steps:
        now += step
        verdict = ask(quota, now=now)
        assert verdict
        assert 0 <= verdict.reset < interval
        if verdict.allowed:
            passed.append(now)
    for start in passed:
        assert sum(start <= at < start + interval * SECOND for at in passed) <= 2 * rate


@given(st.lists(st.sampled_from("abc/*"), max_size=8).map("".join), st.text("abc/", max_size=8))
def test_the_index_agrees_with_a_scan(pattern: str, rest: str) -> None:
    rule = Rule("q", 1, mount="m/", path=pattern.replace("*", "") + ("*" if "*" in pattern else ""))
    path = "m/" + rest
    if rule.path.endswith("*"):
        expected = path.startswith(rule.target[:-1])
    else:
        expected = path == rule.target or not rule.path
    assert (Rules([rule]).find("", "m/", path) is not None) is expected


def test_ten_thousand_rules_cost_what_ten_do() -> None:
    def cost(count: int) -> float:
        quota = limits(*(Rule(f"q{n}", 1e9, mount=f"m{n}/", path=f"a/{n}/x") for n in range(count)))
        started = time.perf_counter()
        for _ in range(2_000):
            quota.check("m1/a/1/y", "m1/", "", "10.0.0.1", NOW)
        return time.perf_counter() - started

    assert min(cost(10_000) for _ in range(3)) < 10 * min(cost(10) for _ in range(3))


@pytest.mark.parametrize(
    ("path", "role", "living", "name"),
    (
        ("pki/issue/r/1", "", {"": 99}, None),
        ("pki/issue/r/1", "", {"": 100}, "global"),
        ("db/creds/r/1", "", {"": 100, "db/": 4}, None),
        ("db/creds/r/1", "", {"": 0, "db/": 5}, "db"),
        ("auth/ar/login/h1", "r", {"auth/ar/": 2}, "role"),
        ("auth/ar/login/h1", "s", {"": 0, "auth/ar/": 2}, None),
    ),
)
def test_lease_counts(path: str, role: str, living: dict[str, int], name: str | None) -> None:
    counts = LeaseCounts(
        [
            LeaseCountRule("global", 100),
            LeaseCountRule("db", 5, "db/"),
            LeaseCountRule("role", 2, "auth/ar/", "r"),
        ]
    )
    found = counts.exceeded(path, role, lambda place: living[place])
    assert (found.name if found else None) == name


def test_lease_counts_without_rules_ask_nobody() -> None:
    def asked(path: str) -> int:
        raise AssertionError(path)

    assert LeaseCounts().exceeded("a", "", asked) is None


def test_max_leases_must_be_positive() -> None:
    with pytest.raises(BadRequest):
        LeaseCountRule("q", 0)
