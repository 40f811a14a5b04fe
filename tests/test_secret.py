from __future__ import annotations

import pickle

import pytest

from strongroom.secret import Secret


@pytest.mark.parametrize("secret", (Secret("swordfish"), Secret(b"swordfish")))
def test_no_way_of_formatting_shows_it(secret: Secret[str] | Secret[bytes]) -> None:
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret:>20}", f"{secret!r}"):
        assert "swordfish" not in shown
    assert secret.reveal() in {"swordfish", b"swordfish"}


def test_it_compares_by_value_and_does_not_hash() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    with pytest.raises(TypeError):
        hash(Secret("a"))


def test_it_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Secret("a"))


def test_an_empty_one_is_false() -> None:
    assert not Secret("")
    assert Secret("x")
