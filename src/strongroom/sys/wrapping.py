"""Response wrapping: look at, open and renew the envelopes that other requests made.

Source: the ``sys/wrapping`` part of Vault's HTTP API, checked against the peer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import codec, wrapping
from strongroom.errors import BadRequest
from strongroom.framework.field import field
from strongroom.framework.path import Path
from strongroom.logical import Request, Response

if TYPE_CHECKING:
    from strongroom.sys.system import System


class Wrap(Path):
    """Wrap what is sent, for as long as the wrap header says."""

    pattern = "wrapping/wrap"
    free_form = True

    async def write(self, system: System, request: Request) -> Response:
        """Give the body back, to be wrapped."""
        if not request.wrap_ttl:
            raise BadRequest("endpoint requires response wrapping to be used")
        return Response(data=request.data)


class Lookup(Path):
    """When, how and for how long a wrapping token was made. Does not use it up."""

    pattern = "wrapping/lookup"
    reader_safe = True
    looks_up = True
    unauthenticated = True
    token: str = field("The wrapping token.", sensitive=True)

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """Facts of the calling wrapping token."""
        return await self.write(system, request)

    async def write(self, system: System, request: Request) -> dict[str, Any]:
        """Facts of a wrapping token."""
        token = self.token or request.token
        if not token:
            raise BadRequest('missing "token" value in input')
        entry = await wrapping.find(system.core, request, token)
        return await wrapping.about(system.core, request, entry)


class Unwrap(Path):
    """Take what a wrapping token wraps; the token is gone afterwards."""

    pattern = "wrapping/unwrap"
    token: str = field("The wrapping token; the calling one when absent.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """The wrapped answer, as if it came now."""
        body = await wrapping.take(system.core, request, request.scratch["wrapping"])
        if "raw_status" in body:
            return Response(status=204)
        body["request_id"] = request.id
        response = Response(raw=codec.encode(body))
        response.wrapped_data = body
        return response


class Rewrap(Path):
    """Put what a wrapping token wraps into a new envelope; the old token is gone."""

    pattern = "wrapping/rewrap"
    token: str = field("The wrapping token; the calling one when absent.", sensitive=True)

    async def write(self, system: System, request: Request) -> Response:
        """A new wrapping token, for as long as the old one was made for."""
        core = system.core
        entry = request.scratch["wrapping"]
        about = await wrapping.about(core, request, entry)
        body = await wrapping.take(core, request, entry)
        ttl = request.wrap_ttl or int(about["creation_ttl"])
        return wrapping.wrapped(core, request, body, ttl, str(about["creation_path"]))


class PublicKey(Path):
    """The key that wrapping tokens of format jwt are signed with."""

    pattern = "wrapping/pubkey"
    unauthenticated = True

    async def read(self, system: System, request: Request) -> dict[str, Any]:
        """The public key, PEM."""
        return {"public_key": system.core.wrapping_key.public_pem()}


PATHS: tuple[type[Path], ...] = (Wrap, Lookup, Unwrap, Rewrap, PublicKey)
