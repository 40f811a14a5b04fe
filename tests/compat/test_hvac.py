"""hvac, the Python client many services use, against a real server: every method for what exists here."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from typing import Any

import hvac
import pytest
from hvac import exceptions

from tests.conftest import SealedServer
from tests.rabbitmq import RabbitServer
from tests.server import Server
from tests.upstream import consul as consul_server
from tests.upstream.simulator import serving

POLICY = 'path "secret/data/*" { capabilities = ["read"] }'


def client_of(server: Server, token: str | None = None) -> Any:
    return hvac.Client(url=server.address, token=token or server.root_token)


@pytest.fixture
def client(server: Server) -> Any:
    return client_of(server)


@pytest.fixture
def name() -> str:
    """A name that no other test of this server has."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
def kv1(client: Any, name: str) -> Iterator[str]:
    client.sys.enable_secrets_engine("kv", path=name, options={"version": "1"})
    yield name
    client.sys.disable_secrets_engine(name)


@pytest.fixture
def kv2(client: Any, name: str) -> Iterator[str]:
    client.sys.enable_secrets_engine("kv", path=name, options={"version": "2"})
    yield name
    client.sys.disable_secrets_engine(name)


# -- the client itself -----------------------------------------------------------------------------


def test_generic_verbs(client: Any, kv1: str) -> None:
    assert client.is_authenticated()
    assert client.write_data(f"{kv1}/a", data={"x": "1"}).status_code == 204
    assert client.read(f"{kv1}/a")["data"] == {"x": "1"}
    assert client.list(kv1)["data"]["keys"] == ["a"]
    client.delete(f"{kv1}/a")
    assert client.read(f"{kv1}/a") is None
    assert client.list(kv1) is None
    assert client.lookup_token()["data"]["policies"] == ["root"]
    assert client.seal_status["sealed"] is False
    assert client.key_status["term"] >= 1
    assert client.ha_status["ha_enabled"] is False


def test_a_foreign_token_is_refused(server: Server) -> None:
    stranger = client_of(server, "srs.nobody")
    assert not stranger.is_authenticated()
    with pytest.raises(exceptions.Forbidden, match="permission denied"):
        stranger.secrets.kv.v2.read_secret_version("a", raise_on_deleted_version=True)


def test_the_token_is_renewed_and_revoked_by_the_client(server: Server, client: Any) -> None:
    token = client.auth.token.create(ttl="1h", policies=["default"])["auth"]["client_token"]
    own = client_of(server, token)
    assert own.auth.token.renew_self(increment="30m")["auth"]["lease_duration"] == 1800
    own.logout(revoke_token=True)
    assert not client_of(server, token).is_authenticated()


# -- KV --------------------------------------------------------------------------------------------


def test_kv_v1(client: Any, kv1: str) -> None:
    v1 = client.secrets.kv.v1
    assert v1.create_or_update_secret("app/db", {"password": "one"}, mount_point=kv1).status_code == 204
    assert v1.read_secret("app/db", mount_point=kv1)["data"] == {"password": "one"}
    assert v1.create_or_update_secret("app/db", {"password": "two"}, method="PUT", mount_point=kv1).ok
    assert v1.read_secret("app/db", mount_point=kv1)["data"] == {"password": "two"}
    assert v1.list_secrets("", mount_point=kv1)["data"]["keys"] == ["app/"]
    assert v1.list_secrets("app", mount_point=kv1)["data"]["keys"] == ["db"]
    assert v1.delete_secret("app/db", mount_point=kv1).status_code == 204
    with pytest.raises(exceptions.InvalidPath):
        v1.read_secret("app/db", mount_point=kv1)


def test_kv_v1_with_a_method_of_ones_own_choice(client: Any, kv1: str) -> None:
    v1 = client.secrets.kv.v1
    assert v1.create_or_update_secret(
        "new", {"a": 1}, method=None, mount_point=kv1
    ).ok  # asks whether it is there
    assert v1.create_or_update_secret("new", {"a": 2}, method=None, mount_point=kv1).ok
    assert v1.read_secret("new", mount_point=kv1)["data"] == {"a": 2}


