"""Audit entries: one JSON object a line, as consumers of Vault's audit log expect it.

Every request gives two lines, ``request`` before the operation and ``response`` before the
reply. Both carry the same ``auth`` and ``request`` objects, so these are made once and kept with
the request; what is constant for a token is made once and kept with the token.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import count
from time import gmtime, strftime
from typing import Any

import orjson

from strongroom import __version__
from strongroom.audit.mask import Mask
from strongroom.errors import multierror
from strongroom.logical import Auth, Operation, Request, Response, WrapInfo
from strongroom.policy.decision import Decision
from strongroom.token import TokenEntry

_SECOND = 1_000_000_000
_LISTINGS = (Operation.LIST, Operation.SCAN)
_NONE: frozenset[str] = frozenset()
_CLASSES = {"": "", "auth": "auth", "secret": "secret", "system": "secret"}
"""What the log calls the kinds of mounts; it knows only two."""
_ROOT = {"id": "root"}
_RUNNING = f"v{__version__}+builtin.strongroom"
_formats = count()


@dataclass(slots=True, frozen=True)
class FormatOptions:
    """What a device's options say about its lines."""

    hmac_accessor: bool = True
    elide_list_responses: bool = False
    log_raw: bool = False
    prefix: bytes = b""


@dataclass(slots=True, frozen=True)
class _Holder:
    """The parts of a token's lines that do not change, and the state of the row they stand for."""

    token: str
    accessor: str
    client_id: str
    before: bytes
    after: bytes
    policies: list[str]
    identity_policies: list[str]
    ttl: int
    entity_id: str

    def stands_for(self, entry: TokenEntry) -> bool:
        return (
            entry.ttl == self.ttl
            and entry.entity_id == self.entity_id
            and entry.identity_policies == self.identity_policies
            and entry.policies == self.policies
        )


