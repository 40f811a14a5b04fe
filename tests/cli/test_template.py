"""The command line of consul-template, as far as it needs nothing to render."""

from __future__ import annotations

import pytest

from strongroom import __version__
from tests.cli.conftest import Cli


@pytest.mark.parametrize("flag", ("-v", "-version", "--version"))
def test_the_version(local: Cli, flag: str) -> None:
    assert local("template", flag).out == f"Strongroom v{__version__}\n"
    assert local(flag, name="consul-template").out == f"Strongroom v{__version__}\n"


def test_a_link_of_its_name_needs_no_further_word(local: Cli) -> None:
    for words, name in ((("-h",), "consul-template"), (("template", "-h"), "strongroom")):
        told = local(*words, name=name)
        assert (told.code, told.err) == (0, "")
        assert told.out.startswith("Usage: strongroom template [flags]")
        assert "-vault-agent-token-file" in told.out


@pytest.mark.parametrize(
    ("words", "sentence"),
    (
        (("-nope",), "flag provided but not defined: -nope"),
        (("-template",), "flag needs an argument: -template"),
        (("-once=maybe",), 'invalid value "maybe" for flag -once'),
        (("read", "secret/x"), "Not flags, and so not known: read secret/x"),
    ),
)
def test_wrong_flags_have_a_code_of_their_own(local: Cli, words: tuple[str, ...], sentence: str) -> None:
    for done in (local("template", *words), local(*words, name="consul-template")):
        assert (done.code, done.out) == (13, "")
        assert sentence in done.err
