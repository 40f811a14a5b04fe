"""TLS on the server's side."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

from strongroom.listener.config import ListenerConfig

_VERSIONS = {
    "tls10": ssl.TLSVersion.TLSv1,
    "tls11": ssl.TLSVersion.TLSv1_1,
    "tls12": ssl.TLSVersion.TLSv1_2,
    "tls13": ssl.TLSVersion.TLSv1_3,
}

_NO_CHECK_TIME = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for."""


def server_context(config: ListenerConfig, authorities: Iterable[str] = ()) -> ssl.SSLContext:
    """The TLS side of ``config``, its files read now.

    ``authorities`` (PEM) are trusted for client certificates besides ``tls_client_ca_file``.
    Where nothing is trusted no certificate is asked for, since OpenSSL as Python offers it
    cannot take one without verifying it. Raises OSError (ssl.SSLError included), ValueError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.minimum_version = _VERSIONS[config.tls_min_version]
        context.maximum_version = _VERSIONS[config.tls_max_version]
    except KeyError as error:
        raise ValueError("unknown TLS version; use tls10, tls11, tls12 or tls13") from error
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    if config.tls_cipher_suites:
        context.set_ciphers(_openssl_ciphers(config.tls_cipher_suites))
    context.load_cert_chain(config.tls_cert_file, config.tls_key_file or None, password=_no_password)
    _trust_clients(context, config, list(authorities))
    return context


def peer_certificates(ssl_object: Any) -> tuple[bytes | None, tuple[bytes, ...]]:
    """The client's leaf certificate and what it sent after it, as DER."""
    leaf: bytes | None = ssl_object.getpeercert(binary_form=True)
    if leaf is None:
        return None, ()
    if hasattr(ssl_object, "get_unverified_chain"):  # public from Python 3.13 on
        return leaf, tuple(ssl_object.get_unverified_chain()[1:])
    chain = ssl_object._sslobj.get_unverified_chain() or ()  # noqa: SLF001 - 3.11 and 3.12 have it here only
    return leaf, tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain[1:])


def _trust_clients(context: ssl.SSLContext, config: ListenerConfig, authorities: list[str]) -> None:
    if config.tls_disable_client_certs:
        if config.tls_require_and_verify_client_cert:
            raise ValueError("client certificates cannot be both disabled and required")
        return
    if config.tls_require_and_verify_client_cert and not config.tls_client_ca_file:
        raise ValueError("tls_require_and_verify_client_cert needs tls_client_ca_file")
    if config.tls_client_ca_file:
        context.load_verify_locations(cafile=config.tls_client_ca_file)
    if authorities:
        context.load_verify_locations(cadata="\n".join(authorities))
    if config.tls_client_ca_file or authorities:
        required = config.tls_require_and_verify_client_cert
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if not required:  # who logs in with an expired certificate is told so, which no handshake does
            context.verify_flags |= _NO_CHECK_TIME
        # A resumed session would carry a certificate verified under a trust that may be gone.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET


def _openssl_ciphers(suites: str) -> str:
    """IANA names (``TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256``) as OpenSSL spells them; its own names stay."""
    return ":".join(_openssl_cipher(one.strip()) for one in suites.split(",") if one.strip())


def _openssl_cipher(suite: str) -> str:
    if not suite.startswith("TLS_") or "_WITH_" not in suite:
        return suite
    exchange, cipher = suite.removeprefix("TLS_").split("_WITH_")
    exchange = "" if exchange == "RSA" else exchange.replace("_", "-") + "-"
    if cipher.startswith("CHACHA20"):
        return exchange + "CHACHA20-POLY1305"
    return exchange + cipher.replace("AES_", "AES").replace("_CBC", "").replace("_", "-")


def _no_password() -> str:
    raise ValueError("the TLS key is encrypted; give it unencrypted")
