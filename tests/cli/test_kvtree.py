from __future__ import annotations

import json
import uuid

import pytest

from strongroom.cli.kvtree import compare, drawn, leaves
from tests.cli.conftest import Cli

GROWN = {"a/": {"b": None, "c/": {"d": None}}, "closed/": False, "e": None}


def test_drawing() -> None:
    assert list(drawn(GROWN)) == [
        "├── a/",
        "│   ├── b",
        "│   └── c/",
        "│       └── d",
        "├── closed/ (not allowed)",
        "└── e",
    ]


def test_leaves() -> None:
    assert list(leaves(GROWN)) == ["a/b", "a/c/d", "e"]


def test_comparing() -> None:
    assert compare({"a": 1, "b": 2, "c": 3}, {"b": 2, "c": 4, "d": 5}) == {
        "added": {"d": 5},
        "removed": {"a": 1},
        "changed": {"c": [3, 4]},
    }


@pytest.fixture
def folder(cli: Cli) -> str:
    folder = f"t{uuid.uuid4().hex[:8]}"
    for name in ("app/database", "app/cache", "jobs/nightly/database"):
        assert cli("kv", "put", f"secret/{folder}/{name}", "password=hunter2").code == 0
    return folder


def test_tree(cli: Cli, folder: str) -> None:
    done = cli("kv", "tree", f"secret/{folder}")
    assert done.code == 0, done.err
    assert done.out == (
        f"secret/{folder}/\n├── app/\n│   ├── cache\n│   └── database\n└── jobs/\n    └── nightly/\n"
        "        └── database\n"
    )
    assert json.loads(cli("kv", "tree", "-format=json", f"secret/{folder}/jobs").out) == {
        "nightly/": {"database": None}
    }
    assert cli("kv", "tree", "secret/none").code == 2


def test_tree_stops_where_it_may_not_look(cli: Cli, folder: str) -> None:
    rules = f'path "secret/metadata/{folder}" {{ capabilities = ["list"] }}\n'
    rules += f'path "secret/data/{folder}/*" {{ capabilities = ["read"] }}\n'
    assert cli("policy", "write", folder, "-", stdin=rules).code == 0
    token = cli("token", "create", f"-policy={folder}", "-field=token").out
    done = cli("kv", "tree", "-mount=secret", folder, STRONGROOM_TOKEN=token)
    assert done.out == f"secret/{folder}/\n├── app/ (not allowed)\n└── jobs/ (not allowed)\n"


def test_search(cli: Cli, folder: str) -> None:
    done = cli("kv", "search", f"secret/{folder}", "DATA")
    assert done.out == f"Keys\n----\nsecret/{folder}/app/database\nsecret/{folder}/jobs/nightly/database\n"
    assert cli("kv", "search", f"secret/{folder}", "hunter2").code == 2


def test_diff(cli: Cli, folder: str) -> None:
    path = f"secret/{folder}/app/database"
    assert cli("kv", "put", path, "password=other", "user=app").code == 0
    assert cli("kv", "put", path, "user=app").code == 0
    done = cli("kv", "diff", "-from=1", "-to=2", path)
    assert done.out == f"secret/data/{folder}/app/database, version 1 to 2\n  + user\n  ~ password\n"
    assert "hunter2 -> other" in cli("kv", "diff", "-from=1", "-to=2", "-show-values", path).out
    assert "- password" in cli("kv", "diff", path).out
    shown = json.loads(cli("kv", "diff", "-format=json", path).out)
    assert shown == {"from": 2, "to": 3, "added": [], "removed": ["password"], "changed": []}
    assert cli("kv", "diff", "-from=7", path).code == 2


def test_a_mount_alone_is_listed(cli: Cli, folder: str) -> None:
    assert folder + "/" in cli("kv", "list", "-mount=secret").out.splitlines()
