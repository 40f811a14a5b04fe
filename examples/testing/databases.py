"""An application that keeps its database password in a secrets server."""

from __future__ import annotations

import hvac
from hvac.exceptions import Forbidden, InvalidPath


class MissingPasswordError(Exception):
    """The password is not there, or the application may not read it."""


def database_url(client: hvac.Client, name: str) -> str:
    """The address of a database with user and password. Raises MissingPasswordError."""
    try:
        secret = client.secrets.kv.v2.read_secret(f"databases/{name}", raise_on_deleted_version=True)
    except (Forbidden, InvalidPath) as error:
        raise MissingPasswordError(name) from error
    data = secret["data"]["data"]
    return f"postgresql://{data['user']}:{data['password']}@{data['host']}/{name}"