def test_kv_v2_versions(client: Any, kv2: str) -> None:
    v2 = client.secrets.kv.v2
    for number in (1, 2, 3):
        made = v2.create_or_update_secret("app", {"n": number}, mount_point=kv2)["data"]
        assert made["version"] == number
    read: dict[str, Any] = {"raise_on_deleted_version": True, "mount_point": kv2}
    assert v2.read_secret("app", **read)["data"]["data"] == {"n": 3}
    assert v2.read_secret_version("app", version=1, **read)["data"]["data"] == {"n": 1}
    assert v2.delete_secret_versions("app", [1], mount_point=kv2).status_code == 204
    with pytest.raises(exceptions.InvalidPath):
        v2.read_secret_version("app", version=1, **read)
    gone = v2.read_secret_version("app", version=1, mount_point=kv2, raise_on_deleted_version=False)
    assert gone["data"]["metadata"]["deletion_time"]
    assert v2.undelete_secret_versions("app", [1], mount_point=kv2).status_code == 204
    assert v2.read_secret_version("app", version=1, **read)["data"]["data"] == {"n": 1}
    assert v2.destroy_secret_versions("app", [2], mount_point=kv2).status_code == 204
    metadata = v2.read_secret_metadata("app", mount_point=kv2)["data"]
    assert [metadata["versions"][n]["destroyed"] for n in "123"] == [False, True, False]
    assert v2.delete_latest_version_of_secret("app", mount_point=kv2).status_code == 204
    with pytest.raises(exceptions.InvalidPath):
        v2.read_secret("app", **read)
    assert v2.list_secrets("", mount_point=kv2)["data"]["keys"] == ["app"]
    assert v2.delete_metadata_and_all_versions("app", mount_point=kv2).status_code == 204
    with pytest.raises(exceptions.InvalidPath):
        v2.list_secrets("", mount_point=kv2)


def test_kv_v2_check_and_set(client: Any, kv2: str) -> None:
    v2 = client.secrets.kv.v2
    v2.create_or_update_secret("app", {"n": 1}, cas=0, mount_point=kv2)
    with pytest.raises(exceptions.InvalidRequest, match="check-and-set"):
        v2.create_or_update_secret("app", {"n": 2}, cas=0, mount_point=kv2)
    v2.create_or_update_secret("app", {"n": 2}, cas=1, mount_point=kv2)
    with pytest.warns(DeprecationWarning, match="raise_on_deleted_version"):  # hvac's own call
        v2.patch("app", {"m": 3}, mount_point=kv2)
    read = v2.read_secret("app", mount_point=kv2, raise_on_deleted_version=True)["data"]
    assert (read["data"], read["metadata"]["version"]) == ({"n": 2, "m": 3}, 3)
    with pytest.raises(exceptions.InvalidPath), pytest.warns(DeprecationWarning, match="raise_on_deleted"):
        v2.patch("nothing", {"m": 3}, mount_point=kv2)


def test_kv_v2_configuration_and_metadata(client: Any, kv2: str) -> None:
    v2 = client.secrets.kv.v2
    v2.configure(max_versions=4, cas_required=True, delete_version_after="1h", mount_point=kv2)
    config = v2.read_configuration(mount_point=kv2)["data"]
    assert config["max_versions"] == 4
    assert config["cas_required"] is True
    assert config["delete_version_after"] == "1h0m0s"
    with pytest.raises(exceptions.InvalidRequest):
        v2.create_or_update_secret("app", {"n": 1}, mount_point=kv2)
    v2.update_metadata(
        "app",
        max_versions=2,
        cas_required=False,
        delete_version_after="30m",
        custom_metadata={"owner": "ops"},
        mount_point=kv2,
    )
    metadata = v2.read_secret_metadata("app", mount_point=kv2)["data"]
    assert (metadata["max_versions"], metadata["delete_version_after"]) == (2, "30m0s")
    assert metadata["custom_metadata"] == {"owner": "ops"}


# -- tokens ----------------------------------------------------------------------------------------


def test_token_creation_and_lookup(server: Server, client: Any) -> None:
    made = client.auth.token.create(
        policies=["default"],
        meta={"who": "ci"},
        ttl="1h",
        explicit_max_ttl="2h",
        display_name="ci",
        num_uses=5,
        renewable=True,
        no_default_policy=False,
    )["auth"]
    assert (made["lease_duration"], made["renewable"], made["num_uses"]) == (3600, True, 5)
    assert made["metadata"] == {"who": "ci"}
    for found in (
        client.auth.token.lookup(made["client_token"]),
        client.auth.token.lookup_accessor(made["accessor"]),
        client_of(server, made["client_token"]).auth.token.lookup_self(),
    ):
        assert found["data"]["display_name"] == "token-ci"
        assert found["data"]["explicit_max_ttl"] == 7200
    assert made["accessor"] in client.auth.token.list_accessors()["data"]["keys"]


