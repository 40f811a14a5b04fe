"""Names as keys."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from strongroom.identity.rows import name_key
from strongroom.storage.physical import encode_key

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300)
awkward = st.text("%/~25FE7a", min_size=1, max_size=250)


@given(names | awkward, names | awkward)
def test_keys_tell_names_apart_but_for_their_case(one: str, other: str) -> None:
    assert (name_key(one) == name_key(other)) == (one.lower() == other.lower())


@given(names | awkward)
def test_keys_fit_and_hold_no_slash(name: str) -> None:
    key = name_key(name)
    assert "/" not in key
    assert len(encode_key("namespaces/" + 36 * "u" + "/sys/identity/entity-name/" + key)) < 400


def test_keys_keep_the_order_of_names() -> None:
    wanted = ["alpha", "beta", "entity_1.root", "Straße", "zebra"]
    assert sorted(set(wanted), key=name_key) == wanted
