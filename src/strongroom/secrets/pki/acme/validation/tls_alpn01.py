"""TLS-ALPN-01 (RFC 8737): a certificate made for this alone, shown to who asks for ``acme-tls/1``."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from ipaddress import ip_address

from strongroom.crypto import challenge_certificate
from strongroom.crypto.digest import digest
from strongroom.secrets.pki.acme.identifier import IP, Identifier
from strongroom.secrets.pki.acme.problem import Problem
from strongroom.secrets.pki.acme.validation import reach
from strongroom.secrets.pki.acme.validation.resolver import Resolver

PORT = 443
PROTOCOL = "acme-tls/1"
PATIENCE = 5.0
"""Seconds that one address may take."""


async def check(identifier: Identifier, token: str, authorization: str, resolver: Resolver) -> None:
    """Raises Problem unless the certificate is shown."""
    certificate = await _shown(identifier, resolver)
    wanted = digest("sha2-256", authorization.encode())
    try:
        names, its_digest = challenge_certificate.read(certificate)
    except ValueError as error:
        raise Problem("incorrectResponse", str(error)) from None
    if names != [identifier.value]:
        raise Problem("incorrectResponse", f"the certificate is not for {identifier.value} alone")
    if not hmac.compare_digest(its_digest, wanted):
        raise Problem(
            "incorrectResponse", "the certificate does not have the digest of the key authorization"
        )


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it signs itself: what it has to have is looked at here
    context.set_alpn_protocols([PROTOCOL])
    return context


async def _shown(identifier: Identifier, resolver: Resolver) -> bytes:
    """The certificate of the first address that shows one."""
    name = ip_address(identifier.value).reverse_pointer if identifier.type == IP else identifier.value
    for address in await reach.addresses(identifier, resolver):
        try:
            async with asyncio.timeout(PATIENCE):
                return await _ask(address, name)
        except ssl.SSLError:
            raise Problem("tls", f"{identifier.value} does not shake hands for {PROTOCOL}") from None
        except (OSError, TimeoutError):
            continue
    raise Problem("connection", f"no address of {identifier.value} answers on the port of TLS")


async def _ask(address: str, name: str) -> bytes:
    _, writer = await asyncio.open_connection(address, PORT, ssl=_context(), server_hostname=name)
    try:
        session: ssl.SSLObject = writer.get_extra_info("ssl_object")
        if session.selected_alpn_protocol() != PROTOCOL:
            raise Problem("tls", f"the host does not speak {PROTOCOL}")
        return session.getpeercert(binary_form=True) or b""
    finally:
        writer.transport.abort()  # a farewell of TLS would be waited for
