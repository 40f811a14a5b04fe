"""DNS-01 (RFC 8555, section 8.4): a TXT record below the name has the digest of the key authorization."""

from __future__ import annotations

import hmac

from strongroom.crypto import base64url
from strongroom.crypto.digest import digest
from strongroom.secrets.pki.acme.identifier import Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation.resolver import Resolver

LABEL = "_acme-challenge"


async def check(identifier: Identifier, token: str, authorization: str, resolver: Resolver) -> None:
    """Raises Problem unless one of the records has it."""
    wanted = base64url.encode(digest("sha2-256", authorization.encode())).encode()
    name = f"{LABEL}.{identifier.base}"
    found = await resolver.texts(name)
    if not found:
        raise Problem("dns", f"there is no TXT record {name}")
    if not any(hmac.compare_digest(text, wanted) for text in found):
        raise Problem("incorrectResponse", f"no TXT record {name} has the digest of the key authorization")