def test_token_kinds(client: Any) -> None:
    create = client.auth.token.create
    assert create(type="batch", policies=["default"], ttl="1h")["auth"]["token_type"] == "batch"
    assert create(no_parent=True, policies=["default"])["auth"]["orphan"] is True
    assert client.auth.token.create_orphan(policies=["default"])["auth"]["orphan"] is True
    assert create(period="1h", policies=["default"])["auth"]["lease_duration"] == 3600
    named = f"custom-{uuid.uuid4().hex}"
    assert create(id=named, policies=["default"])["auth"]["client_token"] == named
    assert "wrap_info" in create(policies=["default"], wrap_ttl="60s")


def test_token_renewal(client: Any) -> None:
    made = client.auth.token.create(policies=["default"], ttl="1h")["auth"]
    renewed = client.auth.token.renew(made["client_token"], increment="2h")["auth"]
    assert renewed["lease_duration"] == 7200
    renewed = client.auth.token.renew_accessor(made["accessor"], increment="3h")["auth"]
    assert renewed["lease_duration"] == 10800
    assert renewed["client_token"] == ""


def test_token_revocation(server: Server, client: Any) -> None:
    parent = client.auth.token.create(policies=["root"], ttl="1h")["auth"]["client_token"]
    child = client_of(server, parent).auth.token.create(policies=["default"])["auth"]
    client.auth.token.revoke_and_orphan_children(parent)
    assert client.auth.token.lookup(child["client_token"])["data"]["orphan"] is True
    client.auth.token.revoke_accessor(child["accessor"])
    with pytest.raises(exceptions.VaultError):
        client.auth.token.lookup(child["client_token"])
    token = client.auth.token.create(policies=["default"])["auth"]["client_token"]
    client.auth.token.revoke(token)
    assert not client_of(server, token).is_authenticated()
    token = client.auth.token.create(policies=["default"])["auth"]["client_token"]
    client_of(server, token).auth.token.revoke_self()
    assert not client_of(server, token).is_authenticated()
    assert client.auth.token.tidy().status_code == 202


def test_token_roles(client: Any, name: str) -> None:
    client.auth.token.create_or_update_role(
        name,
        allowed_policies=["default"],
        orphan=True,
        renewable=False,
        token_explicit_max_ttl="2h",
        path_suffix="runners",
    )
    role = client.auth.token.read_role(name)["data"]
    assert (role["allowed_policies"], role["orphan"], role["path_suffix"]) == (["default"], True, "runners")
    assert name in client.auth.token.list_roles()["data"]["keys"]
    made = client.auth.token.create(role_name=name)["auth"]
    assert (made["orphan"], made["renewable"]) == (True, False)
    with pytest.raises(exceptions.InvalidRequest):
        client.auth.token.create(role_name=name, policies=["other"])
    client.auth.token.delete_role(name)
    with pytest.raises(exceptions.InvalidPath):
        client.auth.token.read_role(name)


# -- the system: state, seal, keys -----------------------------------------------------------------


def test_health(client: Any) -> None:
    assert client.sys.read_health_status(method="HEAD").status_code == 200
    health = client.sys.read_health_status(method="GET")
    health = health if isinstance(health, dict) else health.json()
    assert (health["initialized"], health["sealed"], health["standby"]) == (True, False, False)
    assert client.sys.is_initialized()
    assert not client.sys.is_sealed()


def test_from_nothing_to_open_and_back(sealed_server: SealedServer) -> None:
    server = sealed_server()
    client = hvac.Client(url=server.address)
    assert client.sys.read_init_status() == {"initialized": False}
    assert client.sys.read_health_status(method="HEAD").status_code == 501
    made = client.sys.initialize(secret_shares=3, secret_threshold=2)
    server.keys, server.root_token = made["keys"], made["root_token"]
    assert len(made["keys_base64"]) == 3
    assert client.sys.is_initialized()
    with pytest.raises(exceptions.InvalidRequest, match="already initialized"):
        client.sys.initialize(1, 1)
    assert client.sys.is_sealed()
    assert client.sys.submit_unseal_key(made["keys"][0])["progress"] == 1
    assert client.sys.submit_unseal_key(reset=True)["progress"] == 0
    assert client.sys.submit_unseal_keys(made["keys"][1:])["sealed"] is False
    client.token = made["root_token"]
    assert client.is_authenticated()
    assert client.sys.seal().status_code == 204
    assert client.sys.read_seal_status()["sealed"] is True
    assert client.sys.read_health_status(method="HEAD").status_code == 503
    with pytest.raises(exceptions.VaultDown):
        client.secrets.kv.v1.read_secret("a")


