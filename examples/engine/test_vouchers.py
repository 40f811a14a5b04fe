"""The engine over HTTP, found through its entry point as ``pip install`` would leave it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from strongroom import registry
from strongroom.client.client import Client
from strongroom.client.error import ApiError
from strongroom.testing.local import LocalServer

PROJECT = tomllib.loads((Path(__file__).parent / "pyproject.toml").read_text())["project"]


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The metadata that an installation would leave on the path."""
    metadata = tmp_path / "strongroom_vouchers-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PROJECT['name']}\nVersion: 1.0\n")
    (group,) = PROJECT["entry-points"].items()
    points = "".join(f"{name} = {value}\n" for name, value in group[1].items())
    (metadata / "entry_points.txt").write_text(f"[{group[0]}]\n{points}")
    monkeypatch.syspath_prepend(tmp_path)
    registry._plugins.cache_clear()  # noqa: SLF001  a process looks for engines once
    yield
    registry._plugins.cache_clear()  # noqa: SLF001  and this one is gone now


@pytest.fixture
def client(strongroom: LocalServer) -> Client:
    root = strongroom.client()
    root.write("sys/mounts/vouchers", {"type": "vouchers"})
    return root


def issue(client: Client, **fields: Any) -> str:
    code: str = client.write("vouchers/issue", fields)["data"]["code"]
    return code


def test_a_voucher_is_used_up(client: Client) -> None:
    code = issue(client, note="a coffee", uses=2)
    assert client.write("vouchers/redeem", {"code": code})["data"] == {"note": "a coffee", "left": 1}
    assert client.write("vouchers/redeem", {"code": code})["data"] == {"note": "a coffee", "left": 0}
    with pytest.raises(ApiError, match="used up"):
        client.write("vouchers/redeem", {"code": code})


def test_many_at_once_redeem_it_exactly_as_often_as_was_said(client: Client, strongroom: LocalServer) -> None:
    code = issue(client, uses=5)
    clients = [strongroom.client() for _ in range(12)]

    def redeem(one: Client) -> bool:
        try:
            one.write("vouchers/redeem", {"code": code})
        except ApiError:
            return False
        return True

    with ThreadPoolExecutor(len(clients)) as pool:
        assert sum(pool.map(redeem, clients)) == 5


def test_values_are_checked_from_the_declaration(client: Client) -> None:
    for path, body, sentence in (
        ("issue", {"uses": "many"}, "uses"),
        ("issue", {"uses": 0}, "at least 1"),
        ("redeem", {}, 'missing required field "code"'),
    ):
        with pytest.raises(ApiError, match=sentence):
            client.write(f"vouchers/{path}", body)


def test_help_and_openapi_come_with_the_declaration(client: Client) -> None:
    document = client.read("sys/internal/specs/openapi")
    assert document is not None
    assert {"/vouchers/issue", "/vouchers/redeem"} <= document["paths"].keys()
    told = client.read("vouchers/redeem", {"help": "1"})
    assert told is not None
    assert "Using a voucher." in told["help"]
