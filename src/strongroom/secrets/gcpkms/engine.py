"""Google Cloud KMS: encryption and signatures with keys that never leave it, under this server's policies.

Give the engine the key of a service account, or nothing where the machine has one, and create or register
keys; each is then known by a name of the mount's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from strongroom.errors import BadRequest
from strongroom.framework.backend import Backend
from strongroom.framework.field import CommaList, field
from strongroom.framework.path import Path
from strongroom.framework.record import stored
from strongroom.logical import Request
from strongroom.secrets.gcpkms import use
from strongroom.secrets.gcpkms.cloud import SCOPE, Access, Cloud, check_endpoint
from strongroom.secrets.gcpkms.key import (
    DeregisterPath,
    Key,
    KeyConfigPath,
    KeyPath,
    Keys,
    RegisterPath,
    RotatePath,
    TrimPath,
)
from strongroom.upstream.google import Tokens, service_account

if TYPE_CHECKING:
    from strongroom.mount import Mount


class ConfigPath(Path):
    """How the engine reaches Cloud KMS."""

    pattern = "config"
    credentials: str = field(
        "The key of a service account, as the JSON file that Google gives; none for the machine's account.",
        sensitive=True,
    )
    scopes: CommaList = field("Scopes that access tokens are asked for.")
    api_endpoint: str = field(
        "Address of the API, where it is not reached by its own name; only together with credentials."
    )

    async def read(self, kms: GcpKms, request: Request) -> dict[str, Any]:
        """The scopes, and the address if one is set; never the credentials."""
        access = await kms.access(request)
        told: dict[str, Any] = {"scopes": access.scopes or [SCOPE]}
        return told | ({"api_endpoint": access.api_endpoint} if access.api_endpoint else {})

    async def write(self, kms: GcpKms, request: Request) -> None:
        """Set what is given; the rest stays. Another address takes the credentials anew."""
        access = await kms.access(request)
        if "credentials" in self.given:
            if self.credentials:
                service_account(self.credentials)
            access.credentials = self.credentials
        if "scopes" in self.given:
            access.scopes = self.scopes
        if "api_endpoint" in self.given and self.api_endpoint != access.api_endpoint:
            if self.api_endpoint:
                check_endpoint(self.api_endpoint)
            if not self.credentials and self.api_endpoint:
                raise BadRequest("another api_endpoint takes credentials in the same request")
            access.api_endpoint = self.api_endpoint
        if access.api_endpoint and not access.credentials:
            raise BadRequest("the account of the machine is used at Google's own address only")
        kms.accesses(request).put("access", access)

    async def delete(self, kms: GcpKms, request: Request) -> None:
        """Forget the credentials and all else; the account of the machine counts then."""
        kms.accesses(request).delete("access")


class GcpKms(Backend):
    """Google Cloud KMS.

    Its keys encrypt, decrypt, sign and verify through this server. Write the key of a service account to
    ``config``, create keys with ``keys/NAME`` or register those there are, and use them.
    """

    type: ClassVar[str] = "gcpkms"
    paths = (
        ConfigPath,
        Keys,
        KeyConfigPath,
        RegisterPath,
        DeregisterPath,
        RotatePath,
        TrimPath,
        KeyPath,
        use.EncryptPath,
        use.DecryptPath,
        use.ReencryptPath,
        use.SignPath,
        use.VerifyPath,
        use.PublicKeyPath,
    )
    accesses = stored(Access, under="config/")
    keys = stored(Key, under="key/")

    def __init__(self, mount: Mount) -> None:
        super().__init__(mount)
        self.tokens = Tokens()

    async def access(self, request: Request) -> Access:
        """How Cloud KMS is reached."""
        return await self.accesses(request).get("access") or Access()

    async def cloud(self, request: Request) -> Cloud:
        """Cloud KMS, for a request."""
        return Cloud(await self.access(request), self.tokens, request)

    async def key(self, request: Request, name: str) -> Key:
        """The key of that name. Raises BadRequest."""
        known = await self.keys(request).get(name)
        if known is None:
            raise BadRequest("key not found: register or create it first")
        return known

    async def rest(self) -> None:
        """Forget the access tokens."""
        self.tokens.forget()
