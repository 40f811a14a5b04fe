"""``explain`` against our own server: the peer has nothing like it."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Outcome, call
from tests.server import Server


@pytest.fixture
def limited(server: Server) -> str:
    """A token that may read below ``secret/data/app/``, and ask why."""
    rules = """
        path "secret/data/app/*" { capabilities = ["read"] }
        path "sys/internal/explain" { capabilities = ["update"] }
    """
    assert server.api.put("sys/policies/acl/explained", {"policy": rules}).status == 204
    made = server.api.post("auth/token/create", {"policies": ["explained"]})
    return str(made.auth["client_token"])


def explain(server: Server, *words: str, token: str = "root", stdin: str = "") -> Outcome:
    home = str(server.folder / "home")
    return call("explain", *words, stdin=stdin, HOME=home, VAULT_ADDR=server.address, VAULT_TOKEN=token)


def test_what_is_allowed_is_said_in_a_sentence(server: Server, limited: str) -> None:
    done = explain(server, "secret/data/app/x", "read", token=limited)
    assert done.code == 0
    assert done.out.startswith("Allowed: ")
    assert "explained" in done.out
    assert "<nil>" not in done.out


def test_what_is_denied_names_the_rule(server: Server, limited: str) -> None:
    done = explain(server, "-token=-", "secret/data/app/x", "delete", stdin=f"{limited}\n")
    assert done.code == 0
    assert done.out.startswith('Denied: rule "secret/data/app/*"')


def test_a_token_is_named_by_its_accessor(server: Server, limited: str) -> None:
    accessor = server.api.post("auth/token/lookup", {"token": limited}).data["accessor"]
    done = explain(server, f"-accessor={accessor}", "secret/data/ap/x", "read")
    assert done.out.startswith("Denied: ")
    assert "nearest" in done.out


def test_the_decision_as_json_is_whole(server: Server) -> None:
    done = explain(server, "-format=json", "sys/mounts", "read")
    assert json.loads(done.out)["data"]["allowed"] is True
    assert explain(server, "-field=allowed", "sys/mounts", "read").out == "true"


def test_an_operation_that_is_none_is_refused(server: Server) -> None:
    done = explain(server, "sys/mounts", "fly")
    assert done.code == 2
    assert "operation must be one of" in done.err


def test_others_may_not_be_asked_for_without_the_right(server: Server, limited: str) -> None:
    assert explain(server, "-token=root", "sys/mounts", "read", token=limited).code == 2
