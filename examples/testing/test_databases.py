from __future__ import annotations

import pytest

from databases import MissingPasswordError, database_url
from strongroom.testing.local import LocalServer

READ_DATABASES = 'path "secret/data/databases/*" { capabilities = ["read"] }'


def test_the_password_is_read(strongroom: LocalServer) -> None:
    client = strongroom.hvac()
    secret = {"user": "shop", "password": "s3cret", "host": "db"}
    client.secrets.kv.v2.create_or_update_secret("databases/shop", secret=secret)
    assert database_url(client, "shop") == "postgresql://shop:s3cret@db/shop"


def test_a_database_that_nobody_configured(strongroom: LocalServer) -> None:
    with pytest.raises(MissingPasswordError):
        database_url(strongroom.hvac(), "shop")


def test_the_policy_of_production_is_enough_and_no_more(strongroom: LocalServer) -> None:
    root = strongroom.hvac()
    root.sys.create_or_update_policy("databases", READ_DATABASES)
    token = root.auth.token.create(policies=["databases"])["auth"]["client_token"]
    root.secrets.kv.v2.create_or_update_secret(
        "databases/shop", secret={"user": "u", "password": "p", "host": "h"}
    )

    restricted = strongroom.hvac(token)
    assert database_url(restricted, "shop") == "postgresql://u:p@h/shop"
    with pytest.raises(Exception, match="permission denied"):
        restricted.secrets.kv.v2.create_or_update_secret("databases/shop", secret={"password": "mine"})
