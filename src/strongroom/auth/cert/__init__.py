"""Certificates: whoever shows a TLS client certificate that a role trusts gets a token."""

from strongroom.auth.cert.cert import Cert

__all__ = ["Cert"]