def test_key_rotation(dev_server: Server) -> None:
    client = client_of(dev_server)
    before = client.sys.get_encryption_key_status()["term"]
    assert client.sys.rotate_encryption_key().status_code == 204
    after = client.sys.get_encryption_key_status()
    assert after["data"]["term"] == before + 1


def test_rekey(open_server: Server) -> None:
    client = client_of(open_server)
    assert client.sys.read_rekey_progress()["started"] is False
    begun = client.sys.start_rekey(secret_shares=3, secret_threshold=2)
    assert (begun["t"], begun["n"]) == (2, 3)
    client.sys.cancel_rekey()
    nonce = client.sys.start_rekey(secret_shares=3, secret_threshold=2, require_verification=True)["nonce"]
    done = client.sys.rekey_multi(open_server.keys, nonce=nonce)
    assert done["complete"] is True
    assert client.sys.read_rekey_verify_progress()["t"] == 2
    client.sys.cancel_rekey_verify()
    nonce = client.sys.read_rekey_verify_progress()["nonce"]
    first = client.sys.rekey_verify(done["keys"][0], nonce)
    assert first["progress"] == 1
    assert client.sys.rekey_verify_multi(done["keys"][1:2], nonce)["complete"] is True
    open_server.keys = done["keys"]
    client.sys.seal()
    assert client.sys.submit_unseal_keys(done["keys"][:2])["sealed"] is False


def test_rekey_without_a_backup(open_server: Server) -> None:
    with pytest.raises(exceptions.InvalidRequest, match="no backed-up keys"):
        client_of(open_server).sys.read_backup_keys()


def test_generate_root(open_server: Server) -> None:
    client = client_of(open_server)
    assert client.sys.read_root_generation_progress()["started"] is False
    begun = client.sys.start_root_token_generation()
    client.sys.cancel_root_generation()
    begun = client.sys.start_root_token_generation()
    done = client.sys.generate_root(open_server.keys[0], begun["nonce"])
    assert done["complete"] is True
    encoded = done["encoded_root_token"]
    mixed = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    token = bytes(a ^ b for a, b in zip(mixed, begun["otp"].encode(), strict=True)).decode()
    assert client_of(open_server, token).lookup_token()["data"]["policies"] == ["root"]


def test_leader(client: Any) -> None:
    status = client.sys.read_leader_status()
    assert status["ha_enabled"] is False


# -- the system: mounts, policies, audit -----------------------------------------------------------


def test_secrets_engines(client: Any, name: str) -> None:
    client.sys.enable_secrets_engine(
        "kv", path=name, description="first", config={"max_lease_ttl": "2h"}, options={"version": "1"}
    )
    mount = client.sys.list_mounted_secrets_engines()["data"][f"{name}/"]
    assert (mount["type"], mount["description"], mount["config"]["max_lease_ttl"]) == ("kv", "first", 7200)
    assert client.sys.retrieve_mount_option(name, "version") == "1"
    assert client.sys.read_mount_configuration(name)["data"]["max_lease_ttl"] == 7200
    client.sys.tune_mount_configuration(
        name,
        default_lease_ttl="10m",
        max_lease_ttl="1h",
        description="second",
        audit_non_hmac_request_keys=["a"],
        audit_non_hmac_response_keys=["b"],
        listing_visibility="unauth",
        passthrough_request_headers=["X-A"],
    )
    tuned = client.sys.read_mount_configuration(name)["data"]
    assert (tuned["default_lease_ttl"], tuned["max_lease_ttl"], tuned["description"]) == (600, 3600, "second")
    assert (tuned["listing_visibility"], tuned["audit_non_hmac_request_keys"]) == ("unauth", ["a"])
    client.secrets.kv.v1.create_or_update_secret("x", {"a": "b"}, mount_point=name)
    client.sys.move_backend(name, f"{name}-moved")
    assert client.secrets.kv.v1.read_secret("x", mount_point=f"{name}-moved")["data"] == {"a": "b"}
    client.sys.disable_secrets_engine(f"{name}-moved")
    assert f"{name}-moved/" not in client.sys.list_mounted_secrets_engines()["data"]
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.enable_secrets_engine("no-such-engine", path=name)


