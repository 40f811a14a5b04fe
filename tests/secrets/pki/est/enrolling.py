"""A mount that speaks EST, and who enrolls at it."""

from __future__ import annotations

import base64
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from tests.inprocess import Answer, InProcess
from tests.secrets.pki.authority import mounted, role

DEFAULT = "/.well-known/est"
POLICY = 'path "pki/roles/dev/est/*" { capabilities = ["update"] }'


def request(name: str = "d.example.com", key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
    """A request for a certificate, in DER."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.DER)


async def prepare(api: InProcess, **config: Any) -> dict[str, str]:
    """A mount with a role, users, and EST by that role; the accessors of the auth mounts."""
    await mounted(api)
    await role(api, "dev", key_type="ec", allowed_domains="example.com", allow_subdomains=True)
    await api("PUT", "sys/policies/acl/est", {"policy": POLICY})
    for kind in ("userpass", "cert"):
        await api("POST", f"sys/auth/{kind}", {"type": kind})
    await api("POST", "auth/userpass/users/ann", {"password": "pw", "token_policies": "est"})
    await api("POST", "auth/userpass/users/bob", {"password": "pw"})
    root = (await api("GET", "pki/ca/pem")).body.decode()
    await api("POST", "auth/cert/certs/dev", {"certificate": root, "token_policies": "est"})
    mounts = (await api("GET", "sys/auth")).data
    accessors = {kind: mounts[f"{kind}/"]["accessor"] for kind in ("userpass", "cert")}
    settings = {
        "enabled": True,
        "default_mount": True,
        "default_path_policy": "role:dev",
        "authenticators": {kind: {"accessor": accessor} for kind, accessor in accessors.items()},
    }
    answer = await api("POST", "pki/config/est", {**settings, **config})
    assert answer.status == 200, answer
    return accessors


async def enroll(
    api: InProcess,
    csr: bytes,
    user: str = "ann:pw",
    at: str = f"{DEFAULT}/simpleenroll",
    certificate: bytes | None = None,
) -> Answer:
    """What enrolling is answered with."""
    headers = {"content-type": "application/pkcs10"}
    if user:
        headers["authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    shown = () if certificate is None else (certificate,)
    return await api("POST", at, base64.b64encode(csr), headers, token=None, certificates=shown)


def certificates(answer: Answer) -> list[x509.Certificate]:
    """The certificates of an answer."""
    assert answer.status == 200, answer
    assert answer.headers["content-type"].startswith("application/pkcs7-mime")
    assert answer.headers["content-transfer-encoding"] == "base64"
    return pkcs7.load_der_pkcs7_certificates(base64.b64decode(answer.body, validate=True))
