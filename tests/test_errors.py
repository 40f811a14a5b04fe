from __future__ import annotations

import pytest

from strongroom import errors
from strongroom.errors import NotFound, PermissionDenied, Sealed, StrongroomError, multierror


def test_the_list_of_one_and_of_two() -> None:
    assert multierror("permission denied") == "1 error occurred:\n\t* permission denied\n\n"
    assert multierror("a", "b") == "2 errors occurred:\n\t* a\n\t* b\n\n"


def test_a_not_found_without_words_has_no_sentences() -> None:
    assert NotFound().sentences() == []
    assert NotFound("gone").sentences() == ["gone"]


def test_the_sentences_that_clients_match() -> None:
    assert PermissionDenied().public == "permission denied"
    assert Sealed().public == "Vault is sealed"


@pytest.mark.parametrize(
    "kind",
    tuple(
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, StrongroomError)
    ),
)
def test_every_error_has_a_status_and_a_word_of_its_own(kind: type[StrongroomError]) -> None:
    assert 400 <= kind.status < 600
    assert kind.__doc__


def test_the_cause_never_reaches_the_sentences() -> None:
    error = StrongroomError("public", cause="private")
    assert "private" not in "".join(error.sentences())
    assert error.cause == "private"
