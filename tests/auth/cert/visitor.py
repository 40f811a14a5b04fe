"""Whoever comes with a client certificate: the requests that tests of the method make."""

from __future__ import annotations

from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.certificates import certificate, raw_extension, text_extension
from tests.inprocess import Answer, InProcess
from tests.listener.authority import Issued

DAY = 24 * 3600
ROOT = certificate("root", ca=True)
MIDDLE = certificate("middle", ROOT, ca=True)
OTHER = certificate("other", ca=True)
CLIENT = certificate(
    "client",
    ROOT,
    names=[
        x509.DNSName("client.example.com"),
        x509.RFC822Name("ann@example.com"),
        x509.UniformResourceIdentifier("spiffe://example/ann"),
    ],
    units=["eng", "ops"],
    further=[text_extension("1.2.3.4", "hello"), raw_extension("1.2.3.5", b"\x01\x01\xff")],
)


async def mounted(api: InProcess) -> None:
    assert (await api("POST", "sys/auth/cert", {"type": "cert"})).status == 204


async def role(api: InProcess, name: str = "web", trusted: Issued = ROOT, **fields: Any) -> Answer:
    return await api("POST", f"auth/cert/certs/{name}", {"certificate": trusted.pem, **fields})


async def login(api: InProcess, *shown: Issued, **body: Any) -> Answer:
    return await api(
        "POST", "auth/cert/login", body, token=None, certificates=tuple(one.der for one in shown)
    )


async def renew(api: InProcess, token: str, *shown: Issued) -> Answer:
    return await api(
        "POST", "auth/token/renew-self", {}, token=token, certificates=tuple(one.der for one in shown)
    )


def again(one: Issued) -> x509.Certificate:
    """Another certificate with all the same, but for how long it lasts."""
    made = one.certificate
    builder = (
        x509.CertificateBuilder()
        .subject_name(made.subject)
        .issuer_name(made.issuer)
        .public_key(made.public_key())
        .serial_number(made.serial_number)
        .not_valid_before(made.not_valid_before_utc)
        .not_valid_after(made.not_valid_after_utc.replace(year=2099))
    )
    for extension in made.extensions:
        builder = builder.add_extension(extension.value, critical=extension.critical)
    return builder.sign(one.key, hashes.SHA256())