class EntryFormat:
    """Makes a device's lines. Pure: times come from the caller, in nanoseconds since the epoch.

    ``headers`` are the request headers to log, lower-case names, and whether to mask each
    (``sys/config/auditing/request-headers``); the mapping is read at every line.

    Of a request's mount two attributes are read: ``audit_request_keys`` and
    ``audit_response_keys``, frozensets of the data keys whose text is left readable.
    """

    __slots__ = ("_cache", "_headers", "_mask", "_opening", "_options", "_second")

    def __init__(self, salt: bytes, options: FormatOptions, headers: Mapping[str, bool]) -> None:
        self._mask = Mask(salt, raw=options.log_raw)
        self._options = options
        self._headers = headers
        self._cache = f"audit/{next(_formats)}"
        self._second = -1
        self._opening = b""

    def hash(self, value: str) -> str:
        """What stands for ``value`` in this device's lines."""
        return self._mask.hash(value)

    def request(self, request: Request, now: int, error: str = "") -> bytes:
        """The line to be taken before the operation runs."""
        subject = request.scratch[self._cache] = self._subject(request)
        return self._line(b"request", now, subject, b"", error)

    def response(self, request: Request, response: Response | None, now: int, error: str = "") -> bytes:
        """The line to be taken before the reply leaves; ``response`` None if there is only an error."""
        subject = request.scratch.get(self._cache)
        if subject is None or request.vouched:
            subject = self._subject(request)
        if request.entry is None and response is not None and response.auth is not None:
            subject = (orjson.dumps(self._issued(response.auth)), subject[1])
        answer = b',"response":' + orjson.dumps(self._answer(request, response, error))
        if error and " occurred:\n" not in error:
            error = multierror(error)  # the form that consumers match on, in this line only
        return self._line(b"response", now, subject, answer, error)

    def _line(self, kind: bytes, now: int, subject: tuple[bytes, bytes], answer: bytes, error: str) -> bytes:
        second = now // _SECOND
        if second != self._second:
            self._second = second
            self._opening = b'%b{"time":"%b' % (self._options.prefix, rfc3339(now)[:-10].encode())
        ending = b',"error":%b}\n' % orjson.dumps(error) if error else b"}\n"
        return b'%b%09dZ","type":"%b","auth":%b,"request":%b%b%b' % (
            self._opening,
            now % _SECOND,
            kind,
            *subject,
            answer,
            ending,
        )

    def _subject(self, request: Request) -> tuple[bytes, bytes]:
        """The members ``auth`` and ``request``, which both lines of a request share."""
        entry: TokenEntry | None = request.entry
        verdict = _verdict(request)
        if entry is None:
            token = self._mask.text(request.token) if request.token else ""
            return b'{%b"token_type":"default"}' % verdict, self._request(request, token, "", "")
        holder = self._holder(entry, request.token)
        uses = b'"remaining_uses":%d,' % _uses(entry.num_uses) if entry.num_uses else b""
        auth = b"".join((holder.before, verdict, uses, holder.after))
        return auth, self._request(request, holder.token, holder.accessor, holder.client_id)

    def _holder(self, entry: TokenEntry, token: str) -> _Holder:
        holder: _Holder | None = entry.audit.get(self._cache)
        if holder is None or not holder.stands_for(entry):
            holder = entry.audit[self._cache] = self._describe(entry, token)
        return holder

    def _describe(self, entry: TokenEntry, token: str) -> _Holder:
        hashed = self._mask.text(token) if token else ""
        accessor = self._accessor(entry.accessor)
        before = {
            "client_token": hashed,
            "accessor": accessor,
            "display_name": entry.display_name,
            "policies": sorted({*entry.policies, *entry.identity_policies}),
            "token_policies": entry.policies,
            "identity_policies": entry.identity_policies,
        }
        after = {
            "metadata": entry.meta,
            "entity_id": entry.entity_id,
            "token_ttl": entry.ttl,
            "token_issue_time": rfc3339(entry.creation_time, fraction=False) if entry.creation_time else "",
        }
        return _Holder(
            hashed,
            accessor,
            client_id(entry),
            orjson.dumps(_present(before))[:-1] + b",",
            b'"token_type":' + orjson.dumps(entry.type) + _appended(_present(after)) + b"}",
            list(entry.policies),
            list(entry.identity_policies),
            entry.ttl,
            entry.entity_id,
        )

    def _accessor(self, accessor: str) -> str:
        if not accessor or not self._options.hmac_accessor:
            return accessor
        return self._mask.text(accessor)

    def _request(self, request: Request, token: str, accessor: str, client: str) -> bytes:
        namespace = request.namespace
        point = request.mount_point
        record: dict[str, Any] = {
            "id": request.id,
            "client_id": client,
            "operation": str.__str__(request.operation),
            "mount_point": namespace.path + point if point else "",
            "mount_type": request.mount_type,
            "mount_accessor": request.mount_accessor,
            "mount_running_version": _RUNNING if point else "",
            "mount_class": _CLASSES[request.mount_class],
            "client_token": token,
            "client_token_accessor": accessor,
            "namespace": {"id": namespace.id, "path": namespace.path} if namespace.path else _ROOT,
            "path": request.path,
            "remote_address": request.remote_address,
            "remote_port": request.remote_port,
        }
        if not (accessor and request.mount_accessor and request.remote_port):
            record = _present(record)
        if request.data:
            exempt = request.mount.audit_request_keys if request.mount is not None else _NONE
            record["data"] = self._mask.tree(request.data, exempt)
        if request.wrap_ttl or request.policy_override or request.certificate is not None or self._headers:
            self._add_rarities(record, request)
        return orjson.dumps(record)

    def _add_rarities(self, record: dict[str, Any], request: Request) -> None:
        if request.policy_override:
            record["policy_override"] = True
        if request.wrap_ttl:
            record["wrap_ttl"] = request.wrap_ttl
        if headers := self._listed_headers(request):
            record["headers"] = headers
        if request.certificate is not None:
            record["client_certificate_serial_number"] = serial_number(request.certificate)

    def _listed_headers(self, request: Request) -> dict[str, list[str]]:
        return {
            name: [self._mask.text(request.received[name]) if masked else request.received[name]]
            for name, masked in self._headers.items()
            if name in request.received
        }

    def _answer(self, request: Request, response: Response | None, error: str) -> dict[str, Any]:
        record: dict[str, Any] = {}
        if request.mount_point:
            record = {
                "mount_point": request.namespace.path + request.mount_point,
                "mount_type": request.mount_type,
                "mount_accessor": request.mount_accessor,
                "mount_running_plugin_version": _RUNNING,
                "mount_class": _CLASSES[request.mount_class],
            }
        if response is None:
            return record | ({"data": {"error": self._mask.text(error)}} if error else {})
        if response.auth is not None:
            record["auth"] = self._issued(response.auth)
        if response.secret is not None:
            record["secret"] = _present({"lease_id": response.secret.lease_id})
        if response.wrapped_data and response.wrapped_data.get("auth"):
            record["auth"] = self._issued(_revealed(response.wrapped_data["auth"]))
        elif response.data is not None or response.raw is not None:
            record["data"] = self._answer_data(request, response)
        if response.warnings or response.redirect or response.wrap_info is not None or response.headers:
            self._add_answer_rarities(record, response)
        return record

    def _add_answer_rarities(self, record: dict[str, Any], response: Response) -> None:
        if response.warnings:
            record["warnings"] = response.warnings
        if response.redirect:
            record["redirect"] = response.redirect
        if response.wrap_info is not None:
            record["wrap_info"] = self._wrapping(response.wrap_info)
        if response.headers:
            record["headers"] = self._answer_headers(response.headers)

    def _answer_data(self, request: Request, response: Response) -> dict[str, Any]:
        data = response.data or {}
        if response.wrapped_data and isinstance(response.wrapped_data.get("data"), dict):
            data = response.wrapped_data["data"]
        elif response.raw is not None:
            data = _raw(response)
        elif self._options.elide_list_responses and request.operation in _LISTINGS:
            data = _elided(data)
        exempt = request.mount.audit_response_keys if request.mount is not None else _NONE
        return self._mask.tree(data, exempt)

    def _answer_headers(self, headers: list[tuple[str, str]]) -> dict[str, list[str]]:
        record: dict[str, list[str]] = {}
        for name, value in headers:
            plain = self._headers.get(name.lower()) is False
            record.setdefault(name, []).append(value if plain else self._mask.text(value))
        return record

    def _issued(self, auth: Auth) -> dict[str, Any]:
        """A token that a login or a creation hands out."""
        return _present(
            {
                "client_token": self._mask.text(auth.client_token) if auth.client_token else "",
                "accessor": self._accessor(auth.accessor),
                "display_name": auth.display_name,
                "policies": auth.policies,
                "token_policies": auth.token_policies,
                "identity_policies": auth.identity_policies,
                "no_default_policy": auth.no_default_policy,
                "metadata": auth.metadata,
                "num_uses": auth.num_uses,
                "entity_id": auth.entity_id,
                "token_type": auth.token_type,
                "token_ttl": auth.lease_duration,
            }
        )

    def _wrapping(self, info: WrapInfo) -> dict[str, Any]:
        return _present(
            {
                "ttl": info.ttl,
                "token": self._mask.text(info.token),
                "accessor": self._accessor(info.accessor),
                "creation_time": info.creation_time,
                "creation_path": info.creation_path,
                "wrapped_accessor": self._accessor(info.wrapped_accessor),
            }
        )


