"""hvac's methods for the LDAP secrets engine, on a real slapd."""

from __future__ import annotations

import uuid
from typing import Any

import hvac
import pytest

from tests.server import Server
from tests.slapd import ADMIN, PASSWORD, PEOPLE, Slapd, slapd

__all__ = ["slapd"]


def test_ldap(server: Server, slapd: Slapd) -> None:
    client = hvac.Client(url=server.address, token=server.root_token)
    name = f"ldap{uuid.uuid4().hex[:12]}"
    client.sys.enable_secrets_engine("ldap", path=name)
    ldap: Any = client.secrets.ldap
    ldap.configure(**slapd.config, schema="openldap", connection_timeout="5s", mount_point=name)
    shown = ldap.read_config(mount_point=name)["data"]
    assert (shown["binddn"], shown["connection_timeout"], "bindpass" in shown) == (ADMIN, 5, False)
    ldap.create_or_update_static_role(
        "ann", username="ann", dn=f"cn=ann,{PEOPLE}", rotation_period="1h", mount_point=name
    )
    assert ldap.list_static_roles(mount_point=name)["data"]["keys"] == ["ann"]
    assert ldap.read_static_role("ann", mount_point=name)["data"]["rotation_period"] == 3600
    first = ldap.generate_static_credentials("ann", mount_point=name)["data"]
    assert slapd.accepts(first["dn"], first["password"])
    assert ldap.rotate_static_credentials("ann", mount_point=name).status_code == 204
    second = ldap.generate_static_credentials("ann", mount_point=name)["data"]
    assert second["last_password"] == first["password"]
    assert slapd.accepts(second["dn"], second["password"])
    assert ldap.rotate_root(mount_point=name).status_code == 204
    assert not slapd.accepts(ADMIN, PASSWORD)
    assert ldap.rotate_static_credentials("ann", mount_point=name).status_code == 204
    assert ldap.delete_static_role("ann", mount_point=name).status_code == 204
    with pytest.raises(hvac.exceptions.InvalidPath):
        ldap.read_static_role("ann", mount_point=name)
    client.sys.disable_secrets_engine(name)
