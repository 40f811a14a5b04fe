"""One dependency of a template, fetched from the server."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

from strongroom.agent.envelope import envelope
from strongroom.agent.render.way import Extension, Request, Straight, Way
from strongroom.agent.token import TokenHolder
from strongroom.agent.upstream import Refused, Upstream
from strongroom.agent.wire import Answer
from strongroom.errors import StrongroomError, UpstreamFailed
from strongroom.template import Certificate as PemEncoded
from strongroom.template import (
    CertificateIssue,
    Dependency,
    Secret,
    SecretList,
    SecretRead,
    SecretWrite,
)

_KV = frozenset({"kv", "generic"})


class Missing(StrongroomError):
    """There is nothing at the path, or not yet."""


class Reading:
    """Fetches what templates ask for, with the agent's token."""

    def __init__(self, upstream: Upstream, holder: TokenHolder, way: Way | None = None) -> None:
        self._upstream = upstream
        self._holder = holder
        self._way: Way = way or Straight(upstream, holder)
        self._looking = asyncio.Lock()
        self._mounts: dict[str, bool] = {}
        """Mounts by path: whether they are KV version 2."""

    async def fetch(self, dependency: Dependency, *, fresh: bool = True) -> tuple[Any, int | None]:
        """The value, and its age in seconds where it was kept. Raises Missing, Refused, Unreachable.

        ``fresh``: not one that is kept.
        """
        if isinstance(dependency, SecretRead):
            return await self._secret(dependency, fresh=fresh)
        if isinstance(dependency, SecretWrite):
            return await self._written(dependency, fresh=fresh)
        if isinstance(dependency, SecretList):
            return await self._names(dependency), None
        if isinstance(dependency, CertificateIssue):
            return await self._certificate(dependency), None
        raise StrongroomError(f"{type(dependency).__name__} cannot be fetched")

    async def renew(self, lease_id: str) -> Extension:
        """The lease's new length and whether it can be renewed again. Raises Refused, Unreachable."""
        return await self._way.renew(lease_id)

    def forget(self) -> None:
        """Mounts may have changed with the token."""
        self._mounts.clear()

    async def _secret(self, dependency: SecretRead, *, fresh: bool) -> tuple[Secret, int | None]:
        path, _, query = dependency.path.partition("?")
        path, _ = await self._in_kv2(path)
        fields = dict(parse_qsl(query)) if query else None
        answer, age = await self._ask("GET", path, query=fields, fresh=fresh)
        return _secret_of(answer, path), age

    async def _written(self, dependency: SecretWrite, *, fresh: bool) -> tuple[Secret, int | None]:
        path, second = await self._in_kv2(dependency.path)
        data: dict[str, Any] = dict(dependency.data)
        answer, age = await self._ask("PUT", path, body={"data": data} if second else data, fresh=fresh)
        return _secret_of(answer, path), age

    async def _names(self, dependency: SecretList) -> list[str]:
        path, _, query = dependency.path.partition("?")
        answer, _ = await self._ask("GET", path, query={"list": "true", **dict(parse_qsl(query))})
        names = (envelope(answer.body).data or {}).get("keys")
        return sorted(str(name) for name in names) if isinstance(names, list) else []

    async def _certificate(self, dependency: CertificateIssue) -> PemEncoded:
        answer, _ = await self._ask("PUT", dependency.path, body=dict(dependency.data))
        data = _secret_of(answer, dependency.path).data
        chain = data.get("ca_chain")
        return PemEncoded(
            cert=_lined(data.get("certificate")),
            key=_lined(data.get("private_key")),
            ca=_lined(data.get("issuing_ca")),
            ca_chain=[_lined(each) for each in chain] if isinstance(chain, list) else [],
        )

    async def _ask(self, method: str, path: str, **options: Any) -> tuple[Answer, int | None]:
        token = await self._holder.get()
        answer, age = await self._way.ask(Request(method, path, **options), token)
        if answer.status == 404:
            raise Missing(f"no secret exists at {path}")
        if answer.status >= 300:
            raise Refused(f"reading {path}" if method == "GET" else f"writing {path}", answer)
        return answer, age

    async def _in_kv2(self, path: str) -> tuple[str, bool]:
        """The path as KV version 2 has it, where it leads there, and whether it does."""
        path = path.lstrip("/")
        async with self._looking:
            mount, second = await self._mount(path)
        if not second:
            return path, False
        rest = path.removeprefix(mount)
        if rest.startswith(("data/", "metadata/")):
            return path, True
        return f"{mount}data/{rest}".rstrip("/"), True

    async def _mount(self, path: str) -> tuple[str, bool]:
        """The mount that ``path`` is under; each mount is asked for once."""
        for known, second in self._mounts.items():
            if path.startswith(known) or f"{path}/" == known:
                return known, second
        token = await self._holder.get()
        answer = await self._upstream.request("GET", f"sys/internal/ui/mounts/{path}", token=token)
        if 400 <= answer.status < 500 and answer.status not in {412, 429, 472, 473}:
            return "", False  # as for a server without that path: the secret itself will tell
        if answer.status >= 400:
            raise Refused(f"finding the mount of {path}", answer)
        found = envelope(answer.body)
        mount = found.text("path")
        second = str(found.part("options").get("version", "")) == "2" and found.text("type") in _KV
        if mount:
            self._mounts[mount] = second
        return mount, second


def _secret_of(answer: Answer, path: str) -> Secret:
    if not answer.body.strip():
        return Secret()
    envelope(answer.body)  # what has not the form of an answer ends here
    try:
        secret = Secret.from_json(answer.body)
    except (AttributeError, TypeError, ValueError, RecursionError):
        raise UpstreamFailed("the server answered something that its API does not") from None
    metadata = secret.data.get("metadata")
    gone = isinstance(metadata, dict) and (metadata.get("deletion_time") or metadata.get("destroyed") is True)
    if gone and secret.data.get("data", 0) is None:
        raise Missing(f"no secret exists at {path}")
    return secret


def _lined(value: Any) -> str:
    text = str(value or "")
    return text if not text or text.endswith("\n") else text + "\n"