def client_id(entry: TokenEntry) -> str:
    """Whom a token counts for: its entity, or all that hold the same policies in the namespace.

    The value is the one Vault's servers give: base64 of the SHA-256 of the sorted policies.
    """
    if entry.entity_id:
        return entry.entity_id
    holders = "\x7f".join(sorted(entry.policies)) + "\0" + entry.namespace_id
    return b64encode(sha256(holders.encode()).digest()).decode()


def rfc3339(time: int, *, fraction: bool = True) -> str:
    """``time``, in nanoseconds since the epoch, as RFC 3339 in UTC, with nine decimals or none."""
    second = strftime("%Y-%m-%dT%H:%M:%S", gmtime(time // _SECOND))
    return f"{second}.{time % _SECOND:09d}Z" if fraction else second + "Z"


def _uses(left: int) -> int:
    """The uses of a token before this request took one; what is ``left`` is -1 after the last."""
    return left + 1 if left > 0 else 1


def _verdict(request: Request) -> bytes:
    """The member ``policy_results`` and a comma, or nothing when no policy was asked."""
    decision: Decision | None = request.decision
    if decision is not None:
        home = request.home
        return _policy_results(decision.allowed, decision.policies, home.id, home.path)
    return _policy_results(True, (), "", "") if request.unauthenticated else b""


@lru_cache(maxsize=4096)
def _policy_results(allowed: bool, granting: tuple[str, ...], namespace_id: str, path: str) -> bytes:
    results: dict[str, Any] = {"allowed": allowed}
    if allowed and granting:
        origin = _present({"namespace_id": namespace_id, "namespace_path": path})
        results["granting_policies"] = [{"name": name, **origin, "type": "acl"} for name in granting]
    return b'"policy_results":' + orjson.dumps(results) + b","


def _revealed(auth: Mapping[str, Any]) -> Auth:
    """The token that an unwrapped answer holds, from the envelope's ``auth``."""
    return Auth(
        client_token=auth["client_token"],
        accessor=auth["accessor"],
        policies=auth["policies"],
        token_policies=auth["token_policies"],
        identity_policies=auth.get("identity_policies") or [],
        metadata=auth.get("metadata"),
        num_uses=auth.get("num_uses", 0),
        entity_id=auth.get("entity_id", ""),
        token_type=auth.get("token_type", ""),
        lease_duration=auth.get("lease_duration", 0),
    )


def _raw(response: Response) -> dict[str, Any]:
    """A reply without the envelope; a stream's content is not there yet when the line is written."""
    record: dict[str, Any] = {"http_content_type": response.content_type}
    if not isinstance(response.raw, AsyncIterator):
        record["http_raw_body"] = response.raw
    record["http_status_code"] = response.status or 200
    return record


def _elided(data: Mapping[str, Any]) -> dict[str, Any]:
    """A listing with the number of its keys in place of the keys."""
    return {
        key: len(value) if key in {"keys", "key_info"} and isinstance(value, list | dict) else value
        for key, value in data.items()
    }


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value}


def _appended(record: dict[str, Any]) -> bytes:
    """The members of an object, each after a comma, for appending to another."""
    return b"," + orjson.dumps(record)[1:-1] if record else b""


def serial_number(certificate: bytes) -> str:
    """The serial number of a DER certificate (RFC 5280, 4.1), in decimal; empty if it has none.

    The certificate came through a TLS handshake, so its shape is sound.
    """
    body, _ = _contents(certificate, 0)
    fields, _ = _contents(certificate, body)
    if certificate[fields] == 0xA0:  # [0] version, absent in version 1
        start, length = _contents(certificate, fields)
        fields = start + length
    start, length = _contents(certificate, fields)
    return str(int.from_bytes(certificate[start : start + length], signed=True))


def _contents(der: bytes, offset: int) -> tuple[int, int]:
    """Where the contents of the element at ``offset`` begin, and how long they are (X.690, 8.1)."""
    length = der[offset + 1]
    if length < 0x80:
        return offset + 2, length
    size = length & 0x7F
    start = offset + 2 + size
    return start, int.from_bytes(der[offset + 2 : start])
