"""hvac's AppRole methods, every one of them, against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
from hvac import exceptions

from tests.server import Server


@pytest.fixture
def client(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token)


@pytest.fixture
def mount(client: Any) -> Iterator[str]:
    """The method, enabled at a path of the test's own."""
    path = f"t{uuid.uuid4().hex[:12]}"
    client.sys.enable_auth_method("approle", path=path)
    yield path
    client.sys.disable_auth_method(path)


def test_roles(client: Any, mount: str) -> None:
    approle = client.auth.approle
    with pytest.raises(exceptions.InvalidPath):
        approle.list_roles(mount_point=mount)
    made = approle.create_or_update_approle(
        "web",
        bind_secret_id=True,
        secret_id_bound_cidrs=["127.0.0.0/8"],
        secret_id_num_uses=3,
        secret_id_ttl="10m",
        enable_local_secret_ids=True,
        token_ttl="1h",
        token_max_ttl="2h",
        token_policies=["default", "other"],
        token_bound_cidrs=["127.0.0.0/8"],
        token_explicit_max_ttl="3h",
        token_no_default_policy=True,
        token_num_uses=5,
        token_period=0,
        token_type="service",
        mount_point=mount,
    )
    assert made.status_code == 204
    read = approle.read_role("web", mount_point=mount)["data"]
    assert (read["secret_id_ttl"], read["token_ttl"], read["token_type"]) == (600, 3600, "service")
    assert approle.list_roles(mount_point=mount)["data"]["keys"] == ["web"]
    approle.create_or_update_approle("web", token_ttl=60, mount_point=mount)
    assert approle.read_role("web", mount_point=mount)["data"]["token_ttl"] == 60
    approle.delete_role("web", mount_point=mount)
    with pytest.raises(exceptions.InvalidPath):
        approle.read_role("web", mount_point=mount)
    with pytest.raises(exceptions.InvalidRequest):
        approle.create_or_update_approle("web", bind_secret_id=False, mount_point=mount)


def test_a_login(client: Any, mount: str, server: Server) -> None:
    approle = client.auth.approle
    approle.create_or_update_approle("web", token_policies=["default"], mount_point=mount)
    role_id = approle.read_role_id("web", mount_point=mount)["data"]["role_id"]
    made = approle.generate_secret_id("web", metadata={"host": "a1"}, mount_point=mount)["data"]
    machine = hvac.Client(url=server.address)
    answer = machine.auth.approle.login(role_id, made["secret_id"], mount_point=mount)
    assert answer["auth"]["metadata"] == {"host": "a1", "role_name": "web"}
    assert machine.is_authenticated()
    assert machine.auth.token.lookup_self()["data"]["meta"]["host"] == "a1"
    assert machine.auth.token.renew_self()["auth"]["renewable"]
    with pytest.raises(exceptions.InvalidRequest, match="invalid role or secret ID"):
        machine.auth.approle.login(role_id, "wrong", mount_point=mount)
    approle.update_role_id("web", "an-id-of-ones-own", mount_point=mount)
    machine.auth.approle.login("an-id-of-ones-own", made["secret_id"], mount_point=mount)


def test_secret_ids(client: Any, mount: str) -> None:
    approle = client.auth.approle
    approle.create_or_update_approle("web", mount_point=mount)
    made = approle.generate_secret_id(
        "web", cidr_list=["127.0.0.1/32"], token_bound_cidrs=["127.0.0.1/32"], mount_point=mount
    )["data"]
    own = approle.create_custom_secret_id("web", "own", metadata={"a": "b"}, mount_point=mount)["data"]
    accessors = approle.list_secret_id_accessors("web", mount_point=mount)["data"]["keys"]
    assert set(accessors) == {made["secret_id_accessor"], own["secret_id_accessor"]}
    read = approle.read_secret_id("web", "own", mount_point=mount)["data"]
    assert read["metadata"] == {"a": "b"}
    by_accessor = approle.read_secret_id_accessor("web", own["secret_id_accessor"], mount_point=mount)
    assert by_accessor["data"] == read
    approle.destroy_secret_id("web", "own", mount_point=mount)
    assert approle.read_secret_id("web", "own", mount_point=mount).status_code == 204
    approle.destroy_secret_id_accessor("web", made["secret_id_accessor"], mount_point=mount)
    with pytest.raises(exceptions.InvalidPath):
        approle.read_secret_id_accessor("web", made["secret_id_accessor"], mount_point=mount)


def test_a_wrapped_secret_id(client: Any, mount: str, server: Server) -> None:
    approle = client.auth.approle
    approle.create_or_update_approle("web", mount_point=mount)
    role_id = approle.read_role_id("web", mount_point=mount)["data"]["role_id"]
    info = approle.generate_secret_id("web", mount_point=mount, wrap_ttl="60s")["wrap_info"]
    assert info["creation_path"] == f"auth/{mount}/role/web/secret-id"
    known = approle.read_secret_id_accessor("web", info["wrapped_accessor"], mount_point=mount)
    assert known["data"]["secret_id_num_uses"] == 0
    machine = hvac.Client(url=server.address, token=info["token"])
    opened = machine.sys.unwrap()["data"]
    assert machine.auth.approle.login(role_id, opened["secret_id"], mount_point=mount)["auth"]
    own = approle.create_custom_secret_id("web", "own", mount_point=mount, wrap_ttl="60s")["wrap_info"]
    assert client.sys.unwrap(own["token"])["data"]["secret_id"] == "own"
