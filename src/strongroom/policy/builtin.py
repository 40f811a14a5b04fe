"""The two policies that every namespace has from the start."""

from __future__ import annotations

from strongroom.policy.parser import parse_policy
from strongroom.policy.rule import Policy

ROOT = Policy("root")
"""Grants everything. It has no text and can be neither changed nor deleted."""

DEFAULT_TEXT = """\
# What every token may do with itself. Administrators may change this text;
# a token gets along without it when it is created with no_default_policy.

# The token: what it is, how long it lives, and its end
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

path "auth/token/renew-self" {
  capabilities = ["update"]
}

path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# What it is allowed, path by path or as a whole
path "sys/capabilities-self" {
  capabilities = ["update"]
}

path "sys/internal/ui/resultant-acl" {
  capabilities = ["read"]
}

# The entity behind it
path "identity/entity/id/{{identity.entity.id}}" {
  capabilities = ["read"]
}

path "identity/entity/name/{{identity.entity.name}}" {
  capabilities = ["read"]
}

# Leases whose ID it knows; the first path is the older spelling
path "sys/renew" {
  capabilities = ["update"]
}

path "sys/leases/renew" {
  capabilities = ["update"]
}

path "sys/leases/lookup" {
  capabilities = ["update"]
}

# A store of its own that dies with it
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}

# Response wrapping
path "sys/wrapping/wrap" {
  capabilities = ["update"]
}

path "sys/wrapping/lookup" {
  capabilities = ["update"]
}

path "sys/wrapping/unwrap" {
  capabilities = ["update"]
}

# Why it was denied
path "sys/internal/explain" {
  capabilities = ["update"]
}

# Hashes and random bytes
path "sys/tools/hash" {
  capabilities = ["update"]
}

path "sys/tools/hash/*" {
  capabilities = ["update"]
}

path "sys/tools/random" {
  capabilities = ["update"]
}

path "sys/tools/random/*" {
  capabilities = ["update"]
}

# The state of its own control group requests
path "sys/control-group/request" {
  capabilities = ["update"]
}

# Logging in elsewhere with this server as the identity provider
path "identity/oidc/provider/+/authorize" {
  capabilities = ["read", "update"]
}
"""

DEFAULT = parse_policy("default", DEFAULT_TEXT)
"""What ``default`` grants until an administrator changes it."""
