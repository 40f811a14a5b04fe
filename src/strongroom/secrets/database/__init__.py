"""Credentials of databases: made on demand with a lease, or of accounts that are there, changed by plan."""
