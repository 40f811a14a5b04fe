"""X-Forwarded-For and the client certificate that a TLS-terminating proxy passes on."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Callable
from urllib.parse import unquote

from strongroom.listener.config import ListenerConfig
from strongroom.listener.proxy_protocol import canonical_address
from strongroom.listener.refusal import Refusal
from strongroom.wire import Message

_HEADER = "x-forwarded-for"
_PEM_BEGIN, _PEM_END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class Forwarding:
    """Believes proxies at the configured addresses, and nobody else.

    The client is the address ``hop_skips`` before the last in X-Forwarded-For: what stands
    further left was written by others and proves nothing. Raises ValueError for a bad setting.
    """

    def __init__(self, config: ListenerConfig) -> None:
        self._authorized = config.x_forwarded_for_authorized_addrs
        self._skips = config.x_forwarded_for_hop_skips
        self._reject_not_authorized = config.x_forwarded_for_reject_not_authorized
        self._reject_not_present = config.x_forwarded_for_reject_not_present
        self._certificate_header = config.x_forwarded_for_client_cert_header.lower()
        self._keep_not_forwarded = config.x_forwarded_for_client_cert_keep_not_forwarded
        self._keep_unauthorized = config.x_forwarded_for_client_cert_keep_unauthorized
        if self._skips < 0:
            raise ValueError("x_forwarded_for_hop_skips cannot be negative")
        if self._certificate_header and not self._authorized:
            raise ValueError("x_forwarded_for_client_cert_header needs x_forwarded_for_authorized_addrs")
        try:
            self._decoders = [(name, _DECODERS[name]) for name in config.x_forwarded_for_client_cert_decoders]
        except KeyError as error:
            raise ValueError("x_forwarded_for_client_cert_decoders knows RFC9440, URL and PEM") from error

    @property
    def enabled(self) -> bool:
        """Whether any proxy is believed."""
        return bool(self._authorized)

    def __call__(self, message: Message) -> None:
        """Set the message's client as the proxy tells it. Raises Refusal (400)."""
        certificate = (
            message.headers.pop(self._certificate_header, None) if self._certificate_header else None
        )
        chain = message.headers.get(_HEADER)
        if chain is None:
            if self._reject_not_present:
                raise Refusal(400, f"missing {_HEADER} header and configured to reject when not present")
            self._keep_certificate(message, keep=self._keep_not_forwarded)
        elif not self._authorizes(message.remote_address):
            if self._reject_not_authorized:
                raise Refusal(
                    400, f"client address not authorized for {_HEADER} and configured to reject connection"
                )
            self._keep_certificate(message, keep=self._keep_unauthorized)
        else:
            message.remote_address = self._client(chain)
            message.remote_port = 0  # the header does not tell
            if self._certificate_header:
                self._set_certificate(message, certificate)

    def _client(self, chain: str) -> str:
        hops = chain.split(",")
        if self._skips >= len(hops):
            raise Refusal(
                400,
                f"malformed {_HEADER} configuration or request, hops to skip ({self._skips}) would skip"
                f" before earliest chain link (chain length {len(hops)})",
            )
        try:
            return str(canonical_address(hops[-1 - self._skips].strip()))
        except ValueError as error:
            raise Refusal(400, f"malformed {_HEADER} address") from error

    def _authorizes(self, peer: str) -> bool:
        try:
            address = canonical_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._authorized)

    def _keep_certificate(self, message: Message, *, keep: bool) -> None:
        """Where certificates come by header, the TLS one is the proxy's, not the client's."""
        if self._certificate_header and not keep:
            message.certificate, message.certificate_chain = None, ()

    def _set_certificate(self, message: Message, value: str | None) -> None:
        message.certificate, message.certificate_chain = None, ()
        if value is None:
            return
        for name, decode in self._decoders:
            try:
                value = decode(value)
            except ValueError as error:
                raise Refusal(400, f"error decoding {name} client certificate header") from error
        try:
            message.certificate = b64decode(value, validate=True)
        except (ValueError, binascii.Error) as error:
            raise Refusal(400, "error decoding client certificate header") from error
        if message.certificate[:1] != b"\x30":  # DER of any certificate starts with SEQUENCE
            raise Refusal(400, "error decoding client certificate header as x509.Certificate")


def _rfc9440(value: str) -> str:
    """The base64 between the colons of a byte sequence (RFC 9440, 2.1; RFC 8941, 3.3.5)."""
    if len(value) < 2 or not (value.startswith(":") and value.endswith(":")):
        raise ValueError("not a byte sequence")
    return value[1:-1]


def _url(value: str) -> str:
    return unquote(value, encoding="ascii", errors="strict")


def _pem(value: str) -> str:
    """The base64 of the first certificate. Proxies flatten the lines to spaces or tabs."""
    begin, end = value.find(_PEM_BEGIN), value.find(_PEM_END)
    if begin < 0 or end < begin:
        raise ValueError("not a PEM certificate")
    return "".join(value[begin + len(_PEM_BEGIN) : end].split())


_DECODERS: dict[str, Callable[[str], str]] = {"RFC9440": _rfc9440, "URL": _url, "PEM": _pem}
