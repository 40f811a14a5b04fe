"""From an HTTP message to a logical request, and from its answer back to a reply.

Facts of the wire: verbs, headers, envelope and status codes of Vault's HTTP API, measured
against the running peer.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from posixpath import normpath
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote_to_bytes

from strongroom import codec, well_known
from strongroom.cluster.contract import LeaderNeeded
from strongroom.crypto.entropy import uuid4_str
from strongroom.eager import Resumed, start
from strongroom.errors import (
    BadRequest,
    Internal,
    NoSuchVerb,
    NotFound,
    StrongroomError,
    UnsupportedMediaType,
)
from strongroom.hcl import duration
from strongroom.logical import Auth, Operation, Request, Response, WrapInfo
from strongroom.sys import metrics
from strongroom.wire import Message, Reply

if TYPE_CHECKING:
    from strongroom.core import Core

_VERBS = {
    "GET": Operation.READ,
    "HEAD": Operation.READ,
    "LIST": Operation.LIST,
    "SCAN": Operation.SCAN,
    "POST": Operation.UPDATE,
    "PUT": Operation.UPDATE,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.DELETE,
}
_LISTINGS = frozenset({Operation.LIST, Operation.SCAN})
_WITH_BODY = frozenset({Operation.UPDATE, Operation.PATCH})
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_TRUE = frozenset({"1", "t", "T", "true", "True", "TRUE"})
_SECURITY = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
_NO_STORE = ("Cache-Control", "no-store")
_JSON = ("Content-Type", "application/json")
_NO_DATA = [_NO_STORE, _SECURITY]
_WITH_DATA = [_NO_STORE, _JSON, _SECURITY]
_HEALTH = "/v1/sys/health"
_PLAIN_HEALTH = frozenset({"origin", "x-vault-namespace"})
"""Headers with which the server's health is no answer made beforehand."""
_MERGE_PATCH = "application/merge-patch+json"
_FORM = "application/x-www-form-urlencoded"
_WELL_KNOWN = tuple(f"/{well_known.BEGINNING}{protocol}/" for protocol in well_known.PROTOCOLS)
_NO_OBJECT = frozenset({"application/ocsp-request", "application/pkcs10"})
"""A body that is no JSON: its path reads it from the message."""
_PLAIN = frozenset(
    f"sys/{name}" for name in ("health", "init", "leader", "seal", "seal-status", "step-down", "unseal")
)
"""Paths that have their own verbs only: no listing, no preflight, no patch."""
_INDEX_DIGITS = 20
_INDEX_WAITS, _INDEX_PAUSE = 20, 0.025  # half a second in all


