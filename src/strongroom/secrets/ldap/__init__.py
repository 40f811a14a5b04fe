"""Credentials of an LDAP directory."""