def test_auth_methods(client: Any, name: str) -> None:
    assert client.sys.list_auth_methods()["data"]["token/"]["type"] == "token"
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.enable_auth_method("no-such-method", path=name)
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.enable_auth_method("token", path=name)
    client.sys.tune_auth_method("token", description="tokens", max_lease_ttl="768h")
    tuned = client.sys.read_auth_method_tuning("token")["data"]
    assert (tuned["description"], tuned["max_lease_ttl"]) == ("tokens", 768 * 3600)
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.disable_auth_method("token")


@pytest.mark.parametrize("pretty", (True, False))
def test_acl_policies(client: Any, name: str, pretty: bool) -> None:
    client.sys.create_or_update_acl_policy(name, POLICY)
    assert client.sys.read_acl_policy(name)["data"]["policy"] == POLICY
    rules = {"path": {"secret/*": {"capabilities": ["read"]}}}
    client.sys.create_or_update_acl_policy(name, rules, pretty_print=pretty)
    assert name in client.sys.list_acl_policies()["data"]["keys"]
    assert client.get_policy(name, parse=False)
    client.sys.delete_acl_policy(name)
    with pytest.raises(exceptions.InvalidPath):
        client.sys.read_acl_policy(name)
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.create_or_update_acl_policy(name, "path {")


def test_old_policies(client: Any, name: str) -> None:
    client.sys.create_or_update_policy(name, POLICY)
    assert client.sys.read_policy(name)["data"]["rules"] == POLICY
    assert name in client.sys.list_policies()["data"]["policies"]
    client.sys.delete_policy(name)
    assert name not in client.sys.list_policies()["policies"]


def test_sentinel_is_not_here(client: Any, name: str) -> None:
    for call in (
        client.sys.list_rgp_policies,
        client.sys.list_egp_policies,
        lambda: client.sys.read_rgp_policy(name),
        lambda: client.sys.read_egp_policy(name),
        lambda: client.sys.create_or_update_rgp_policy(name, "main = rule { true }", "soft-mandatory"),
        lambda: client.sys.create_or_update_egp_policy(name, "main = rule { true }", "soft-mandatory", ["*"]),
        lambda: client.sys.delete_rgp_policy(name),
        lambda: client.sys.delete_egp_policy(name),
    ):
        with pytest.raises(exceptions.InvalidPath):
            call()


def test_password_policies(client: Any, name: str) -> None:
    rules = 'length = 20\nrule "charset" { charset = "abc" }'
    assert client.write_data(f"sys/policies/password/{name}", data={"policy": rules}).status_code == 204
    password = client.read(f"sys/policies/password/{name}/generate")["data"]["password"]
    assert len(password) == 20
    assert set(password) <= set("abc")


def test_capabilities(server: Server, client: Any, name: str) -> None:
    client.sys.create_or_update_acl_policy(name, POLICY)
    made = client.auth.token.create(policies=[name])["auth"]
    path = "secret/data/a"
    for found in (
        client.sys.get_capabilities([path], token=made["client_token"]),
        client.sys.get_capabilities([path], accessor=made["accessor"]),
        client_of(server, made["client_token"]).sys.get_capabilities([path]),
    ):
        assert found["data"][path] == ["read"]
    assert client.sys.get_capabilities(["a"])["data"]["a"] == ["root"]


def test_audit_devices(dev_server: Server) -> None:
    client = client_of(dev_server)
    file = dev_server.folder / "audit.log"
    client.sys.enable_audit_device("file", path="log", description="all", options={"file_path": str(file)})
    assert client.sys.list_enabled_audit_devices()["data"]["log/"]["type"] == "file"
    digest = client.sys.calculate_hash("log", "text")["data"]["hash"]
    assert digest.startswith("hmac-sha256:")
    client.secrets.kv.v2.create_or_update_secret("audited", {"a": "text"})
    assert digest in file.read_text()
    client.sys.disable_audit_device("log")
    assert client.sys.list_enabled_audit_devices()["data"] == {}


# -- the system: leases, wrapping, the rest --------------------------------------------------------


