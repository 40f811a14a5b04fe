"""External account bindings: keys that say who may make an account (RFC 8555, section 7.3.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strongroom.clock import rfc3339
from strongroom.crypto import base64url, jwk
from strongroom.crypto.entropy import random_bytes, uuid4_str
from strongroom.crypto.jwk import Jwk
from strongroom.framework.record import stored
from strongroom.logical import SECOND
from strongroom.secrets.pki.acme import message
from strongroom.secrets.pki.acme.problem import Problem, malformed

if TYPE_CHECKING:
    from strongroom.logical import Request
    from strongroom.secrets.pki.acme.directory import Directory

KIND = "hs"
_MARK = base64url.decode("vault-eab-0-")
"""What keys begin with, so that scanners for secrets know one; it is base64url as the rest of the key is."""


@dataclass(slots=True)
class Binding:
    """A key that is good for one account of a directory. ``key`` is base64url, ``created`` seconds."""

    id: str
    key: str
    directory: str
    created: int

    @property
    def public(self) -> dict[str, Any]:
        """What may be told of it."""
        return {
            "acme_directory": f"{self.directory}/directory",
            "created_on": rfc3339(self.created * SECOND),
            "key_type": KIND,
        }


bindings = stored(Binding, under="acme/eab/")


def create(request: Request, directory: str) -> Binding:
    """A new key for an account of a directory."""
    key = base64url.encode(_MARK + random_bytes(32))
    binding = Binding(uuid4_str(), key, directory, request.now // SECOND)
    bindings(request).put(binding.id, binding)
    return binding


async def take(
    request: Request, directory: Directory, account: Jwk, value: Any
) -> tuple[str, dict[str, Any]]:
    """Use up the key that a new account is bound by; gives its ID and the proof, to be shown again.

    Raises Problem unless the holder of the key signed the account's key for this address.
    """
    if not isinstance(value, dict) or not all(
        isinstance(value.get(name), str) for name in ("protected", "payload", "signature")
    ):
        raise malformed("the external account binding is no signed message")
    header = message.header_of(value["protected"])
    if header["alg"] not in jwk.CODES:
        raise malformed("an external account binding is signed with HS256, HS384 or HS512")
    if "nonce" in header or not isinstance(header.get("kid"), str):
        raise malformed("the header of an external account binding has a kid and no nonce")
    if header.get("url") != directory.url("new-account"):
        raise malformed("the url of the external account binding is not that of the request")
    binding = await bindings(request).get(header["kid"])
    if binding is None or binding.directory != directory.path:
        raise Problem("unauthorized", "the external account key is not known")
    _check(binding, account, value, header["alg"])
    bindings(request).delete(binding.id)
    return binding.id, {name: value[name] for name in ("protected", "payload", "signature")}


def _check(binding: Binding, account: Jwk, value: dict[str, str], algorithm: str) -> None:
    signed = f"{value['protected']}.{value['payload']}".encode()
    try:
        jwk.check_code(algorithm, base64url.decode(binding.key), signed, base64url.decode(value["signature"]))
    except (jwk.BadSignature, ValueError):
        raise Problem("unauthorized", "the external account binding is not signed with its key") from None
    try:
        named = jwk.parse(message.decoded_json(value["payload"]))
    except jwk.BadKey as error:
        raise malformed(f"the external account binding names no key: {error}") from None
    if named.members != account.members:
        raise malformed("the external account binding is for another key")
