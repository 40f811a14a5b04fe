"""Certificates for whom can show that a name is theirs, without a token: an ACME server (RFC 8555)."""