def test_leases(client: Any, name: str) -> None:
    client.auth.token.create_or_update_role(name, path_suffix=name)
    token = client.auth.token.create(role_name=name, policies=["default"], ttl="1h")["auth"]["client_token"]
    prefix = f"auth/token/create/{name}/{name}"
    (key,) = client.sys.list_leases(prefix)["data"]["keys"]
    lease = f"{prefix}/{key}"
    assert client.sys.read_lease(lease)["data"]["id"] == lease
    with pytest.raises(exceptions.InvalidRequest, match="tokens cannot be renewed"):
        client.sys.renew_lease(lease, increment=7200)
    client.sys.revoke_lease(lease)
    with pytest.raises(exceptions.VaultError):
        client.auth.token.lookup(token)
    for revoke in (client.sys.revoke_prefix, client.sys.revoke_force):
        client.auth.token.create(role_name=name, policies=["default"], ttl="1h")
        revoke(prefix)
        with pytest.raises(exceptions.InvalidPath):
            client.sys.list_leases(prefix)


def test_wrapping(server: Server, client: Any) -> None:
    wrapped = client.sys.wrap({"a": "b"}, ttl=60)["wrap_info"]
    assert wrapped["ttl"] == 60
    assert client.sys.unwrap(wrapped["token"])["data"] == {"a": "b"}
    with pytest.raises(exceptions.InvalidRequest):
        client.sys.unwrap(wrapped["token"])
    own = client.sys.wrap({"a": "c"})["wrap_info"]["token"]
    assert hvac.Client(url=server.address, token=own).sys.unwrap()["data"] == {"a": "c"}


def test_cubbyhole(client: Any) -> None:
    client.write_data("cubbyhole/mine", data={"a": "b"})
    assert client.read("cubbyhole/mine")["data"] == {"a": "b"}


def test_tools(client: Any) -> None:
    found = client.write_data("sys/tools/random/16", data={"format": "hex"})
    assert len(bytes.fromhex(found["data"]["random_bytes"])) == 16
    digest = client.write_data("sys/tools/hash", data={"input": base64.b64encode(b"a").decode()})
    assert digest["data"]["sum"] == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


def test_quotas(client: Any, name: str) -> None:
    client.sys.create_or_update_quota(name, rate=1000, path="sys/tools", interval="10s", block_interval="20s")
    quota = client.sys.read_quota(name)["data"]
    assert (quota["rate"], quota["interval"], quota["block_interval"]) == (1000, 10, 20)
    assert name in client.sys.list_quotas()["data"]["keys"]
    client.sys.delete_quota(name)
    with pytest.raises(exceptions.InvalidPath):
        client.sys.read_quota(name)


def test_userpass(server: Server, client: Any, name: str) -> None:
    client.sys.enable_auth_method("userpass", path=name)
    method = client.auth.userpass
    method.create_or_update_user("Ann", password="pw", policies="default", mount_point=name)
    assert method.list_user(mount_point=name)["data"]["keys"] == ["ann"]
    assert method.read_user("ann", mount_point=name)["data"]["token_policies"] == ["default"]
    own = hvac.Client(url=server.address)
    auth = own.auth.userpass.login("ann", "pw", mount_point=name)["auth"]
    assert (auth["metadata"], own.token) == ({"username": "ann"}, auth["client_token"])
    assert own.is_authenticated()
    assert own.auth.token.renew_self()["auth"]["client_token"] == own.token
    method.update_password_on_user("ann", password="new", mount_point=name)
    with pytest.raises(exceptions.InvalidRequest, match="invalid username or password"):
        own.auth.userpass.login("ann", "pw", mount_point=name)
    method.delete_user("ann", mount_point=name)
    with pytest.raises(exceptions.InvalidPath):
        method.read_user("ann", mount_point=name)
    client.sys.disable_auth_method(name)
    assert not own.is_authenticated()


def test_raft_is_not_the_storage(client: Any, name: str) -> None:
    for call in (
        lambda: client.sys.join_raft_cluster("http://127.0.0.1:1"),
        client.sys.read_raft_config,
        lambda: client.sys.remove_raft_node("node"),
        client.sys.take_raft_snapshot,
        lambda: client.sys.restore_raft_snapshot(b"x"),
        lambda: client.sys.force_restore_raft_snapshot(b"x"),
        lambda: client.sys.read_raft_auto_snapshot_status(name),
        lambda: client.sys.read_raft_auto_snapshot_config(name),
        client.sys.list_raft_auto_snapshot_configs,
        lambda: client.sys.create_or_update_raft_auto_snapshot_config(name, "1h", "local"),
        lambda: client.sys.delete_raft_auto_snapshot_config(name),
    ):
        with pytest.raises(exceptions.VaultError):
            call()