class Handler:
    """The application a listener serves."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._log = logging.getLogger("handler")
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, message: Message) -> Reply | Awaitable[Reply]:
        """Answer a message; at once where nothing has to be waited for. A follower raises LeaderNeeded."""
        if message.target == _HEALTH and message.method == "GET" and not message.listener.metrics_only:
            reply = self._health(message)
            if reply is not None:
                return reply
        outcome = start(self._answer(message))
        return self._bounded(outcome, message) if type(outcome) is Resumed else outcome

    async def _bounded(self, rest: Resumed, message: Message) -> Reply:
        """Await a request that waits for something, as long as the listener allows.

        What is over time is interrupted where it waits, and nothing of it is written. A request
        whose commit has begun is not interrupted: it is answered as what it is, done.
        """
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()  # asks the system each time, so once is enough
        task = asyncio.current_task(loop)
        expired: list[Request] = []

        def expire() -> None:
            request = next((r for r in self._core.in_flight.values() if r.message is message), None)
            if request is not None and (request.tx is None or not request.tx.closed):
                expired.append(request)
                task.cancel()  # type: ignore[union-attr]  # what is awaited runs in a task

        timer = loop.call_later(message.listener.max_request_duration, expire)
        try:
            return await rest
        except asyncio.CancelledError:
            if not expired or task.uncancel():  # type: ignore[union-attr]
                raise
            return await self._timed_out(message, expired[0])
        finally:
            timer.cancel()

    async def _timed_out(self, message: Message, request: Request) -> Reply:
        error = _TimedOut("context deadline exceeded")
        if request.audited:
            try:
                logged = self._core.audit.log_response(request, None, error.public)
                if logged is not None:
                    await logged
            except StrongroomError as failure:
                return self._error_reply(message, request, failure)
        return self._error_reply(message, request, error)

    def _health(self, message: Message) -> Reply | None:
        """What load balancers ask all day, while all is well: an answer made once a second."""
        core = self._core
        if core.barrier.sealed or not _PLAIN_HEALTH.isdisjoint(message.headers):
            return None
        index = ("X-Vault-Index", str(core.store.index))
        return Reply(200, [*_WITH_DATA, index], core.health(core.clock()))

    async def _answer(self, message: Message) -> Reply:
        request: Request | None = None
        try:
            if self._core.settings.stale and not self._core.barrier.sealed:
                await self._core.settings.refresh()
            refused = metrics.screen(message) or self._core.cors.screen(message)
            if refused is not None:
                return refused
            request = parse(message, self._core.clock())
            request.core = self._core
            if "x-vault-index" in message.headers:
                await self._reach(message.headers["x-vault-index"])
            response = await self._core.handle(request)
            return self._reply(message, request, response)
        except LeaderNeeded:
            raise
        except StrongroomError as error:
            return self._error_reply(message, request, error)
        except Exception as error:  # noqa: BLE001  the client gets a 500 without detail, whatever it was
            self._log.exception("request failed", exc_info=error)
            return self._error_reply(message, request, Internal())

    async def _reach(self, wanted: str) -> None:
        """Wait a little until this process knows the state that a client has seen elsewhere."""
        if not (wanted.isascii() and wanted.isdigit()) or len(wanted) > _INDEX_DIGITS:
            raise BadRequest('failed to decode "X-Vault-Index"')
        index, store = int(wanted), self._core.store
        for _ in range(_INDEX_WAITS):
            if store.index >= index:
                return
            await asyncio.sleep(_INDEX_PAUSE)
        raise _Behind("required index state not present")

    def _reply(self, message: Message, request: Request, response: Response) -> Reply:
        if response.raw is not None:
            content = ("Content-Type", response.content_type or "application/json")
            headers = [_NO_STORE, content, _SECURITY]
            return self._finish(message, request, response.status or 200, headers, response)
        if response.status != 200 and response.empty:
            return self._finish(message, request, response.status or 204, _NO_DATA, response)
        body = response.data if response.bare else envelope(request, response)
        response.raw = codec.encode(body)
        return self._finish(message, request, response.status or 200, _WITH_DATA, response)

    def _finish(
        self,
        message: Message,
        request: Request | None,
        status: int,
        headers: list[tuple[str, str]],
        response: Response,
    ) -> Reply:
        headers = [*headers, ("X-Vault-Index", str(self._core.store.index))]
        if response.headers:
            headers += response.headers
        if request is not None and request.reply_headers:
            own = {name for name, _ in request.reply_headers}
            headers = [header for header in headers if header[0] not in own] + request.reply_headers
        if "origin" in message.headers:
            headers += self._core.cors.headers(message)
        body = response.raw if response.raw is not None else b""
        return Reply(status, headers, body)

    def _error_reply(self, message: Message, request: Request | None, error: StrongroomError) -> Reply:
        body: dict[str, Any] = {"errors": error.sentences(), **error.extra}
        if isinstance(error, Internal) and request is not None:
            body["request_id"] = request.id
            if error.cause:
                self._log.error("request %s: %s", request.id, error.cause)
        response = Response(raw=codec.encode(body) + b"\n", headers=list(error.headers.items()))
        if isinstance(error, _Elsewhere):
            response.raw = b""
            return self._finish(message, request, error.status, _NO_DATA, response)
        return self._finish(message, request, error.status, _WITH_DATA, response)


# -- in ------------------------------------------------------------------------------------------


def _below(top: str, headers: dict[str, str]) -> dict[str, str]:
    """The headers as they stand for a listener whose topmost namespace is ``top``."""
    asked = headers.get("x-vault-namespace", "").strip().strip("/")
    return headers | {"x-vault-namespace": top if asked in {"", "root"} else f"{top}/{asked}"}


def parse(message: Message, now: int) -> Request:
    """The logical request of a message. Raises an error of the tree for what cannot be one."""
    raw_path, _, query = message.target.partition("?")
    path = _path(raw_path, query)
    operation = _VERBS.get(message.method)
    if operation is None:
        if message.method == "OPTIONS" and path not in _PLAIN:
            raise BadRequest("cannot handle internal-only request operation")
        raise NoSuchVerb
    head = message.method == "HEAD"
    if head and path.startswith("sys/") and path != "sys/health":
        raise NoSuchVerb
    headers = message.headers
    if message.listener.chroot_namespace:
        headers = _below(message.listener.chroot_namespace, headers)
    request = Request(
        id=uuid4_str(),
        operation=operation,
        path=path,
        token=headers.get("x-vault-token", "") or _bearer(headers),
        received=headers,
        remote_address=message.remote_address,
        remote_port=message.remote_port,
        certificate=message.certificate,
        certificate_chain=message.certificate_chain,
        now=now,
        message=message,
        head=head,
    )
    if query:
        _take_query(request, query)
    if request.operation in _LISTINGS and not request.path.endswith("/"):
        if path in _PLAIN:
            raise NoSuchVerb
        request.path += "/"
    if request.operation in _WITH_BODY:
        request.data = _body(message, request)
    if "x-vault-wrap-ttl" in headers:
        request.wrap_ttl = _wrap_ttl(headers["x-vault-wrap-ttl"])
        request.wrap_format = headers.get("x-vault-wrap-format", "")
    return request


class _Behind(StrongroomError):
    """The client has seen a newer state than this process."""

    status = 412


class _TimedOut(StrongroomError):
    """The request took longer than its listener allows; nothing of it is written."""

    status = 503


class _Elsewhere(StrongroomError):
    """The path has empty or relative segments: the client may ask again for what it stands for."""

    status = 307

    def __init__(self, location: str) -> None:
        super().__init__("", headers={"Location": location})


def _path(raw: str, query: str) -> str:
    """The path below ``/v1/``, decoded. What policies judge is exactly what engines see.

    A path with empty, ``.`` or ``..`` segments is answered with its clean spelling; where such
    segments come percent-encoded, with a refusal.
    """
    if "//" in raw or "/." in raw:
        clean = _clean(raw)
        if clean != raw:
            raise _Elsewhere(clean + ("?" + query if query else ""))
    start = 4
    if not raw.startswith("/v1/"):
        if not raw.startswith(_WELL_KNOWN):
            raise NotFound
        start = 1
    if "%" in raw:
        raw = _decoded(raw)
    if not raw.isprintable():
        raise BadRequest("path contains characters that cannot be printed")
    return raw[start:]


def _clean(raw: str) -> str:
    """The spelling without empty, ``.`` and ``..`` segments."""
    clean = normpath("/" + raw.lstrip("/"))
    folder = raw.endswith(("/", "/.", "/..")) and clean != "/"
    return clean + "/" if folder else clean


def _decoded(raw: str) -> str:
    """Undo the percent-encoding. Raises BadRequest for what it cannot stand for."""
    if _BAD_PERCENT.search(raw):
        raise BadRequest("path is not percent-encoded as it should be")
    try:
        path = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise BadRequest("path is not valid UTF-8") from None
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise BadRequest("relative paths not supported")
    return path


def _bearer(headers: dict[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _take_query(request: Request, query: str) -> None:
    values: dict[str, Any] = {}
    for name, value in parse_qsl(query, keep_blank_values=True, errors="replace"):
        before = values.get(name)
        if before is None:
            values[name] = value
        else:
            values[name] = [*before, value] if isinstance(before, list) else [before, value]
    if request.operation is Operation.READ:
        if values.pop("help", None):
            request.operation = Operation.HELP
        elif values.get("list") in _TRUE and values.get("scan") in _TRUE:
            raise BadRequest("")
        elif values.pop("list", "") in _TRUE:
            request.operation = Operation.LIST
        elif values.pop("scan", "") in _TRUE:
            request.operation = Operation.SCAN
    request.data = values


def _body(message: Message, request: Request) -> dict[str, Any]:
    if request.operation is Operation.PATCH:
        if request.path in _PLAIN:
            raise NoSuchVerb
        content = message.headers.get("content-type", "")
        if not content:
            raise BadRequest("mime: no media type")
        if content.partition(";")[0].strip().lower() != _MERGE_PATCH:
            raise UnsupportedMediaType(f"PATCH requires Content-Type of {_MERGE_PATCH}")
    kind = message.headers.get("content-type", "")
    if not message.body or kind.partition(";")[0].strip().lower() in _NO_OBJECT:
        return {}
    if message.body[:1] != b"{" and message.headers.get("content-type", "").startswith(_FORM):
        form = _form(message.body)
        if form is not None:
            return form
    traits = message.listener
    return codec.decode_object(
        message.body, max_strings=traits.max_json_strings, max_memory=traits.max_json_memory
    )


def _form(body: bytes) -> dict[str, Any] | None:
    """The fields of an HTML form; None when it is JSON, which curl sends under this name too."""
    if body.lstrip()[:1] in (b"{", b"[", b""):
        return None
    try:
        text = body.decode("ascii")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=1000, errors="strict"))
    except ValueError:
        raise BadRequest("the form cannot be decoded") from None


def _wrap_ttl(text: str) -> int:
    try:
        seconds = duration.parse(text)
    except duration.InvalidDuration as error:
        raise BadRequest(f"error parsing X-Vault-Wrap-TTL header: {error.reason}") from None
    if seconds < 0:
        raise BadRequest("error parsing X-Vault-Wrap-TTL header: requested wrap ttl cannot be negative")
    return seconds


# -- out -----------------------------------------------------------------------------------------


def envelope(request: Request, response: Response) -> dict[str, Any]:
    """The JSON object that every answer with data comes in."""
    secret = response.secret
    data = response.data
    body: dict[str, Any] = {
        "request_id": request.id if response.wrap_info is None else "",
        "lease_id": secret.lease_id if secret else "",
        "renewable": secret.renewable if secret else False,
        "lease_duration": secret.ttl if secret else response.lease_duration,
        "data": data,
        "wrap_info": _wrap_info(response.wrap_info) if response.wrap_info else None,
        "warnings": response.warnings or None,
        "auth": auth_body(response.auth) if response.auth else None,
    }
    return {**data, **body} if response.flat and data else body


def _wrap_info(info: WrapInfo) -> dict[str, Any]:
    body: dict[str, Any] = {
        "token": info.token,
        "accessor": info.accessor,
        "ttl": info.ttl,
        "creation_time": info.creation_time,
        "creation_path": info.creation_path,
    }
    if info.wrapped_accessor:
        body["wrapped_accessor"] = info.wrapped_accessor
    return body


def auth_body(auth: Auth) -> dict[str, Any]:
    """The ``auth`` object of an answer."""
    if auth.mfa_requirement:
        return _unfinished(auth)
    body: dict[str, Any] = {
        "client_token": auth.client_token,
        "accessor": auth.accessor,
        "policies": auth.policies,
    }
    if auth.token_policies:
        body["token_policies"] = auth.token_policies
    if auth.identity_policies:
        body["identity_policies"] = auth.identity_policies
    body |= {
        "metadata": auth.metadata,
        "lease_duration": auth.lease_duration,
        "renewable": auth.renewable,
        "entity_id": auth.entity_id,
        "token_type": auth.token_type,
        "orphan": auth.orphan,
        "mfa_requirement": auth.mfa_requirement,
        "num_uses": auth.num_uses,
    }
    return body


def _unfinished(auth: Auth) -> dict[str, Any]:
    """The ``auth`` object of a login that needs a second factor: no token, and nothing about one."""
    return {
        "client_token": "",
        "accessor": "",
        "policies": None,
        "metadata": None,
        "lease_duration": 0,
        "renewable": False,
        "entity_id": "",
        "token_type": "default",
        "orphan": False,
        "mfa_requirement": auth.mfa_requirement,
        "num_uses": 0,
    }
