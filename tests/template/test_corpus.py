"""Templates rendered by us and by the peer's agent from the same server: the same bytes, or both refuse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server
from tests.template.agent import Remote, blocks, peer_renders, we_render

SECRETS = {
    "app": {
        "user": "ann",
        "n": 5,
        "f": 1.5,
        "big": 12345678901234567890,
        "t": True,
        "nil": None,
        "list": ["a", "b", 3],
        "map": {"x": "1", "y": {"z": "deep"}},
        "html": "<a&b>",
        "uni": "héllo",
        "empty": "",
    },
    "web": {
        "name": "www.example.com",
        "key_path": '/etc/ssl/a "b".key',
        "servers": [
            {"host": "a.example.com", "port": 8080, "backup": False},
            {"host": "b.example.com", "port": 8081, "backup": True},
        ],
    },
}
RENDERED = blocks("rendered.txt")
FAILING = blocks("failing.txt")


@pytest.fixture(scope="module")
def store(peer: Server) -> Iterator[Server]:
    """The peer with the secrets that the corpus reads."""
    mounted = peer.api.request("POST", "sys/mounts/tpl", {"type": "kv", "options": {"version": "2"}})
    assert mounted.status in {200, 204}
    for name, data in SECRETS.items():
        for _ in range(100):  # a new mount upgrades itself for a moment
            if peer.api.request("POST", f"tpl/data/{name}", {"data": data}).status == 200:
                break
    yield peer
    peer.api.request("DELETE", "sys/mounts/tpl")


def test_the_corpus_is_large_enough() -> None:
    assert len(RENDERED) >= 120


def test_the_same_bytes(store: Server, tmp_path: Path) -> None:
    theirs = peer_renders(store, tmp_path / "agent", list(RENDERED.values()))
    world = Remote(store)
    wrong = {}
    for (name, text), expected in zip(RENDERED.items(), theirs, strict=True):
        assert expected is not None, f"the peer does not render {name}"
        ours = we_render(text, world)
        if ours != expected:
            wrong[name] = (text, expected, ours)
    assert not wrong, "\n".join(map(repr, wrong.values()))


def test_failures_that_ask_for_nothing(store: Server, tmp_path: Path) -> None:
    texts = [text for text in FAILING.values() if "secret" not in text]
    theirs = peer_renders(store, tmp_path / "agent", texts)
    world = Remote(store)
    for text, expected in zip(texts, theirs, strict=True):
        assert expected is None, f"the peer renders {text}"
        assert we_render(text, world) is None, text


def test_failures_over_secrets(store: Server, tmp_path: Path) -> None:
    world = Remote(store)
    texts = [text for text in FAILING.values() if "secret" in text]
    assert texts
    for number, text in enumerate(texts):
        assert peer_renders(store, tmp_path / str(number), [text]) == [None]
        assert we_render(text, world) is None, text


def test_missing_keys_as_errors(store: Server, tmp_path: Path) -> None:
    world = Remote(store)
    for number, field in enumerate(("user", "nope", "map.x", "map.nope", "nil", "nope.deeper")):
        text = f'{{{{ with secret "tpl/data/app" }}}}{{{{ .Data.data.{field} }}}}{{{{ end }}}}'
        theirs = peer_renders(store, tmp_path / str(number), [text], "error_on_missing_key = true")
        assert theirs == [we_render(text, world, error_on_missing_key=True)], field