# -- engines with a system outside -----------------------------------------------------------------


def test_rabbitmq(client: Any, name: str, rabbitmq: RabbitServer) -> None:
    client.sys.enable_secrets_engine("rabbitmq", path=name)
    engine = client.secrets.rabbitmq
    login = {"connection_uri": rabbitmq.url, "username": rabbitmq.username, "password": rabbitmq.password}
    assert engine.configure(**login, mount_point=name).status_code == 204
    assert engine.configure_lease(ttl=600, max_ttl=1200, mount_point=name).status_code == 204
    permissions = '{"/": {"configure": "", "write": ".*", "read": ".*"}}'
    assert engine.create_role("r", "monitoring", permissions, "", mount_point=name).status_code == 204
    role = engine.read_role("r", mount_point=name)["data"]
    assert role["vhosts"] == {"/": {"configure": "", "write": ".*", "read": ".*"}}
    issued = engine.generate_credentials("r", mount_point=name)
    assert issued["lease_duration"] == 600
    assert issued["data"]["username"] in rabbitmq.users()
    assert client.sys.renew_lease(issued["lease_id"])["lease_duration"] == 600
    client.sys.revoke_lease(issued["lease_id"])
    assert engine.delete_role("r", mount_point=name).status_code == 204
    client.sys.disable_secrets_engine(name)


def test_consul(client: Any, name: str) -> None:
    with serving(consul_server.ConsulServer()) as consul:
        client.sys.enable_secrets_engine("consul", path=name)
        engine = client.secrets.consul
        address = consul.url.removeprefix("http://")
        assert engine.configure_access(address, consul_server.ROOT, mount_point=name).status_code == 204
        engine.create_or_update_role("r", policies=["kv"], ttl="10m", max_ttl="1h", mount_point=name)
        assert engine.list_roles(mount_point=name)["data"]["keys"] == ["r"]
        assert engine.read_role("r", mount_point=name)["data"]["policies"] == ["kv"]
        issued = engine.generate_credentials("r", mount_point=name)
        assert issued["lease_duration"] == 600
        assert [token["SecretID"] for token in consul.issued()] == [issued["data"]["token"]]
        assert engine.delete_role("r", mount_point=name).status_code == 204
        client.sys.disable_secrets_engine(name)


# -- namespaces ------------------------------------------------------------------------------------


KV: dict[str, Any] = {"mount_point": "kv", "raise_on_deleted_version": True}


def test_namespaces(client: Any, server: Server, name: str) -> None:
    client.sys.create_namespace(path=name)
    assert f"{name}/" in client.sys.list_namespaces()["data"]["keys"]
    inside = hvac.Client(url=server.address, token=server.root_token, namespace=name)
    inside.sys.create_namespace(path="sub")
    assert inside.sys.list_namespaces()["data"]["keys"] == ["sub/"]
    inside.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    inside.secrets.kv.v2.create_or_update_secret("a", secret={"x": "1"}, mount_point="kv")
    assert inside.secrets.kv.v2.read_secret_version("a", **KV)["data"]["data"] == {"x": "1"}
    inside.sys.create_or_update_policy("reader", 'path "kv/data/*" { capabilities = ["read"] }')
    token = inside.auth.token.create(policies=["reader"], ttl="1h")["auth"]["client_token"]
    reader = hvac.Client(url=server.address, token=token, namespace=name)
    assert reader.secrets.kv.v2.read_secret_version("a", **KV)["data"]["data"] == {"x": "1"}
    reader.adapter.namespace = f"{name}/sub"
    with pytest.raises(exceptions.Forbidden):
        reader.secrets.kv.v2.read_secret_version("a", **KV)
    reader.adapter.namespace = None
    assert reader.auth.token.lookup_self()["data"]["namespace_path"] == f"{name}/"
    with pytest.raises(exceptions.Forbidden):
        reader.sys.list_mounted_secrets_engines()
    inside.sys.delete_namespace(path="sub")
    client.sys.delete_namespace(path=name)
    with pytest.raises(exceptions.InvalidPath):
        inside.sys.list_mounted_secrets_engines()
