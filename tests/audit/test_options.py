from __future__ import annotations

import pytest

from strongroom.audit.options import Options
from strongroom.errors import BadRequest


def test_text_has_a_default_for_absent_and_empty() -> None:
    options = Options({"a": "x", "b": ""})
    assert options.text("a") == "x"
    assert options.text("b", "d") == "d"
    assert options.text("c", "d") == "d"


@pytest.mark.parametrize(
    ("text", "value"), (("1", True), ("TRUE", True), ("t", True), ("0", False), ("False", False))
)
def test_booleans_in_all_of_gos_spellings(text: str, value: bool) -> None:
    assert Options({"k": text}).boolean("k", not value) is value


def test_an_absent_boolean_is_the_default() -> None:
    assert Options({}).boolean("k", True) is True
    assert Options({"k": ""}).boolean("k", False) is False


@pytest.mark.parametrize("text", ("maybe", "yes", "tRUE", " true"))
def test_other_booleans_are_refused_in_the_peers_words(text: str) -> None:
    with pytest.raises(BadRequest, match=f'strconv.ParseBool: parsing "{text}": invalid syntax'):
        Options({"k": text}).boolean("k", True)


@pytest.mark.parametrize(("text", "value"), (("2s", 2.0), ("1500ms", 1.5), ("3", 3.0), ("1m", 60.0)))
def test_durations(text: str, value: float) -> None:
    assert Options({"k": text}).seconds("k", 9.0) == value


@pytest.mark.parametrize("text", ("x", "0", "-1s"))
def test_durations_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRequest):
        Options({"k": text}).seconds("k", 9.0)


@pytest.mark.parametrize(
    ("text", "value"),
    (("", 0o600), ("0640", 0o640), ("644", 0o644), ("0666", 0o666), ("0000", None), ("0", None)),
)
def test_modes(text: str, value: int | None) -> None:
    assert Options({"mode": text}).mode("mode", 0o600) == value


@pytest.mark.parametrize("text", ("0700", "0777", "0711", "0601", "0610", "4600", "2600", "1600", "07777"))
def test_modes_that_grant_more_than_reading_and_writing_are_refused(text: str) -> None:
    """CVE-2025-6000: an audit log that can be executed runs what a client has sent."""
    with pytest.raises(BadRequest, match="only read and write"):
        Options({"mode": text}).mode("mode", 0o600)


@pytest.mark.parametrize("text", ("abc", "0o600", "-600", "0x1ff", "888", "６００", "6 0"))
def test_modes_that_are_not_octal_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match=r"strconv\.ParseUint: parsing"):
        Options({"mode": text}).mode("mode", 0o600)


def test_options_nobody_asked_for_are_refused_by_name() -> None:
    options = Options({"known": "1", "typo": "2", "another": "3"})
    options.text("known")
    with pytest.raises(BadRequest, match="unknown audit device options: another, typo"):
        options.refuse_rest()


def test_options_all_read_pass() -> None:
    options = Options({"known": "1"})
    options.text("known")
    options.refuse_rest()


@pytest.mark.parametrize(
    ("text", "headers"),
    (
        ("", {}),
        ("{}", {}),
        ('{"X-A": "1"}', {"X-A": "1"}),
        ('{"X-A": ["1", "2"], "X-B": ""}', {"X-A": "1, 2", "X-B": ""}),
    ),
)
def test_headers(text: str, headers: dict[str, str]) -> None:
    assert Options({"headers": text}).headers("headers") == headers


@pytest.mark.parametrize("text", ("{", "[]", '{"a": 1}', '{"a": [1]}', '{"a": "b\\r\\nc: d"}', '{"": ""}'))
def test_headers_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="headers must"):
        Options({"headers": text}).headers("headers")
