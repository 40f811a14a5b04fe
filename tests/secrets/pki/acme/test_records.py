"""The states of challenges, authorizations and orders: whatever happens, in whatever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.secrets.pki.acme import records
from strongroom.secrets.pki.acme.identifier import Identifier
from strongroom.secrets.pki.acme.records import Authorization, Challenge, Order

EVENTS = st.lists(
    st.tuples(st.sampled_from(["respond", "succeed", "fail"]), st.sampled_from([0, 1, 2])), max_size=12
)
END = 100


def authorization() -> Authorization:
    challenges = [Challenge(kind, "t") for kind in ("http-01", "dns-01", "tls-alpn-01")]
    return Authorization("a", "acct", "o", Identifier("dns", "a.test"), END, challenges)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_only_a_look_that_was_asked_for_proves_anything(events: list[tuple[str, int]]) -> None:
    one = authorization()
    asked: set[int] = set()
    proven: set[int] = set()
    failed: set[int] = set()
    for event, number in events:
        moved = one.challenges[number].step(event)
        open_ = number in asked and number not in proven | failed
        assert moved is ((event == "respond" and number not in proven | failed) or open_)
        if event == "respond":
            asked.add(number)
        elif moved:
            (proven if event == "succeed" else failed).add(number)
    expected = "valid" if proven else "invalid" if failed else "pending"
    assert one.status(END - 1) == expected
    assert one.status(END) == ("invalid" if failed and not proven else "expired")
    one.deactivated = True
    assert one.status(0) == "deactivated"


@given(st.lists(st.sampled_from(["pending", "valid", "invalid", "expired", "deactivated"]), max_size=4))
def test_an_order_is_ready_when_all_is_shown_and_none_given_up(states: list[str]) -> None:
    order = Order("o", "acct", [], [], END, 0)
    found = order.standing(states, END - 1)
    assert (found == records.READY) is (bool(states) and all(state == "valid" for state in states))
    assert (found == records.INVALID) is any(s in ("invalid", "expired", "deactivated") for s in states)
    assert order.standing(states, END) == records.INVALID
    order.status = records.VALID
    assert order.standing(states, END + 1) == records.VALID


def test_wildcards_are_shown_by_names_and_addresses_by_hosts() -> None:
    assert records.kinds(Identifier("dns", "a.test")) == ("http-01", "dns-01", "tls-alpn-01")
    assert records.kinds(Identifier("dns", "*.a.test")) == ("dns-01",)
    assert records.kinds(Identifier("ip", "127.0.0.1")) == ("http-01", "tls-alpn-01")
