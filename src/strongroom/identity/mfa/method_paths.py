"""The paths of MFA methods and of the secrets that devices get for them."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Any

from strongroom.crypto.entropy import uuid4_str
from strongroom.crypto.totp import ALGORITHMS
from strongroom.errors import BadRequest
from strongroom.framework import barcode
from strongroom.framework.field import Duration, field
from strongroom.framework.path import Path
from strongroom.identity.mfa import catalogue, secret
from strongroom.identity.mfa import method as methods
from strongroom.identity.mfa.method import TOTP, Method
from strongroom.identity.mfa.outside_paths import OUTSIDE_PATHS
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.identity.backend import Identity
    from strongroom.identity.record import Entity

_KEY_SIZES, _QR_SIZES = range(10, 129), range(2_001)
_SETTINGS = (
    "issuer",
    "period",
    "key_size",
    "qr_size",
    "algorithm",
    "digits",
    "skew",
    "max_validation_attempts",
)


class Methods(Path):
    """The methods there are, of all types."""

    pattern = "mfa/method/?"
    reader_safe = True
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each what the method is."""
        return await catalogue.listed(request, self.after, self.limit)


class AnyMethod(Path):
    """A method of whatever type."""

    pattern = "mfa/method/{method_id}"
    reader_safe = True
    method_id: str = field("ID of the method.")

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """What the method is."""
        return await catalogue.described(request, self.method_id)


class TotpFields(Path):
    """What codes by time are made of. Devices that have a secret already keep the settings they got."""

    method_name: str = field("Name by which logins may call the method, instead of its ID.")
    issuer: str = field("Name of this server as devices show it.")
    period: Duration = field("Seconds one code stays valid.", default=30)
    key_size: int = field("Bytes of a secret, 10 to 128.", default=20)
    qr_size: int = field("Pixels of a side of the barcode, at most 2000; 0 for none.", default=200)
    algorithm: str = field(f"Digest of the codes: {', '.join(ALGORITHMS)}.", default="SHA1")
    digits: int = field("Digits of a code, 6 or 8.", default=6)
    skew: int = field("How many periods before and after the present one count too, 0 or 1.", default=1)
    max_validation_attempts: int = field("Codes that may be tried in one period.", default=5)

    def _method(self, method_id: str) -> Method:
        """The method with these settings. Raises BadRequest for some that none can have."""
        sentence = next((told for holds, told in self._demands() if not holds), "")
        if sentence:
            raise BadRequest(sentence)
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return Method(id=method_id, name=self.method_name, **settings)

    def _demands(self) -> tuple[tuple[bool, str], ...]:
        attempts = self.max_validation_attempts > 0 or "max_validation_attempts" not in self.given
        return (
            (bool(self.issuer), "issuer must be set"),
            (self.period > 0, "period must be greater than zero"),
            (self.digits in (6, 8), "digits can only be 6 or 8"),
            (self.algorithm in ALGORITHMS, "unrecognized algorithm"),
            (self.skew in (0, 1), "skew must be 0 or 1"),
            (self.key_size > 0, "key_size must be greater than zero"),
            (self.key_size in _KEY_SIZES, "key_size must be 10 to 128"),
            (self.qr_size in _QR_SIZES, "qr_size must be 0 to 2000"),
            (attempts, "max_validation_attempts must be greater than zero"),
        )


