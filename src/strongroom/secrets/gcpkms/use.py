"""What keys do: encrypt and decrypt, sign and verify. The secrets pass through, and stay nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.crypto.cloud_signature import UnknownAlgorithm, digest_of, verify
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request
from strongroom.secrets.gcpkms.cloud import Cloud, answered, decoded, encoded, version_of
from strongroom.secrets.gcpkms.key import Key, lower_algorithm

if TYPE_CHECKING:
    from strongroom.secrets.gcpkms.engine import GcpKms


class Use(Path):
    """A key and a version of it."""

    key: str = field("Name of the key here.")
    key_version: int = field("Version of the key; 0 is the one that counts now.")


class Encrypted(Use):
    """What is encrypted with a key."""

    additional_authenticated_data: str = field(
        "Further text that has to be given again to decrypt; it is not in the ciphertext.", sensitive=True
    )

    def bound(self) -> dict[str, str]:
        """The further text as the API takes it."""
        further = self.additional_authenticated_data
        return {"additionalAuthenticatedData": encoded(further.encode())} if further else {}

    async def sealed(self, cloud: Cloud, key: Key, plaintext: bytes) -> dict[str, str]:
        """A plaintext encrypted, as an answer shows it."""
        name = key.newest(self.key_version)
        body = {"plaintext": encoded(plaintext)} | self.bound()
        made = await cloud.call("POST", f"{name}:encrypt", json=body, doing="encrypting")
        version = version_of(str(made.get("name", "")))
        key.check(int(version) if version.isdecimal() else 0)
        return {"ciphertext": encoded(answered(made, "ciphertext")), "key_version": version}

    async def opened(self, cloud: Cloud, key: Key, ciphertext: bytes) -> bytes:
        """A ciphertext decrypted."""
        body = {"ciphertext": encoded(ciphertext)}
        if self.key_version:
            name = key.version(self.key_version)
            about = await cloud.call("GET", name, doing="reading the version")
            if str(about.get("algorithm", "")).startswith("RSA_DECRYPT"):
                made = await cloud.call("POST", f"{name}:asymmetricDecrypt", json=body, doing="decrypting")
                return answered(made, "plaintext")
        name, body = f"{key.crypto_key}:decrypt", body | self.bound()
        made = await cloud.call("POST", name, json=body, doing="decrypting")
        return answered(made, "plaintext")


class EncryptPath(Encrypted):
    """Encryption with a symmetric key."""

    pattern = "encrypt/{key}"
    plaintext: str = field("Text to encrypt, of at most 64 KiB.", sensitive=True)

    async def write(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """Answer the ciphertext, in base64, and the version of the key that made it."""
        if not self.plaintext:
            raise BadRequest("missing plaintext")
        key = await kms.key(request, self.key)
        return await self.sealed(await kms.cloud(request), key, self.plaintext.encode())


class DecryptPath(Encrypted):
    """Decryption, with a symmetric key or the private half of an asymmetric one."""

    pattern = "decrypt/{key}"
    ciphertext: str = field("What encrypting answered, in base64.")

    async def write(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """Answer the plaintext. For an asymmetric key its version has to be given.

        Octets that are no text come as ``plaintext_base64``.
        """
        if not self.ciphertext:
            raise BadRequest("missing ciphertext")
        key = await kms.key(request, self.key)
        plaintext = await self.opened(await kms.cloud(request), key, decoded(self.ciphertext, "ciphertext"))
        try:
            return {"plaintext": plaintext.decode()}
        except UnicodeDecodeError:
            return {"plaintext_base64": encoded(plaintext)}


class ReencryptPath(Encrypted):
    """What is encrypted with an older version, with the one that counts now."""

    pattern = "reencrypt/{key}"
    ciphertext: str = field("What encrypting answered, in base64.")

    async def write(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """Answer another ciphertext of the same text, which is shown to nobody."""
        if not self.ciphertext:
            raise BadRequest("missing ciphertext")
        key, cloud = await kms.key(request, self.key), await kms.cloud(request)
        body = {"ciphertext": encoded(decoded(self.ciphertext, "ciphertext"))} | self.bound()
        opened = await cloud.call("POST", f"{key.crypto_key}:decrypt", json=body, doing="decrypting")
        return await self.sealed(cloud, key, answered(opened, "plaintext"))


class Signed(Use):
    """A digest that is signed."""

    digest: str = field(
        "The digest of what is signed, in base64, of the hash that the key's algorithm names."
    )

    def octets(self, algorithm: str) -> tuple[str, bytes]:
        """The name of the hash and the digest. Raises BadRequest for one of another size."""
        if not self.digest:
            raise BadRequest("missing digest")
        digest = decoded(self.digest, "digest")
        try:
            name, size = digest_of(algorithm)
        except UnknownAlgorithm as error:
            raise BadRequest(str(error)) from None
        if len(digest) != size:
            raise BadRequest(f"digest has to be one of {name}, which has {size} bytes")
        return name, digest


class SignPath(Signed):
    """Signatures."""

    pattern = "sign/{key}"

    async def write(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """Answer the signature of a digest, in base64; the version has to be given."""
        key = await kms.key(request, self.key)
        name, cloud = key.version(self.key_version), await kms.cloud(request)
        about = await cloud.call("GET", name, doing="reading the version")
        hashed, digest = self.octets(str(about.get("algorithm", "")))
        body = {"digest": {hashed: encoded(digest)}}
        made = await cloud.call("POST", f"{name}:asymmetricSign", json=body, doing="signing")
        return {"signature": encoded(answered(made, "signature"))}


class VerifyPath(Signed):
    """Whether a signature is a key's."""

    pattern = "verify/{key}"
    signature: str = field("The signature, in base64.")

    async def write(self, kms: GcpKms, request: Request) -> dict[str, bool]:
        """Answer whether that version of the key made the signature of the digest."""
        if not self.signature:
            raise BadRequest("missing signature")
        public = await public_key(kms, request, self.key, self.key_version)
        algorithm = str(public.get("algorithm", ""))
        _, digest = self.octets(algorithm)
        signature = decoded(self.signature, "signature")
        return {"valid": verify(algorithm, str(public.get("pem", "")), digest, signature)}


class PublicKeyPath(Use):
    """The public half of an asymmetric key."""

    pattern = "pubkey/{key}"
    key_version: int = field("Version of the key.", query=True)

    async def read(self, kms: GcpKms, request: Request) -> dict[str, str]:
        """The public key, PEM, and the algorithm that it is for."""
        public = await public_key(kms, request, self.key, self.key_version)
        return {
            "pem": str(public.get("pem", "")),
            "algorithm": lower_algorithm(str(public.get("algorithm", ""))),
        }


async def public_key(kms: GcpKms, request: Request, name: str, version: int) -> dict[str, Any]:
    """What Cloud KMS tells of the public half of a version."""
    key = await kms.key(request, name)
    cloud = await kms.cloud(request)
    return await cloud.call("GET", f"{key.version(version)}/publicKey", doing="reading the public key")
