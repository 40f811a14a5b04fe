"""The search for planted secrets finds them in every form they are likely to be written."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.canary import Canaries


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    planted = Canaries()
    planted.folders.append(tmp_path)
    return planted


@pytest.mark.parametrize("before", ("", "a", "ab", "abc"))
def test_found_in_base64_whatever_stands_before(canaries: Canaries, tmp_path: Path, before: str) -> None:
    text = base64.b64encode(f"{before}{canaries()} and more".encode())
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "audit.log").write_bytes(b"\x00\xff" + text)
    assert canaries.findings() == [str(tmp_path / "deep" / "audit.log")]


def test_found_plain_and_in_hex(canaries: Canaries, tmp_path: Path) -> None:
    secret = canaries()
    (tmp_path / "plain").write_text(f"password={secret}\n")
    (tmp_path / "hex").write_text(secret.encode().hex())
    (tmp_path / "clean").write_text("password=hmac-sha256:00\n")
    assert canaries.findings() == [str(tmp_path / "hex"), str(tmp_path / "plain")]


def test_nothing_planted_nothing_found(canaries: Canaries, tmp_path: Path) -> None:
    (tmp_path / "x").write_text("canary-")
    assert canaries.findings() == []


def test_short_secrets_are_refused(canaries: Canaries) -> None:
    with pytest.raises(ValueError, match="too short"):
        canaries.watch("root")
