from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest

from strongroom.crypto.aead import Unopenable
from strongroom.seal.static import BadSealConfiguration, StaticSeal, read_key

KEY = bytes(range(100, 132))
STANDARD = base64.b64encode(KEY).decode()


@pytest.mark.parametrize(
    "text",
    (
        KEY.hex(),
        KEY.hex().upper(),
        STANDARD,
        STANDARD.rstrip("="),
        STANDARD.translate(str.maketrans("+/", "-_")),
        STANDARD + "\n",
        KEY.hex() + "\n",
    ),
)
def test_a_key_in_every_spelling(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_key(text, "current_key") == KEY
    (tmp_path / "key").write_text(text)
    assert read_key(f"file://{tmp_path}/key", "current_key") == KEY
    monkeypatch.setenv("STATIC_TEST_KEY", text)
    assert read_key("env://STATIC_TEST_KEY", "current_key") == KEY


def test_a_raw_key_even_if_it_ends_in_white_space(tmp_path: Path) -> None:
    raw = bytes(31) + b"\n"
    (tmp_path / "key").write_bytes(raw)
    assert read_key(f"file://{tmp_path}/key", "current_key") == raw
    (tmp_path / "key").write_bytes(KEY + b"\n")
    assert read_key(f"file://{tmp_path}/key", "current_key") == KEY
    assert read_key("a" * 32, "current_key") == b"a" * 32


@pytest.mark.parametrize(
    "reference",
    ("", "short", KEY.hex()[:-2], KEY.hex() + "00", "file:///no/such/file", "env://NO_SUCH_VARIABLE_HERE"),
)
def test_bad_keys_are_named_but_not_shown(reference: str) -> None:
    with pytest.raises(BadSealConfiguration, match=r"^previous_key ") as caught:
        read_key(reference, "previous_key")
    assert not reference or reference not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "words"),
    (
        ({}, "needs current_key_id and current_key"),
        ({"current_key": STANDARD}, "belong together"),
        ({"current_key_id": "k1"}, "belong together"),
        ({"current_key_id": "k1", "current_key": STANDARD, "previous_key": STANDARD}, "belong together"),
        (
            {
                "current_key_id": "k",
                "current_key": STANDARD,
                "previous_key_id": "k",
                "previous_key": STANDARD,
            },
            "differ",
        ),
        ({"current_key_id": "k1", "current_key": STANDARD, "colour": "red"}, "no option colour"),
    ),
)
def test_stanzas_that_cannot_be_used(options: dict[str, str], words: str) -> None:
    with pytest.raises(BadSealConfiguration, match=words):
        StaticSeal.from_options(options)


def test_the_previous_key_opens_and_the_current_seals() -> None:
    async def run() -> None:
        old = StaticSeal.from_options({"current_key_id": "k1", "current_key": STANDARD})
        key_id, sealed = await old.encrypt(b"root", b"aad")
        assert key_id == "k1"
        new = StaticSeal.from_options(
            {
                "current_key_id": "k2",
                "current_key": "b" * 32,
                "previous_key_id": "k1",
                "previous_key": STANDARD,
            }
        )
        assert await new.decrypt(key_id, sealed, b"aad") == b"root"
        assert (await new.encrypt(b"root", b"aad"))[0] == "k2"
        with pytest.raises(Unopenable):
            await StaticSeal(("k2", b"b" * 32)).decrypt(key_id, sealed, b"aad")
        with pytest.raises(Unopenable):
            await new.decrypt(key_id, sealed, b"other")

    asyncio.run(run())
