"""The cache's deciding parts: what is the same request, what is kept, what a request ends, when to renew."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.agent.cache.clearing import clearing
from strongroom.agent.cache.ending import ending
from strongroom.agent.cache.entries import Entries
from strongroom.agent.cache.entry import Entry, Kind, Terms
from strongroom.agent.cache.flight import Flights
from strongroom.agent.cache.grant import granted, is_plain, located
from strongroom.agent.cache.identity import fingerprint, identity
from strongroom.agent.cache.question import Question
from strongroom.agent.cache.renewal import EARLIEST, LATEST, Step, Verdict, after, extended, first
from strongroom.agent.cache.schedule import Schedule
from strongroom.crypto.derivation import derive
from strongroom.errors import BadRequest

NOW = 1_000_000.0


def test_a_request_is_known_by_what_decides_its_answer() -> None:
    base: tuple[Any, ...] = ("GET", "/v1/a?x=1", {"x-vault-namespace": "n"}, b"body", "token")
    assert identity(*base) == identity(*base)
    others = [
        ("PUT", *base[1:]),
        ("GET", "/v1/a?x=2", *base[2:]),
        (*base[:2], {"x-vault-namespace": "m"}, *base[3:]),
        (*base[:2], {**base[2], "x-anything": "1"}, *base[3:]),
        (*base[:3], b"bodY", "token"),
        (*base[:4], "other"),
    ]
    assert len({identity(*each) for each in [base, *others]}) == 7


@pytest.mark.parametrize(
    "header", ("user-agent", "accept", "x-vault-request", "x-vault-token", "traceparent")
)
def test_who_asks_and_how_does_not_make_another_request(header: str) -> None:
    assert identity("GET", "/v1/a", {header: "x"}, b"", "t") == identity("GET", "/v1/a", {}, b"", "t")


@given(
    st.lists(st.text(max_size=6), min_size=4, max_size=4),
    st.lists(st.text(max_size=6), min_size=4, max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_parts_do_not_run_into_each_other(one: list[str], other: list[str]) -> None:
    def of(parts: list[str]) -> str:
        return identity(parts[0], parts[1], {}, parts[2].encode("utf-8", "surrogatepass"), parts[3])

    assert (of(one) == of(other)) == (one == other)
    assert (
        of(["GET", "/v1/ab", "c", "d"]) != of(["GET", "/v1/a", "bc", "d"]) != of(["GET/", "v1/a", "bc", "d"])
    )
    assert of(["GET", "/v1/a", "b", "cd"]) != of(["GET", "/v1/ac", "b", "d"])
    assert of(["GET", "/v1/a", "b", "t"]) != of(["GET", "/v1/at", "b", ""])


def envelope(**values: Any) -> bytes:
    empty = {"lease_id": "", "lease_duration": 0, "renewable": False, "wrap_info": None, "auth": None}
    return json.dumps({**empty, **values}).encode()


LEASE = envelope(lease_id="db/creds/r/1", lease_duration=60, renewable=True, data={"password": "x"})


def token_answer(token: str = "s.made", **values: Any) -> bytes:
    auth = {
        "client_token": token,
        "accessor": "acc",
        "lease_duration": 60,
        "renewable": True,
        "orphan": False,
    }
    return envelope(auth={**auth, **values})


def test_renewable_leases_and_tokens_are_kept() -> None:
    assert granted("/v1/db/creds/r", 200, LEASE) == Terms(
        Kind.LEASE, 60, renewable=True, lease_id="db/creds/r/1"
    )
    made = granted("/v1/auth/token/create/role", 200, token_answer())
    assert made == Terms(Kind.TOKEN, 60, renewable=True, token="s.made", accessor="acc", orphan=False)
    login = granted("/v1/ns/auth/userpass/login/a", 200, token_answer())
    assert login is not None
    assert login.orphan, "a login's token has no parent"


@pytest.mark.parametrize(
    ("path", "status", "body"),
    (
        ("/v1/secret/data/a", 200, envelope(data={"data": {}})),
        ("/v1/db/creds/r", 200, LEASE.replace(b'"renewable": true', b'"renewable": false')),
        ("/v1/auth/token/create", 200, token_answer(renewable=False)),
        ("/v1/auth/token/create", 200, envelope(wrap_info={"token": "s.w"})),
        ("/v1/auth/token/renew-self", 200, token_answer()),
        ("/v1/ns/auth/token/renew", 200, token_answer()),
        ("/v1/sys/leases/renew", 200, LEASE),
        ("/v1/sys/renew/db/creds/r/1", 200, LEASE),
        ("/v1/sys/wrapping/unwrap", 200, token_answer()),
        ("/v1/db/creds/r", 201, LEASE),
        ("/v1/db/creds/r", 403, b'{"errors":[]}'),
        ("/v1/db/creds/r", 200, b"{"),
        ("/v1/db/creds/r", 200, b'{"lease_id": 5}'),
        ("/v1/db/creds/r", 200, b"[1]"),
        ("/v1/db/creds/r", 200, b""),
    ),
)  # fmt: skip
def test_all_else_passes_through(path: str, status: int, body: bytes) -> None:
    assert granted(path, status, body) is None


@pytest.mark.parametrize(
    ("path", "lease", "expected"),
    (
        ("/v1/db/creds/r", "db/creds/r/1", ("", "/v1/db/creds/r")),
        ("/v1/a/b/db/creds/r", "db/creds/r/1.ns", ("a/b", "/v1/db/creds/r")),
        ("/v1/auth/token/create", "", ("", "/v1/auth/token/create")),
        ("/v1/a/auth/userpass/login/x", "", ("a", "/v1/auth/userpass/login/x")),
        ("/v1/identity/oidc/token/x", "", ("", "/v1/identity/oidc/token/x")),
    ),
)
def test_a_namespace_in_the_path_is_found(path: str, lease: str, expected: tuple[str, str]) -> None:
    assert located(path, lease) == expected


def test_only_what_tells_how_things_are_is_shared() -> None:
    is_json = {"content-type": "application/json"}
    assert is_plain(200, is_json, envelope(data={"a": 1}))
    assert is_plain(404, is_json, b'{"errors":[]}')
    assert not is_plain(200, is_json, LEASE)
    assert not is_plain(200, is_json, token_answer())
    assert not is_plain(200, {"content-type": "text/plain"}, b"x")


def ask(method: str, target: str, body: Any = None, token: str = "t", **headers: str) -> Question:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Question(method, target, names, b"" if body is None else json.dumps(body).encode(), token)


def test_what_a_request_ends() -> None:
    def of(*args: Any, **kw: Any) -> Any:
        return ending(ask(*args, **kw))

    assert of("POST", "/v1/auth/token/revoke-self").token == fingerprint("t")
    assert of("PUT", "/v1/auth/token/revoke", {"token": "x"}).token == fingerprint("x")
    assert of("PUT", "/v1/auth/token/revoke", {"token": "x"}).children
    assert not of("PUT", "/v1/auth/token/revoke-orphan", {"token": "x"}).children
    assert of("POST", "/v1/ns/auth/token/revoke-accessor", {"accessor": "a"}).accessor == "a"
    assert of("PUT", "/v1/sys/leases/revoke", {"lease_id": "db/1"}).lease_id == "db/1"
    assert of("PUT", "/v1/sys/leases/revoke/db%2F1").lease_id == "db/1"
    assert of("PUT", "/v1/sys/revoke/db/1").lease_id == "db/1"
    prefix = of("PUT", "/v1/b/sys/leases/revoke-prefix/db/", x_vault_namespace="a/")
    assert (prefix.prefix, prefix.namespace) == ("db/", "a/b")
    assert of("PUT", "/v1/sys/leases/revoke-force/db").prefix == "db"
    assert of("DELETE", "/v1/sys/mounts/db").prefix == "db/"
    assert of("DELETE", "/v1/sys/auth/userpass/").prefix == "auth/userpass/"


@pytest.mark.parametrize(
    "question",
    (
        ask("GET", "/v1/auth/token/revoke-self"),
        ask("POST", "/v1/auth/token/renew-self"),
        ask("POST", "/v1/auth/token/revoke", ["x"]),
        ask("POST", "/v1/auth/token/revoke"),
        ask("POST", "/v1/sys/mounts/db"),
        ask("DELETE", "/v1/secret/a"),
        Question("POST", "/v1/auth/token/revoke", {}, b"{", "t"),
    ),
)
def test_other_requests_end_nothing(question: Question) -> None:
    assert ending(question) is None


def entry(id_: str, kind: Kind, owner: str = "", **values: Any) -> Entry:
    fields: dict[str, Any] = {
        "id": id_, "kind": kind, "method": "GET", "path": f"/v1/{id_}", "namespace": "", "status": 200,
        "headers": [], "body": b"", "token": "", "owner": owner, "made": "", "accessor": "", "lease_id": "",
        "duration": 100, "renewable": True, "granted": NOW, "renewed": NOW,
    }  # fmt: skip
    return Entry(**{**fields, **values})


def family() -> Entries:
    """A token with two leases and a child that has a lease; and another token with one."""
    entries = Entries()
    for each in (
        entry("login", Kind.TOKEN, made="t1", accessor="a1", path="/v1/auth/userpass/login/u"),
        entry("lease1", Kind.LEASE, "t1", lease_id="db/creds/r/1", path="/v1/db/creds/r"),
        entry("lease2", Kind.LEASE, "t1", lease_id="aws/creds/r/1", path="/v1/aws/creds/r"),
        entry("child", Kind.TOKEN, "t1", made="t2", accessor="a2", path="/v1/auth/token/create"),
        entry("lease3", Kind.LEASE, "t2", lease_id="db/creds/r/2", path="/v1/db/creds/r"),
        entry("other", Kind.TOKEN, made="t3", accessor="a3", path="/v1/auth/userpass/login/v"),
        entry("lease4", Kind.LEASE, "t3", lease_id="db/creds/r/3", namespace="ns", path="/v1/db/creds/r"),
    ):
        entries.put(each)
    return entries


def names(found: list[Entry]) -> list[str]:
    return sorted(each.id for each in found)


def test_what_hangs_from_a_token_ends_with_it() -> None:
    entries = family()
    assert names(entries.below("t1")) == ["child", "lease1", "lease2", "lease3", "login"]
    assert names(entries.below("t1", children=False)) == ["lease1", "lease2", "login"]
    assert names(entries.of_accessor("a2")) == ["child", "lease3"]
    assert names(entries.of_lease("db/creds/r/2")) == ["lease3"]
    assert names(entries.of_prefix("db/", "")) == ["lease1", "lease3"]
    assert names(entries.of_prefix("db/", "ns")) == ["lease4"]
    assert names(entries.of_prefix("auth/userpass/", "")) == [
        "child", "lease1", "lease2", "lease3", "lease4", "login", "other",
    ]  # fmt: skip
    assert entries.of_prefix("", "") == []


def test_what_is_removed_leaves_no_trace() -> None:
    entries = family()
    for each in list(entries):
        assert entries.remove(each)
        assert not entries.remove(each)
    assert len(entries) == 0
    kept = {name: value for name, value in vars(entries).items() if value}
    assert kept == {}


def test_an_entry_that_is_put_again_takes_the_place_of_the_old_one() -> None:
    entries = family()
    entries.put(entry("lease1", Kind.LEASE, "t3", lease_id="db/creds/r/9"))
    assert entries.of_lease("db/creds/r/1") == []
    assert "lease1" not in names(entries.below("t1"))
    assert "lease1" in names(entries.below("t3"))


def test_orphaned_tokens_live_on() -> None:
    entries = family()
    entries.orphan("t1")
    assert names(entries.below("t1")) == ["lease1", "lease2", "login"]
    assert names(entries.below("t2")) == ["child", "lease3"]


def test_a_lease_is_renewed_in_the_last_third_of_its_time() -> None:
    one = entry("a", Kind.LEASE)
    assert first(one, lambda: 0.0) == Step(NOW + 100 * EARLIEST, renew=True)
    assert first(one, lambda: 1.0) == Step(NOW + 100 * LATEST, renew=True)
    assert first(entry("a", Kind.LEASE, renewable=False)) == Step(NOW + 90, renew=False)
    assert first(entry("a", Kind.LEASE, duration=0)) is None


def test_a_grant_that_adds_nothing_is_the_last() -> None:
    one = entry("a", Kind.LEASE)
    seen = []
    for duration, at in ((100, 70), (30, 140)):
        extended(one, duration, NOW + at, renewable=True)
        seen.append(one.renewable)
    assert seen == [True, False], "the second ends when the first would have ended"
    assert after(one, Verdict.RENEWED, 0, NOW + 140) == Step(NOW + 140 + 27, renew=False)


def test_while_the_server_is_away_a_lease_is_kept_until_it_ends() -> None:
    one, now, attempts = entry("a", Kind.LEASE), NOW + 70, 0
    while (step := after(one, Verdict.AWAY, attempts, now, lambda: 0.0)) is not None:
        assert now < step.at <= one.expires
        now, attempts = step.at, attempts + 1
    assert now == one.expires
    assert attempts < 8, "attempts come ever later"


def test_what_is_gone_is_over_and_what_is_forbidden_lasts_to_its_end() -> None:
    one = entry("a", Kind.LEASE)
    assert after(one, Verdict.GONE, 0, NOW) is None
    assert after(one, Verdict.FORBIDDEN, 0, NOW) == Step(NOW + 90, renew=False)
    assert after(one, Verdict.FINAL, 0, NOW + 95) is None


def test_turns_come_in_order_and_the_last_time_set_counts() -> None:
    async def nobody(_: str) -> None:
        raise AssertionError

    schedule = Schedule(nobody, lambda: 0.0)
    for number in range(50):
        schedule.set(f"n{number}", 1000 - number)
    schedule.set("n0", 5.0)
    schedule.drop("n1")
    assert schedule.next() == 5.0
    assert schedule.due(952) == ["n0", "n49", "n48"]
    assert len(schedule) == 46
    for _ in range(2000):
        schedule.set("n5", 2000.0)
    assert len(schedule._heap) < 500, "what no longer counts is swept out"


def test_one_sleeper_wakes_for_an_earlier_turn() -> None:
    async def scenario() -> None:
        now = [0.0]
        seen: list[str] = []

        async def act(name: str) -> None:
            seen.append(name)

        schedule = Schedule(act, lambda: now[0])
        task = asyncio.create_task(schedule.run())
        schedule.set("late", 1e6)
        await asyncio.sleep(0.01)
        schedule.set("early", 0.0)
        await asyncio.sleep(0.01)
        assert seen == ["early"]
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


def test_one_that_fails_has_another_turn_and_disturbs_nobody() -> None:
    async def scenario() -> None:
        seen: list[str] = []

        async def act(name: str) -> None:
            seen.append(name)
            if name == "broken":
                raise RuntimeError

        schedule = Schedule(act, lambda: 0.0)
        schedule.set("broken", -1.0)
        schedule.set("whole", 0.0)
        task = asyncio.create_task(schedule.run())
        await asyncio.sleep(0.01)
        assert seen == ["broken", "whole"]
        assert schedule.next() == 60.0
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(scenario())


def test_who_joins_shares_no_answer_from_before_it_came() -> None:
    """A read that starts while another is under way sees what was written in between."""

    async def scenario() -> None:
        flights: Flights[int] = Flights()
        gates = [asyncio.Event(), asyncio.Event()]
        sent: list[int] = []

        async def send() -> tuple[int, bool, bool]:
            number = len(sent)
            sent.append(number)
            await gates[number].wait()
            return number, True, True

        one = asyncio.create_task(flights.fly("x", lambda: None, send))
        await asyncio.sleep(0)
        rest = [asyncio.create_task(flights.fly("x", lambda: None, send)) for _ in range(100)]
        await asyncio.sleep(0)
        gates[0].set()
        gates[1].set()
        assert await one == 0
        assert await asyncio.gather(*rest) == [1] * 100
        assert sent == [0, 1]
        assert flights.joined == 99
        assert len(flights) == 0

    asyncio.run(scenario())


def test_what_is_not_worth_waiting_for_is_not_waited_for_again() -> None:
    async def scenario() -> None:
        flights: Flights[int] = Flights()
        under_way = [0, 0]

        async def send() -> tuple[int, bool, bool]:
            under_way[0] += 1
            under_way[1] = max(under_way)
            await asyncio.sleep(0.001)
            under_way[0] -= 1
            return 7, False, False

        await flights.fly("x", lambda: None, send)
        assert await asyncio.gather(*(flights.fly("x", lambda: None, send) for _ in range(20))) == [7] * 20
        assert under_way[1] == 20

    asyncio.run(scenario())


def test_a_failed_flight_lets_the_next_one_try() -> None:
    async def scenario() -> None:
        flights: Flights[int] = Flights()
        sent: list[int] = []

        async def send() -> tuple[int, bool, bool]:
            sent.append(1)
            await asyncio.sleep(0)
            if len(sent) == 1:
                raise OSError
            return 3, True, True

        results = await asyncio.gather(
            *(flights.fly("x", lambda: None, send) for _ in range(3)), return_exceptions=True
        )
        assert isinstance(results[0], OSError)
        assert results[1:] == [3, 3]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("body", "sentence"),
    (
        (b"", "failed to parse JSON input: empty JSON provided"),
        (b"{", "failed to parse JSON input"),
        (b"[]", "failed to parse JSON input"),
        (b'{"type":"lease","value":5}', "failed to parse JSON input"),
        (b'{"value":"x"}', "failed to parse clear input: no type provided"),
        (b'{"type":"x","value":"y"}', "failed to clear cache: invalid type provided"),
        (b'{"type":"lease"}', "failed to clear cache: lease not provided"),
        (b'{"type":"token_accessor"}', "failed to clear cache: token accessor not provided"),
    ),
)
def test_what_cannot_be_cleared(body: bytes, sentence: str) -> None:
    with pytest.raises(BadRequest, match=sentence):
        clearing(body)


def test_hkdf_gives_what_the_rfc_says() -> None:
    """RFC 5869, appendix A, cases 1 and 3."""
    secret = bytes.fromhex("0b" * 22)
    salt, info = bytes(range(13)), bytes(range(0xF0, 0xFA))
    assert derive(secret, salt=salt, info=info, length=42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert derive(secret, length=42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    with pytest.raises(ValueError, match="8160"):
        derive(secret, length=8161)


def test_nothing_of_an_entry_is_shown() -> None:
    shown = repr(entry("x", Kind.LEASE, body=b"secret-body", token="secret-token"))
    assert "secret" not in shown
    assert "secret" not in repr(Question("GET", "/v1/a", {}, b"secret-body", "secret-token"))


@given(
    st.lists(
        st.tuples(
            st.integers(0, 7), st.sampled_from(["t0", "t1", "t2", "t3", ""]), st.booleans(), st.booleans()
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_the_indexes_tell_what_a_look_at_everything_tells(steps: list[tuple[int, str, bool, bool]]) -> None:
    entries = Entries()
    for number, owner, is_token, is_removed in steps:
        kind = Kind.TOKEN if is_token else Kind.LEASE
        made = f"t{number % 4}" if is_token else ""
        one = entry(
            f"e{number}", kind, owner, made=made, accessor=f"a{made}", lease_id="" if is_token else "l"
        )
        if is_removed:
            entries.remove(one)
        else:
            entries.put(one)
    everything = list(entries)
    for token in ("t0", "t1", "t2", "t3"):
        reached, found = {token}, set()
        for _ in everything:
            owned = {each.id: each for each in everything if each.owner in reached}
            found |= set(owned)
            reached |= {each.made for each in owned.values() if each.kind is Kind.TOKEN}
        below = set(names(entries.below(token)))
        assert found <= below
        makers = {each.id for each in everything if each.kind is Kind.TOKEN and each.made in reached}
        assert below - found <= makers
        assert entries.manages(token) <= any(each.made == token for each in everything)
    assert names(entries.of_lease("l")) == names([each for each in everything if each.kind is Kind.LEASE])
    for each in everything:
        entries.remove(each)
    assert {name: value for name, value in vars(entries).items() if value} == {}
