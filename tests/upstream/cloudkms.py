"""Cloud KMS and Google's token server in memory, with real keys: what they check is checked.

Facts: Google's references of the Cloud KMS API (v1, REST) and of OAuth 2.0 for service accounts.
"""

from __future__ import annotations

import json
import os
import re
import time
from base64 import b64decode, b64encode, urlsafe_b64decode
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.upstream.simulator import Call, Simulator

RING = "projects/p/locations/global/keyRings/r"
EMAIL = "strongroom@p.iam.gserviceaccount.com"
HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
SCOPE = "https://www.googleapis.com/auth/cloudkms"


@cache
def account_key() -> rsa.RSAPrivateKey:
    """The key of the service account: one for all tests of a worker."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def key_of_a_version(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Version:
    number: int
    algorithm: str
    state: str = "ENABLED"
    secret: bytes = b""
    private: Any = None


@dataclass
class CryptoKey:
    body: dict[str, Any]
    versions: list[Version] = field(default_factory=list)
    primary: int = 0


class Refused(Exception):
    """An error as the API tells it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class CloudKms(Simulator):
    """``rings`` and ``keys`` by resource name; ``tokens`` that were given; ``page`` is how many a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rings: set[str] = set()
        self.keys: dict[str, CryptoKey] = {}
        self.tokens: dict[str, str] = {}
        self.forbids = False
        self.page = 2
        self.made = 0

    def credentials(self, **changes: Any) -> str:
        """The key file of the service account."""
        form = serialization.PrivateFormat.PKCS8
        pem = account_key().private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
        content = {
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        return json.dumps(content | changes)

    def answer(self, call: Call) -> tuple[int, Any]:
        try:
            if call.parts == ["token"]:
                return 200, self._token(call)
            if call.parts[0] == "computeMetadata":
                return 200, self._metadata(call)
            self._authorize(call)
            name = "/".join(call.parts[1:])
            resource, _, verb = name.partition(":")
            return 200, self._act(call, resource, verb)
        except Refused as refusal:
            return refusal.status, {"error": {"code": refusal.status, "status": refusal.reason}}

    # -- tokens ----------------------------------------------------------------------------------

    def _token(self, call: Call) -> dict[str, Any]:
        form = parse_qs(call.body.decode())
        if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            raise Refused(400, "unsupported_grant_type")
        header, claims, signature = form["assertion"][0].split(".")
        told, asked = (json.loads(_unpadded(part)) for part in (header, claims))
        account_key().public_key().verify(
            _unpadded(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
        )
        now = time.time()
        fits = told == {"alg": "RS256", "kid": "k1", "typ": "JWT"} and asked["iss"] == EMAIL
        if not fits or asked["aud"] != f"{self.url}/token" or not asked["iat"] - 60 <= now < asked["exp"]:
            raise Refused(400, "invalid_grant")
        if asked["exp"] - asked["iat"] > 3600:
            raise Refused(400, "invalid_grant")
        return self._give(asked["scope"])

    def _metadata(self, call: Call) -> dict[str, Any]:
        if call.headers.get("metadata-flavor") != "Google":
            raise Refused(403, "missing header")
        return self._give(call.query["scopes"])

    def _give(self, scope: str) -> dict[str, Any]:
        self.made += 1
        token = f"ya29.{self.made}"
        self.tokens[token] = scope
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def _authorize(self, call: Call) -> None:
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            raise Refused(401, "UNAUTHENTICATED")
        if SCOPE not in self.tokens[token].split() or self.forbids:
            raise Refused(403, "PERMISSION_DENIED")

    # -- keys ------------------------------------------------------------------------------------

    def _act(self, call: Call, name: str, verb: str) -> Any:
        if verb:
            return getattr(self, f"_{verb}")(name, call.json)
        for pattern, act in (
            (r"(.+/locations/[^/]+)/keyRings", self._make_ring),
            (r"(.+/keyRings/[^/]+)/cryptoKeys", self._make_key),
            (r"(.+/cryptoKeys/[^/]+)/cryptoKeyVersions", self._of_versions),
            (r"(.+/cryptoKeyVersions/\d+)/publicKey", self._public_key),
            (r"(.+/cryptoKeyVersions/\d+)", self._of_version),
            (r"(.+/cryptoKeys/[^/]+)", self._of_key),
            (r"(.+/keyRings/[^/]+)", self._of_ring),
        ):
            found = re.fullmatch(pattern, name)
            if found:
                return act(found[1], call)
        raise Refused(404, "NOT_FOUND")

    def _make_ring(self, place: str, call: Call) -> Any:
        name = f"{place}/keyRings/{call.query['keyRingId']}"
        if call.method != "POST" or name in self.rings:
            raise Refused(409, "ALREADY_EXISTS")
        self.rings.add(name)
        return {"name": name}

    def _of_ring(self, name: str, call: Call) -> Any:
        if name not in self.rings:
            raise Refused(404, "NOT_FOUND")
        return {"name": name}

    def _make_key(self, ring: str, call: Call) -> Any:
        self._of_ring(ring, call)
        name = f"{ring}/cryptoKeys/{call.query['cryptoKeyId']}"
        if name in self.keys:
            raise Refused(409, "ALREADY_EXISTS")
        body = call.json
        _check_rotation(body)
        symmetric = body["versionTemplate"]["algorithm"] == "GOOGLE_SYMMETRIC_ENCRYPTION"
        if symmetric != (body["purpose"] == "ENCRYPT_DECRYPT"):
            raise Refused(400, "INVALID_ARGUMENT")
        self.keys[name] = CryptoKey(body)
        self._new_version(name)
        return self._described(name)

    def _new_version(self, name: str) -> Version:
        key = self.keys[name]
        algorithm = key.body["versionTemplate"]["algorithm"]
        version = Version(len(key.versions) + 1, algorithm)
        if algorithm == "GOOGLE_SYMMETRIC_ENCRYPTION":
            version.secret = os.urandom(32)
            key.primary = key.primary or 1
        elif algorithm.startswith("EC_SIGN_P256"):
            version.private = ec.generate_private_key(ec.SECP256R1())
        elif algorithm.startswith("EC_SIGN_P384"):
            version.private = ec.generate_private_key(ec.SECP384R1())
        else:
            version.private = key_of_a_version(version.number)
        key.versions.append(version)
        return version

    def _key(self, name: str) -> CryptoKey:
        if name not in self.keys:
            raise Refused(404, "NOT_FOUND")
        return self.keys[name]

    def _version(self, name: str) -> Version:
        key, _, number = name.partition("/cryptoKeyVersions/")
        found = [one for one in self._key(key).versions if str(one.number) == number]
        if not found:
            raise Refused(404, "NOT_FOUND")
        return found[0]

    def _enabled(self, name: str) -> Version:
        version = self._version(name)
        if version.state != "ENABLED":
            raise Refused(400, "FAILED_PRECONDITION")
        return version

    def _described(self, name: str) -> dict[str, Any]:
        key = self._key(name)
        told = {"name": name, **key.body}
        if key.primary:
            told["primary"] = self._version_described(name, key.versions[key.primary - 1])
        return told

    def _version_described(self, key: str, version: Version) -> dict[str, Any]:
        name = f"{key}/cryptoKeyVersions/{version.number}"
        return {"name": name, "state": version.state, "algorithm": version.algorithm}

    def _of_key(self, name: str, call: Call) -> Any:
        key = self._key(name)
        if call.method == "PATCH":
            mask = call.query["updateMask"].split(",")
            if set(mask) != set(call.json):
                raise Refused(400, "INVALID_ARGUMENT")
            _check_rotation(call.json)
            key.body |= call.json
        return self._described(name)

    def _of_versions(self, name: str, call: Call) -> Any:
        key = self._key(name)
        if call.method == "POST":
            return self._version_described(name, self._new_version(name))
        start = int(call.query.get("pageToken", "0"))
        size = min(self.page, int(call.query["pageSize"]))
        page = key.versions[start : start + size]
        more = {"nextPageToken": str(start + size)} if start + size < len(key.versions) else {}
        return {"cryptoKeyVersions": [self._version_described(name, one) for one in page], **more}

    def _of_version(self, name: str, call: Call) -> Any:
        version = self._version(name)
        if call.method == "PATCH":
            if call.query["updateMask"] != "state":
                raise Refused(400, "INVALID_ARGUMENT")
            version.state = call.json["state"]
        return self._version_described(name.partition("/cryptoKeyVersions/")[0], version)

    def _updatePrimaryVersion(self, name: str, body: Any) -> Any:  # noqa: N802  the API's word
        key = self._key(name)
        if key.body["purpose"] != "ENCRYPT_DECRYPT":
            raise Refused(400, "FAILED_PRECONDITION")
        key.primary = int(body["cryptoKeyVersionId"])
        return self._described(name)

    def _destroy(self, name: str, body: Any) -> Any:
        self._version(name).state = "DESTROY_SCHEDULED"
        return {"name": name, "state": "DESTROY_SCHEDULED"}

    # -- use -------------------------------------------------------------------------------------

    def _encrypt(self, name: str, body: Any) -> Any:
        key, slash, _ = name.partition("/cryptoKeyVersions/")
        number = self._key(key).primary
        name = name if slash else f"{key}/cryptoKeyVersions/{number}"
        version = self._enabled(name)
        plaintext = _octets(body, "plaintext")
        if not version.secret or len(plaintext) > 65_536:
            raise Refused(400, "INVALID_ARGUMENT")
        nonce = os.urandom(12)
        sealed = AESGCM(version.secret).encrypt(
            nonce, plaintext, _octets(body, "additionalAuthenticatedData")
        )
        ciphertext = bytes((version.number,)) + nonce + sealed
        return {"name": name, "ciphertext": b64encode(ciphertext).decode()}

    def _decrypt(self, name: str, body: Any) -> Any:
        ciphertext = _octets(body, "ciphertext")
        if self._key(name).body["purpose"] != "ENCRYPT_DECRYPT" or not ciphertext:
            raise Refused(400, "INVALID_ARGUMENT")
        version = self._enabled(f"{name}/cryptoKeyVersions/{ciphertext[0]}")
        try:
            plaintext = AESGCM(version.secret).decrypt(
                ciphertext[1:13], ciphertext[13:], _octets(body, "additionalAuthenticatedData")
            )
        except (InvalidTag, ValueError):
            raise Refused(400, "INVALID_ARGUMENT") from None
        return {"plaintext": b64encode(plaintext).decode()} if plaintext else {}

    def _asymmetricDecrypt(self, name: str, body: Any) -> Any:  # noqa: N802  the API's word
        version = self._enabled(name)
        if not version.algorithm.startswith("RSA_DECRYPT_OAEP"):
            raise Refused(400, "FAILED_PRECONDITION")
        oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
        try:
            plaintext = version.private.decrypt(_octets(body, "ciphertext"), oaep)
        except ValueError:
            raise Refused(400, "INVALID_ARGUMENT") from None
        return {"plaintext": b64encode(plaintext).decode()}

    def _asymmetricSign(self, name: str, body: Any) -> Any:  # noqa: N802  the API's word
        version = self._enabled(name)
        ((kind, text),) = body["digest"].items()
        digest, made = b64decode(text), HASHES[kind]
        if not version.algorithm.endswith(kind.upper()) or len(digest) != made.digest_size:
            raise Refused(400, "INVALID_ARGUMENT")
        hashed = utils.Prehashed(made)
        if version.algorithm.startswith("EC_SIGN"):
            signature = version.private.sign(digest, ec.ECDSA(hashed))
        elif version.algorithm.startswith("RSA_SIGN_PSS"):
            pss = padding.PSS(padding.MGF1(made), made.digest_size)
            signature = version.private.sign(digest, pss, hashed)
        else:
            signature = version.private.sign(digest, padding.PKCS1v15(), hashed)
        return {"name": name, "signature": b64encode(signature).decode()}

    def _public_key(self, name: str, call: Call) -> Any:
        version = self._enabled(name)
        if version.private is None:
            raise Refused(400, "FAILED_PRECONDITION")
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        pem = version.private.public_key().public_bytes(serialization.Encoding.PEM, form)
        return {"name": name, "pem": pem.decode(), "algorithm": version.algorithm}


def _check_rotation(body: dict[str, Any]) -> None:
    period = body.get("rotationPeriod")
    if period is None:
        return
    if body.get("purpose", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT" or "nextRotationTime" not in body:
        raise Refused(400, "INVALID_ARGUMENT")
    if not period.endswith("s") or int(period[:-1]) < 86_400:
        raise Refused(400, "INVALID_ARGUMENT")


def _octets(body: dict[str, Any], name: str) -> bytes:
    return b64decode(body.get(name, ""), validate=True)


def _unpadded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
