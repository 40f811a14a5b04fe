"""Response wrapping: the answer goes into a cubbyhole, the client gets a token for one look.

Source of the behaviour: the ``sys/wrapping`` part of Vault's HTTP API.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom import codec
from strongroom.clock import rfc3339
from strongroom.crypto.jwt import Unverifiable
from strongroom.errors import BadRequest
from strongroom.logical import SECOND, Operation, Request, Response, WrapInfo, home_of
from strongroom.token import TokenEntry

if TYPE_CHECKING:
    from strongroom.core import Core

POLICY = "response-wrapping"
_INVALID = "wrapping token is not valid or does not exist"


class InvalidWrappingToken(BadRequest):
    """The token never wrapped anything, was used already, or is past its time."""

    def __init__(self) -> None:
        super().__init__(_INVALID)


def open_jwt(core: Core, token: str) -> str:
    """The token inside a wrapping token of format ``jwt``; any other token as it is."""
    if not token.startswith("eyJ") or token.count(".") != 2:
        return token
    try:
        claims = core.wrapping_key.verify(token)
    except Unverifiable:
        return token
    return str(claims.get("jti", "")) if claims.get("type") == "wrapping" else token


async def unwrap(core: Core, request: Request) -> None:
    """Stage: a wrapping token is judged before anything else, so that a used one says just that."""
    if request.token.startswith("eyJ"):
        request.token = open_jwt(core, request.token)
    if request.path not in {"sys/wrapping/unwrap", "sys/wrapping/rewrap"}:
        return
    given = request.data.get("token")
    token = given if isinstance(given, str) and given else request.token
    request.scratch["wrapping"] = await find(core, request, token)


async def wrap(core: Core, request: Request) -> None:
    """Stage: where the client asked for it, put the answer into a cubbyhole of its own."""
    response = request.response
    if not request.wrap_ttl or response is None or response.wrap_info is not None:
        return
    if response.wrapped_data is not None:
        body = response.wrapped_data
    elif request.operation is Operation.HELP or response.raw is not None or response.empty:
        return
    else:
        response.flat = False
        body = core.envelope(request, response)
    request.response = wrapped(core, request, body, request.wrap_ttl, request.path, response)


def wrapped(  # noqa: PLR0917  what a wrapping token is made of
    core: Core,
    request: Request,
    body: dict[str, Any],
    ttl: int,
    creation_path: str,
    inner: Response | None = None,
) -> Response:
    """A response that holds a new wrapping token for ``body``."""
    entry = TokenEntry(
        key="",
        accessor="",
        policies=[POLICY],
        path=request.path,
        display_name="token",
        num_uses=1,
        creation_time=request.now,
        ttl=ttl,
        expire_time=request.now + ttl * SECOND,
        explicit_max_ttl=ttl,
        renewable=False,
        namespace_id=request.namespace.id,
        internal={"creation_path": creation_path},
    )
    token = core.tokens.issue(request, entry)
    info = WrapInfo(
        token=_as_jwt(core, request, token, entry) if request.wrap_format == "jwt" else token,
        accessor=entry.accessor,
        ttl=ttl,
        creation_time=rfc3339(request.now),
        creation_path=creation_path,
        wrapped_accessor="" if inner is None else inner.auth.accessor if inner.auth else inner.accessor,
    )
    cubbyhole = core.cubbyhole(request.tx, home_of(entry.key)).sub(f"{entry.key}/")
    cubbyhole.put("response", codec.encode({"response": codec.encode(body).decode()}))
    about = {"creation_time": info.creation_time, "creation_ttl": ttl, "creation_path": creation_path}
    cubbyhole.put("wrapinfo", codec.encode(about))
    return Response(wrap_info=info, warnings=[])


def _as_jwt(core: Core, request: Request, token: str, entry: TokenEntry) -> str:
    seconds = request.now // SECOND
    claims = {
        "accessor": "",
        "addr": core.api_address,
        "exp": entry.expire_time // SECOND,
        "iat": seconds,
        "jti": token,
        "nbf": seconds - 5,
        "type": "wrapping",
    }
    return core.wrapping_key.sign(claims)


async def find(core: Core, request: Request, token: str) -> TokenEntry:
    """The entry of a wrapping token that is still good. Raises :class:`InvalidWrappingToken`."""
    entry = await core.tokens.lookup(request, open_jwt(core, token))
    if entry is None or entry.policies != [POLICY] or entry.num_uses < 0:
        raise InvalidWrappingToken
    return entry


async def about(core: Core, request: Request, entry: TokenEntry) -> dict[str, Any]:
    """When, how and for how long the token was made."""
    blob = await core.cubbyhole(request.tx, home_of(entry.key)).get(f"{entry.key}/wrapinfo")
    if blob is None:
        raise InvalidWrappingToken
    found: dict[str, Any] = codec.decode(blob)
    return found


async def take(core: Core, request: Request, entry: TokenEntry) -> dict[str, Any]:
    """What the token wraps; the token is gone afterwards, in the same transaction."""
    blob = await core.cubbyhole(request.tx, home_of(entry.key)).get(f"{entry.key}/response")
    if blob is None:
        raise InvalidWrappingToken
    await core.tokens.revoke_tree(request, entry.key)
    body: dict[str, Any] = codec.decode(codec.decode(blob)["response"].encode())
    return body
