from __future__ import annotations

from strongroom import hcl
from strongroom.hcl.printer import dump
from strongroom.policy import ACL
from strongroom.policy.builtin import DEFAULT, DEFAULT_TEXT, ROOT
from strongroom.policy.template import render

# What the peer's default policy grants, by its own resultant ACL.
EXACT = {
    "auth/token/lookup-self": ["read"],
    "auth/token/renew-self": ["update"],
    "auth/token/revoke-self": ["update"],
    "sys/capabilities-self": ["update"],
    "sys/internal/ui/resultant-acl": ["read"],
    "sys/leases/lookup": ["update"],
    "sys/leases/renew": ["update"],
    "sys/tools/hash": ["update"],
    "sys/wrapping/lookup": ["update"],
    "sys/wrapping/unwrap": ["update"],
    "sys/wrapping/wrap": ["update"],
    "identity/oidc/provider/any/authorize": ["read", "update"],
    "cubbyhole/x": ["create", "delete", "list", "read", "update"],
    "sys/tools/hash/sha2-256": ["update"],
}


def test_default_grants_what_the_peers_does() -> None:
    acl = ACL([DEFAULT], now=0)
    assert {path: acl.capabilities(path) for path in EXACT} == EXACT
    assert acl.capabilities("secret/x") == ["deny"]


def test_default_lets_everybody_ask_why() -> None:
    assert ACL([DEFAULT], now=0).capabilities("sys/internal/explain") == ["update"]


def test_default_opens_the_own_entity_only() -> None:
    acl = ACL([render(DEFAULT, {"entity": {"id": "e", "name": "n"}})], now=0)
    assert acl.capabilities("identity/entity/id/e") == ["read"]
    assert acl.capabilities("identity/entity/name/n") == ["read"]
    assert acl.capabilities("identity/entity/id/other") == ["deny"]


def test_default_is_well_formatted() -> None:
    assert dump(hcl.parse(DEFAULT_TEXT)) == DEFAULT_TEXT


def test_root_grants_everything() -> None:
    assert ACL([ROOT], now=0).capabilities("sys/raw") == ["root"]