class TotpMethods(TotpFields):
    """The methods by which devices make codes by time."""

    pattern = "mfa/method/totp/?"
    after: str = field("List IDs that come after this one.", query=True)
    limit: int = field("List at most this many.", query=True, default=-1)

    async def list(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """IDs, and under each what the method is."""
        return await catalogue.listed(request, self.after, self.limit, TOTP)

    async def write(self, identity: Identity, request: Request) -> dict[str, str]:
        """Make a method, or set one anew that has this name; gives its ID."""
        before = await methods.by_name(request, self.method_name)
        fresh = self._method(uuid4_str() if before is None else before.id)
        methods.put(request, fresh, before)
        return {"method_id": fresh.id}


class TotpMethod(TotpFields):
    """A method by which devices make codes by time."""

    pattern = "mfa/method/totp/{method_id}"
    reader_safe = True
    method_id: str = field("ID of the method.")

    async def read(self, identity: Identity, request: Request) -> dict[str, Any] | None:
        """What the method is."""
        return await catalogue.described(request, self.method_id, TOTP)

    async def write(self, identity: Identity, request: Request) -> None:
        """Set the method anew: what is not given goes back to its default, but the name stays."""
        await catalogue.change(request, self.method_id, TOTP, self.method_name, self._method)

    async def delete(self, identity: Identity, request: Request) -> None:
        """Delete the method with the secrets made for it. No enforcement may ask for it."""
        await catalogue.delete(request, self.method_id, TOTP)


# -- secrets -------------------------------------------------------------------------------------------


class SecretPath(Path):
    """What names a device's secret."""

    method_id: str = field("ID of the method.")

    async def _method(self, request: Request) -> Method:
        """The method. Raises BadRequest."""
        if not self.method_id:
            raise BadRequest("missing method ID")
        found = await methods.known(request, self.method_id)
        if found is None:
            raise BadRequest(f'configuration for method ID "{self.method_id}" does not exist')
        if found[1].type != TOTP:
            raise BadRequest(f'not available for MFA type "{found[1].type}"')
        return found[1]

    async def _entity(self, request: Request, entity_id: str, missing: str = "missing entityID") -> Entity:
        """The entity. Raises BadRequest."""
        if not entity_id:
            raise BadRequest(missing)
        entity: Entity | None = await request.core.identity.entities.resolve(request, entity_id)
        if entity is None:
            raise BadRequest("invalid entity ID")
        return entity

    async def _generate(self, request: Request, method: Method, entity: Entity) -> Response:
        if await secret.find(request, method.id, entity) is not None:
            return Response(warnings=[f'Entity already has a secret for MFA method "{method.name}"'])
        fresh = secret.new(method)
        secret.put(request, f"{method.id}/{entity.id}", fresh)
        url = fresh.url(method.issuer, entity.id)
        drawn = await asyncio.to_thread(barcode.png, url, method.qr_size) if method.qr_size else b""
        return Response(data={"barcode": base64.b64encode(drawn).decode(), "url": url})


class Generate(SecretPath):
    """A secret for one's own device."""

    pattern = "mfa/method/totp/generate"

    async def write(self, identity: Identity, request: Request) -> Response:
        """Make the secret of the caller's entity and show it, this once. One that is there stays."""
        if self.method_id and not request.entry.entity_id:
            raise BadRequest("missing entityID")
        method = await self._method(request)
        entity = await self._entity(request, request.entry.entity_id)
        return await self._generate(request, method, entity)


class AdminGenerate(SecretPath):
    """A secret for the device of somebody else."""

    pattern = "mfa/method/totp/admin-generate"
    entity_id: str = field("ID of the entity that the secret is for.")

    async def write(self, identity: Identity, request: Request) -> Response:
        """Make the secret of an entity and show it, this once. One that is there stays."""
        method = await self._method(request)
        return await self._generate(request, method, await self._entity(request, self.entity_id))


class AdminDestroy(SecretPath):
    """The secret of somebody whose device is lost."""

    pattern = "mfa/method/totp/admin-destroy"
    entity_id: str = field("ID of the entity that the secret is of.")

    async def write(self, identity: Identity, request: Request) -> None:
        """Forget the secret. The entity cannot pass the method before it has another one."""
        method = await self._method(request)
        entity = await self._entity(request, self.entity_id, "missing entity ID")
        await secret.forget(request, method.id, entity)


METHOD_PATHS: tuple[type[Path], ...] = (
    Methods,
    TotpMethods,
    Generate,
    AdminGenerate,
    AdminDestroy,
    TotpMethod,
    *OUTSIDE_PATHS,
    AnyMethod,
)
