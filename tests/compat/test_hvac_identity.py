"""hvac's identity methods against a real server, each of them."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

import hvac
import pytest

from tests.server import Server


@pytest.fixture
def identity(server: Server) -> Any:
    return hvac.Client(url=server.address, token=server.root_token).secrets.identity


@pytest.fixture
def accessor(server: Server) -> str:
    """Of a mount that is always there."""
    client = hvac.Client(url=server.address, token=server.root_token)
    found: str = client.sys.list_auth_methods()["data"]["token/"]["accessor"]
    return found


@pytest.fixture
def name() -> str:
    """A name that no other test of this server has."""
    return f"t{uuid.uuid4().hex[:12]}"


def entity_of(identity: Any, name: str, **fields: Any) -> str:
    made: str = identity.create_or_update_entity(name=name, **fields)["data"]["id"]
    return made


def test_entities(identity: Any, name: str) -> None:
    made = entity_of(identity, name, metadata={"a": "b"}, policies=["p1"], disabled=False)
    assert identity.create_or_update_entity(name=name, entity_id=made, policies=["p2"]).status_code == 204
    assert identity.create_or_update_entity_by_name(name=name, disabled=True).status_code == 204
    found = identity.read_entity(entity_id=made)["data"]
    assert (found["name"], found["policies"], found["metadata"]) == (name, ["p2"], {"a": "b"})
    assert found["disabled"] is True
    assert identity.read_entity_by_name(name=name)["data"] == found
    assert identity.update_entity(entity_id=made, name=f"{name}-2", disabled=False).status_code == 204
    assert made in identity.list_entities()["data"]["keys"]
    assert identity.list_entities(method="GET")["data"]["key_info"][made] == {"name": f"{name}-2"}
    assert f"{name}-2" in identity.list_entities_by_name()["data"]["keys"]
    assert identity.lookup_entity(name=f"{name}-2")["data"]["id"] == made
    assert identity.lookup_entity(entity_id=made)["data"]["id"] == made
    assert identity.lookup_entity(name=f"{name}-none").status_code == 204
    assert identity.delete_entity(entity_id=made).status_code == 204
    entity_of(identity, name)
    assert identity.delete_entity_by_name(name=name).status_code == 204
    with pytest.raises(hvac.exceptions.InvalidPath):
        identity.read_entity_by_name(name=name)


def test_entity_aliases(identity: Any, name: str, accessor: str) -> None:
    owner = entity_of(identity, name)
    made = identity.create_or_update_entity_alias(name=name, canonical_id=owner, mount_accessor=accessor)
    alias = made["data"]["id"]
    found = identity.read_entity_alias(alias_id=alias)["data"]
    assert (found["canonical_id"], found["name"]) == (owner, name)
    change = {"name": f"{name}-2", "canonical_id": owner, "mount_accessor": accessor}
    assert identity.update_entity_alias(alias_id=alias, **change)["data"]["id"] == alias
    assert alias in identity.list_entity_aliases()["data"]["keys"]
    by_alias = identity.lookup_entity(alias_name=f"{name}-2", alias_mount_accessor=accessor)
    assert by_alias["data"]["id"] == identity.lookup_entity(alias_id=alias)["data"]["id"] == owner
    assert identity.delete_entity_alias(alias_id=alias).status_code == 204
    assert identity.read_entity(entity_id=owner)["data"]["aliases"] == []


def test_merge(identity: Any, name: str, accessor: str) -> None:
    to, source = entity_of(identity, name), entity_of(identity, f"{name}-2")
    identity.create_or_update_entity_alias(name=name, canonical_id=source, mount_accessor=accessor)
    assert identity.merge_entities(from_entity_ids=[source], to_entity_id=to).status_code == 204
    found = identity.read_entity(entity_id=to)["data"]
    assert found["merged_entity_ids"] == [source]
    assert [alias["name"] for alias in found["aliases"]] == [name]


def test_groups(identity: Any, name: str) -> None:
    member = entity_of(identity, name)
    made = identity.create_or_update_group(
        name=name, metadata={"a": "b"}, policies=["p"], member_entity_ids=[member]
    )["data"]["id"]
    parent = identity.create_or_update_group_by_name(name=f"{name}-p", member_group_ids=[made])["data"]["id"]
    found = identity.read_group(group_id=made)["data"]
    assert (found["member_entity_ids"], found["parent_group_ids"]) == ([member], [parent])
    assert identity.read_group_by_name(name=name)["data"] == found
    fresh = {"name": f"{name}-2", "policies": ["q"]}  # what is not given it sends as null, which empties it
    assert identity.update_group(group_id=made, member_entity_ids=[member], **fresh).status_code == 204
    assert made in identity.list_groups()["data"]["keys"]
    assert f"{name}-2" in identity.list_groups_by_name()["data"]["keys"]
    assert identity.lookup_group(name=f"{name}-2")["data"]["policies"] == ["q"]
    assert identity.read_entity(entity_id=member)["data"]["inherited_group_ids"] == [parent]
    assert identity.delete_group(group_id=made).status_code == 204
    assert identity.delete_group_by_name(name=f"{name}-p").status_code == 204


def test_group_aliases(identity: Any, name: str, accessor: str) -> None:
    group = identity.create_or_update_group(name=name, group_type="external")["data"]["id"]
    made = identity.create_or_update_group_alias(name=name, mount_accessor=accessor, canonical_id=group)
    alias = made["data"]["id"]
    assert identity.read_group_alias(alias_id=alias)["data"]["canonical_id"] == group
    identity.update_group_alias(
        entity_id=alias, name=f"{name}-2", mount_accessor=accessor, canonical_id=group
    )
    assert alias in identity.list_group_aliases()["data"]["keys"]
    found = identity.lookup_group(alias_name=f"{name}-2", alias_mount_accessor=accessor)["data"]
    assert (found["id"], found["alias"]["name"]) == (group, f"{name}-2")
    assert identity.delete_group_alias(entity_id=alias).status_code == 204
    assert identity.read_group(group_id=group)["data"]["alias"] == {}


def test_identity_tokens(server: Server, identity: Any, name: str) -> None:
    identity.configure_tokens_backend(issuer="")
    assert identity.read_tokens_backend_configuration()["data"] == {"issuer": ""}
    identity.create_named_key(name, algorithm="ES256", allowed_client_ids=["*"])
    assert name in identity.list_named_keys()["data"]["keys"]
    assert identity.read_named_key(name)["data"]["algorithm"] == "ES256"
    identity.rotate_named_key(name, verification_ttl="1h")
    identity.create_or_update_role(name, key=name, template='{"n": {{identity.entity.name}}}', ttl="1h")
    assert identity.read_role(name)["data"]["key"] == name
    assert name in identity.list_roles()["data"]["keys"]
    root = server.root_token
    server.api.request("POST", f"sys/auth/{name}", {"type": "userpass"}, token=root)
    server.api.request("PUT", f"sys/policies/acl/{name}", {"policy": _TOKENS}, token=root)
    user = {"password": "pw", "token_policies": name}
    server.api.request("POST", f"auth/{name}/users/ann", user, token=root)
    ann = hvac.Client(url=server.address)
    ann.auth.userpass.login("ann", "pw", mount_point=name)
    token = ann.secrets.identity.generate_signed_id_token(name)["data"]["token"]
    assert identity.introspect_signed_id_token(token)["active"] is True
    assert identity.introspect_signed_id_token(token[:-8])["active"] is False
    issuer = identity.read_well_known_configurations()["issuer"]
    assert issuer.endswith("/v1/identity/oidc")
    kid = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))["kid"]
    assert kid in {key["kid"] for key in identity.read_active_public_keys()["keys"]}
    identity.delete_role(name)
    identity.delete_named_key(name)


_TOKENS = 'path "identity/oidc/token/*" { capabilities = ["read"] }'
