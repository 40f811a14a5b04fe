"""Access tokens for Google Cloud: by a key file, and by the account of the machine."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.errors import BadRequest, StrongroomError, UpstreamFailed
from strongroom.logical import SECOND
from strongroom.upstream import http
from strongroom.upstream.google import Token, Tokens, service_account
from tests.upstream.cloudkms import SCOPE, CloudKms
from tests.upstream.simulator import serving

NOW = int(time.time()) * SECOND


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudKms]:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    with serving(CloudKms()) as simulator:
        monkeypatch.setenv("GCE_METADATA_HOST", simulator.url.removeprefix("http://"))
        yield simulator


def asked(tokens: Tokens, credentials: str = "", now: int = NOW) -> Token:
    async def ask() -> Token:
        try:
            return await tokens.token(credentials, [SCOPE], now)
        finally:
            await http.close()

    return asyncio.run(ask())


def test_a_token_serves_until_a_minute_before_its_end(cloud: CloudKms) -> None:
    tokens, credentials = Tokens(), cloud.credentials()
    first = asked(tokens, credentials)
    assert first.header == {"Authorization": f"Bearer {first.text}"}
    assert first.until == NOW + (3599 - 60) * SECOND
    assert asked(tokens, credentials) is first
    tokens.forget()
    assert asked(tokens, credentials).text != first.text
    assert first.text not in repr(first)


def test_the_account_of_the_machine(cloud: CloudKms) -> None:
    tokens = Tokens()
    first = asked(tokens)
    assert cloud.calls[-1].parts[0] == "computeMetadata"
    assert asked(tokens, now=first.until - 1) is first
    assert asked(tokens, now=first.until).text != first.text


def test_a_file_that_the_environment_names(
    cloud: CloudKms, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "key.json"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(UpstreamFailed, match="cannot be read"):
        asked(Tokens())
    file.write_text(cloud.credentials(universe_domain="example.goog"))
    assert asked(Tokens()).universe == "example.goog"
    assert cloud.calls[-1].parts == ["token"]


def test_who_is_not_known_gets_none(cloud: CloudKms) -> None:
    with pytest.raises(StrongroomError, match="answered 400"):
        asked(Tokens(), cloud.credentials(client_email="somebody@else"))
    with pytest.raises(StrongroomError, match="answered 400"):
        asked(Tokens(), cloud.credentials(), NOW + 3600 * SECOND)


@pytest.mark.parametrize(
    "content", ("", "nonsense", "[]", "{}", "5", json.dumps({"type": "service_account"}))
)
def test_what_is_no_key_file(content: str) -> None:
    with pytest.raises(BadRequest):
        service_account(content)
