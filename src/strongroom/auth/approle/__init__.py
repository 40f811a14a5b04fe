"""AppRole: logins of machines, by a role's ID and a secret ID that belongs to it."""

from strongroom.auth.approle.approle import AppRole

__all__ = ["AppRole"]
